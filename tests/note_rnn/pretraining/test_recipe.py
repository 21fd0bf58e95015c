"""The pretraining command: weights with a model card, curves, and the table beside n-grams."""

import re
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from note_rnn import CheckpointError, load_note_rnn, pretrain, read_model_card, run_command
from note_rnn.common.command_line import named
from note_rnn.common.errors import InputError
from note_rnn.corpus import Corpus, CorpusError, Shards, read_corpus, split, write_corpus
from note_rnn.extraction.tune_files import Reading
from note_rnn.extraction.tunes import Bars
from note_rnn.pretraining import early_stopping, recipe
from note_rnn.pretraining.config import RECIPES, NetworkRecipe, PretrainConfig
from note_rnn.pretraining.early_stopping import write_state
from note_rnn.pretraining.ngram import ngram_references
from note_rnn.pretraining.parts import Parts, Size, TrainingTunes
from note_rnn.pretraining.trainer import FINE_TUNING, PAPER, HeldOut, Recipe, Training, evaluate


def scales(first: int, number: int) -> Corpus:
    """A corpus of two collections with `number` tunes in all, each a scale of 24 notes up from another pitch."""
    tunes = [np.arange(24, dtype=np.int8) + 2 + (first + i) % 12 for i in range(number)]
    titles = [f"Scale {first + i}" for i in range(number)]
    sources = [f"{('even', 'odd')[i % 2]}/{title}" for i, title in enumerate(titles)]
    return Corpus(tunes, np.arange(number), titles, sources, [{"collection": "scales"}])


def parts_of(train: Corpus) -> Parts:
    """All tunes of `train`, and others to score on."""
    everything = [np.ones(len(train.titles), np.bool_)]
    tunes = TrainingTunes(Shards.of(train), everything, [Size.of(train)], None)
    return Parts(tunes, scales(3, 2), scales(7, 2))


@pytest.fixture
def small_corpus(monkeypatch):
    monkeypatch.setattr(recipe, "open_corpus", lambda collections, reading: Shards.of(scales(0, 12)))
    monkeypatch.setattr(recipe, "split_shards", lambda shards, meter: parts_of(shards.whole()))


@pytest.fixture
def config(tmp_path):
    return PretrainConfig(
        out=tmp_path / "prior", hidden_size=(8,), updates=60, log_dir=tmp_path / "log", collections=("scales",)
    )


def test_writes_weights_card_and_curves(small_corpus, config, tmp_path, capsys):
    path = recipe.pretrain(config)
    card = read_model_card(path)
    assert card["architecture"] == {"hidden_size": [8], "cell": "lstm"}
    assert card["corpus"]["split"]["train"] == {"tunes": 12, "segments": 12, "tokens": 288}
    assert card["recipe"] | {"updates": 60, "seed": 0, "name": "strong"} == card["recipe"]
    assert card["metrics"]["test"]["tokens"] == 2 * (24 - 8)
    assert [row["name"] for row in card["references"]][:3] == ["unigram", "bigram", "5-gram"]
    score = recipe.trainer.evaluate(load_note_rnn(path), scales(3, 2).segments)
    assert score.nats == pytest.approx(card["metrics"]["validation"]["nats"], rel=1e-5)  # the best one is kept
    events = EventAccumulator(str(tmp_path / "log"))
    events.Reload()
    page = (Path(__file__).parents[3] / "docs" / "tensorboard.md").read_text(encoding="utf-8")
    curves = re.findall(r"^\| `(.*?)`", page.partition("## Pretraining")[2], re.MULTILINE)
    assert sorted(curves) == sorted(events.Tags()["scalars"])
    assert "Note RNN" in capsys.readouterr().out
    assert not list(tmp_path.glob("*.training.pt"))


