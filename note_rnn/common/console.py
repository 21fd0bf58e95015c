"""Lines and tables on standard output, for every console: what it cannot print is escaped."""

import sys

from rich.console import Console
from rich.table import Table

from note_rnn.common.plain_text import Printable

_UNLIMITED = 10_000
"""Characters, more than any table has."""


def print_line(text: str) -> None:
    """Print `text` and a line break."""
    print(text, file=Printable(sys.stdout))


def print_table(table: Table) -> None:
    """Print `table`, shortened to fit a terminal; a file or pipe gets all of it."""
    console = Console(file=Printable(sys.stdout))  # type: ignore[arg-type]
    if not console.is_terminal:
        console.width = _UNLIMITED
    title, table.title = table.title, None
    if isinstance(title, str):  # above the table, since within it a title is broken at the table's width
        console.print(title, style="italic", markup=False, highlight=False, soft_wrap=True)
    console.print(table)
