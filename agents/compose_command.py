"""The command compose: melodies as files, each with a record that reproduces it, and a page that shows them."""

from collections.abc import Sequence

from agents.composing.files.config import ComposeConfig
from agents.composing.files.export import compose_files, page_path
from agents.report_page.tune_page import write_tune_page
from note_rnn.common.command_line import parse
from note_rnn.common.console import print_line


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    config = parse(ComposeConfig, arguments)
    files = compose_files(config)
    if config.page:
        records = [path for path in files if path.suffix == ".json"]
        print_line(str(write_tune_page(page_path(config), records)))
