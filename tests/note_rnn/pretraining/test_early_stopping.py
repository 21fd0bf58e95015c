"""Early stopping: the best weights, the end of a training, and resuming without a difference."""

import copy

import numpy as np
import pytest
import torch

from note_rnn import CheckpointError, NoteRNN
from note_rnn.corpus import Corpus
from note_rnn.extraction.tunes import Bars
from note_rnn.pretraining import early_stopping
from note_rnn.pretraining.crops import TuneStream
from note_rnn.pretraining.early_stopping import ScoredTraining, read_state, write_state
from note_rnn.pretraining.trainer import HeldOut, Recipe, Training, evaluate

TUNES = [np.arange(2, 22), np.arange(30, 37), np.array([24] * 40)]
VALIDATION = Corpus([np.arange(5, 25)], np.zeros(1, int), ["scale"], ["scales/1"], bars=[Bars("6/8", 2)])


def begin(seed=0, updates=12, interval=2, patience=10):
    torch.manual_seed(seed)
    recipe = Recipe(updates=updates, batch_size=2, crop_length=6, warmup=0, learning_rate=0.05)
    training = Training(NoteRNN(5), TuneStream.of(TUNES), recipe, np.random.default_rng(seed))
    return ScoredTraining(training, VALIDATION, interval, patience)


def weights_of(model):
    return copy.deepcopy(model.state_dict())


def are_equal(one, other):
    return all(torch.equal(one[name], tensor) for name, tensor in other.items())


@pytest.fixture
def prescribed(monkeypatch):
    """Lets scores be prescribed, in nats; returns the list that gets the weights at each of them."""

    def let(*nats):
        scores, weights = iter(nats), []

        def score(model, tunes, bars):
            assert (tunes, bars) == (VALIDATION.segments, VALIDATION.bars)
            weights.append(weights_of(model))
            return HeldOut(next(scores), 0.1 * len(weights), 10)

        monkeypatch.setattr(early_stopping, "evaluate", score)
        return weights

    return let


def test_scores_are_those_of_the_validation_tunes_at_every_interval_and_at_the_end():
    scored = begin(updates=7, interval=3)
    found = [(update.number, score) for update, score in scored]
    assert [number for number, score in found if score is not None] == [3, 6, 7]
    assert [number for number, _ in found] == list(range(1, 8))
    assert found[-1][1] == evaluate(scored.training.model, VALIDATION.segments)


def test_the_weights_with_the_fewest_nats_are_kept(prescribed):
    weights = prescribed(3.0, 1.0, 2.0, 1.0, 4.0, 1.5)  # the accuracy is best at the end, the nats at the second
    scored = begin()
    list(scored)
    assert scored.best == HeldOut(1.0, 0.2, 10)
    assert scored.best_update == 4
    assert not are_equal(weights[1], weights[-1])
    scored.restore_best()
    assert are_equal(weights[1], scored.training.model.state_dict())


@pytest.mark.parametrize(
    ("patience", "nats", "last"),
    [(1, (3.0, 2.0, 2.0), 6), (2, (3.0, 2.0, 2.5, 1.9, 1.9, 2.0), 12), (2, (3.0, 2.0, 2.0, 2.1), 8)],
)
def test_training_ends_after_as_many_scores_in_a_row_that_were_not_the_best(prescribed, patience, nats, last):
    prescribed(*nats)
    scored = begin(patience=patience)
    list(scored)
    assert scored.training.number == last


@pytest.mark.parametrize("left_after", [2, 5, 6, 9])
def test_an_interrupted_training_resumes_to_the_same_end(prescribed, left_after, tmp_path):
    nats = [3.0, 1.0, 2.0, 2.5, 3.0, 0.1]  # ends at the fifth score, with patience for three
    prescribed(*nats)
    whole = begin(patience=3)
    losses = [update.loss for update, _ in whole]
    assert len(losses) == 10
    prescribed(*nats)
    left = begin(patience=3)
    before = []
    for update, _ in left:
        before.append(update.loss)
        if update.number == left_after:
            break
    write_state(tmp_path / "state.pt", left.state_dict())
    on = begin(seed=1, patience=3)
    on.load_state_dict(read_state(tmp_path / "state.pt"))
    prescribed(*nats[left_after // 2 :])
    assert before + [update.loss for update, _ in on] == losses
    assert on.best_update == whole.best_update == 4
    assert on.best.nats == whole.best.nats == 1.0
    whole.restore_best()
    on.restore_best()
    assert are_equal(on.training.model.state_dict(), whole.training.model.state_dict())


def test_a_state_that_is_missing_or_damaged_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no interrupted training to resume"):
        read_state(tmp_path / "state.pt")
    write_state(tmp_path / "state.pt", {"number": 3})
    assert read_state(tmp_path / "state.pt") == {"number": 3}
    (tmp_path / "state.pt").write_bytes(b"x" * 100)
    with pytest.raises(CheckpointError, match="is damaged"):
        read_state(tmp_path / "state.pt")
