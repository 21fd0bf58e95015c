"""Crops, learning rates, updates and scores checked by hand; a small network learns a small tune."""

import copy
import math
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from note_rnn import NO_EVENT, VOCABULARY_SIZE, NoteRNN
from note_rnn.extraction.tunes import UNKNOWN_BARS, Bars
from note_rnn.network.lookback import Lookback
from note_rnn.pretraining.crops import IGNORED, Tunes, TuneStream, crop_batches
from note_rnn.pretraining.trainer import (
    PAPER,
    UNSCORED,
    HeldOut,
    Recipe,
    Training,
    evaluate,
    learning_rate,
    token_scores,
)

TUNES = [np.arange(2, 22), np.arange(30, 37), np.array([24] * 40)]


def crops(batch_size=512, length=12):
    return next(crop_batches(Tunes(TUNES), batch_size, length, np.random.default_rng(0)))


def test_targets_are_the_next_inputs_and_come_from_one_tune():
    inputs, targets, _ = crops()
    for crop, target in zip(inputs.T.tolist(), targets.T.tolist(), strict=True):
        target = [token for token in target if token != IGNORED]
        tune = next(tune.tolist() for tune in TUNES if target[0] in tune.tolist())
        if crop[0] == NO_EVENT:
            assert target == tune[: len(target)]
        else:
            assert "|".join(map(str, [crop[0], *target])) in "|".join(map(str, tune))
        assert crop[1 : len(target)] == target[:-1]


def test_half_of_the_crops_start_with_a_tune_and_long_tunes_come_more_often():
    inputs, targets, _ = crops(batch_size=4000)
    starts = (inputs[0] == NO_EVENT).float().mean().item()
    # half, and of the others those that start there by chance: one of 14, 1 and 34 places in tunes of 20, 7 and 40
    assert starts == pytest.approx(0.5 + 0.5 * (20 / 14 + 7 / 1 + 40 / 34) / 67, abs=0.03)
    share = (targets[0] == 24).float().mean().item()
    assert share == pytest.approx(40 / 67, abs=0.03)


def test_crops_on_bar_lines_come_after_any_token_with_their_bars():
    """The first begins on a bar line, the second after a pickup of three, the third has no known bars."""
    tunes = [np.arange(2, 34), np.array([36, 1, 1, *[35, *[1] * 11] * 3]), np.array([34, 0, 0, 0, 0, 0, 0])]
    bars = [Bars("2/4", 0), Bars("6/8", 3), UNKNOWN_BARS]
    inputs, targets, of_crops = next(crop_batches(Tunes(tunes, bars), 4000, 6, np.random.default_rng(0)))
    assert set(targets[0].tolist()) == {
        2,
        10,
        18,
        26,
        36,
        35,
        34,
        0,
    }  # every eighth of the first, twelfth of the second
    assert of_crops == [
        {36: bars[1], 35: Bars("6/8", 0), 34: bars[2], 0: bars[2]}.get(first, bars[0]) for first in targets[0].tolist()
    ]
    assert (inputs[1:] == targets[:-1])[targets[:-1] != IGNORED].all()
    frequencies = np.bincount(inputs[0], minlength=VOCABULARY_SIZE) / 4000
    assert frequencies == pytest.approx(np.full(VOCABULARY_SIZE, 1 / VOCABULARY_SIZE), abs=0.02)
    first = (targets[0] < 34) & (targets[0] > 0)
    assert (targets[0] == 2).sum() / first.sum() == pytest.approx(0.5 + 0.5 * 8 / 29, abs=0.05)
    pickups = (targets[0] == 36).sum() / ((targets[0] == 36) | (targets[0] == 35)).sum()
    assert pickups == pytest.approx(0.5 + 0.5 * 3 / 36, abs=0.05)


def test_padding_behind_a_short_tune_is_ignored():
    _, targets, _ = crops()
    short = targets[:, (targets[0] == 30)]
    assert (short[7:] == IGNORED).all()
    assert (short[:7] != IGNORED).all()


