"""The command reproduce: Table 1, Figure 2 and Figure 3 of the paper."""

from collections.abc import Sequence

from agents.reproduction.models import ReproduceConfig
from agents.reproduction.results import reproduce
from note_rnn import run_command
from note_rnn.common.command_line import parse


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    files = reproduce(parse(ReproduceConfig, arguments))
    print("Wrote " + ", ".join(map(str, files)))


if __name__ == "__main__":
    run_command(main)
