"""The command line, its presets, and the environment that follows from them."""

import json
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from agents.algorithms.baselines import BASELINES
from agents.runs.config import TrainConfig
from agents.runs.hyperparameters import RecurrentDQNHyperparameters
from agents.runs.presets import PRESETS
from agents.runs.run_record import RunRecord
from melody_env import MelodyVecEnv, ProfileError, Setting, load_profile
from note_rnn import InputError


def test_nothing_given_is_q_with_its_defaults():
    config = TrainConfig.parse([])
    assert config == TrainConfig.of("q", "default")
    assert isinstance(config.agent, RecurrentDQNHyperparameters)


@pytest.mark.parametrize(("algo", "preset"), PRESETS)
def test_every_preset_can_be_requested_and_arguments_override_it(algo, preset):
    config = TrainConfig.parse(["--algo", algo, "--preset", preset, "--seed", "3", "--learning-rate", "0.5"])
    config.environment()
    assert (config.algo, config.preset, config.seed, config.agent.learning_rate) == (algo, preset, 3, 0.5)
    untouched = TrainConfig.of(algo, preset, seed=3, learning_rate=0.5)
    assert config == untouched


@pytest.mark.parametrize(("preset", "algo"), [("paper", "q"), ("people", "ppo_kl"), ("tune", "ppo_kl")])
def test_a_preset_alone_has_its_own_algorithm(preset, algo):
    assert TrainConfig.parse(["--preset", preset]) == TrainConfig.of(algo, preset)


def test_preset_tune_is_whole_tunes_in_any_meter_from_the_note_rnn_that_looks_back():
    config = TrainConfig.parse(["--preset", "tune", "--meter", "6/8"])
    environment = config.environment()
    setting, profile = environment.setting, environment.profile
    assert (config.prior, config.observation) == ("lookback", "position")
    assert (setting.steps, setting.steps_per_bar, {*profile.adversary}) == (
        192,
        12,
        {"features", "positions", "tokens"},
    )
    assert {"AABA", "AA'BB'", "ABCD"} <= {form.name for form in setting.forms}
    assert {section.steps for form in setting.forms for section in form.sections} == {24, 48}


@pytest.mark.parametrize("algo", ["q", "g", "ppo_kl"])
def test_the_c_of_a_preset_goes_with_its_reward(algo):
    with_its_own = TrainConfig.parse(["--algo", algo])
    assert with_its_own.c == TrainConfig.of(algo).c is not None
    assert TrainConfig.parse(["--algo", algo, "--reward", with_its_own.reward]).c == with_its_own.c
    other = TrainConfig.parse(["--algo", algo, "--reward", "calibrated"])
    assert (other.c, other.environment().profile.c) == (None, 1.0)
    assert TrainConfig.parse(["--algo", algo, "--reward", "calibrated", "--c", "2"]).environment().profile.c == 2.0


@pytest.mark.parametrize(
    ("algo", "reward", "gammas"), [("psi", "matched", (1.0, None)), ("ppo_kl", "adversarial", (0.95, 1.0))]
)
def test_preset_people_is_undiscounted_where_the_reward_is_of_the_whole_piece(algo, reward, gammas):
    config = TrainConfig.of(algo, "people")
    profile = config.environment().profile
    assert (profile.name, profile.c) == (reward, 1.0)
    assert (config.agent.gamma, getattr(config.agent, "end_gamma", None)) == gammas


@pytest.mark.parametrize("algo", BASELINES)
def test_baselines_have_no_preset_of_the_paper(algo):
    with pytest.raises(InputError, match=f"--algo {algo} has no preset 'paper'"):
        TrainConfig.parse(["--algo", algo, "--preset", "paper"])


def test_hyperparameters_of_another_algorithm_are_unknown():
    with pytest.raises(InputError, match="There is no option --clip-range"):
        TrainConfig.parse(["--algo", "q", "--clip-range", "0.1"])


@pytest.mark.parametrize("option", ["--algo", "--preset", "--reward"])
def test_an_option_that_chooses_the_defaults_needs_a_value_too(option):
    with pytest.raises(InputError, match=f"{option} needs a value"):
        TrainConfig.parse([option])


def test_c_replaces_the_profiles_own():
    assert TrainConfig.of(reward="paper", c=2.0).environment().profile.c == 2.0


def test_rl_only_leaves_log_p_out_of_the_reward():
    assert not TrainConfig.of("rl_only").environment().profile.log_prior
    assert TrainConfig.of("q").environment().profile.log_prior


