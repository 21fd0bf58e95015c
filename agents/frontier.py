"""The command frontier: reward against KL of agents trained over a range of c or KL budgets, as figure and table."""

from collections.abc import Sequence

from rich.console import Console

from agents.training.frontier_agents import FrontierConfig, picture, references, sweep, table
from note_rnn import replacing, run_command
from note_rnn.common.command_line import parse


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    config = parse(FrontierConfig, arguments)
    records = sweep(config)
    with replacing(config.out / "frontier.png") as temporary:
        picture(records, references(config)).savefig(temporary, dpi=110)
    Console().print(table(records))
    print(f"Saved {config.out / 'frontier.png'} and frontier.json")


if __name__ == "__main__":
    run_command(main)
