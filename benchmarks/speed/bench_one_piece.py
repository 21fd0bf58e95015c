"""Steps per second of one piece, as users step it, beside the same Note RNN written out in plain NumPy.

A round measures every subject once, for 20 pieces, in processor time; medians of all rounds are compared, so that the
ratios hold on a busy machine. NumPy's share is the least that a step can take: one product of [1, 100] x [100, 400],
one of [1, 100] x [100, 38], the gates and a softmax. `--limit` is the least speed of `gym.make`'s environment: below it
the exit status is 1.

    OMP_NUM_THREADS=1 python benchmarks/speed/bench_one_piece.py
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from stable_baselines3.common.env_util import make_vec_env
from timing import cpu_time

from melody_env import Composition, MelodyCompositionEnv, load_profile
from note_rnn import VOCABULARY_SIZE, NoteRNN, load_note_rnn
from note_rnn.common.csv_tables import write_csv

T = 32
PIECES = 20
Actions = npt.NDArray[np.int64]


def note_rnn_in_numpy(prior: NoteRNN, actions: Actions) -> Callable[[], None]:
    """Return a function that gives log p after each of `actions` [T] by `prior`, one LSTM layer."""
    weights = {name: tensor.numpy() for name, tensor in prior.state_dict().items()}
    of_token, w_hh = weights["lstm.weight_ih_l0"].T.copy(), weights["lstm.weight_hh_l0"]
    bias = weights["lstm.bias_ih_l0"] + weights["lstm.bias_hh_l0"]
    head, head_bias = weights["head.weight"], weights["head.bias"]
    size = w_hh.shape[1]

    def compose() -> None:
        hidden, cell = np.zeros((2, size), np.float32)
        for token in actions.tolist():
            gates = w_hh @ hidden + of_token[token] + bias
            gate_i, gate_f, gate_o = (1 / (1 + np.exp(-gates[first : first + size])) for first in (0, size, 3 * size))
            cell = gate_f * cell + gate_i * np.tanh(gates[2 * size : 3 * size])
            hidden = gate_o * np.tanh(cell)
            logits = head @ hidden + head_bias
            logits -= logits.max()
            logits -= np.log(np.exp(logits).sum())

    return compose


def score(actions: Actions) -> Callable[[], None]:
    """Return a function that scores every token of `actions` [T] by the nine rules."""
    profile = load_profile("paper")

    def compose() -> None:
        composition = Composition(1, T)
        for action in actions[:, None]:
            composition.append(action)
            profile.music_theory(profile.score(composition))

    return compose


def play(env: gym.Env[Any, Any], actions: Actions) -> Callable[[], None]:
    """Return a function that plays `actions` [T] in a Gymnasium environment."""

    def compose() -> None:
        env.reset()
        for action in actions:
            env.step(action)

    return compose


def subjects(actions: Actions) -> dict[str, Callable[[], object]]:
    """Return the subjects by name: functions that compose one piece of `actions` [T]."""
    of_sb3 = make_vec_env("MelodyComposition-v0", 1)
    of_sb3.reset()
    return {
        "Note RNN in plain NumPy": note_rnn_in_numpy(load_note_rnn(), actions),
        "nine rules": score(actions),
        "MelodyCompositionEnv": play(MelodyCompositionEnv(), actions),
        "gym.make": play(gym.make("MelodyComposition-v0"), actions),
        "SB3's make_vec_env, one piece": lambda: [of_sb3.step(action) for action in actions[:, None]],
    }


def main() -> None:
    """Print for each subject the microseconds per step, steps per second, and the share of NumPy's Note RNN."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, help="rounds (default 30)")
    parser.add_argument("--limit", type=float, default=0, help="least steps per second of gym.make's environment")
    parser.add_argument("--csv", type=Path, help="CSV file of the figures")
    arguments = parser.parse_args()
    measured = subjects(np.random.default_rng(0).integers(VOCABULARY_SIZE, size=T))
    rounds = [
        {name: cpu_time(compose, PIECES) / (PIECES * T) for name, compose in measured.items()}
        for _ in range(arguments.rounds + 1)
    ][1:]  # the first also fills caches
    print(f"one piece, T = {T}, medians of {arguments.rounds} rounds, numpy {np.__version__}\n")
    print(f"{'':32}{'us / step':>12}{'steps / s':>14}{'/ NumPy':>14}")
    rows = []
    for name in measured:
        seconds = median(each[name] for each in rounds)
        share = median(each["Note RNN in plain NumPy"] / each[name] for each in rounds)
        rows.append({"subject": name, "steps_per_second": round(1 / seconds), "share_of_numpy": round(share, 3)})
        print(f"{name:32}{1e6 * seconds:12.1f}{1 / seconds:14,.0f}{share:13.2g}x")
    if arguments.csv is not None:
        write_csv(arguments.csv, rows)
    if next(row["steps_per_second"] for row in rows if row["subject"] == "gym.make") < arguments.limit:
        sys.exit(1)


if __name__ == "__main__":
    main()