def test_crops_start_anywhere_up_to_half_a_crop_before_the_end():
    """Of 20 tokens, with crops of 12, at the first 14 places: so at least six tokens are left."""
    _, targets, _ = crops(batch_size=4000)
    first = set(targets[0].tolist())
    assert first & set(TUNES[0].tolist()) == set(range(2, 2 + 14))
    assert first & set(TUNES[1].tolist()) == {30}  # seven tokens are too few for any other place but the first
    long = targets[:, targets[0] == 15]
    assert (long != IGNORED).sum(dim=0).unique().tolist() == [7]


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


def test_score_of_many_tunes_is_the_mean_over_their_tokens():
    """However long the tunes are, and in whatever batches they are predicted."""
    torch.manual_seed(1)
    model = NoteRNN(6)
    rng = np.random.default_rng(0)
    tunes = [rng.integers(38, size=length) for length in (30, 9, 12, 50, 8, 20, 33)]
    nats, right = [], []
    for tune in tunes:
        log_probs = model.log_probs([[NO_EVENT, *tune[:-1]]])[0].numpy()
        nats += (-log_probs[np.arange(len(tune)), tune])[8:].tolist()
        right += (log_probs.argmax(-1) == tune)[8:].tolist()
    for batch_size in (1, 3, 64):
        score = evaluate(model, tunes, batch_size=batch_size)
        assert score.nats == pytest.approx(np.mean(nats), rel=1e-5)
        assert score.accuracy == pytest.approx(np.mean(right))
        assert score.tokens == len(nats) == 162 - 7 * 8


def test_a_tune_can_be_learned_and_the_seed_decides_all():
    recipe = Recipe(updates=150, batch_size=8, crop_length=20, warmup=10, learning_rate=0.02)
    scores, losses = [], []
    for _ in range(2):
        torch.manual_seed(0)
        model = NoteRNN(16)
        losses += [update.loss for update in Training(model, TuneStream.of(TUNES), recipe, np.random.default_rng(0))]
        scores.append(evaluate(model, TUNES))
    assert scores[0].nats < 0.3
    assert scores[0].accuracy > 0.95
    assert scores[0] == scores[1]
    assert losses[0] == pytest.approx(math.log(38), abs=0.2)


def test_unscored_tokens_do_not_count_in_the_loss():
    recipe = Recipe(updates=1, batch_size=4, crop_length=6, unscored=6)
    (nothing,) = Training(NoteRNN(4), TuneStream.of(TUNES), recipe, np.random.default_rng(0))
    assert math.isnan(nothing.loss)  # nothing is left to score
    (one,) = Training(NoteRNN(4), TuneStream.of(TUNES), replace(recipe, unscored=5), np.random.default_rng(0))
    assert one.loss == pytest.approx(math.log(38), abs=0.5)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_training_resumed_elsewhere_has_the_same_end(cell):
    recipe = Recipe(updates=12, batch_size=4, crop_length=8, warmup=3, dropout=0.3)

    def begin(seed):
        torch.manual_seed(seed)
        return Training(NoteRNN((16, 5), cell=cell), TuneStream.of(TUNES), recipe, np.random.default_rng(seed))

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
    training = Training(
        NoteRNN((16, 5)), TuneStream.of(TUNES), Recipe(updates=1, dropout=0.5), np.random.default_rng(0)
    )
    assert evaluate(training.model, TUNES) == evaluate(training.model, TUNES)
    training.model.train()
    tokens = torch.ones(8, 2, dtype=torch.int64)
    assert not torch.equal(training.model(tokens)[0], training.model(tokens)[0])


def test_perplexity_of_guessing_is_the_number_of_tokens():
    assert HeldOut(math.log(38), 0.0, 1).perplexity == pytest.approx(38)


def training_of(recipe, seed=0, bars=None):
    torch.manual_seed(seed)
    return Training(NoteRNN(6), TuneStream.of(TUNES, bars), recipe, np.random.default_rng(seed))


def gradients_of(model, inputs, targets):
    """Of the mean negative log-likelihood of all targets that are not IGNORED."""
    log_probs = torch.log_softmax(model(inputs)[0], dim=-1)
    losses = [-log_probs[t, b, targets[t, b]] for t, b in (targets != IGNORED).nonzero().tolist()]
    loss = torch.stack(losses).mean()
    return loss.item(), torch.autograd.grad(loss, list(model.parameters()))


