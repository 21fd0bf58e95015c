"""The command frontier: reward against KL of agents trained over a range of c or KL budgets, as figure and table."""

from collections.abc import Sequence

from agents.training.frontier_agents import FrontierConfig, references, sweep
from agents.training.frontier_views import figure, table
from note_rnn import replacing, run_command
from note_rnn.common.command_line import parse
from note_rnn.common.console import print_table


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    config = parse(FrontierConfig, arguments)
    records = sweep(config)
    with replacing(config.out / "frontier.png") as temporary:
        figure(records, references(config)).savefig(temporary, dpi=110)
    print_table(table(records))
    print(f"Saved {config.out / 'frontier.png'} and frontier.json")


if __name__ == "__main__":
    run_command(main)
