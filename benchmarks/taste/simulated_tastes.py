"""Tastes of simulated listeners: utilities of melodies, which the learner never sees.

Shapes: N melodies, T steps, R rules.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from agents.composing.pieces import compose_pieces
from agents.composing.players import NoteRNNPlayer
from agents.listening_study.learning import CANDIDATES, rule_sums
from melody_env import EnvironmentSpec, RewardProfile, Setting
from note_rnn import Tokens, load_note_rnn
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, VOCABULARY_SIZE

Floats = npt.NDArray[np.float64]
Utility = Callable[[Tokens], Floats]

SETTING = Setting()
STRENGTH = 2.0
"""Deviation of the utility among the Note RNN's pieces: the log-odds of two votes by the taste differ by as much."""
PLANTED = 5
"""Rules of a planted taste."""
HIDDEN = 24
"""Units of the hidden network of a taste."""


@dataclass(frozen=True)
class World:
    """The Note RNN, and a pool of its pieces to vote on."""

    environment: EnvironmentSpec
    pool: Tokens
    """[N, T]."""
    sums: Floats
    """[N, R]; of the rules."""

    @classmethod
    def of(cls, size: int) -> "World":
        """Return the world with `size` pieces."""
        environment = EnvironmentSpec(RewardProfile("none", ()), load_note_rnn(), "lookback")
        pool = compose_pieces(NoteRNNPlayer(), size, 1, environment).melodies
        return cls(environment, pool, rule_sums(pool, SETTING))


def linear_taste(world: World, seed: int) -> Utility:
    """Return a taste that is linear in a few rules, drawn by `seed`."""
    rng = np.random.default_rng(1_000 + seed)
    deviations = world.sums.std(axis=0)
    chosen = rng.choice(np.flatnonzero(deviations > 0.3), PLANTED, replace=False)
    weights = np.zeros(len(CANDIDATES))
    weights[chosen] = rng.normal(size=PLANTED) / deviations[chosen]
    weights *= STRENGTH / (world.sums @ weights).std()
    return lambda melodies: rule_sums(melodies, SETTING) @ weights


def outside_taste(world: World, seed: int) -> Utility:
    """Return a taste for a statistic that no rule computes: register, rise of the second half, or variety of pitch."""
    statistic = (register, rise, variety)[seed % 3]
    values = statistic(world.pool)
    return lambda melodies: STRENGTH * (statistic(melodies) - values.mean()) / values.std()


def network_taste(world: World, seed: int) -> Utility:
    """Return a taste by a hidden network, an LSTM whose weights are drawn by `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2_000 + seed)
        lstm, readout = torch.nn.LSTM(VOCABULARY_SIZE, HIDDEN), torch.randn(HIDDEN)
    for weights in lstm.parameters():
        weights.data *= 3  # far from linear

    @torch.no_grad()
    def output(melodies: Tokens) -> Floats:
        ones = torch.nn.functional.one_hot(torch.from_numpy(melodies.T.copy()), VOCABULARY_SIZE).float()
        return (lstm(ones)[0].mean(0) @ readout).double().numpy()

    values = output(world.pool)
    return lambda melodies: STRENGTH * (output(melodies) - values.mean()) / values.std()


def no_taste(world: World, seed: int) -> Utility:
    """Return no taste: every vote is by a coin."""
    return lambda melodies: np.zeros(len(melodies))


TASTES = {
    "linear in the rules": linear_taste,
    "outside the rules": outside_taste,
    "hidden network": network_taste,
    "noise": no_taste,
}


def register(melodies: Tokens) -> Floats:
    """Return the mean token [N] of the notes of `melodies` [N, T]."""
    notes = melodies >= FIRST_PITCH_TOKEN
    return (melodies * notes).sum(axis=1) / np.maximum(notes.sum(axis=1), 1)


def rise(melodies: Tokens) -> Floats:
    """Return by how much [N] the second half of `melodies` [N, T] is higher than the first."""
    half = melodies.shape[1] // 2
    return register(melodies[:, half:]) - register(melodies[:, :half])


def variety(melodies: Tokens) -> Floats:
    """Return the number [N] of different pitches in `melodies` [N, T]."""
    return np.array([len(np.unique(row[row >= FIRST_PITCH_TOKEN])) for row in melodies], np.float64)