def test_each_collection_has_figures_of_its_own(small_corpus, config, capsys):
    path = recipe.pretrain(config)
    metrics = read_model_card(path)["metrics"]
    model, test = load_note_rnn(path), scales(7, 2)
    for number, name in enumerate(("even", "odd")):
        score = recipe.trainer.evaluate(model, test.segments[number : number + 1])
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

    monkeypatch.setattr(recipe, "write_state", write)


@pytest.mark.parametrize("sizes", [{}, {"hidden_size": (20, 9), "dropout": 0.2}, {"cell": "gru"}])
def test_an_interrupted_training_goes_on_to_the_same_end(small_corpus, config, sizes, tmp_path, monkeypatch):
    config = replace(config, updates=12, **sizes)
    whole = read_model_card(recipe.pretrain(replace(config, out=tmp_path / "whole", log_dir=tmp_path / "log_whole")))
    with monkeypatch.context() as patched:
        interrupted_after(7, patched)
        with pytest.raises(KeyboardInterrupt):
            recipe.pretrain(config)
    assert not (tmp_path / "prior.safetensors").exists()
    with SummaryWriter(config.log_dir) as writer:  # as of an update after the last state, which was lost
        writer.add_scalar("train/nats_per_token", 99.0, 8)
    card = read_model_card(recipe.pretrain(PretrainConfig(resume=config.out)))
    assert {**card, "cpu_seconds": 0} == {**whole, "cpu_seconds": 0}  # the weights' checksum too
    curves = [EventAccumulator(str(tmp_path / name)).Reload() for name in ("log", "log_whole")]
    events = [curve.Scalars("train/nats_per_token") for curve in curves]
    losses = [[(event.step, event.value) for event in of_one] for of_one in events]
    assert losses[0] == losses[1]
    with pytest.raises(CheckpointError, match="no interrupted training to resume"):
        recipe.pretrain(PretrainConfig(resume=config.out))


def test_an_interrupted_training_is_not_written_over(small_corpus, config, monkeypatch, capsys):
    interrupted_after(2, monkeypatch)
    monkeypatch.setattr(pretrain, "parse", lambda *_: config)
    stopped = r"Stopped; resume with: melody-rl pretrain --resume .*prior"
    with named("melody-rl pretrain"), pytest.raises(SystemExit, match=stopped):
        pretrain.main()
    with pytest.raises(InputError, match=r"prior\.training\.pt belongs to an interrupted training"):
        recipe.pretrain(config)
    config.state_path.write_bytes(config.state_path.read_bytes()[:-500])
    with pytest.raises(CheckpointError, match=r"prior\.training\.pt is damaged"):
        recipe.pretrain(PretrainConfig(resume=config.out))


def test_training_ends_when_it_gets_no_better(small_corpus, config, monkeypatch, capsys):
    scores = iter([3.0, 2.0, 2.5, 2.0, 2.1, 1.0])
    monkeypatch.setattr(early_stopping, "evaluate", lambda *given: HeldOut(next(scores), 0.5, 10))
    card = read_model_card(recipe.pretrain(replace(config, patience=3)))
    assert card["training"] == {"best_update": 4, "last_update": 10}  # scored every 2 updates
    assert card["metrics"]["validation"]["nats"] == 2.0
    assert "Stopped early: no new best since update 4." in capsys.readouterr().err


def test_goes_on_from_a_network_with_its_sizes(small_corpus, config, tmp_path):
    first = recipe.pretrain(config)
    longer = replace(
        config, out=tmp_path / "longer", start_from=str(first), hidden_size=(5,), recipe="finetune", updates=1
    )
    card = read_model_card(recipe.pretrain(longer))
    assert card["architecture"]["hidden_size"] == [8]
    assert card["started_from"] == read_model_card(first)["checksum"] != card["checksum"]
    assert card["metrics"]["validation"]["nats"] < 1.2 * read_model_card(first)["metrics"]["validation"]["nats"]


