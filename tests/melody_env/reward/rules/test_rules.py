"""Each rule on melodies whose value can be worked out by hand. A table row: tokens, and the value of each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from melody_env import RewardProfile, WeightedRule, score_melodies
from melody_env.reward.composition import Composition
from melody_env.reward.rules import RULES
from melody_env.reward.rules.paper.autocorrelation import autocorrelations

OFF, HOLD = 0, 1
C4, D4, E4, F4, G4, A4, B4, C5 = 14, 16, 18, 19, 21, 23, 25, 26


def test_key_punishes_notes_outside_c_major(worth):
    tokens = [OFF, HOLD, 2, 3, C4, 15, 35, 36, 37]
    assert worth("key", tokens) == [0, 0, 0, -1, 0, -1, 0, -1, 0]


@pytest.mark.parametrize(
    ("tokens", "rewarded_steps"),
    [
        ([C4] * 32, [0, 28]),
        ([HOLD] * 32, [29, 30, 31]),
        ([OFF] * 32, [30, 31]),
        ([C5] * 32, []),
        ([C4] + [E4] * 27 + [C4, HOLD, HOLD, OFF], [0, 28, 29, 30, 31]),
        ([C4, D4, HOLD, OFF, C4, HOLD], [0, 5]),
        ([C4], [0]),
    ],
)
def test_tonic_is_rewarded_at_the_start_and_at_the_end(tokens, rewarded_steps, worth):
    assert worth("tonic", tokens) == [3 if t in rewarded_steps else 0 for t in range(len(tokens))]


@pytest.mark.parametrize(
    ("tokens", "first_punished"),
    [
        ([C4] * 7, 5),  # five in a row are free
        ([C4, HOLD, *[C4] * 8], 8),  # with a gap seven are free
        ([D4, OFF, *[C4] * 8], 9),  # the gap may come before the run
        ([D4, *[C4] * 5, D4, *[C4] * 5], None),  # another pitch ends a run
        ([C4, *[HOLD] * 7], 6),  # a note and five holds are free
        ([C4, OFF, *[HOLD] * 8], 9),  # with a note off seven holds
        ([HOLD] * 6, 5),
        ([C4, OFF, HOLD, OFF, OFF], 4),  # the third note off since the last pitch
        ([C4, OFF, D4, OFF, E4, OFF, OFF], None),
    ],
)
def test_repetition_punishes_the_token_that_is_one_too_many(tokens, first_punished, worth):
    punished = [t for t, value in enumerate(worth("repetition", tokens)) if value]
    assert (punished[0] if punished else None) == first_punished
    assert all(value in (0, -100) for value in worth("repetition", tokens))


def test_repetition_limits_are_parameters(worth):
    assert worth("repetition", [C4, C4, C4], limit=1) == [0, 0, -100]
    assert worth("repetition", [C4, HOLD, C4, C4, C4], limit=1, limit_with_gaps=2) == [0, 0, 0, 0, -100]
    assert worth("repetition", [OFF] * 5, note_off_limit=3) == [0, 0, 0, 0, -100]


@pytest.mark.parametrize(
    ("tokens", "values"),
    [
        ([C4, C4, C4], [0, 0, 0]),  # constant: no coefficient
        ([C4, D4], [0, -3 * 1 / 2]),  # lag 1: -1/2; negative ones are punished too
        ([0, 3, 0], [0, -3 * 1 / 2, -3 * (2 / 3 + 1 / 6)]),  # lag 1: -2/3, lag 2: 1/6
        ([0, 0, 0, 2], [0, 0, 0, -3 * (1 / 6 + 1 / 4)]),  # lag 1: -1/12, under the threshold; lag 2: -1/6, lag 3: -1/4
    ],
)
def test_autocorrelation_is_charged_on_the_melody_so_far(tokens, values, worth):
    assert worth("autocorrelation", tokens) == pytest.approx(values)


def test_autocorrelation_lags_and_threshold_are_parameters(worth):
    assert worth("autocorrelation", [0, 3, 0], max_lag=1)[-1] == pytest.approx(-2)
    assert worth("autocorrelation", [0, 3, 0], threshold=0.2)[-1] == pytest.approx(-2)


def test_motif_counts_the_distinct_pitches_of_the_last_eight_tokens(worth):
    tokens = [C4, D4, E4, HOLD, OFF, C4, D4, E4, F4, G4, HOLD, HOLD, HOLD, HOLD, HOLD, HOLD, HOLD]
    assert worth("motif", tokens) == pytest.approx([0] * 7 + [3, 3.3, 3.6, 3.6, 3.6, 3.6, 3.3, 3, 0, 0])


def test_repeated_motif_wants_the_same_eight_tokens_without_overlap(worth):
    theme = [C4, D4, E4, F4, G4, F4, HOLD, D4]
    assert worth("repeated_motif", theme * 2) == [0] * 15 + [6]
    assert worth("repeated_motif", [*theme, A4, *theme]) == [0] * 16 + [6]
    assert worth("repeated_motif", [*theme[:-1], OFF, *theme]) == [0] * 16
    assert worth("repeated_motif", [C4, D4, E4, F4] * 4) == [0] * 15 + [5]
    assert worth("repeated_motif", [C4, D4] * 8) == [0] * 16  # two pitches are no motif


def test_repeated_motif_has_a_cap_per_bar(worth):
    theme = [C4, HOLD, D4, HOLD, E4, HOLD, F4, HOLD]
    assert worth("repeated_motif", theme * 3) == [0] * 15 + [5] * 9
    assert worth("repeated_motif", theme * 3, cap=3) == [0] * 15 + [3, 3] + [0] * 7  # a bar is sixteen steps


def test_motif_window_and_pitches_are_parameters(worth):
    tokens = [C4, D4, C4, D4]
    assert worth("motif", tokens, beats=0.5, min_pitches=2) == [0, 3, 3, 3]
    assert worth("repeated_motif", tokens, beats=0.5, min_pitches=2) == [0, 0, 0, 4]


@pytest.mark.parametrize(
    ("tokens", "value"),
    [
        ([C4], 0),
        ([OFF, HOLD], 0),
        ([HOLD, C4], 0),
        ([E4, E4], 0),
        ([E4, F4], 0),
        ([D4, E4], 0.4),
        ([E4, G4], 0),
        ([D4, 20], 0.45),
        ([C4, E4], 0.75),
        ([E4, C4], 0.75),
        ([G4, C5], 0.35),
        ([C4, 20], 0),
        ([D4, A4], 0.1),
        ([C4, G4], 0.5),
        ([G4, C4], 0.5),
        ([C4, 7], 0.5),
        ([C4, 22], 0),
        ([C4, A4], 0.25),
        ([C4, 24], 0),
        ([C4, B4], -1.5),
        ([C4, C5], 0),
        ([C4, 27], -5),
        ([C4, HOLD], 1.5),
        ([D4, HOLD], 0.375),
        ([G4, OFF], 0.75),
        ([D4, OFF], 0.25),
        ([C4, OFF, HOLD], 1.5),
        ([C4, OFF, HOLD, D4], 0.4),
    ],
)
def test_interval_values_the_step_from_the_last_pitch(tokens, value, worth):
    assert worth("interval", tokens)[-1] == pytest.approx(value)


@pytest.mark.parametrize(
    ("tokens", "values"),
    [
        ([C4, G4, F4, E4, C4], [0, 0, 0, 0, 5]),  # gradual return to the origin
        ([C4, G4, C4], [0, 0, 0]),  # too soon: ends the leap without reward
        ([C4, G4, *[HOLD] * 6, C4], [0] * 9),
        ([C4, G4, *[HOLD] * 7, C4], [0] * 9 + [5]),  # a leap back, more than six steps later
        ([C4, G4, 28, C5, A4, G4, E4, C4], [0, 0, -5, 0, 0, 0, 0, 5]),  # doubled: the first origin stays
        ([28, G4, A4, B4, C5, 28], [0, 0, 0, 0, 0, 5]),  # downwards
        ([C4, 20, C4], [0, 0, 0]),  # six semitones are no leap
        ([HOLD, G4, C4, OFF, G4], [0, 0, 0, 0, 0]),
    ],
)
def test_leap_wants_an_answer(tokens, values, worth):
    assert worth("leap", tokens) == values


def test_leap_size_and_patience_are_parameters(worth):
    assert worth("leap", [C4, F4, C5], min_semitones=5) == [0, 0, -5]
    assert worth("leap", [C4, G4, HOLD, HOLD, C4], patience=1) == [0, 0, 0, 0, 5]


@pytest.mark.parametrize(
    ("tokens", "value"),
    [
        ([C4, D4, E4, D4], 6),
        ([C4, D4, E4, C4], 3),
        ([E4, D4, E4, C4], 3),
        ([E4, C4, E4, C4], 0),
        ([E4, OFF, OFF, HOLD], 6),
        ([OFF, OFF, HOLD, OFF], 3),  # the original counts special tokens as highest notes
        ([OFF, OFF, OFF, OFF], 0),
    ],
)
def test_extrema_are_judged_at_the_last_step(tokens, value, worth):
    assert worth("extrema", tokens) == [0, 0, 0, value]


@pytest.mark.parametrize(
    ("tokens", "values"),
    [
        ([C4, D4, E4, D4], [6, 0, 0, 0]),
        ([C4, HOLD, C4, OFF], [6, 0, -6, 0]),  # neither is unique any more
        ([C4, C4, D4, D4], [6, -6, 3, -3]),
        ([E4, D4, E4, C4], [6, 0, -3, 0]),
        ([OFF, HOLD, D4, E4], [0, 0, 6, 0]),
        ([37, 2, 37, HOLD], [6, 0, -3, 0]),
        ([2, 37, 2, HOLD], [6, 0, -3, 0]),
    ],
)
def test_extrema_so_far_rewards_every_change_at_once(tokens, values, worth):
    assert worth("extrema_so_far", tokens) == values


melodies = st.integers(1, 24).flatmap(
    lambda length: st.integers(1, 4).flatmap(
        lambda size: arrays(
            np.int64, (size, length), elements=st.one_of(st.integers(0, 37), st.sampled_from([0, 1, 14]))
        )
    )
)


@settings(max_examples=50, deadline=None)
@given(melodies)
def test_melodies_of_a_batch_are_independent(tokens):
    together = score_melodies(tokens).rules
    for row, melody in enumerate(tokens):
        alone = score_melodies(melody[None]).rules
        for name in RULES:
            np.testing.assert_array_equal(together[name][row], alone[name][0])


@settings(max_examples=50, deadline=None)
@given(melodies)
def test_extrema_so_far_adds_up_to_extrema(tokens):
    tokens[:, 0] = C4  # without a note, a hold is the original's highest
    rules = tuple(WeightedRule(name, 1.0) for name in ("extrema", "extrema_so_far"))
    values = score_melodies(tokens, RewardProfile("both", rules)).rules
    np.testing.assert_array_equal(values["extrema_so_far"].sum(axis=1), values["extrema"].sum(axis=1))


@settings(max_examples=50, deadline=None)
@given(melodies)
def test_autocorrelation_so_far_adds_up_to_that_of_the_piece(tokens):
    values = score_melodies(tokens, RewardProfile("one", (WeightedRule("autocorrelation_so_far"),))).rules
    of_piece = np.abs([np.nan_to_num(autocorrelations(tokens, lag)) for lag in (1, 2, 3)]).sum(axis=0)
    np.testing.assert_allclose(values["autocorrelation_so_far"].sum(axis=1), -3 * of_piece, atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(melodies)
def test_a_rule_requested_late_returns_the_same_values(tokens):
    size, length = tokens.shape
    late = Composition(size, length)
    for column in tokens.T:
        late.append(column)
    in_time = score_melodies(tokens).rules
    for name, rule in RULES.items():
        np.testing.assert_array_equal(rule(late), in_time[name][:, -1])