def test_varied_profile_differs_from_the_papers_in_two_weights_and_c():
    paper, varied = load_profile("paper"), load_profile("varied")
    weights = {profile.name: dict(zip(profile.rule_names, profile.weights, strict=True)) for profile in (paper, varied)}
    assert varied.rule_names == paper.rule_names
    changed = {name for name in paper.rule_names if weights["paper"][name] != weights["varied"][name]}
    assert changed == {"tonic", "repeated_motif"}
    assert varied.c == 1.0


def test_refrain_is_varied_with_a_limit_to_what_repeated_motifs_pay():
    varied, refrain = load_profile("varied"), load_profile("refrain")
    weights = dict(zip(varied.rule_names, varied.weights, strict=True))
    assert dict(zip(refrain.rule_names, refrain.weights, strict=True)) == {**weights, "tonic": 4, "repeated_motif": 2}
    assert [rule.parameters for rule in refrain.rules if rule.name == "repeated_motif"] == [{"cap": 2.5}]


def test_preset_lookback_has_lookback_features_and_a_skip_connection():
    config = TrainConfig.parse(["--algo", "ppo_kl", "--preset", "lookback", "--reward", "unique_extremes"])
    assert (config.observation, config.agent.skip_connection, config.c) == ("lookback", True, None)
    env = MelodyVecEnv(2, **config.environment().arguments)
    model = config.agent.build("ppo_kl", env, env.engine.prior, config.seed, "cpu")
    assert model.policy.network.head.skip is not None


@pytest.mark.parametrize("algo", ["g", "a2c"])
def test_a_record_gives_the_configuration_again(algo):
    config = TrainConfig.of(algo, seed=5, gamma=0.25)
    record = json.loads(json.dumps({**asdict(config), "from_a_later_version": 1}))
    assert TrainConfig.saved(RunRecord(record)) == config


def test_a_record_of_version_0_1_gives_the_huber_delta_that_it_calls_linear_beyond():
    config = TrainConfig.of("psi", huber_delta=2.5)
    saved = asdict(config)
    saved["agent"]["linear_beyond"] = saved["agent"].pop("huber_delta")
    assert TrainConfig.saved(RunRecord(saved)) == config != TrainConfig.of("psi")
    saved["agent"]["linear_beyond"] = None
    assert TrainConfig.saved(RunRecord(saved)).agent.huber_delta is None


def test_soft_objectives_need_log_p_in_the_reward(tmp_path):
    (tmp_path / "rules.yaml").write_text("log_prior: false\nrules:\n  key: {weight: 1}\n")
    with pytest.raises(InputError, match="--algo psi needs log p in the reward"):
        TrainConfig.of("psi", reward=str(tmp_path / "rules.yaml")).environment()


COUNTS = {
    **dict.fromkeys(("total_timesteps", "n_envs", "evaluations", "checkpoints", "compositions", "threads"), "q"),
    **dict.fromkeys(("batch_size", "buffer_size", "train_freq", "gradient_steps"), "q"),
    **dict.fromkeys(("n_steps", "n_epochs"), "ppo_kl"),
}


@pytest.mark.parametrize(("name", "algo"), COUNTS.items())
def test_counts_below_one_are_refused(name, algo):
    TrainConfig.of(algo, **{name: 1}).environment()
    for value in (0, -1):
        with pytest.raises(InputError, match=rf"--{name.replace('_', '-')} must be at least 1, not {value}"):
            TrainConfig.of(algo, **{name: value}).environment()


def test_a_seed_below_zero_and_a_share_of_nothing_are_refused():
    with pytest.raises(InputError, match="--melodies must be at least 0, not -1"):
        TrainConfig.of(melodies=-1).environment()
    with pytest.raises(InputError, match="--seed must be at least 0, not -1"):
        TrainConfig.of(seed=-1).environment()
    for share in (0.0, -0.5, float("nan")):
        with pytest.raises(InputError, match="--c-fraction must be a number above 0, not "):
            TrainConfig.of(final_c=1.0, c_fraction=share).environment()


