"""Settings of a sweep: every option of the training by its name and type, as a list, a range or a distribution."""

import re
from pathlib import Path

import pytest

from agents.runs.config import TrainConfig
from agents.sweeps.settings import Choices, Interval, domain, domains, grid, train_config
from note_rnn import InputError


def test_a_configuration_has_the_settings_and_otherwise_the_defaults_of_algorithm_and_preset(tmp_path):
    config = train_config({"algo": "ppo_kl", "c": 2, "gamma": 0.5, "key": "G"}, seed=3, run_dir=tmp_path)
    assert config == TrainConfig.of("ppo_kl", c=2.0, gamma=0.5, key="G", seed=3, run_dir=tmp_path)
    assert train_config({"preset": "tune"}).algo == "ppo_kl"
    assert train_config({"algo": "g", "reward": "paper"}).c is None  # that of the preset belongs to its reward


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"learning_rat": 1}, "There is no setting of --algo q called 'learning_rat' (did you mean learning_rate?)."),
        ({"algo": "ppo_kl", "tau": 1}, "There is no setting of --algo ppo_kl called 'tau'"),
        ({"algo": "qq"}, "algo must be one of"),
        ({"preset": "best"}, "preset must be one of"),
        ({"algo": "q", "preset": "tune"}, "--algo q has no preset 'tune'"),
        ({"gamma": "high"}, "A setting cannot be used: expected float, got str at agent.gamma."),
        ({"total_timesteps": 1.5}, "A setting cannot be used: expected int, got float at total_timesteps."),
        ({"seed": 1}, "A sweep sets seed itself"),
        ({"run_dir": "x"}, "A sweep sets run_dir itself"),
    ],
)
def test_a_setting_that_does_not_exist_or_has_another_type_is_refused(settings, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        train_config(settings)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (3, Choices((3,))),
        (None, Choices((None,))),
        ([1, 2, 1], Choices((1, 2))),
        ({"range": [1, 7, 3]}, Choices((1, 4, 7))),
        ({"range": [0.1, 0.5, 0.1]}, Choices((0.1, 0.2, 0.3, 0.4, 0.5))),
        ({"range": [8, 2, -3]}, Choices((8, 5, 2))),
        ({"uniform": [0, 1]}, Interval(0, 1, False, False)),
        ({"log_uniform": [1e-4, 1e-2]}, Interval(1e-4, 1e-2, True, False)),
    ],
)
def test_what_a_setting_may_be(given, expected):
    assert domain("gamma", given, is_whole=False) == expected


@pytest.mark.parametrize(
    "given",
    [
        [],
        [[1]],
        {},
        {"normal": [0, 1]},
        {"uniform": [1, 0]},
        {"uniform": [0]},
        {"uniform": 3},
        {"uniform": [0, "x"]},
        {"log_uniform": [0, 1]},
        {"range": [0, 1, 0]},
        {"range": [0, 1, 1e-9]},
        {"range": [1, 0, 1]},
        {"range": [0, 1]},
        {"range": [0, 1e308, 1e-308]},
        {"uniform": [0, 1], "range": [0, 1, 1]},
    ],
)
def test_another_form_is_refused(given):
    with pytest.raises(InputError, match=r"^gamma takes "):
        domain("gamma", given, is_whole=False)


def test_a_distribution_of_whole_numbers_has_whole_bounds():
    with pytest.raises(InputError, match="batch_size is a whole number: give uniform two whole numbers"):
        domain("batch_size", {"uniform": [1.5, 3.5]}, is_whole=True)
    given = {"algo": "ppo_kl", "batch_size": {"uniform": [8, 64]}, "c": {"uniform": [1, 2]}}
    assert domains(given)["batch_size"] == Interval(8, 64, False, is_whole=True)
    assert domains(given)["c"] == Interval(1, 2, False, is_whole=False)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"gamma": [0.5, 1.5]}, "--gamma must be"),
        ({"gamma": {"uniform": [0.5, 1.5]}}, "--gamma must be"),
        ({"algo": ["q", "ppo_kl"], "tau": [0.1]}, "There is no setting of --algo ppo_kl called 'tau'"),
        ({"algo": ["psi", "q"], "kl_budget": 3}, "--kl-budget needs an algorithm with KL as a cost"),
        ({"reward": ["paper", "nothing"]}, "nothing"),
        ({"nothing": 3}, "There is no setting of --algo q called 'nothing'"),
    ],
)
def test_every_value_is_tried_for_every_algorithm_before_anything_is_trained(given, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        domains(given)


def test_a_grid_has_every_combination_the_last_setting_fastest():
    found = list(grid({"a": Choices((1, 2)), "b": Choices(("x",)), "c": Choices((3, 4))}))
    assert [tuple(each.values()) for each in found] == [(1, "x", 3), (1, "x", 4), (2, "x", 3), (2, "x", 4)]
    with pytest.raises(InputError, match="b is a distribution, and a grid has lists and ranges"):
        grid({"b": Interval(0, 1, False, False)})
    with pytest.raises(InputError, match="The grid has more than 100,000 combinations"):
        grid(dict.fromkeys("abc", Choices(tuple(range(60)))))


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[3] / "examples" / "sweeps").glob("*.yaml")), ids=str)
def test_the_examples_are_sweeps(path):
    from agents.sweeps.spec import SweepSpec

    spec = SweepSpec.read(path)
    assert spec.domains
    assert spec.search or list(grid(spec.domains))
