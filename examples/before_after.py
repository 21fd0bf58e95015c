"""Comparison picture: melodies by the Note RNN and by the agent tuned from it, from the same priming token.

python examples/before_after.py runs/NAME --piece 1 --out before_after.png
"""

import argparse
from pathlib import Path

from agents.runs.config import run_environment
from agents.runs.run_directory import RunDirectory
from melody_env.pictures import comparison_figure
from note_rnn import read_midi, run_command

TITLES = {"note_rnn": "Before: the Note RNN", "agent": "After: the agent tuned from it"}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a run")
    parser.add_argument("--piece", type=int, default=1, help="number of the piece in melodies/")
    parser.add_argument("--out", type=Path, default=Path("before_after.png"), help="picture to write")
    arguments = parser.parse_args()
    setting = run_environment(RunDirectory.open(arguments.run).record()).setting
    files = {title: arguments.run / "melodies" / f"{name}_{arguments.piece}.mid" for name, title in TITLES.items()}
    comparison_figure({title: read_midi(path) for title, path in files.items()}, setting).savefig(
        arguments.out, dpi=130
    )
    print(f"Saved {arguments.out}")


if __name__ == "__main__":
    run_command(main)
