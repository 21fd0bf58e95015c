"""State of a composition: tokens, last pitches, the piece as if in C, and memories that take in every token once."""

import numpy as np
import pytest

from melody_env import Composition, Melody, RewardProfile, Setting, WeightedRule, score_melodies
from melody_env.envs.masking import nearest_allowed
from melody_env.reward.composition import in_c
from melody_env.reward.scoring import replay

OFF, HOLD = 0, 1
PIECES = np.array([[OFF, 14, HOLD, 16, OFF], [9, HOLD, HOLD, OFF, 37]])


class Seen:
    """A memory that records its updates."""

    def __init__(self, composition, *parameters):
        self.parameters = parameters
        self.tokens = []

    def update(self, composition, t):
        self.tokens.append((t, composition.tokens[t].tolist()))


def composed(setting, upto=5):
    composition = Composition(2, 5, setting)
    for column in PIECES.T[:upto]:
        composition.append(column)
    return composition


def test_last_pitches_are_those_before_each_step():
    composition = composed(Setting())
    assert composition.previous_pitches.T.tolist() == [[0, 0, 14, 14, 16, 16], [0, 9, 9, 9, 9, 37]]
    assert composition.newest.tolist() == [OFF, 37]
    assert composition.pitch_pairs[3].tolist() == [14 * 38 + 16, 9 * 38 + OFF]
    assert composition.pitch_pairs[0].tolist() == [0, 9]
    assert composition.is_complete
    assert not composed(Setting(), 4).is_complete


def test_without_a_priming_token_a_composition_follows_a_hold():
    assert Composition(2, 3).priming_tokens.tolist() == [HOLD, HOLD]
    assert Composition(2, 3, priming_tokens=np.array([14, OFF])).priming_tokens.tolist() == [14, OFF]


def test_a_piece_in_g_is_the_same_numbers_as_in_c_for_rules_that_compare_tokens():
    in_g = composed(Setting("G"))  # G3, five semitones below middle C
    assert in_g.tokens_in_c.T.tolist() == [[OFF, 19, HOLD, 21, OFF], [14, HOLD, HOLD, OFF, 42]]
    assert in_g.tokens.T.tolist() == PIECES.tolist()
    assert in_c(PIECES, Setting("D")).tolist() == [[OFF, 12, HOLD, 14, OFF], [7, HOLD, HOLD, OFF, 35]]
    assert in_c(PIECES, Setting()) is PIECES


def test_a_memory_sees_every_token_once_and_is_shared_between_requests_with_the_same_parameters():
    composition = composed(Setting(), 2)
    memory = composition.memory(Seen, 3)
    assert composition.memory(Seen, 3) is memory
    other = composition.memory(Seen, 4)
    assert (other.parameters, memory.parameters) == ((4,), (3,))
    for column in PIECES.T[2:]:
        composition.append(column)
    expected = [(t, PIECES[:, t].tolist()) for t in range(5)]
    assert memory.tokens == other.tokens == expected


def test_many_melodies_are_scored_as_few():
    rng = np.random.default_rng(0)
    melodies = rng.integers(38, size=(4500, 4))  # more than are replayed at a time
    rules = RewardProfile("two", (WeightedRule("key", 2.0), WeightedRule("stepwise")), setting=Setting("D"))
    scores = score_melodies(melodies, rules)
    for rows in (slice(0, 3), slice(2046, 2050), slice(4095, 4098), slice(4497, 4500)):
        few = score_melodies(melodies[rows], rules)
        np.testing.assert_array_equal(scores.music_theory[rows], few.music_theory)
        np.testing.assert_array_equal(scores.rules["stepwise"][rows], few.rules["stepwise"])
    np.testing.assert_array_equal(scores.music_theory, 2 * scores.rules["key"] + scores.rules["stepwise"])
    assert scores.rules["key"].shape == (4500, 4)


def test_the_setting_of_a_score_is_the_given_one_or_that_of_the_profile():
    in_d = RewardProfile("d", (WeightedRule("key"),), setting=Setting("D"))
    assert score_melodies([[19, 20]], in_d).rules["key"].tolist() == [[-1, 0]]
    assert score_melodies([[19, 20]], in_d, Setting("C")).rules["key"].tolist() == [[0, -1]]
    positions = [
        (rows, composition.position, composition.setting) for rows, composition in replay(PIECES, Setting("D"))
    ]
    assert positions == [(slice(0, 2), t, Setting("D")) for t in range(1, 6)]


@pytest.mark.parametrize(
    ("token", "allowed", "played"),
    [
        (20, [18, 22], 18),  # of two as near the lower
        (20, [17, 22], 22),
        (2, [OFF, HOLD, 37], 37),  # a note for a note, however far
        (30, [OFF, HOLD], HOLD),
        (OFF, [HOLD, 2], HOLD),
        (HOLD, [OFF, 2], OFF),
        (OFF, [30, 35], 30),  # a note only where nothing else may come
        (HOLD, [30], 30),
        (14, [14, 15], 14),
    ],
)
def test_what_is_played_in_place_of_a_forbidden_token(token, allowed, played):
    flags = np.zeros((2, 38), bool)
    flags[0, allowed] = True
    flags[1] = True
    tokens = np.array([token, token])
    assert nearest_allowed(tokens, flags).tolist() == [played, token]
    assert tokens.tolist() == [token, token]


def test_a_melody_of_a_plain_rule_is_seen_in_its_key():
    melody = Melody(np.array([OFF, 16, HOLD, 20, 15, 28]), 8, Setting("D"))
    assert (melody.step, melody.newest, melody.is_complete) == (6, 28, False)
    assert melody.onsets.tolist() == [1, 3, 4, 5]
    assert melody.pitches.tolist() == [62, 66, 61, 74]
    assert melody.degrees.tolist() == [1, 3, 7, 1]
    assert Melody(melody.tokens, 6, Setting()).is_complete
    assert Melody(melody.tokens, 6, Setting()).degrees.tolist() == [2, 0, 0, 2]
