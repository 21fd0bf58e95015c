from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from note_rnn import NoteRNN

Arrays = dict[str, npt.NDArray]


@pytest.fixture(scope="session")
def golden() -> Arrays:
    """What the original RL Tuner computes for 1,000 pieces of 32 tokens, made to cover the rules' corners."""
    with np.load(Path(__file__).parent / "rl_tuner_rewards.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="session")
def prior() -> NoteRNN:
    """A small Note RNN with random weights, large enough for its opinions to differ from note to note."""
    torch.manual_seed(0)
    model = NoteRNN(hidden_size=16)
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(4.0)
    return model.eval().requires_grad_(False)
