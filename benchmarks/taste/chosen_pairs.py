"""How many votes the page of `study next` saves by choosing its pairs.

Simulated listeners and tastes are those of `taste.py`: linear in the rules, a fifth of the votes by a coin, a quarter
of the listeners biased to side A. The page is that of one listener who gives all votes, or of listeners one after
another, whose pages begin with the votes before. What was learned is compared with the planted taste: by the
correlation of utilities among the Note RNN's pieces.

    python benchmarks/taste/chosen_pairs.py --out docs/results/chosen_pairs.csv
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch
from simulated_tastes import Utility, World, linear_taste
from simulated_votes import chosen_votes, random_votes
from taste import learned

from agents.votes.heard import HeardVotes
from note_rnn import Progress
from note_rnn.common.csv_tables import write_csv

Ask = Callable[[World, Utility, int, np.random.Generator], HeardVotes]


def one_listener(world: World, utility: Utility, number: int, rng: np.random.Generator) -> HeardVotes:
    """Return the votes of one listener on one page."""
    return chosen_votes(world, utility, number, rng, each=number)


WAYS: Mapping[str, tuple[Ask, tuple[int, ...]]] = {
    "at random": (random_votes, (60, 120, 200)),
    "chosen, one listener": (one_listener, (60, 120)),
    "chosen, one listener after another": (chosen_votes, (60, 120)),
}
"""Ways to ask, each with numbers of votes."""


def compared(world: World, way: str, votes: int, taste: int) -> dict[str, Any]:
    """Return what is learned of a planted taste, and how many of the melodies that were heard are different."""
    utility = linear_taste(world, taste)
    heard = WAYS[way][0](world, utility, votes, np.random.default_rng(taste))
    melodies = np.concatenate([heard.first, heard.second])
    distinct = len(np.unique(melodies, axis=0)) / len(melodies)
    case = {"pairs": way, "votes": votes, "listeners": heard.listeners, "taste": taste}
    return {**case, **learned(world, utility, heard), "distinct": round(distinct, 3)}


def told(rows: list[dict[str, Any]]) -> str:
    """Return the mean correlation of the `rows`, with its standard error, and how many were told from noise."""
    values = [row["correlation"] for row in rows]
    error = stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    found = mean(row["p_noise"] < 0.05 for row in rows)
    first = rows[0]
    return f"{first['pairs']}, {first['votes']} votes: correlation {mean(values):.3f} +- {error:.3f}, told {found:.0%}"


def main() -> None:
    """Compare all ways, and write the table after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tastes", type=int, default=20, help="planted tastes to learn")
    parser.add_argument("--pool", type=int, default=4_000, help="pieces of the Note RNN")
    parser.add_argument("--out", type=Path, default=Path("chosen_pairs.csv"), help="CSV file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    world = World.of(arguments.pool)
    cases = [(way, votes) for way, (_, numbers) in WAYS.items() for votes in numbers]
    rows: list[dict[str, Any]] = []
    with Progress(len(cases), "simulating", "cases") as progress:
        for way, votes in cases:
            found = [compared(world, way, votes, taste) for taste in range(arguments.tastes)]
            print(told(found), flush=True)
            rows += found
            write_csv(arguments.out, rows)
            progress.advance()


if __name__ == "__main__":
    main()
