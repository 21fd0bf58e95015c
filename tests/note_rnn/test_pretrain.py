"""The pretraining command: weights with a model card, curves, and the table beside n-grams."""

import sys

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from note_rnn import load_note_rnn, pretrain, read_model_card, run_command
from note_rnn.corpus import Corpus, CorpusError, Split
from note_rnn.errors import InputError


def scales(first: int, number: int) -> Corpus:
    """A corpus of `number` tunes, each a scale of 24 notes up from another pitch."""
    tunes = [np.arange(24, dtype=np.int8) + 2 + (first + i) % 12 for i in range(number)]
    titles = [f"Scale {first + i}" for i in range(number)]
    return Corpus(tunes, np.arange(number), titles, titles, [{"collection": "scales"}])


@pytest.fixture
def small_corpus(monkeypatch):
    monkeypatch.setattr(pretrain, "load_corpus", lambda collections: scales(0, 12))
    monkeypatch.setattr(pretrain, "split", lambda corpus: Split(corpus, scales(3, 2), scales(7, 2)))


def test_writes_weights_card_and_curves(small_corpus, tmp_path, capsys):
    config = pretrain.PretrainConfig(
        out=tmp_path / "prior", hidden_size=8, updates=60, log_dir=tmp_path / "log", collections=("scales",)
    )
    path = pretrain.pretrain(config)
    card = read_model_card(path)
    assert card["architecture"] == {"hidden_size": [8], "cell": "lstm"}
    assert card["corpus"]["split"]["train"] == {"tunes": 12, "segments": 12, "tokens": 288}
    assert card["recipe"] | {"updates": 60, "seed": 0, "name": "strong"} == card["recipe"]
    assert card["metrics"]["test"]["tokens"] == 2 * (24 - 8)
    assert [row["name"] for row in card["references"]][:2] == ["unigram", "bigram"]
    score = pretrain.training.evaluate(load_note_rnn(path), scales(3, 2).segments)
    assert score.nats == pytest.approx(card["metrics"]["validation"]["nats"], rel=1e-5)  # the best one is kept
    events = EventAccumulator(str(tmp_path / "log"))
    events.Reload()
    curves = {"train/nats_per_token", "train/learning_rate", "validation/nats_per_token", "validation/accuracy"}
    assert curves <= set(events.Tags()["scalars"])
    assert "Note RNN" in capsys.readouterr().out


def test_same_seed_same_weights(small_corpus, tmp_path):
    checksums = [
        read_model_card(
            pretrain.pretrain(
                pretrain.PretrainConfig(
                    out=tmp_path / str(number), hidden_size=4, updates=5, log_dir=tmp_path / "log", seed=seed
                )
            )
        )["checksum"]
        for number, seed in enumerate((3, 3, 4))
    ]
    assert checksums[0] == checksums[1] != checksums[2]


def test_paper_recipe_is_the_papers():
    recipe = pretrain.RECIPES["paper"]
    assert (recipe.updates, recipe.batch_size, recipe.max_grad_norm, recipe.unscored) == (30_000, 128, 5.0, 8)


def test_impossible_sizes_are_refused(tmp_path):
    with pytest.raises(InputError, match="must be at least 1"):
        pretrain.pretrain(pretrain.PretrainConfig(out=tmp_path / "prior", hidden_size=0))


def test_unknown_collection_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["pretrain", "--out", str(tmp_path / "prior"), "--collections", "nonsense"])
    with pytest.raises(SystemExit, match="2"):
        run_command(pretrain.main)
    assert "music21 has no collection 'nonsense'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_corpus_error_is_bad_input():
    assert issubclass(CorpusError, InputError)
