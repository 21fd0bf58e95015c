"""Pretraining by several processes: the curve of one with the same batches."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from note_rnn import InputError, load_note_rnn, read_model_card
from note_rnn.corpus import Corpus, write_corpus
from note_rnn.extraction.tunes import Bars
from note_rnn.pretraining import processes, recipe
from note_rnn.pretraining.config import RECIPES, PretrainConfig
from note_rnn.pretraining.crops import Crops
from note_rnn.pretraining.processes import ALONE, Processes, joined_processes


@pytest.fixture
def config(tmp_path):
    rng = np.random.default_rng(0)
    segments = [rng.choice([2, 4, 6, 7, 9], rng.integers(20, 300)).astype(np.int8) for _ in range(90)]
    names = [f"mine/{n}" for n in range(90)]
    corpus = Corpus(segments, np.arange(90), [""] * 90, names, [{}], [Bars("4/4", 0)] * 90)
    write_corpus(corpus, tmp_path / "mine.npz")
    return PretrainConfig(
        out=tmp_path / "one",
        collections=(str(tmp_path / "mine.npz"),),
        hidden_size=(20,),
        updates=30,
        log_dir=tmp_path / "log",
        device="cpu",
    )


def curve(folder, tag):
    return [event.value for event in EventAccumulator(str(folder)).Reload().Scalars(tag)]


def test_two_processes_have_the_curve_of_one(config, tmp_path):
    """Each update and each score within 1e-3, and one card and one set of curves."""
    recipe.pretrain(config)
    options = ["--collections", *config.collections, "--hidden-size", "20", "--updates", "30", "--device", "cpu"]
    options += ["--log-dir", str(tmp_path / "log2"), "--out", str(tmp_path / "two")]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*torchrun, "-m", "note_rnn.pretrain", *options],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Held-out tunes") == done.stdout.count("Saved ") == 1
    assert len(list((tmp_path / "log2").iterdir())) == 1
    for tag in ("train/nats_per_token", "validation/nats_per_token"):
        one, two = (curve(tmp_path / name, tag) for name in ("log", "log2"))
        assert len(one) == 30
        assert two == pytest.approx(one, abs=1e-3)
    cards = [read_model_card(tmp_path / name) for name in ("one", "two")]
    assert cards[0]["corpus"] == cards[1]["corpus"]
    assert "2 processes on cpu" in cards[1]["machine"]
    assert not list(tmp_path.glob("*.training.pt"))


def test_if_the_first_process_ends_the_others_say_so(monkeypatch):
    def ended():
        raise RuntimeError("connection closed by peer")

    monkeypatch.setattr(processes.distributed, "barrier", ended)
    with (
        pytest.raises(InputError, match="The first process has ended: see its message"),
        Processes(1, 2).first_one_first(),
    ):
        pytest.fail("the body ran")


def test_shares_are_all_of_a_batch_once():
    bars = [Bars("4/4", n) for n in range(5)]
    crops = Crops(torch.arange(10).reshape(2, 5), torch.arange(10, 20).reshape(2, 5), bars)
    parts = [crops.part(Processes(rank, 2).share) for rank in range(2)]
    assert [part.inputs.tolist() for part in parts] == [[[0, 2, 4], [5, 7, 9]], [[1, 3], [6, 8]]]
    assert [part.targets.tolist() for part in parts] == [[[10, 12, 14], [15, 17, 19]], [[11, 13], [16, 18]]]
    assert [[each.pickup for each in part.bars] for part in parts] == [[0, 2, 4], [1, 3]]
    assert crops._replace(bars=None).part(slice(1)).bars is None


def test_a_process_by_itself_is_the_first_and_shares_with_nobody():
    assert ALONE.is_first
    total = torch.ones(3)
    ALONE.add([total])
    assert total.tolist() == [1, 1, 1]
    assert ALONE.from_first(lambda: [1.0, 2.0]) == [1.0, 2.0]
    with ALONE.first_one_first():
        pass
    assert not Processes(1, 2).is_first


def test_more_processes_than_crops_are_one_sentence(config, monkeypatch):
    monkeypatch.setattr(processes.distributed, "barrier", lambda: None)
    trained = replace(config, recipe="strong")
    size = RECIPES["strong"].training.batch_size
    with pytest.raises(InputError, match=f"{size + 1} processes cannot share batches of {size} crops"):
        recipe._trained(trained, {}, Processes(0, size + 1))


def test_a_gpu_that_is_not_there_is_one_sentence(config, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    sentence = "--device cuda needs a GPU, and PyTorch finds none on this machine: use --device cpu."
    with pytest.raises(InputError, match=sentence):
        recipe.pretrain(replace(config, device="cuda"))
    with joined_processes("auto") as alone:
        assert alone == ALONE


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU that PyTorch can use")
@pytest.mark.parametrize("name", ["strong", "lookback"])
def test_a_gpu_has_the_curve_of_the_cpu(config, tmp_path, name):
    config = replace(config, recipe=name, dropout=0.0)
    recipe.pretrain(config)
    recipe.pretrain(replace(config, device="cuda", out=tmp_path / "gpu", log_dir=tmp_path / "log2"))
    one, other = (curve(tmp_path / folder, "train/nats_per_token") for folder in ("log", "log2"))
    assert other == pytest.approx(one, abs=1e-3)
    assert "on cuda" in read_model_card(tmp_path / "gpu")["machine"]
    assert load_note_rnn(tmp_path / "gpu.safetensors").head.weight.is_cpu
