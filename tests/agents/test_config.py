"""The command line, its presets, and the environment that follows from them."""

import pytest

from agents.config import PRESETS, TrainConfig
from melody_env import ProfileError, load_profile
from note_rnn import InputError


def test_nothing_given_is_q_with_its_defaults():
    assert TrainConfig.parse([]) == TrainConfig()


@pytest.mark.parametrize("algo", ["q", "psi", "g", "rl_only"])
def test_every_algorithm_has_both_presets_and_arguments_override_them(algo):
    default = TrainConfig.parse(["--algo", algo])
    paper = TrainConfig.parse(["--algo", algo, "--preset", "paper", "--seed", "3"])
    assert default.algo == paper.algo == algo
    assert (default.preset, paper.preset) == ("default", "paper")
    assert (default.seed, paper.seed) == (0, 3)
    for config in (default, paper):
        config.check()
        assert config.learning()["objective"] == ("q" if algo == "rl_only" else algo)


def test_paper_preset_is_section_4():
    config = TrainConfig.parse(["--algo", "psi", "--preset", "paper"])
    assert (config.total_timesteps, config.batch_size, config.gamma, config.tau) == (3_000_000, 32, 0.5, 0.01)
    assert (config.exploration, config.exploration_initial_eps, config.exploration_final_eps) == (
        "epsilon_greedy",
        1.0,
        0.01,
    )
    assert config.exploration_fraction * config.total_timesteps == 1_500_000
    assert (config.max_grad_norm, config.observation, config.return_lambda, config.dueling) == (
        5.0,
        "token",
        0.0,
        False,
    )
    assert config.profile() == load_profile("paper")
    assert config.profile().c == 0.5


def test_presets_name_only_fields_of_the_configuration():
    for (algo, preset), values in PRESETS.items():
        config = TrainConfig(**values)
        assert (config.algo, config.preset) == (algo, preset)


def test_c_replaces_the_profiles_own():
    assert TrainConfig(reward="paper", c=2.0).profile().c == 2.0


def test_rl_only_leaves_log_p_out_of_the_reward():
    assert not TrainConfig(algo="rl_only").profile().log_prior
    assert TrainConfig(algo="q").profile().log_prior


def test_varied_profile_differs_from_the_papers_in_two_weights_and_c():
    paper, varied = load_profile("paper"), load_profile("varied")
    weights = {profile.name: dict(zip(profile.rule_names, profile.weights, strict=True)) for profile in (paper, varied)}
    assert varied.rule_names == paper.rule_names
    changed = {name for name in paper.rule_names if weights["paper"][name] != weights["varied"][name]}
    assert changed == {"tonic", "repeated_motif"}
    assert varied.c == 1.0


def test_a_record_gives_the_configuration_again():
    config = TrainConfig(seed=5, algo="g")
    assert TrainConfig.saved({"config": {"seed": 5, "algo": "g", "from_a_later_version": 1}}) == config


def test_soft_objectives_need_log_p_in_the_reward(tmp_path):
    (tmp_path / "rules.yaml").write_text("log_prior: false\nrules:\n  key: {weight: 1}\n")
    with pytest.raises(InputError, match="--algo psi needs log p in the reward"):
        TrainConfig(algo="psi", reward=str(tmp_path / "rules.yaml")).check()


def test_unknown_profile_and_bad_c_are_refused():
    with pytest.raises(ProfileError):
        TrainConfig(reward="nonsense").check()
    with pytest.raises(ProfileError, match="c must be a number above 0"):
        TrainConfig(c=-1.0).check()
