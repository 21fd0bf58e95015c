"""The command compose: melodies as files, each with a record that reproduces it."""

from collections.abc import Sequence

from agents.composing.export import ComposeConfig, compose_files
from note_rnn.common.command_line import parse


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    compose_files(parse(ComposeConfig, arguments))
