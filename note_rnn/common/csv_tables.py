"""Tables of figures as CSV files, each row with the machine, date, version and commit that it was measured with."""

import csv
import io
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from note_rnn.common.atomic_files import write_text

_ROOT = Path(__file__).parents[2]


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return `rows` as CSV with a header of all their keys; None and what a row lacks are empty fields."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(_columns(rows)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_csv(path: str | Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write `rows`, and after them their `provenance`, to the file `path`; raises OSError if it cannot be written."""
    columns, measured = _columns(rows), provenance()
    write_text(path, csv_text([{**columns, **row, **measured} for row in rows]))


def provenance() -> dict[str, str]:
    """Return machine, date, version and, in a git checkout, the commit; "+" follows a commit with local changes."""
    return {
        "machine": _processor(),
        "date": date.today().isoformat(),
        "version": version("melody-rl"),
        "commit": _commit(),
    }


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, None]:
    """Return all keys of `rows`, in the order in which they first occur."""
    return dict.fromkeys(name for row in rows for name in row)


def _processor() -> str:
    """Return the name of the processor, or of its architecture where the system does not name it."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def _commit() -> str:
    if not (_ROOT / ".git").exists():
        return ""
    try:
        command = ["git", "-C", str(_ROOT), "describe", "--always", "--exclude=*", "--dirty=+"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
