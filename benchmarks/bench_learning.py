"""Transitions per second that an agent learns on one core, beside nn.LSTM alone and the limit of the processor.

A transition counts once for each update that it is part of. Two limits are measured in the same run, for the same
minibatches: the matrix products that the forward and backward pass of an LSTM of 100 units requires, and PyTorch's
nn.LSTM with a linear head on dense one-hot input, forward and backward, without any learning around it. "update" is an
agent's whole update (sampling, both networks, returns, loss, clipping, Adam); "end to end" is all of `learn`, composing
and rewards included, with the algorithm's default hyperparameters except the minibatch.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/bench_learning.py
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from timing import best_time
from torch import nn

from agents.runs.config import TrainConfig
from agents.runs.presets import Algorithm
from melody_env import MelodyVecEnv
from note_rnn import VOCABULARY_SIZE, NoteRNN
from note_rnn.common.csv_tables import write_csv

T = 32
H = 100
F = VOCABULARY_SIZE + T + 1
"""Inputs: the token and the position, one-hot."""


def products(size: int) -> Callable[[], object]:
    """Return a function that computes the products of a forward and backward pass over `T` steps of `size` pieces."""
    inputs, gates, head = torch.randn(size, F + H), torch.randn(F + H, 4 * H), torch.randn(H, VOCABULARY_SIZE)
    hidden, d_gates, d_logits = torch.randn(size, H), torch.randn(size, 4 * H), torch.randn(size, VOCABULARY_SIZE)

    def run() -> None:
        for _ in range(T):
            _ = inputs @ gates, hidden @ head
            _ = d_gates @ gates[:H].T, inputs.T @ d_gates, d_logits @ head.T, hidden.T @ d_logits

    return run


def lstm_alone(size: int) -> Callable[[], object]:
    """Return a function that runs nn.LSTM with a linear head, forward and backward."""
    lstm, head, inputs = nn.LSTM(F, H), nn.Linear(H, VOCABULARY_SIZE), torch.randn(T, size, F)

    def run() -> None:
        outputs, _ = lstm(inputs)
        head(outputs).logsumexp(-1).mean().backward()

    return run


def agent(algo: Algorithm, size: int, prior: NoteRNN, **changes: Any) -> Any:
    """Return an agent of `algo` with minibatches of `size` pieces, after its first update."""
    config = TrainConfig.of(algo, batch_size=size, **changes)
    env = MelodyVecEnv(config.n_envs, **replace(config.environment(), prior=prior).arguments)
    model = config.agent.build(algo, env, prior, 0, "cpu")
    while not model._n_updates:
        model.learn(2 * T * config.n_envs, log_interval=None, reset_num_timesteps=False)
    return model


def learn(model: Any, steps: int) -> tuple[float, float]:
    """Train `model` for `steps` steps; return transitions per second of updates alone, and end to end."""
    train, updates, updating = model.train, model._n_updates, 0.0

    def timed(*arguments: Any, **keywords: Any) -> None:
        nonlocal updating
        started = time.perf_counter()
        train(*arguments, **keywords)
        updating += time.perf_counter() - started

    model.train = timed
    started = time.perf_counter()
    model.learn(steps, log_interval=None, reset_num_timesteps=False)
    seconds = time.perf_counter() - started
    learned = (model._n_updates - updates) * model.batch_size * T
    return learned / updating, learned / seconds


def main() -> None:
    """Print the transitions per second of each subject, for each minibatch size, beside the two limits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=40, help="repetitions, of which the fastest counts (default 40)")
    parser.add_argument("--steps", type=int, default=131_072, help="steps of the end-to-end runs (default 131,072)")
    parser.add_argument(
        "--minibatches", type=int, nargs="+", default=[32, 128], metavar="B", help="pieces per update (default 32 128)"
    )
    parser.add_argument("--num-envs", type=int, help="pieces composed in lockstep (default: the algorithm's own)")
    parser.add_argument("--csv", type=Path, help="CSV file of the figures")
    arguments = parser.parse_args()
    rows = []
    torch.set_num_threads(1)
    torch.manual_seed(0)
    prior = NoteRNN().eval().requires_grad_(False)
    changes = {} if arguments.num_envs is None else {"n_envs": arguments.num_envs}
    print(f"T = {T}, H = {H}, one thread, torch {torch.__version__}\n")
    print(f"{'':34}{'minibatch':>10}{'transitions / s':>18}{'/ products':>12}{'/ nn.LSTM':>12}")
    for size in arguments.minibatches:
        learned = size * T
        limit = learned / best_time(products(size), arguments.repeats)
        alone = learned / best_time(lstm_alone(size), arguments.repeats)

        def show(name: str, speed: float, size: int = size, limit: float = limit, alone: float = alone) -> None:
            rows.append({"subject": name, "minibatch": size, "transitions_per_second": round(speed)})
            print(f"{name:34}{size:10}{speed:18,.0f}{speed / limit:11.2f}x{speed / alone:11.2f}x", flush=True)

        show("matrix products (the limit)", limit)
        show("nn.LSTM on one-hot input", alone)
        for algo in ("psi", "ppo_kl", "q"):
            steps = arguments.steps // (8 if algo == "q" else 1)
            update, end_to_end = learn(agent(algo, size, prior, **changes), steps)
            show(f"{algo}: update", update)
            show(f"{algo}: end to end", end_to_end)
    if arguments.csv is not None:
        write_csv(arguments.csv, rows)


if __name__ == "__main__":
    main()