def norm_of(gradients):
    return math.sqrt(sum(gradient.square().sum().item() for gradient in gradients))


def test_each_update_descends_the_gradient_of_its_own_crops():
    """The gradient that is left after the second update is that of the second batch alone, and short enough."""
    training = training_of(Recipe(updates=2, batch_size=5, crop_length=9, unscored=2, max_grad_norm=100.0, warmup=0))
    batches = crop_batches(Tunes(TUNES), 5, 9, np.random.default_rng(0))
    updates = iter(training)
    for _ in range(2):
        before = copy.deepcopy(training.model)
        inputs, targets, _ = next(batches)
        targets[:2] = IGNORED
        loss, expected = gradients_of(before, inputs, targets)
        assert next(updates).loss == pytest.approx(loss, rel=1e-5)
        for parameter, gradient in zip(training.model.parameters(), expected, strict=True):
            torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("norm", [0.01, 0.1])
def test_longer_gradients_are_clipped_to_the_norm(norm):
    recipe = Recipe(updates=1, batch_size=5, crop_length=9, max_grad_norm=norm)
    training = training_of(recipe)
    _, whole = gradients_of(training.model, *next(crop_batches(Tunes(TUNES), 5, 9, np.random.default_rng(0)))[:2])
    assert norm_of(whole) > 2 * norm
    list(training)
    clipped = [parameter.grad for parameter in training.model.parameters()]
    assert norm_of(clipped) == pytest.approx(norm, rel=1e-3)
    for one, other in zip(clipped, whole, strict=True):
        torch.testing.assert_close(one, other * norm / norm_of(whole), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("recipe", "rate"),
    [
        (Recipe(updates=10, learning_rate=0.02, warmup=4), 0.005),
        (Recipe(updates=10, learning_rate=0.02, warmup=0), 0.02 * 0.5 * (1 + math.cos(math.pi / 10))),
        (Recipe(updates=10, learning_rate=0.02, warmup=0, schedule="exponential", decay=0.5), 0.02 * 0.5**0.001),
    ],
)
def test_adams_first_step_is_the_learning_rate_down_each_gradient(recipe, rate):
    training = training_of(replace(recipe, batch_size=5, crop_length=9, max_grad_norm=100.0))
    before = [parameter.detach().clone() for parameter in training.model.parameters()]
    update = next(iter(training))
    assert (update.number, update.learning_rate) == (1, pytest.approx(rate))
    for old, new in zip(before, training.model.parameters(), strict=True):
        is_steep = new.grad.abs() > 1e-5
        torch.testing.assert_close((new - old)[is_steep], -rate * new.grad.sign()[is_steep], rtol=0.01, atol=1e-6)


def test_weight_decay_pulls_weights_towards_zero():
    """Beta as large as 1e6 leaves nothing of the loss: Adam's first step goes down |weights|^2."""
    training = training_of(Recipe(updates=1, warmup=0, schedule="exponential", learning_rate=0.01, weight_decay=1e6))
    before = [parameter.detach().clone() for parameter in training.model.parameters()]
    list(training)
    for old, new in zip(before, training.model.parameters(), strict=True):
        torch.testing.assert_close(new, old - 0.01 * old.sign(), rtol=1e-3, atol=1e-6)


def test_noise_replaces_a_share_of_the_inputs_by_any_tokens_and_no_target():
    recipe = Recipe(updates=1, batch_size=1000, crop_length=9, warmup=0)
    seen = {}
    for noise in (0.0, 0.25):
        training = training_of(replace(recipe, noise=noise))
        training.model.register_forward_pre_hook(lambda model, given, noise=noise: seen.update({noise: given[0]}))
        loss = next(iter(training)).loss
        inputs, targets, _ = next(crop_batches(Tunes(TUNES), 1000, 9, np.random.default_rng(0)))
        expected, _ = gradients_of(training_of(recipe).model, seen[noise], targets)
        assert loss == pytest.approx(expected, rel=1e-5)
    assert torch.equal(seen[0.0], inputs)
    differs = seen[0.25] != inputs
    assert differs.float().mean().item() == pytest.approx(0.25 * 37 / 38, abs=0.01)
    shares = np.bincount(seen[0.25][differs], minlength=VOCABULARY_SIZE) / differs.sum().item()
    assert shares == pytest.approx(np.full(VOCABULARY_SIZE, 1 / VOCABULARY_SIZE), abs=0.02)


