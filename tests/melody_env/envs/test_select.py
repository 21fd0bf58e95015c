"""Pieces in progress that go on as copies of others: all of their state goes with them."""

import numpy as np
import pytest
import torch
from gymnasium.error import ResetNeeded

from melody_env import EnvironmentSpec, MelodyEngine
from note_rnn import NoteRNN

SPECS = {
    "paper": {"length": 10},
    "key, meter and masks": {"length": 10, "key": "D", "meter": "3/4", "pitch_range": (52, 79)},
    "forms": {"length": 12, "meter": "3/8", "form": "AB | AA", "observation": "lookback"},
    "primer": {"length": 10, "primer": [14, 1, 16]},
}
ROWS = np.array([2, 2, 0, 4, 4])


def prior_of(kind, lookback_prior, small_prior):
    torch.manual_seed(1)
    layers = {"gru": {"hidden_size": (8, 12), "cell": "gru"}, "lookback": None, "small": None}[kind]
    if layers is not None:
        return NoteRNN(**layers).eval().requires_grad_(False)
    return lookback_prior if kind == "lookback" else small_prior


@pytest.mark.parametrize("prior", ["small", "lookback", "gru"])
@pytest.mark.parametrize("name", SPECS)
def test_selected_pieces_go_on_as_if_they_had_been_alike_from_the_start(name, prior, lookback_prior, small_prior):
    spec = EnvironmentSpec.of(prior=prior_of(prior, lookback_prior, small_prior), **SPECS[name])
    seeds = np.arange(5)
    engine, alike = MelodyEngine(5, spec), MelodyEngine(5, spec)
    engine.seed(seeds.tolist())
    alike.seed(seeds[ROWS].tolist())
    tokens = np.random.default_rng(0).integers(38, size=(spec.setting.steps, 5))
    engine.reset()
    alike.reset()
    for step, row in enumerate(tokens):
        if step == 6:
            engine.select(ROWS)
        later = step >= 6
        np.testing.assert_allclose(
            engine.prior_log_probs if later else engine.prior_log_probs[ROWS], alike.prior_log_probs, atol=1e-6
        )
        if later:
            np.testing.assert_array_equal(engine.observations(), alike.observations())
            np.testing.assert_array_equal(engine.action_masks(), alike.action_masks())
        _, finished = engine.step(row)
        _, other = alike.step(row if later else row[ROWS])
    assert finished.forms == other.forms
    np.testing.assert_array_equal(finished.melodies, other.melodies)
    np.testing.assert_allclose(finished.returns, other.returns, rtol=1e-5)
    np.testing.assert_allclose(finished.music_theory, other.music_theory)
    np.testing.assert_allclose(finished.log_prob, other.log_prob, rtol=1e-5)
    for rule, sums in finished.rules.items():
        np.testing.assert_array_equal(sums, other.rules[rule])


def test_a_step_may_leave_masks_alone(small_prior):
    engine = MelodyEngine(1, EnvironmentSpec.of(prior=small_prior, length=2, pitch_range=(60, 72)))
    engine.reset()
    engine.step([2], enforces_masks=False)
    engine.step([2])
    assert engine.finished.melodies.tolist() == [[2, 14]]


def test_there_is_nothing_to_select_before_and_after_a_piece(small_prior):
    engine = MelodyEngine(2, EnvironmentSpec.of(prior=small_prior, length=1))
    with pytest.raises(ResetNeeded):
        engine.select(np.array([0, 0]))
    engine.reset()
    engine.step([14, 16])
    with pytest.raises(ResetNeeded):
        engine.select(np.array([0, 0]))