def test_tunes_are_read_as_the_options_say(small_corpus, config, monkeypatch, capsys):
    readings = []
    monkeypatch.setattr(
        recipe, "open_corpus", lambda collections, reading: readings.append(reading) or Shards.of(scales(0, 12))
    )
    options = ["--updates", "1", "--hidden-size", "8", "--log-dir", str(config.log_dir), "--out"]
    pretrain.main([*options, str(config.out)])
    pretrain.main([*options, str(config.out.with_name("other")), "--off-grid", "cut", "--repeats", "unfold"])
    assert readings == [Reading(), Reading("cut", "unfold")]


def test_a_meter_is_learned_from_its_tunes_and_bar_lines_alone(config, monkeypatch):
    rng = np.random.default_rng(0)
    tunes = [rng.integers(2, 38, 40).astype(np.int8) for _ in range(60)]
    bars = [Bars("4/4", 3) if number % 2 else Bars("6/8", 0) for number in range(60)]
    corpus = Corpus(tunes, np.arange(60), [""] * 60, [f"book/{n}" for n in range(60)], [{}], bars)
    monkeypatch.setattr(recipe, "open_corpus", lambda collections, reading: Shards.of(corpus))
    learned = []
    monkeypatch.setattr(recipe.trainer, "Training", lambda *given: learned.append(given) or Training(*given))
    card = read_model_card(recipe.pretrain(replace(config, meter="2/4", updates=1)))
    expected = split(corpus, among=np.arange(60) % 2 == 1).train
    segments, of_segments = learned[0][1].read(0)
    assert [tune.tolist() for tune in segments] == [
        tune[3:].tolist() for tune, each in zip(expected.segments, expected.bars, strict=True) if each.meter == "4/4"
    ]
    assert of_segments == [Bars("4/4", 0)] * len(segments)
    assert card["corpus"]["meter"] == "2/4"
    assert sum(part["tokens"] for part in card["corpus"]["split"].values()) == 30 * 37


def test_three_tunes_in_the_meter_are_enough_and_two_are_told(config, monkeypatch):
    rng = np.random.default_rng(0)
    tunes = [rng.integers(2, 38, 40).astype(np.int8) for _ in range(30)]
    names = [f"book/{number}" for number in range(30)]
    meters = [Bars("6/8" if number < 3 else "5/4" if number < 5 else "4/4", 1) for number in range(30)]
    corpus = Corpus(tunes, np.arange(30), [""] * 30, names, [{"collection": "book"}], meters)
    monkeypatch.setattr(recipe, "open_corpus", lambda collections, reading: Shards.of(corpus))
    card = read_model_card(recipe.pretrain(replace(config, meter="6/8", updates=1)))
    assert [part["tokens"] for part in card["corpus"]["split"].values()] == [39, 39, 39]
    sentence = (
        r"^Too few tunes are in a meter like 5/4\. Training, validation and test need a tune each, of which none is a "
        r"variant of another; there are 2: add a collection\.$"
    )
    with pytest.raises(CorpusError, match=sentence):
        recipe.pretrain(replace(config, meter="5/4"))


def test_music_of_ones_own_has_its_own_terms(small_corpus, config, monkeypatch):
    path = recipe.pretrain(replace(config, collections=("mine.npz", "bach"), updates=1))
    terms = read_model_card(path)["corpus"]["collections"]
    assert terms["mine.npz"].startswith("your own files")
    assert "music21" in terms["bach"]


def trained(config, path, **changes):
    """The weights of a training with `changes`, in order of name."""
    model = load_note_rnn(recipe.pretrain(replace(config, out=path, **changes)))
    return torch.cat([tensor.flatten() for _, tensor in sorted(model.state_dict().items())])


