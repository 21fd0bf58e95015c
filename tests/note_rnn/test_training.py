"""Crops, learning rates and scores by hand; a small network learns a small tune."""

import math
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from note_rnn import NO_EVENT, VOCABULARY_SIZE, NoteRNN
from note_rnn.training import IGNORED, PAPER, UNSCORED, HeldOut, Recipe, Training, crop_batches, evaluate, learning_rate

TUNES = [np.arange(2, 22), np.arange(30, 37), np.array([24] * 40)]


def crops(batch_size=512, length=12):
    return next(crop_batches(TUNES, batch_size, length, np.random.default_rng(0)))


def test_targets_are_the_next_inputs_and_come_from_one_tune():
    inputs, targets = crops()
    for heard, said in zip(inputs.T.tolist(), targets.T.tolist(), strict=True):
        said = [token for token in said if token != IGNORED]
        tune = next(tune.tolist() for tune in TUNES if said[0] in tune.tolist())
        if heard[0] == NO_EVENT:
            assert said == tune[: len(said)]
        else:
            assert "|".join(map(str, [heard[0], *said])) in "|".join(map(str, tune))
        assert heard[1 : len(said)] == said[:-1]


def test_half_of_the_crops_start_with_a_tune_and_long_tunes_come_more_often():
    inputs, targets = crops(batch_size=4000)
    starts = (inputs[0] == NO_EVENT).float().mean().item()
    assert 0.5 <= starts <= 0.75  # half, and those that start there by chance
    share = (targets[0] == 24).float().mean().item()
    assert share == pytest.approx(40 / 67, abs=0.03)


def test_crops_from_bar_lines_come_after_any_token():
    tunes, bars = [np.arange(2, 34), np.array([36, 1] * 20)], np.array([8, 10])
    inputs, targets = next(crop_batches(tunes, 4000, 6, np.random.default_rng(0), bars))
    assert set(targets[0].tolist()) == {2, 10, 18, 26, 36}  # every eighth token of the first, tenth of the second
    assert (inputs[1:] == targets[:-1])[targets[:-1] != IGNORED].all()
    heard = np.bincount(inputs[0], minlength=VOCABULARY_SIZE) / 4000
    assert heard == pytest.approx(np.full(VOCABULARY_SIZE, 1 / VOCABULARY_SIZE), abs=0.015)
    first = targets[0] < 36
    assert (targets[0] == 2).sum() / first.sum() == pytest.approx(0.5 + 0.5 * 8 / 29, abs=0.05)


def test_padding_behind_a_short_tune_is_ignored():
    _, targets = crops()
    short = targets[:, (targets[0] == 30)]
    assert (short[7:] == IGNORED).all()
    assert (short[:7] != IGNORED).all()


def test_cosine_rate_rises_then_falls_to_zero():
    recipe = Recipe(updates=300, warmup=100, learning_rate=1.0)
    assert [learning_rate(recipe, update) for update in (1, 50, 100, 200, 300)] == pytest.approx([0.01, 0.5, 1, 0.5, 0])


def test_paper_rate_decays_by_a_factor_each_thousand_updates():
    assert learning_rate(PAPER, 1000) == pytest.approx(0.5 * 0.85)
    assert learning_rate(PAPER, 3000) == pytest.approx(0.5 * 0.85**3)


def test_score_of_an_ignorant_network_is_that_of_guessing():
    model = NoteRNN(4)
    torch.nn.init.zeros_(model.head.weight)
    torch.nn.init.zeros_(model.head.bias)
    score = evaluate(model, TUNES, batch_size=2)
    assert score.nats == pytest.approx(math.log(38))
    assert score.tokens == sum(max(len(tune) - UNSCORED, 0) for tune in TUNES)


def test_score_is_that_of_log_probs_after_silence():
    torch.manual_seed(1)
    model = NoteRNN(6)
    tune = np.random.default_rng(0).integers(38, size=20)
    log_probs = model.log_probs([[NO_EVENT, *tune[:-1]]])[0]
    expected = -log_probs[np.arange(20), tune][UNSCORED:]
    score = evaluate(model, [tune])
    assert score.nats == pytest.approx(expected.mean().item(), rel=1e-5)
    assert score.accuracy == pytest.approx((log_probs.argmax(-1).numpy() == tune)[UNSCORED:].mean())


def test_a_tune_can_be_learned_and_the_seed_decides_all():
    recipe = Recipe(updates=150, batch_size=8, crop_length=20, warmup=10, learning_rate=0.02)
    scores, losses = [], []
    for _ in range(2):
        torch.manual_seed(0)
        model = NoteRNN(16)
        losses += [update.loss for update in Training(model, TUNES, recipe, np.random.default_rng(0))]
        scores.append(evaluate(model, TUNES))
    assert scores[0].nats < 0.3
    assert scores[0].accuracy > 0.95
    assert scores[0] == scores[1]
    assert losses[0] == pytest.approx(math.log(38), abs=0.2)


def test_unscored_tokens_do_not_count_in_the_loss():
    recipe = Recipe(updates=1, batch_size=4, crop_length=6, unscored=6)
    (nothing,) = Training(NoteRNN(4), TUNES, recipe, np.random.default_rng(0))
    assert math.isnan(nothing.loss)  # nothing is left to score
    (one,) = Training(NoteRNN(4), TUNES, replace(recipe, unscored=5), np.random.default_rng(0))
    assert one.loss == pytest.approx(math.log(38), abs=0.5)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_training_that_goes_on_elsewhere_has_the_same_end(cell):
    recipe = Recipe(updates=12, batch_size=4, crop_length=8, warmup=3, dropout=0.3)

    def begin(seed):
        torch.manual_seed(seed)
        return Training(NoteRNN((16, 5), cell=cell), TUNES, recipe, np.random.default_rng(seed))

    whole = begin(0)
    losses = [update.loss for update in whole]
    left = begin(0)
    first = [update.loss for update in islice(left, 5)]
    state = left.state_dict()
    on = begin(1)
    on.load_state_dict(state)
    assert first + [update.loss for update in on] == losses
    for one, other in zip(on.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_is_left_out_is_left_out_in_training_alone():
    torch.manual_seed(0)
    training = Training(NoteRNN((16, 5)), TUNES, Recipe(updates=1, dropout=0.5), np.random.default_rng(0))
    assert evaluate(training.model, TUNES) == evaluate(training.model, TUNES)
    training.model.train()
    tokens = torch.ones(8, 2, dtype=torch.int64)
    assert not torch.equal(training.model(tokens)[0], training.model(tokens)[0])


def test_perplexity_of_guessing_is_the_number_of_tokens():
    assert HeldOut(math.log(38), 0.0, 1).perplexity == pytest.approx(38)
