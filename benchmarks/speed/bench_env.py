"""Steps per second of the rules and the environment on one core, beside the limit of the processor.

The limit is the time of the two matrix products that a Note RNN of 100 units requires for B pieces:
[B, 138] x [138, 400] (input and state to gates) and [B, 100] x [100, 38] (state to logits), measured in the same run.
Beside it stands a Note RNN with lookback, of 128 units.
Tokens and the Note RNN's weights are random: the speed does not depend on them.

    taskset -c 0 python benchmarks/speed/bench_env.py
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from timing import best_time

from melody_env import (
    EnvironmentSpec,
    MelodyCompositionEnv,
    MelodyCompositionVectorEnv,
    MelodyEngine,
    MelodyVecEnv,
    RewardProfile,
    load_profile,
)
from melody_env.reward.composition import Composition
from note_rnn import VOCABULARY_SIZE, Lookback, NoteRNN
from note_rnn.common.csv_tables import write_csv

T = 32


def matrix_products(size: int) -> Callable[[], object]:
    """Return a function that computes the products for `size` pieces of `T` steps."""
    inputs, gates = torch.randn(size, 138), torch.randn(138, 400)
    hidden, logits = torch.randn(size, 100), torch.randn(100, VOCABULARY_SIZE)
    return lambda: [(inputs @ gates, hidden @ logits) for _ in range(T)]


@torch.inference_mode()
def run_note_rnn(prior: NoteRNN, tokens: torch.Tensor) -> None:
    """Feed `tokens` [T, B] to `prior`, step by step."""
    state = prior.zero_state(tokens.shape[1])
    for row in tokens:
        _, state = prior.step(row, state)


def score(profile: RewardProfile, actions: npt.NDArray[np.int64]) -> None:
    """Append `actions` [T, B] to a composition and score every token."""
    composition = Composition(actions.shape[1], T)
    for row in actions:
        composition.append(row)
        profile.music_theory(profile.score(composition))


def play(
    step: Callable[..., object], actions: npt.NDArray[np.int64], reset: Callable[[], object] | None = None
) -> None:
    """Play one piece of `actions` [T, ...]; no `reset` is needed for an environment that resets itself."""
    if reset:
        reset()
    for action in actions:
        step(action)


def subjects(size: int) -> dict[str, tuple[int, Callable[[], object]]]:
    """Return the subjects by name: the number of pieces in parallel and a function that composes them once."""
    actions = np.random.default_rng(0).integers(VOCABULARY_SIZE, size=(T, size))
    prior, profile = NoteRNN().eval().requires_grad_(False), load_profile("paper")
    calibrated, lookback = load_profile("calibrated"), NoteRNN(128, lookback=Lookback()).eval().requires_grad_(False)
    tokens = torch.from_numpy(actions)
    engine, scalar = MelodyEngine(size, EnvironmentSpec.of(prior=prior)), MelodyCompositionEnv(prior=prior)
    engine_lookback = MelodyEngine(size, EnvironmentSpec.of(prior=lookback))
    vector, sb3 = MelodyCompositionVectorEnv(size, prior=prior), MelodyVecEnv(size, prior=prior)
    vector.reset()
    sb3.reset()
    return {
        "matrix products (the limit)": (size, matrix_products(size)),
        "Note RNN": (size, lambda: run_note_rnn(prior, tokens)),
        "nine rules": (size, lambda: score(profile, actions)),
        "rules of `calibrated`": (size, lambda: score(calibrated, actions)),
        "engine: rules and log p": (size, lambda: play(engine.step, actions, engine.reset)),
        "Note RNN with lookback": (size, lambda: run_note_rnn(lookback, tokens)),
        "engine, with lookback": (size, lambda: play(engine_lookback.step, actions, engine_lookback.reset)),
        "MelodyCompositionVectorEnv": (size, lambda: play(vector.step, actions)),
        "MelodyVecEnv": (size, lambda: play(sb3.step, actions)),
        "MelodyCompositionEnv, one piece": (1, lambda: play(scalar.step, actions[:, 0], scalar.reset)),
    }


def main() -> None:
    """Print for each subject the microseconds per step of all pieces, and steps per second beside the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num-envs", type=int, default=256, metavar="B", help="pieces in lockstep (default 256)")
    parser.add_argument("--repeats", type=int, default=50, help="repetitions, of which the fastest counts (default 50)")
    parser.add_argument("--csv", type=Path, help="CSV file of the figures")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"B = {arguments.num_envs}, T = {T}, one thread, torch {torch.__version__}, numpy {np.__version__}\n")
    print(f"{'':32}{'us / step of all':>18}{'steps / s':>14}{'/ limit':>14}")
    limit = 0.0
    rows = []
    for name, (pieces, compose) in subjects(arguments.num_envs).items():
        seconds = best_time(compose, arguments.repeats) / T
        speed = pieces / seconds
        limit = limit or speed
        rows.append({"subject": name, "steps_per_second": round(speed), "share_of_limit": round(speed / limit, 3)})
        print(f"{name:32}{1e6 * seconds:18,.0f}{speed:14,.0f}{speed / limit:13.2g}x", flush=True)
    if arguments.csv is not None:
        write_csv(arguments.csv, rows)


if __name__ == "__main__":
    main()
