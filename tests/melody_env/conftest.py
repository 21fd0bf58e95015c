"""Fixtures shared by the tests of the environment."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from melody_env import RewardProfile, Setting, WeightedRule, score_melodies
from note_rnn import NoteRNN
from note_rnn.primers import parse_notes

Arrays = dict[str, npt.NDArray]


@pytest.fixture(scope="session")
def golden() -> Arrays:
    """The original RL Tuner's rewards for 1,000 pieces of 32 tokens, chosen to cover corner cases of the rules."""
    with np.load(Path(__file__).parent / "rl_tuner_rewards.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="session")
def prior() -> NoteRNN:
    """A small Note RNN with random weights, large enough for log p to differ from note to note."""
    torch.manual_seed(0)
    model = NoteRNN(hidden_size=16)
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(4.0)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def usual_setting() -> Setting:
    """The setting of melodies for which a test names none; a module of tests can have another."""
    return Setting()


@pytest.fixture(scope="module")
def worth(usual_setting: Setting) -> Callable[..., list[float]]:
    """Return the value of a rule at each step of one melody, tokens or notes as `melody_text` writes them."""

    def worth(rule: str, melody: str | npt.ArrayLike, setting: Setting = usual_setting, **parameters) -> list[float]:
        tokens = parse_notes(melody) if isinstance(melody, str) else np.array(melody)
        profile = RewardProfile("one rule", (WeightedRule(rule, 1.0, parameters),))
        return score_melodies([tokens], profile, setting).rules[rule][0].tolist()

    return worth


@pytest.fixture(scope="module")
def rewarded(worth: Callable[..., list[float]]) -> Callable[..., dict[int, float]]:
    """Return the values of a rule that are not 0, by step."""

    def rewarded(*arguments, **parameters) -> dict[int, float]:
        return {t: value for t, value in enumerate(worth(*arguments, **parameters)) if value}

    return rewarded