def test_the_seed_decides_the_first_weights_and_the_crops(small_corpus, config, tmp_path):
    """After one update, of a rate of 4e-5 in Adam, weights are almost what they were at first."""
    one, again, other = (trained(config, tmp_path / str(n), updates=1, seed=seed) for n, seed in enumerate((1, 1, 2)))
    assert torch.equal(one, again)
    assert (one - other).abs().max() > 0.1
    same_start = {"start_from": str(tmp_path / "0"), "updates": 3}
    one, again, other = (
        trained(config, tmp_path / f"on{n}", seed=seed, **same_start) for n, seed in enumerate((1, 1, 2))
    )
    assert torch.equal(one, again)
    assert 0 < (one - other).abs().max() < 0.01


def test_the_command_trains_as_its_options_say(tmp_path, monkeypatch, capsys):
    """Tunes in 4/4 after a pickup, of a corpus file, read from the bar line on."""
    rng = np.random.default_rng(0)
    segments = [np.concatenate([[30, 1, 1], rng.choice([2, 4, 6, 7, 9], 32)]).astype(np.int8) for _ in range(120)]
    names = [str(n) for n in range(120)]
    write_corpus(
        Corpus(segments, np.arange(120), names, names, [{"collection": "mine"}], [Bars("4/4", 3)] * 120),
        tmp_path / "mine.npz",
    )
    out = tmp_path / "priors" / "mine"
    options = {
        **{"--out": [out], "--recipe": ["paper"], "--meter": ["4/4"], "--collections": [tmp_path / "mine.npz"]},
        **{"--hidden-size": [6, 4], "--cell": ["gru"], "--dropout": [0.25], "--updates": [65], "--patience": [3]},
        **{"--seed": [5], "--log-dir": [tmp_path / "log"]},
    }
    arguments = [str(argument) for name, given in options.items() for argument in (name, *given)]
    monkeypatch.setattr(sys, "argv", ["pretrain", *arguments])
    run_command(pretrain.main)
    assert f"Saved {out}.safetensors" in capsys.readouterr().out
    card, model = read_model_card(out), load_note_rnn(out)
    assert (model.widths, model.cell) == ((6, 4), "gru")
    recipe = replace(PAPER, updates=65, dropout=0.25)
    assert card["recipe"] == {"name": "paper", "seed": 5, **asdict(recipe)}
    assert card["corpus"]["meter"] == "4/4"
    split_of = card["corpus"]["split"]
    assert sum(part["tunes"] for part in split_of.values()) == 120
    assert all(part["tokens"] == 32 * part["segments"] for part in split_of.values())
    assert card["started_from"] is None
    assert card["training"]["last_update"] <= 65
    # scored every second update: the best, and three that were not
    assert card["training"]["last_update"] in (65, card["training"]["best_update"] + 6)
    events = EventAccumulator(str(tmp_path / "log")).Reload()
    rates = [event.value for event in events.Scalars("train/learning_rate")]
    assert rates[:2] == pytest.approx([0.5 * 0.85**0.001, 0.5 * 0.85**0.002])
    assert [event.step for event in events.Scalars("validation/accuracy")][:3] == [2, 4, 6]
    for name, best in (("nats_per_token", "nats"), ("accuracy", "accuracy")):
        values = {event.step: event.value for event in events.Scalars(f"validation/{name}")}
        assert values[card["training"]["best_update"]] == pytest.approx(card["metrics"]["validation"][best])
    assert events.Scalars("train/nats_per_token")[0].value == pytest.approx(np.log(38), abs=0.5)
    parts = split(read_corpus(tmp_path / "mine.npz"))
    rows = ngram_references(*([segment[3:] for segment in part.segments] for part in parts))
    assert card["references"] == [row._asdict() for row in rows]
    assert card["training"]["best_update"] < card["training"]["last_update"]
    for name in ("validation", "test"):  # of the best weights, which are not the last
        score = evaluate(model, [segment[3:] for segment in getattr(parts, name).segments])
        assert card["metrics"][name]["nats"] == pytest.approx(score.nats)


