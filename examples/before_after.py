"""Draw what the Note RNN and the agent that it became make of the same first note.

python examples/before_after.py runs/NAME --piece 1 --out before_after.png
"""

import argparse
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from agents.config import TrainConfig
from agents.run_directory import RunDirectory
from melody_env import piano_roll_image
from note_rnn import read_midi, run_command


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a run")
    parser.add_argument("--piece", type=int, default=1, help="number of the piece in melodies/")
    parser.add_argument("--out", type=Path, default=Path("before_after.png"), help="picture to write")
    arguments = parser.parse_args()
    setting = TrainConfig.saved(RunDirectory.open(arguments.run).read_json("config.json")).environment().setting
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    composers = {"note_rnn": "before: the Note RNN", "agent": "after: the tuned agent"}
    for axes, (composer, title) in zip(figure.subplots(1, 2), composers.items(), strict=True):
        melody = read_midi(arguments.run / "melodies" / f"{composer}_{arguments.piece}.mid")
        axes.imshow(piano_roll_image(melody, len(melody), cell=12, setting=setting))
        axes.set_title(title, loc="left", fontsize=11)
        axes.set_axis_off()
    figure.savefig(arguments.out, dpi=110)
    print(f"Saved {arguments.out}")


if __name__ == "__main__":
    run_command(main)