ARGUMENTS = {
    "algo": "g",
    "preset": "paper",
    "total_timesteps": 1_234,
    "seed": 3,
    "run_dir": Path("runs/mine"),
    "resume": Path("runs/other"),
    "prior": "lookback",
    "reward": "refrain",
    "c": 0.25,
    "final_c": 2.0,
    "c_fraction": 0.125,
    "kl_budget": 30.0,
    "entropy_floor": 1.5,
    "on_collapse": "restore",
    "observation": "lookback",
    "priming": "none",
    "n_envs": 7,
    "evaluations": 3,
    "checkpoints": 4,
    "compositions": 5,
    "melodies": 3,
    "device": "cpu",
    "threads": 2,
    "key": "Bb",
    "mode": "dorian",
    "meter": "6/8",
    "length": "3 bars",
    "pitch_range": (55, 79),
    "tempo": 90.0,
    "form": "ABA",
    "chords": "C | G7",
}
"""A value other than the default for each field of a configuration except the hyperparameters."""


DEFAULTS = {
    **{
        "total_timesteps": 300_000,
        "seed": 0,
        "n_envs": 64,
        "evaluations": 20,
        "checkpoints": 10,
        "compositions": 2_000,
        "melodies": 6,
    },
    **{"prior": "default", "reward": "paper", "observation": "position", "priming": "random_note"},
    **{"on_collapse": "warn", "c_fraction": 0.5, "device": "auto", "threads": 1, "algo": "ppo", "preset": "default"},
}


def test_defaults_are_what_the_documentation_says():
    config = TrainConfig.of("ppo")
    for name in ARGUMENTS:
        assert getattr(config, name) == DEFAULTS.get(name)


def test_every_argument_of_the_command_line_is_a_field_of_its_name():
    assert ARGUMENTS.keys() == {field.name for field in fields(TrainConfig)} - {"agent"}
    given = [[f"--{name.replace('_', '-')}", *map(str, as_tuple(value))] for name, value in ARGUMENTS.items()]
    config = TrainConfig.parse([part for argument in given for part in argument])
    default = TrainConfig.of("psi")
    for name, value in ARGUMENTS.items():
        assert getattr(config, name) == value != getattr(default, name)
    assert config == TrainConfig.of(**ARGUMENTS)
    assert TrainConfig.parse(["--bpm", "75"]).tempo == 75.0


def as_tuple(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)


def test_the_environment_is_that_of_the_configuration(small_prior, small_prior_file):
    names = ("key", "mode", "meter", "length", "pitch_range", "tempo")
    changes = {name: ARGUMENTS[name] for name in names}
    config = TrainConfig.of(
        "q", reward="varied", c=0.25, prior=str(small_prior_file), observation="token", priming="none", **changes
    )
    environment = config.environment()
    profile = environment.profile
    assert profile.setting == environment.setting == Setting(**changes)
    assert (profile.name, profile.c, profile.rule_names) == ("varied", 0.25, load_profile("varied").rule_names)
    assert environment.prior.head.weight.equal(small_prior.head.weight)
    assert (environment.observation, environment.priming) == ("token", "none")
    assert (environment.primer, environment.fixed) == (None, {})


def test_resolved_is_the_profiles_setting_and_the_whole_path_of_its_file(tmp_path, monkeypatch):
    (tmp_path / "mine.yaml").write_text("c: 1\nsetting: {key: G, meter: 3/4, tempo: 90}\nrules: {key: {weight: 1}}\n")
    monkeypatch.chdir(tmp_path)
    config = TrainConfig.of(reward="mine.yaml", meter="6/8")
    config = config.resolved(config.environment().setting)
    assert config.reward == str(tmp_path / "mine.yaml")
    assert (config.key, config.meter, config.tempo, config.length, config.mode) == ("G", "6/8", 90, 32, "major")
    assert TrainConfig.of().resolved(Setting()).reward == "paper"


def test_unknown_profile_and_bad_c_are_refused():
    with pytest.raises(ProfileError):
        TrainConfig.of(reward="nonsense").environment()
    for name in ("c", "final_c"):
        with pytest.raises(InputError, match=f"^--{name.replace('_', '-')} must be a number above 0, not -1.0"):
            TrainConfig.of(**{name: -1.0}).environment()
        with pytest.raises(ProfileError, match="could reward a step with 100 / c = "):
            TrainConfig.of(**{name: 1e-320}).environment()


def test_rounds_are_of_whole_pieces_whatever_their_length(small_prior):
    config = TrainConfig.of("psi", n_envs=4, length="4 bars")
    env = MelodyVecEnv(4, prior=small_prior, length="4 bars")
    model = config.agent.build("psi", env, small_prior, seed=1, device="cpu")
    assert (model.train_freq.frequency, model.buffer_size) == (64, 4 * 64)
    model.learn(2 * 4 * 64)
    assert model._n_updates == 2 * config.agent.gradient_steps
