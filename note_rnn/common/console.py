"""Tables on standard output."""

from rich.console import Console
from rich.table import Table

_UNLIMITED = 10_000
"""Characters, more than any table has."""


def print_table(table: Table) -> None:
    """Print `table`, shortened to fit a terminal; a file or pipe gets all of it."""
    console = Console()
    if not console.is_terminal:
        console.width = _UNLIMITED
    title, table.title = table.title, None
    if isinstance(title, str):  # above the table, since within it a title is broken at the table's width
        console.print(title, style="italic", markup=False, highlight=False, soft_wrap=True)
    console.print(table)
