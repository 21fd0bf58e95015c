"""The pretraining command: weights with a model card, curves, and the table beside n-grams."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from note_rnn import CheckpointError, early_stopping, load_note_rnn, pretrain, read_model_card, run_command
from note_rnn.corpus import Corpus, CorpusError, Split
from note_rnn.early_stopping import write_state
from note_rnn.errors import InputError
from note_rnn.training import HeldOut, Training
from note_rnn.tunes import Bars


def scales(first: int, number: int) -> Corpus:
    """A corpus of two collections with `number` tunes in all, each a scale of 24 notes up from another pitch."""
    tunes = [np.arange(24, dtype=np.int8) + 2 + (first + i) % 12 for i in range(number)]
    titles = [f"Scale {first + i}" for i in range(number)]
    sources = [f"{('even', 'odd')[i % 2]}/{title}" for i, title in enumerate(titles)]
    return Corpus(tunes, np.arange(number), titles, sources, [{"collection": "scales"}])


@pytest.fixture
def small_corpus(monkeypatch):
    monkeypatch.setattr(pretrain, "load_corpus", lambda collections: scales(0, 12))
    monkeypatch.setattr(pretrain, "split", lambda corpus: Split(corpus, scales(3, 2), scales(7, 2)))


@pytest.fixture
def config(tmp_path):
    return pretrain.PretrainConfig(
        out=tmp_path / "prior", hidden_size=(8,), updates=60, log_dir=tmp_path / "log", collections=("scales",)
    )


def test_writes_weights_card_and_curves(small_corpus, config, tmp_path, capsys):
    path = pretrain.pretrain(config)
    card = read_model_card(path)
    assert card["architecture"] == {"hidden_size": [8], "cell": "lstm"}
    assert card["corpus"]["split"]["train"] == {"tunes": 12, "segments": 12, "tokens": 288}
    assert card["recipe"] | {"updates": 60, "seed": 0, "name": "strong"} == card["recipe"]
    assert card["metrics"]["test"]["tokens"] == 2 * (24 - 8)
    assert [row["name"] for row in card["references"]][:3] == ["unigram", "bigram", "5-gram"]
    score = pretrain.training.evaluate(load_note_rnn(path), scales(3, 2).segments)
    assert score.nats == pytest.approx(card["metrics"]["validation"]["nats"], rel=1e-5)  # the best one is kept
    events = EventAccumulator(str(tmp_path / "log"))
    events.Reload()
    curves = {"train/nats_per_token", "train/learning_rate", "validation/nats_per_token", "validation/accuracy"}
    assert curves <= set(events.Tags()["scalars"])
    assert "Note RNN" in capsys.readouterr().out
    assert not list(tmp_path.glob("*.training.pt"))


def test_each_collection_has_figures_of_its_own(small_corpus, config, capsys):
    path = pretrain.pretrain(config)
    metrics = read_model_card(path)["metrics"]
    model, test = load_note_rnn(path), scales(7, 2)
    for number, name in enumerate(("even", "odd")):
        score = pretrain.training.evaluate(model, test.segments[number : number + 1])
        assert metrics["test_by_collection"][name] == pytest.approx({**score._asdict(), "perplexity": score.perplexity})
    nats = [score["nats"] for score in metrics["test_by_collection"].values()]
    assert metrics["test"]["nats"] == pytest.approx(np.mean(nats))  # as many tokens in each
    assert metrics["test"]["perplexity"] == pytest.approx(np.exp(metrics["test"]["nats"]))
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("unigram", "bigram", "5-gram", "even", "odd", "perplexity"))


def interrupted_after(scores: int, monkeypatch) -> None:
    """Let the next training be interrupted when it has been scored so often."""
    written = []

    def write(path, state):
        write_state(path, state)
        written.append(path)
        if len(written) == scores:
            raise KeyboardInterrupt

    monkeypatch.setattr(pretrain, "write_state", write)


@pytest.mark.parametrize("sizes", [{}, {"hidden_size": (20, 9), "dropout": 0.2}, {"cell": "gru"}])
def test_an_interrupted_training_goes_on_to_the_same_end(small_corpus, config, sizes, tmp_path, monkeypatch):
    config = replace(config, updates=12, **sizes)
    whole = read_model_card(pretrain.pretrain(replace(config, out=tmp_path / "whole", log_dir=tmp_path / "log_whole")))
    with monkeypatch.context() as patched:
        interrupted_after(7, patched)
        with pytest.raises(KeyboardInterrupt):
            pretrain.pretrain(config)
    assert not (tmp_path / "prior.safetensors").exists()
    card = read_model_card(pretrain.pretrain(pretrain.PretrainConfig(resume=config.out)))
    assert {**card, "cpu_seconds": 0} == {**whole, "cpu_seconds": 0}  # the weights' checksum too
    curves = [EventAccumulator(str(tmp_path / name)).Reload() for name in ("log", "log_whole")]
    events = [curve.Scalars("train/nats_per_token") for curve in curves]
    losses = [[(event.step, event.value) for event in of_one] for of_one in events]
    assert losses[0] == losses[1]
    with pytest.raises(CheckpointError, match="no interrupted training to go on with"):
        pretrain.pretrain(pretrain.PretrainConfig(resume=config.out))


def test_an_interrupted_training_is_not_written_over(small_corpus, config, monkeypatch, capsys):
    interrupted_after(2, monkeypatch)
    monkeypatch.setattr(pretrain.tyro, "cli", lambda kind: config)
    with pytest.raises(SystemExit, match=r"Stopped; go on with: python -m note_rnn\.pretrain --resume .*prior"):
        pretrain.main()
    with pytest.raises(InputError, match=r"prior\.training\.pt is of a training that was interrupted"):
        pretrain.pretrain(config)
    config.state_path.write_bytes(config.state_path.read_bytes()[:-500])
    with pytest.raises(CheckpointError, match=r"prior\.training\.pt is damaged"):
        pretrain.pretrain(pretrain.PretrainConfig(resume=config.out))


def test_training_ends_when_it_gets_no_better(small_corpus, config, monkeypatch, capsys):
    scores = iter([3.0, 2.0, 2.5, 2.0, 2.1, 1.0])
    monkeypatch.setattr(early_stopping, "evaluate", lambda model, tunes: HeldOut(next(scores), 0.5, 10))
    card = read_model_card(pretrain.pretrain(replace(config, patience=3)))
    assert card["training"] == {"best_update": 4, "last_update": 10}  # scored every 2 updates
    assert card["metrics"]["validation"]["nats"] == 2.0
    assert "No better since update 4: stopped." in capsys.readouterr().err


def test_goes_on_from_a_network_with_its_sizes(small_corpus, config, tmp_path):
    first = pretrain.pretrain(config)
    longer = replace(
        config, out=tmp_path / "longer", start_from=str(first), hidden_size=(5,), recipe="finetune", updates=1
    )
    card = read_model_card(pretrain.pretrain(longer))
    assert card["architecture"]["hidden_size"] == [8]
    assert card["started_from"] == read_model_card(first)["checksum"] != card["checksum"]
    assert card["metrics"]["validation"]["nats"] < 1.2 * read_model_card(first)["metrics"]["validation"]["nats"]


def test_a_meter_is_learned_from_its_tunes_and_bar_lines_alone(config, monkeypatch):
    def with_meters(corpus):
        return replace(corpus, bars=[Bars("4/4", 3) if i % 2 else Bars("6/8", 0) for i in range(len(corpus.titles))])

    parts = Split(*map(with_meters, (scales(0, 12), scales(3, 2), scales(7, 2))))
    monkeypatch.setattr(pretrain, "load_corpus", lambda collections: parts.train)
    monkeypatch.setattr(pretrain, "split", lambda corpus: parts)
    learned = []
    monkeypatch.setattr(pretrain.training, "Training", lambda *given: learned.append(given) or Training(*given))
    card = read_model_card(pretrain.pretrain(replace(config, meter="2/4", updates=1)))
    assert [tune.tolist() for tune in learned[0][1]] == [
        scales(0, 12).segments[i][3:].tolist() for i in range(1, 12, 2)
    ]
    assert learned[0][4] == [16] * 6
    assert card["corpus"]["meter"] == "2/4"
    assert card["corpus"]["split"]["test"] == {"tunes": 1, "segments": 1, "tokens": 21}
    with pytest.raises(CorpusError, match="Too few tunes are in a meter like 5/4"):
        pretrain.pretrain(replace(config, meter="5/4"))


def test_music_of_ones_own_has_its_own_terms(small_corpus, config, monkeypatch):
    path = pretrain.pretrain(replace(config, collections=("mine.npz", "bach"), updates=1))
    terms = read_model_card(path)["corpus"]["collections"]
    assert terms["mine.npz"].startswith("your own files")
    assert "music21" in terms["bach"]


def test_same_seed_same_weights(small_corpus, tmp_path):
    checksums = [
        read_model_card(
            pretrain.pretrain(
                pretrain.PretrainConfig(
                    out=tmp_path / str(number), hidden_size=(4,), updates=5, log_dir=tmp_path / "log", seed=seed
                )
            )
        )["checksum"]
        for number, seed in enumerate((3, 3, 4))
    ]
    assert checksums[0] == checksums[1] != checksums[2]


def test_paper_recipe_is_the_papers():
    recipe = pretrain.RECIPES["paper"]
    assert (recipe.updates, recipe.batch_size, recipe.max_grad_norm, recipe.unscored) == (30_000, 128, 5.0, 8)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"hidden_size": (0,)}, "must be at least 1"),
        ({"hidden_size": ()}, "must be at least 1"),
        ({"num_layers": 0}, "must be at least 1"),
        ({"patience": 0}, "must be at least 1"),
        ({"dropout": 1.0}, "at least 0 and below 1"),
    ],
)
def test_impossible_sizes_are_refused(config, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        pretrain.pretrain(replace(config, **changes))


def test_unknown_collection_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["pretrain", "--out", str(tmp_path / "prior"), "--collections", "nonsense"])
    with pytest.raises(SystemExit, match="2"):
        run_command(pretrain.main)
    assert "music21 has no collection 'nonsense'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_corpus_error_is_bad_input():
    assert issubclass(CorpusError, InputError)
