"""Transitions per CPU-second that an agent learns on one core, beside the limit of the processor.

A transition counts once for each update that it is part of. The limit is the matrix products that the forward and
backward pass of an LSTM of 100 units requires for the same minibatches; beside it stands PyTorch's nn.LSTM with a
linear head on dense one-hot input, forward and backward, without any learning around it. "update" is an agent's whole
update (sampling, all networks, returns, loss, clipping, Adam); "end to end" is all of `learn`, composing and rewards
included, with the algorithm's default hyperparameters except the minibatch.

"Lookback" is an agent that starts as a Note RNN with lookback, of 128 units; the others start as one of 100 units.

Each round measures the subjects in turn, each right after the products; shares are of these products. Figures are
medians over the rounds, so shares compare between machines and hold when something else runs.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/speed/bench_learning.py
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import torch
from timing import cpu_time
from torch import nn

from agents.runs.config import TrainConfig
from agents.runs.presets import Algorithm
from melody_env import MelodyVecEnv
from note_rnn import VOCABULARY_SIZE, Lookback, NoteRNN
from note_rnn.common.csv_tables import write_csv

T = 32
H = 100
F = VOCABULARY_SIZE + T + 1
"""Inputs: the token and the position, one-hot."""

ALGORITHMS: tuple[Algorithm, ...] = ("psi", "g", "ppo_kl", "q")
LOOKBACK_ALGORITHMS: tuple[Algorithm, ...] = ("psi",)
LIMIT = "matrix products (the limit)"
Measurement = Callable[[], dict[str, float]]
"""A function that returns transitions per CPU-second, by name."""


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


def speed(run: Callable[[], object], transitions: int, repeats: int) -> float:
    """Return the transitions per CPU-second of `run`, which processes `transitions`, over `repeats` repetitions."""
    return repeats * transitions / cpu_time(run, repeats)


def agent(algo: Algorithm, size: int, prior: NoteRNN, **changes: Any) -> Any:
    """Return an agent of `algo` with minibatches of `size` pieces, after its first update."""
    config = TrainConfig.of(algo, batch_size=size, **changes)
    env = MelodyVecEnv(config.n_envs, **replace(config.environment(), prior=prior).arguments)
    model = config.agent.build(algo, env, prior, 0, "cpu")
    while not model._n_updates:
        model.learn(2 * T * config.n_envs, log_interval=None, reset_num_timesteps=False)
    return model


def learn(model: Any, steps: int) -> tuple[float, float]:
    """Train `model` for `steps` steps; return transitions per CPU-second of updates alone, and end to end."""
    train, updates, updating = type(model).train, model._n_updates, 0.0

    def timed(*arguments: Any, **keywords: Any) -> None:
        nonlocal updating
        started = process_time()
        train(model, *arguments, **keywords)
        updating += process_time() - started

    model.train = timed
    started = process_time()
    model.learn(steps, log_interval=None, reset_num_timesteps=False)
    seconds = process_time() - started
    learned = (model._n_updates - updates) * model.batch_size * T
    return learned / updating, learned / seconds


def subjects(size: int, arguments: argparse.Namespace) -> list[Measurement]:
    """Return the measurements for minibatches of `size` pieces."""
    prior, lookback = (model.eval().requires_grad_(False) for model in (NoteRNN(), NoteRNN(128, lookback=Lookback())))
    changes = {} if arguments.num_envs is None else {"n_envs": arguments.num_envs}
    lstm = lstm_alone(size)

    def of_agent(algo: Algorithm, prior: NoteRNN = prior, name: str = "") -> Measurement:
        model, steps = agent(algo, size, prior, **changes), arguments.steps // (8 if algo == "q" else 1)

        def measure() -> dict[str, float]:
            update, end_to_end = learn(model, steps)
            return {f"{algo}{name}: update": update, f"{algo}{name}: end to end": end_to_end}

        return measure

    def alone() -> dict[str, float]:
        return {"nn.LSTM on one-hot input": speed(lstm, size * T, arguments.repeats)}

    of_lookback = (of_agent(algo, lookback, ", lookback") for algo in LOOKBACK_ALGORITHMS)
    return [alone, *map(of_agent, ALGORITHMS), *of_lookback]


def measure(size: int, arguments: argparse.Namespace) -> dict[str, list[tuple[float, float]]]:
    """Return for each subject its transitions per CPU-second and their share of the products' in every round."""
    limit, measurements = products(size), subjects(size, arguments)
    results: dict[str, list[tuple[float, float]]] = {}
    for _ in range(arguments.rounds):
        for one in measurements:
            products_speed = speed(limit, size * T, arguments.repeats)
            for name, value in {LIMIT: products_speed, **one()}.items():
                results.setdefault(name, []).append((value, value / products_speed))
    return results


def main() -> None:
    """Print the transitions per CPU-second of each subject, for each minibatch size, and their share of the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="rounds, of which the median counts (default 9)")
    parser.add_argument("--repeats", type=int, default=40, help="repetitions of the products in a round (default 40)")
    parser.add_argument("--steps", type=int, default=16_384, help="steps of an agent in a round (default 16,384)")
    parser.add_argument(
        "--minibatches", type=int, nargs="+", default=[32, 128], metavar="B", help="pieces per update (default 32 128)"
    )
    parser.add_argument("--num-envs", type=int, help="pieces composed in lockstep (default: the algorithm's own)")
    parser.add_argument("--csv", type=Path, help="CSV file of the figures")
    arguments = parser.parse_args()
    rows = []
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"T = {T}, H = {H}, one thread, torch {torch.__version__}, median of {arguments.rounds} rounds\n")
    print(f"{'':34}{'minibatch':>10}{'transitions / s':>18}{'/ products':>12}")
    for size in arguments.minibatches:
        for name, values in measure(size, arguments).items():
            transitions, share = (median(column) for column in zip(*values, strict=True))
            rows.append(
                {
                    "part": name,
                    "minibatch_pieces": size,
                    "transitions_per_second": round(transitions),
                    "share_of_the_matrix_products": round(share, 2),
                }
            )
            print(f"{name:34}{size:10}{transitions:18,.0f}{share:11.2f}x", flush=True)
    if arguments.csv is not None:
        write_csv(arguments.csv, rows)


if __name__ == "__main__":
    main()
