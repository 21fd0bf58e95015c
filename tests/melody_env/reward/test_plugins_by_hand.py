"""User rules and masks: the melody and parameters they receive, and how their values reach the reward."""

import numpy as np
import pytest

from melody_env import (
    Composition,
    EnvironmentSpec,
    MelodyEngine,
    NamedMask,
    RewardProfile,
    RuleError,
    Setting,
    WeightedRule,
    load_profile,
    score_melodies,
)

FILE = """
import numpy as np
from melody_env import mask, rule

@rule
def degree(melody):
    return melody.degrees[-1] if melody.newest > 1 else 0

@rule(per="piece")
def last_times(melody, factor=1, plus=0.5):
    return melody.newest * factor + plus

@rule(per="piece", batched=True)
def position(composition, *, factor=1):
    return np.full(composition.batch_size, factor * composition.position)

@rule
def where(melody):
    return 100 * melody.length + melody.setting.steps_per_beat

@rule
def broken(melody):
    return float("inf") if melody.newest == 16 else 0

@mask
def only(melody, token=14, but_at=3):
    return np.isin(np.arange(38), [token, 1]) if melody.step != but_at else np.ones(38, bool)

@mask
def other_than_the_first(melody):
    return np.arange(38) != (melody.tokens[0] if len(melody.tokens) else -1)

@mask
def fails(melody):
    return [True] * 38 if melody.step < 2 else 1 / 0

@mask
def ends_with_a_rest(melody):
    return np.full(38, len(melody.tokens) == 0 or melody.newest != 0)

def unmarked(melody):
    return 1
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return path


def scores(file, name, melodies, setting=None, **parameters):
    profile = RewardProfile("mine", (WeightedRule(name, 2.0, parameters, file),))
    return score_melodies(melodies, profile, setting).rules[name].tolist()


def test_a_plain_rule_sees_the_melody_in_its_setting(file):
    assert scores(file, "degree", [[14, 1, 16], [0, 21, 20]]) == [[1, 0, 2], [0, 5, 0]]
    assert scores(file, "degree", [[14, 1, 16], [0, 21, 20]], Setting("D")) == [[0, 0, 1], [0, 4, 3]]
    assert scores(file, "where", [[14, 1]], Setting(meter="6/8")) == [[206, 206]]


def test_parameters_and_their_defaults_reach_the_rule(file):
    assert scores(file, "last_times", [[14, 3], [14, 4]]) == [[0, 3.5], [0, 4.5]]
    assert scores(file, "last_times", [[14, 3], [14, 4]], factor=2) == [[0, 6.5], [0, 8.5]]
    assert scores(file, "last_times", [[14, 3]], factor=2, plus=1.0) == [[0, 7]]
    assert scores(file, "position", [[14, 3, 5], [1, 1, 1]], factor=3) == [[0, 0, 9]] * 2


def test_a_value_that_is_not_finite_is_reported_with_its_melody_and_step(file):
    with pytest.raises(RuleError, match=r"returned inf for melody 1: .* \(melody\.step 3\)"):
        scores(file, "broken", [[14, 14, 14, 14], [14, 14, 16, 14]])


def test_a_mask_is_evaluated_for_the_next_step_with_its_parameters(file):
    composition = Composition(2, 5)
    first = RewardProfile("m", (), masks=(NamedMask("only", {"token": 20, "but_at": 1}, file),))
    assert np.flatnonzero(first.allowed(composition)[0]).tolist() == [1, 20]
    composition.append(np.array([20, 1]))
    assert first.allowed(composition).all()
    composition.append(np.array([5, 6]))
    second = RewardProfile("m", (), masks=(NamedMask("only", file=file), NamedMask("other_than_the_first", file=file)))
    assert [np.flatnonzero(row).tolist() for row in second.allowed(composition)] == [[1, 14], [14]]
    assert first.forbids
    assert second.forbids
    failing = RewardProfile("m", (), masks=(NamedMask("fails", file=file),))
    with pytest.raises(RuleError, match=r"Mask 'fails' in .* failed: ZeroDivisionError: .* \(melody\.step 2\)"):
        failing.allowed(composition)


def test_a_single_melody_without_an_allowed_token_is_reported(file):
    composition = Composition(2, 5)
    profile = RewardProfile("m", (), masks=(NamedMask("ends_with_a_rest", file=file),))
    composition.append(np.array([14, 1]))
    assert profile.allowed(composition).all()
    composition.append(np.array([14, 0]))
    with pytest.raises(RuleError, match=r"masks ends_with_a_rest allow no token at melody\.step 2"):
        profile.allowed(composition)


def test_a_rule_of_ones_own_is_rewarded_by_weight_and_c(file, tmp_path, small_prior):
    (tmp_path / "mine.yaml").write_text(
        "c: 4\nlog_prior: false\nsetting: {key: D}\n"
        "rules:\n  degree: {file: mine.py, weight: 3}\n  key: {}\n"
        "masks:\n  only: {file: mine.py, token: 16, but_at: 9}\n"
    )
    profile = load_profile(tmp_path / "mine.yaml")
    assert [(rule.name, rule.weight, dict(rule.parameters)) for rule in profile.rules] == [
        ("degree", 3, {}),
        ("key", 1, {}),
    ]
    engine = MelodyEngine(2, EnvironmentSpec.of(reward=profile, prior=small_prior, length=2))
    engine.reset()
    assert engine.step([16, 1])[0].tolist() == [3 / 4, 0]
    rewards, finished = engine.step([20, 16])  # F sharp may not come: D is played
    assert rewards.tolist() == [3 / 4, 3 / 4]
    assert finished.rules["degree"].tolist() == [2, 1]
    assert finished.music_theory.tolist() == [6, 3]
    assert finished.melodies.tolist() == [[16, 16], [1, 16]]


def test_a_function_without_a_mark_is_no_rule(file):
    with pytest.raises(RuleError, match="has no rule or mask 'unmarked': it has broken, degree"):
        RewardProfile("mine", (WeightedRule("unmarked", file=file),))
