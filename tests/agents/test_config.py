"""The command line, its presets, and the environment that follows from them."""

import json
from dataclasses import asdict

import pytest

from agents.config import TrainConfig
from agents.settings import BASELINES, PRESETS, RecurrentDQNSettings, algorithm_class
from melody_env import MelodyVecEnv, ProfileError, load_profile
from note_rnn import InputError


def test_nothing_given_is_q_with_its_defaults():
    config = TrainConfig.parse([])
    assert config == TrainConfig.of("q", "default")
    assert isinstance(config.agent, RecurrentDQNSettings)


@pytest.mark.parametrize(("algo", "preset"), PRESETS)
def test_every_preset_can_be_asked_for_and_arguments_override_it(algo, preset):
    config = TrainConfig.parse(["--algo", algo, "--preset", preset, "--seed", "3", "--learning-rate", "0.5"])
    config.check()
    assert (config.algo, config.preset, config.seed, config.agent.learning_rate) == (algo, preset, 3, 0.5)
    untouched = TrainConfig.of(algo, preset, seed=3, learning_rate=0.5)
    assert config == untouched


@pytest.mark.parametrize("algo", sorted({algo for algo, _ in PRESETS}))
def test_every_algorithm_is_built_with_its_settings(algo, small_prior):
    env = MelodyVecEnv(8, prior=small_prior)
    config = TrainConfig.of(algo)
    model = config.agent.build(algo, env, small_prior, seed=1, device="cpu")
    assert type(model) is algorithm_class(algo)
    assert model.seed == 1
    assert model.gamma == config.agent.gamma
    assert getattr(model, "objective", algo) == ("q" if algo == "rl_only" else algo)
    model._update_current_progress_remaining(1, 2)
    assert model.lr_schedule(0.5) == pytest.approx(config.agent.learning_rate / 2)  # linear to 0


def test_paper_preset_is_section_4():
    config = TrainConfig.parse(["--algo", "psi", "--preset", "paper"])
    agent = config.agent
    assert (config.total_timesteps, agent.batch_size, agent.gamma, agent.tau) == (3_000_000, 32, 0.5, 0.01)
    assert (agent.exploration, agent.exploration_initial_eps, agent.exploration_final_eps) == (
        "epsilon_greedy",
        1.0,
        0.01,
    )
    assert agent.exploration_fraction * config.total_timesteps == 1_500_000
    assert (agent.max_grad_norm, config.observation, agent.return_lambda, agent.dueling) == (5.0, "token", 0.0, False)
    assert config.profile() == load_profile("paper")
    assert config.profile().c == 0.5


@pytest.mark.parametrize("algo", ["q", "g", "ppo_kl"])
def test_the_c_of_a_preset_goes_with_its_reward(algo):
    with_its_own = TrainConfig.parse(["--algo", algo])
    assert with_its_own.c == TrainConfig.of(algo).c is not None
    assert TrainConfig.parse(["--algo", algo, "--reward", with_its_own.reward]).c == with_its_own.c
    other = TrainConfig.parse(["--algo", algo, "--reward", "calibrated"])
    assert (other.c, other.profile().c) == (None, 1.0)
    assert TrainConfig.parse(["--algo", algo, "--reward", "calibrated", "--c", "2"]).profile().c == 2.0


@pytest.mark.parametrize("algo", ["psi", "ppo_kl"])
def test_peoples_preset_is_undiscounted_since_its_optimum_is_a_distribution(algo):
    config = TrainConfig.of(algo, "people")
    assert (config.profile().name, config.profile().c, config.agent.gamma) == ("matched", 1.0, 1.0)


@pytest.mark.parametrize("algo", BASELINES)
def test_what_the_paper_has_not_is_no_preset(algo):
    with pytest.raises(InputError, match=f"--algo {algo} has no preset 'paper'"):
        TrainConfig.parse(["--algo", algo, "--preset", "paper"])


def test_settings_of_another_algorithm_are_unknown(capsys):
    with pytest.raises(SystemExit):
        TrainConfig.parse(["--algo", "q", "--clip-range", "0.1"])
    assert "clip-range" in capsys.readouterr().err


def test_c_replaces_the_profiles_own():
    assert TrainConfig.of(reward="paper", c=2.0).profile().c == 2.0


def test_rl_only_leaves_log_p_out_of_the_reward():
    assert not TrainConfig.of("rl_only").profile().log_prior
    assert TrainConfig.of("q").profile().log_prior


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
    assert [rule.parameters for rule in refrain.rules if rule.name == "repeated_motif"] == [{"most": 2.5}]


def test_an_agent_of_preset_lookback_looks_back():
    config = TrainConfig.parse(["--algo", "ppo_kl", "--preset", "lookback", "--reward", "unique_extremes"])
    assert (config.observation, config.agent.skip_connection, config.c) == ("lookback", True, None)
    env = MelodyVecEnv(2, **config.environment())
    model = config.agent.build("ppo_kl", env, env.engine.prior, config.seed, "cpu")
    assert model.policy.network.head.skip is not None


@pytest.mark.parametrize("algo", ["g", "a2c"])
def test_a_record_gives_the_configuration_again(algo):
    config = TrainConfig.of(algo, seed=5, gamma=0.25)
    record = json.loads(json.dumps({"config": {**asdict(config), "from_a_later_version": 1}}))
    assert TrainConfig.saved(record) == config


def test_soft_objectives_need_log_p_in_the_reward(tmp_path):
    (tmp_path / "rules.yaml").write_text("log_prior: false\nrules:\n  key: {weight: 1}\n")
    with pytest.raises(InputError, match="--algo psi needs log p in the reward"):
        TrainConfig.of("psi", reward=str(tmp_path / "rules.yaml")).check()


@pytest.mark.parametrize(("name", "value"), [("n_envs", 0), ("batch_size", 0), ("train_freq", -1)])
def test_counts_below_one_are_refused(name, value):
    with pytest.raises(InputError, match=rf"--{name.replace('_', '-')} must be at least 1, not {value}"):
        TrainConfig.of(**{name: value}).check()


def test_unknown_profile_and_bad_c_are_refused():
    with pytest.raises(ProfileError):
        TrainConfig.of(reward="nonsense").check()
    for name in ("c", "final_c"):
        with pytest.raises(ProfileError, match="c must be a number above 0"):
            TrainConfig.of(**{name: -1.0}).check()


def test_rounds_are_of_whole_pieces_whatever_their_length(small_prior):
    config = TrainConfig.of("psi", n_envs=4, length="4 bars")
    env = MelodyVecEnv(4, prior=small_prior, length="4 bars")
    model = config.agent.build("psi", env, small_prior, seed=1, device="cpu")
    assert (model.train_freq.frequency, model.buffer_size) == (64, 4 * 64)
    model.learn(2 * 4 * 64)
    assert model._n_updates == 2 * config.agent.gradient_steps
