"""What became of the files of a corpus: counts, and for every file that was dropped or cut the reasons."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.table import Table

from note_rnn.corpus.reading import FileResult

Reasons = dict[str, dict[str, int]]


@dataclass
class Report:
    """What was read and kept, and why not more. A reason says what it drops, or that something was cut."""

    extraction: dict[str, Any]
    """What was taken for a melody."""
    files: int = 0
    """Files of melodies that were found."""
    files_kept: int = 0
    """Those that gave at least one melody."""
    tunes: int = 0
    """Files of MIDI, or tunes in files of tunes, that gave one."""
    melodies: int = 0
    tokens: int = 0
    others: dict[str, int] = field(default_factory=dict)
    """Other files in the folders, by suffix."""
    unread_folders: dict[str, str] = field(default_factory=dict)
    """Folders that could not be read, and why."""
    dropped: Reasons = field(default_factory=dict)
    """Files that gave no melody: how often what was dropped in them, by reason."""
    cut: Reasons = field(default_factory=dict)
    """Files that gave some, and something of which was dropped or cut."""

    def count(self, name: str, result: FileResult) -> None:
        """Add what was read from the file `name`."""
        segments = [segment for tune in result.tunes for segment in tune.segments]
        self.files += 1
        self.files_kept += bool(segments)
        self.tunes += len(result.tunes)
        self.melodies += len(segments)
        self.tokens += sum(map(len, segments))
        if not segments:
            self.dropped[name] = result.reasons or {"no melody": 1}
        elif result.reasons:
            self.cut[name] = result.reasons

    def add(self, other: dict[str, Any]) -> None:
        """Add the counts and files of another report, as `as_dict` gives them."""
        for name in ("files", "files_kept", "tunes", "melodies", "tokens"):
            setattr(self, name, getattr(self, name) + other[name])
        self.dropped |= other["dropped"]
        self.cut |= other["cut"]

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as JSON has it."""
        return {**asdict(self), "reasons": self.reasons()}

    def summary(self) -> dict[str, Any]:
        """Return it without what it says of single files."""
        return {name: value for name, value in self.as_dict().items() if name not in ("dropped", "cut")}

    def reasons(self) -> Reasons:
        """Return of each reason in how many `files` and how many `times` it counted, the commonest first."""
        files: Counter[str] = Counter()
        times: Counter[str] = Counter()
        for reasons in (*self.dropped.values(), *self.cut.values()):
            files.update(reasons.keys())
            times.update(reasons)
        return {reason: {"files": number, "times": times[reason]} for reason, number in files.most_common()}

    def table(self) -> Table:
        """Return why not all is in the corpus, as a table for people."""
        table = Table("Dropped or cut because", "files", "times")
        for column in table.columns[1:]:
            column.justify = "right"
        for reason, number in self.reasons().items():
            table.add_row(reason, f"{number['files']:,}", f"{number['times']:,}")
        return table
