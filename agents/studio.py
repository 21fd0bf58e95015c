"""The command studio: a page to compose with agents in a browser."""

from collections.abc import Sequence

from agents.studio_page.run_studio import StudioConfig, make_studio
from note_rnn import run_command
from note_rnn.common.command_line import parse
from note_rnn.common.console import print_line


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    print_line(f"Saved {make_studio(parse(StudioConfig, arguments))}: open it in a browser.")


if __name__ == "__main__":
    run_command(main)
