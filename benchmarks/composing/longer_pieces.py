"""Pieces longer than an agent was trained for, by what it is told of the position beyond.

For each way of counting, mean per step, after as many steps as the agent was trained for, of r_MT and of log p, and how
often the last beat has the tonic.

    python benchmarks/composing/longer_pieces.py runs/ppo_kl-* --lengths 64 192

Shapes: N pieces, T steps, L steps of the pieces that the agent was trained for, A = 38 tokens.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agents.composing.composers import load_run
from agents.composing.pieces import Pieces, compose_pieces
from agents.composing.players import Player, agent_player
from melody_env import Setting
from melody_env.envs.observations import POSITION, observed_position
from note_rnn.common.csv_tables import write_csv

Floats32 = npt.NDArray[np.float32]
Count = Callable[[int, int, int, int], int]
"""Position to observe after `position` of `length` steps, for an agent of `trained` steps and bars of `bar` steps."""


COUNTS: dict[str, Count] = {
    "last step": lambda position, length, trained, bar: min(position, trained - 1),
    "clipped": lambda position, length, trained, bar: min(position, trained),
    "modulo": lambda position, length, trained, bar: position % trained,
    "last bar again": lambda position, length, trained, bar: (
        position if position < trained else trained - bar + (position - trained) % bar
    ),
    "from the end": lambda position, length, trained, bar: max(trained - length + position, 0),
    "in proportion": lambda position, length, trained, bar: position * trained // length,
    "modulo, then the end": lambda position, length, trained, bar: (
        trained - length + position if length - position <= bar else position % trained
    ),
    "middle again (adopted)": observed_position,
}
"""The candidates, by name."""


class Counting:
    """Player that observes the position by `count`."""

    def __init__(self, player: Player, count: Count, setting: Setting, trained: int):
        self._player, self._count, self._setting, self._trained = player, count, setting, trained

    def begin(self, num_pieces: int, pickup: int = 0) -> None:
        """Return to the first step."""
        self._player.begin(num_pieces, pickup)
        self._position = 0

    def select(self, rows: npt.NDArray[np.int64]) -> None:
        """Go on with the pieces `rows` [N]."""
        self._player.select(rows)

    def scores(self, observations: npt.NDArray[np.int64], prior_log_probs: Floats32) -> Floats32:
        """Return the scores [N, A] of the next tokens."""
        moved = observations.copy()
        moved[:, POSITION] = self._count(
            self._position, self._setting.steps, self._trained, self._setting.steps_per_bar
        )
        self._position += 1
        return self._player.scores(moved, prior_log_probs)


def figures(pieces: Pieces, trained: int) -> dict[str, float]:
    """Return the means over the steps from `trained` on of `pieces`, all of them retained step by step."""
    beat = pieces.setting.steps_per_beat
    later = {"r_MT": pieces.steps.music_theory[:, trained:], "log_p": pieces.steps.log_prob[:, trained:]}
    last_beat = pieces.melodies[:, -beat] == pieces.setting.tonic_token
    return {name: float(values.mean()) for name, values in later.items()} | {"ends_on_tonic": float(last_beat.mean())}


def measure(run: Path, length: int, n: int, seed: int) -> dict[str, dict[str, float]]:
    """Return the figures of the agent of `run` in pieces of `length` steps, by the name of the count."""
    agent = load_run(run)
    trained = agent.environment.setting.steps
    environment = agent.environment.changed(length=length, reward="paper")
    rows = {}
    for name, count in COUNTS.items():
        player = Counting(agent_player(agent.policy), count, environment.setting, trained)
        rows[name] = figures(compose_pieces(player, n, seed, environment, retained=n), trained)
    return rows


def main() -> None:
    """Print the figures of each run, length and way of counting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--lengths", type=int, nargs="+", default=[64, 192], metavar="T")
    parser.add_argument("--pieces", type=int, default=500, metavar="N", help="pieces of each (default 500)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, help="CSV file of the figures")
    arguments = parser.parse_args()
    rows = []
    for run in arguments.runs:
        for length in arguments.lengths:
            for name, values in measure(run, length, arguments.pieces, arguments.seed).items():
                rows.append({"run": run.name, "length": length, "position": name} | values)
                shown = "   ".join(f"{key} {value:6.2f}" for key, value in values.items())
                print(f"{run.name:12}{length:5}  {name:24}{shown}", flush=True)
    if arguments.csv is not None:
        write_csv(arguments.csv, rows)


if __name__ == "__main__":
    main()
