"""The command compose: melodies as files, each with a record that reproduces it, and a page that shows them."""

from collections.abc import Sequence

from agents.composing.config import ComposeConfig
from agents.composing.export import compose_files
from note_rnn.common.command_line import parse


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    compose_files(parse(ComposeConfig, arguments))