def test_adamw_shrinks_weights_apart_from_the_gradient():
    """By 1 - beta * rate, before Adam's own step."""
    recipe = Recipe(updates=1, batch_size=5, crop_length=9, warmup=0, learning_rate=0.01, max_grad_norm=100.0)
    plain, decayed = training_of(recipe), training_of(replace(recipe, optimizer="adamw", weight_decay=0.5))
    before = [parameter.detach().clone() for parameter in plain.model.parameters()]
    rate = next(iter(plain)).learning_rate
    list(decayed)
    for old, one, other in zip(before, plain.model.parameters(), decayed.model.parameters(), strict=True):
        torch.testing.assert_close(other, one - 0.5 * rate * old, rtol=1e-5, atol=1e-7)


def test_a_recipe_gives_batches_of_its_size_and_crops_of_its_length():
    training = training_of(Recipe(updates=3, batch_size=5, crop_length=9), bars=[Bars("3/8", 0)] * 3)
    calls = []
    training.model.register_forward_pre_hook(lambda model, given: calls.append((given[0].shape, model.training)))
    assert [update.number for update in training] == [1, 2, 3]
    assert calls == [((9, 5), True)] * 3


def test_training_crops_begin_on_the_given_bar_lines():
    training = training_of(
        Recipe(updates=40, batch_size=20, crop_length=6), bars=[Bars("5/16", 0), Bars("7/16", 0), Bars("5/8", 0)]
    )
    second = []
    training.model.register_forward_pre_hook(lambda model, given: second.extend(given[0][1].tolist()))
    list(training)
    # the first of each bar; a crop of six begins at most three tokens before the end
    assert set(second) == {2, 7, 12, 17, 30, 24}


def test_a_network_with_lookback_learns_and_is_scored_by_the_bars_of_each_tune():
    """A tune that repeats its bar of six steps, in 3/8, and one in 2/4 with a bar of eight: the lag of a bar copies."""
    rng = np.random.default_rng(0)
    motifs = [(6, Bars("3/8", 0)), (8, Bars("2/4", 0))]
    tunes = [np.tile(rng.integers(2, 38, size=size), 5) for size, _ in motifs for _ in range(30)]
    bars = [each for _, each in motifs for _ in range(30)]
    torch.manual_seed(0)
    model = NoteRNN(16, lookback=Lookback(lags=(1,)))
    recipe = Recipe(updates=150, batch_size=16, crop_length=40, learning_rate=0.02, warmup=10)
    list(Training(model, TuneStream.of(tunes, bars), recipe, np.random.default_rng(0)))
    unheard = [np.tile(rng.integers(2, 38, size=size), 5) for size, _ in motifs for _ in range(10)]
    of_unheard = [each for _, each in motifs for _ in range(10)]
    assert evaluate(model, unheard, of_unheard).accuracy > 0.95
    assert evaluate(model, unheard, of_unheard[::-1]).accuracy < 0.5
    scores = token_scores(model, unheard, of_unheard)
    assert [score.shape for score in scores] == [(30, 2)] * 10 + [(40, 2)] * 10
    for tune, each, score in zip(unheard, of_unheard, scores, strict=True):
        log_probs = model.in_meter(each.meter).log_probs([[NO_EVENT, *tune[:-1]]])[0].numpy()
        assert score[:, 0] == pytest.approx(-log_probs[np.arange(len(tune)), tune], rel=1e-3, abs=1e-5)


def test_what_is_scored_between_updates_changes_none_of_them():
    """Dropout goes on after a score, and the score itself is of the whole network."""
    recipe = Recipe(updates=6, batch_size=4, crop_length=8, dropout=0.5, warmup=0)
    unscored = [update.loss for update in training_of(recipe)]
    training, scored = training_of(recipe), []
    for update in training:
        scored.append(update.loss)
        evaluate(training.model, TUNES)
        assert not training.model.training
    assert scored == unscored
    assert scored != [update.loss for update in training_of(replace(recipe, dropout=0.0))]
