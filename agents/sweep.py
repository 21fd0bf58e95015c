"""The command sweep: many runs over settings of the training, with their table and page."""

from collections.abc import Sequence

from agents.sweeps.sweep import SweepConfig, show, sweep
from note_rnn import run_command
from note_rnn.common.command_line import parse


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    config = parse(SweepConfig, arguments)
    show(config, sweep(config))


if __name__ == "__main__":
    run_command(main)
