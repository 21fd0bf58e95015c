"""Fixtures of all tests."""

import json
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.summary.writer import event_file_writer
from threadpoolctl import threadpool_limits

from agents import train
from note_rnn import Lookback, NoteRNN, save_note_rnn
from note_rnn.corpus.collections import CACHE_VARIABLE

# Networks and matrices this small are slower with more threads, much slower on a busy machine.
torch.set_num_threads(1)
threadpool_limits(1)
# TensorBoard reads the files of one second in the order of their names: their numbers must be of equal length.
event_file_writer._global_uid = SimpleNamespace(get=count(100_000).__next__)


@pytest.fixture(scope="session", autouse=True)
def no_tune_books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An empty cache folder: no test may depend on whether the tune books have been read on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def small_prior() -> NoteRNN:
    """A Note RNN of 12 units with random weights."""
    torch.manual_seed(0)
    return NoteRNN(hidden_size=12).eval().requires_grad_(False)


@pytest.fixture(scope="session")
def lookback_prior() -> NoteRNN:
    """A Note RNN that looks back, of 16 units; its weights are random, those of bonuses and skip connection too."""
    torch.manual_seed(0)
    model = NoteRNN(16, lookback=Lookback((0.25, 0.5, 1))).eval().requires_grad_(False)
    for weights in model.parameters():
        weights.normal_(0, 0.4)
    return model


@pytest.fixture(scope="session")
def lookback_prior_file(lookback_prior: NoteRNN, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, saved."""
    return save_note_rnn(lookback_prior, tmp_path_factory.mktemp("prior") / "lookback")


@pytest.fixture(scope="session")
def small_prior_file(small_prior: NoteRNN, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, saved."""
    return save_note_rnn(small_prior, tmp_path_factory.mktemp("prior") / "small")


@pytest.fixture(scope="session")
def votes_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of votes on pairs of melodies of one bar."""
    rng = np.random.default_rng(0)
    setting = {"key": "C", "mode": "major", "meter": "4/4", "length": 16, "tempo": 120.0}
    votes = [
        {
            **{"left": "Note RNN", "right": "Q", "setting": setting, "preference": 1 + number % 5, "seconds": 2.0},
            **{f"{side}_melody": rng.integers(38, size=16).tolist() for side in ("left", "right")},
        }
        for number in range(12)
    ]
    path = tmp_path_factory.mktemp("votes") / "votes.json"
    path.write_text(json.dumps({"study": "abc", "session": "s", "models": ["Note RNN", "Q"], "votes": votes}))
    return path


@pytest.fixture(scope="session")
def small_runs(small_prior_file: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two finished runs from the same Note RNN, Q and policy gradient, that took a second and play fast."""
    sizes = {"total_timesteps": 512, "n_envs": 8, "evaluations": 2, "checkpoints": 1, "compositions": 20, "melodies": 0}
    q = {"learning_starts": 256, "batch_size": 4, "buffer_size": 512}
    runs = []
    for algo, own in (("q", q), ("ppo_kl", {})):
        folder = tmp_path_factory.mktemp("runs") / algo
        changes = {"prior": str(small_prior_file), "run_dir": folder, "tempo": 480, "device": "cpu"}
        runs.append(train.train(train.TrainConfig.of(algo, **sizes, **changes, **own)))
    return runs


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A Chromium without a window, where there is one."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[test]'")
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((found for name in names if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("There is no Chromium on this machine; on Debian: apt install chromium")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()
