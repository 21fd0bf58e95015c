"""What several tests share."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tensorboard.summary.writer import event_file_writer
from threadpoolctl import threadpool_limits

import agents.callbacks
from agents import train
from note_rnn import NoteRNN, save_note_rnn
from note_rnn.corpus import corpora

# Networks and matrices this small are slower with more threads, much slower on a busy machine.
torch.set_num_threads(1)
threadpool_limits(1)
# TensorBoard reads the files of one second in the order of their names: their numbers must be of equal length.
event_file_writer._global_uid = SimpleNamespace(get=count(100_000).__next__)


@pytest.fixture(scope="session", autouse=True)
def no_tune_books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing in the user's cache: no test may depend on whether the tune books have been read on this machine."""
    empty = str(tmp_path_factory.mktemp("cache"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpora, "user_cache_dir", lambda name: empty)
        yield


@pytest.fixture(scope="session")
def small_prior() -> NoteRNN:
    """A Note RNN of 12 units with random weights."""
    torch.manual_seed(0)
    return NoteRNN(hidden_size=12).eval().requires_grad_(False)


@pytest.fixture(scope="session")
def small_prior_file(small_prior: NoteRNN, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, saved."""
    return save_note_rnn(small_prior, tmp_path_factory.mktemp("prior") / "small")


@pytest.fixture(scope="session")
def small_runs(small_prior_file: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two finished runs from the same Note RNN, Q and policy gradient, that took a second and play fast."""
    settings = {"total_timesteps": 512, "n_envs": 8, "evaluations": 2, "checkpoints": 1, "compositions": 20}
    q = {"learning_starts": 256, "batch_size": 4, "buffer_size": 512}
    runs = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "WRITTEN_PIECES", 0)
        patch.setattr(agents.callbacks, "show_pieces", lambda *arguments: None)
        for algo, own in (("q", q), ("ppo_kl", {})):
            folder = tmp_path_factory.mktemp("runs") / algo
            changes = {"prior": str(small_prior_file), "run_dir": folder, "tempo": 480, "device": "cpu"}
            runs.append(train.train(train.TrainConfig.of(algo, **settings, **changes, **own)))
    return runs