@pytest.mark.parametrize("given", [{"hidden_size": (7,), "num_layers": 2}, {"hidden_size": (7,), "cell": "gru"}])
def test_layers_and_cells_are_as_given(small_corpus, config, given):
    model = load_note_rnn(recipe.pretrain(replace(config, updates=1, **given)))
    assert (model.widths, model.cell) == ((7,) * given.get("num_layers", 1), given.get("cell", "lstm"))


def test_it_runs_on_as_many_threads_as_it_is_given(small_corpus, config):
    try:
        card = read_model_card(recipe.pretrain(replace(config, updates=1, threads=2)))
        assert torch.get_num_threads() == 2
        assert card["machine"].endswith(", 2 thread(s)")
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize(("name", "recipe"), [("strong", Recipe()), ("paper", PAPER), ("finetune", FINE_TUNING)])
def test_a_recipe_is_changed_only_where_something_else_is_given(config, name, recipe):
    plain = replace(config, recipe=name, updates=None)
    assert plain.training_recipe() == recipe
    assert replace(plain, updates=7, dropout=0.1).training_recipe() == replace(recipe, updates=7, dropout=0.1)


def test_each_field_of_a_recipe_decides_the_weights(small_corpus, config, tmp_path, monkeypatch):
    quick = Recipe(updates=4, batch_size=3, crop_length=12, learning_rate=0.01, warmup=1, max_grad_norm=0.5)
    changes = {
        **{"updates": 5, "batch_size": 4, "crop_length": 10, "learning_rate": 0.02, "warmup": 3, "decay": 0.5},
        **{"schedule": "exponential", "weight_decay": 0.1, "max_grad_norm": 0.1, "dropout": 0.5, "unscored": 3},
        "optimizer": "adamw",
        "noise": 0.3,
    }
    assert set(changes) == set(asdict(quick))
    found = {}
    for name, value in {"nothing": None, **changes}.items():
        change = {} if name == "nothing" else {name: value}
        if name == "decay":
            change["schedule"] = "exponential"
        if name == "optimizer":
            change["weight_decay"] = 0.1
        monkeypatch.setitem(RECIPES, "strong", NetworkRecipe(replace(quick, **change)))
        found[name] = trained(config, tmp_path / name, updates=None, patience=30).numpy().tobytes()
    assert len(set(found.values())) == len(found)


def test_seconds_before_an_interruption_count(small_corpus, config, monkeypatch):
    with monkeypatch.context() as patched:
        interrupted_after(2, patched)
        with pytest.raises(KeyboardInterrupt):
            recipe.pretrain(config)
    state = early_stopping.read_state(config.state_path)
    assert 0 <= state["cpu_seconds"] < 100
    write_state(config.state_path, {**state, "cpu_seconds": 1000.0})
    card = read_model_card(recipe.pretrain(PretrainConfig(resume=config.out)))
    assert 1000 <= card["cpu_seconds"] < 1100


def test_paper_recipe_is_the_papers():
    paper = RECIPES["paper"].training
    assert (paper.updates, paper.batch_size, paper.max_grad_norm, paper.unscored) == (30_000, 128, 5.0, 8)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"hidden_size": (12, 0)}, "--hidden-size must be at least 1, not 0."),
        ({"hidden_size": ()}, "--hidden-size needs at least one number."),
        ({"num_layers": 0}, "--num-layers must be at least 1, not 0."),
        ({"patience": 0}, "--patience must be at least 1, not 0."),
        ({"threads": 0}, "--threads must be at least 1, not 0."),
        ({"updates": 0}, "--updates must be at least 1, not 0."),
        ({"dropout": 1.0}, "at least 0 and below 1"),
    ],
)
def test_impossible_sizes_are_refused(config, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        recipe.pretrain(replace(config, **changes))


def test_unknown_collection_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["pretrain", "--out", str(tmp_path / "prior"), "--collections", "nonsense"])
    with pytest.raises(SystemExit, match="2"):
        run_command(pretrain.main)
    assert "music21 has no collection 'nonsense'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_corpus_error_is_bad_input():
    assert issubclass(CorpusError, InputError)
