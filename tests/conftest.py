"""What several tests share."""

from pathlib import Path

import pytest
import torch

from note_rnn import NoteRNN, save_note_rnn

torch.set_num_threads(1)  # networks this small are slower with more, much slower on a busy machine


@pytest.fixture(scope="session")
def small_prior() -> NoteRNN:
    """A Note RNN of 12 units with random weights."""
    torch.manual_seed(0)
    return NoteRNN(hidden_size=12).eval().requires_grad_(False)


@pytest.fixture(scope="session")
def small_prior_file(small_prior: NoteRNN, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, saved."""
    return save_note_rnn(small_prior, tmp_path_factory.mktemp("prior") / "small")
