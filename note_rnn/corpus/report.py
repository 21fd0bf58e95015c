"""Report on the files of a corpus: counts, and the reasons for every file that was dropped or cut."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.markup import escape
from rich.table import Table

from note_rnn.corpus.reading import FileResult

Reasons = dict[str, dict[str, int]]
DECLARED, ESTIMATED = "declared", "estimated"


@dataclass
class Report:
    """Counts of what was read and kept, and the reasons for what was dropped or cut."""

    extraction: dict[str, Any]
    """Settings of the extraction."""
    files: int = 0
    """Melody files found."""
    files_kept: int = 0
    """Files with at least one melody."""
    tunes: int = 0
    """MIDI files, or tunes in tune files, with at least one melody."""
    melodies: int = 0
    tokens: int = 0
    notes_moved: int = 0
    """Notes of scores that were moved onto the grid of sixteenths."""
    notes_dropped: int = 0
    """Notes of scores that were dropped, since there is no room for them on the grid."""
    meters: dict[str, dict[str, int]] = field(default_factory=dict)
    """How many melodies are in each meter, as their files declare or as estimated; "" is unknown."""
    others: dict[str, int] = field(default_factory=dict)
    """Other files in the folders, by suffix."""
    unread_folders: dict[str, str] = field(default_factory=dict)
    """Folders that could not be read, with the error."""
    dropped: Reasons = field(default_factory=dict)
    """Files without a melody: how often something in them was dropped, by reason."""
    cut: Reasons = field(default_factory=dict)
    """Files with melodies, other parts of which were dropped or cut."""
    dropped_in_shards: Reasons = field(default_factory=dict)
    """Of files without a melody that the reports of shards list: in how many, and how often, each reason applied."""
    cut_in_shards: Reasons = field(default_factory=dict)
    """Of files with melodies that the reports of shards list, the same of their other parts."""
    shards: list[str] = field(default_factory=list)
    """The names of the shards, if there are several."""
    groups: int = 0
    """Groups of tunes that are variants of one another; a tune by itself is one."""
    duplicates: int = 0
    """Tunes with the melody of another that is counted."""

    def count(self, name: str, result: FileResult) -> None:
        """Add the result of reading the file `name`."""
        segments = [segment for tune in result.tunes for segment in tune.segments]
        self.files += 1
        self.files_kept += bool(segments)
        self.tunes += len(result.tunes)
        self.melodies += len(segments)
        self.tokens += sum(map(len, segments))
        origins = [tune.origin for tune in result.tunes if tune.origin]
        self.notes_moved += sum(origin.moved for origin in origins)
        self.notes_dropped += sum(origin.dropped for origin in origins)
        for bars in (bars for tune in result.tunes for bars in tune.bars):
            self._add_meter(bars.meter, ESTIMATED if bars.is_estimated else DECLARED, 1)
        if not segments:
            self.dropped[name] = result.reasons or {"no melody": 1}
        elif result.reasons:
            self.cut[name] = result.reasons

    def add(self, other: dict[str, Any]) -> None:
        """Add the counts and files of another report, in the form of `as_dict`."""
        self._add_counts(other)
        self.dropped |= other["dropped"]
        self.cut |= other["cut"]

    def add_shard(self, other: dict[str, Any]) -> None:
        """Add the counts of the report of a shard, which keeps its files, in the form of `as_dict`."""
        self._add_counts(other)
        self.dropped_in_shards = _sum(self.dropped_in_shards, _reasons_of(other["dropped"]))
        self.cut_in_shards = _sum(self.cut_in_shards, _reasons_of(other["cut"]))

    def as_dict(self) -> dict[str, Any]:
        """Return the whole report for JSON."""
        return {**asdict(self), "reasons": self.reasons()}

    def summary(self) -> dict[str, Any]:
        """Return the report without its entries for single files and shards."""
        return {name: value for name, value in self.as_dict().items() if name not in ("dropped", "cut", "shards")}

    def reasons(self) -> Reasons:
        """Return in how many `files` and how many `times` each reason applied, the commonest first."""
        return _sum(self._reasons_of_dropped(), self._reasons_of_cut())

    def meter_table(self) -> Table:
        """Return a table of the meters, the commonest first."""
        table = Table("Meter", "declared", "estimated")
        for column in table.columns[1:]:
            column.justify = "right"
        for meter, counts in sorted(self.meters.items(), key=lambda entry: -sum(entry[1].values())):
            table.add_row(meter or "unknown", *(f"{counts.get(origin, 0):,}" for origin in (DECLARED, ESTIMATED)))
        return table

    def table(self) -> Table:
        """Return a table of what is not in the corpus, by reason: whole files, and parts of the others."""
        dropped, cut, none = self._reasons_of_dropped(), self._reasons_of_cut(), {"files": 0, "times": 0}
        table = Table("Left out", "whole files", "parts of kept files")
        for column in table.columns[1:]:
            column.justify = "right"
        for reason in self.reasons():
            numbers = dropped.get(reason, none)["files"], cut.get(reason, none)["times"]
            table.add_row(escape(reason), *(f"{number:,}" if number else "" for number in numbers))
        return table

    def _reasons_of_dropped(self) -> Reasons:
        return _sum(_reasons_of(self.dropped), self.dropped_in_shards)

    def _reasons_of_cut(self) -> Reasons:
        return _sum(_reasons_of(self.cut), self.cut_in_shards)

    def _add_counts(self, other: dict[str, Any]) -> None:
        for name in ("files", "files_kept", "tunes", "melodies", "tokens", "notes_moved", "notes_dropped"):
            setattr(self, name, getattr(self, name) + other[name])
        for meter, counts in other["meters"].items():
            for origin, number in counts.items():
                self._add_meter(meter, origin, number)

    def _add_meter(self, meter: str, origin: str, number: int) -> None:
        counts = self.meters.setdefault(meter, {})
        counts[origin] = counts.get(origin, 0) + number


def _reasons_of(files: Reasons) -> Reasons:
    """Return in how many `files` and how many `times` each reason applied, given those of each of `files`."""
    number: Counter[str] = Counter()
    times: Counter[str] = Counter()
    for reasons in files.values():
        number.update(reasons.keys())
        times.update(reasons)
    return {reason: {"files": number[reason], "times": times[reason]} for reason in number}


def _sum(one: Reasons, other: Reasons) -> Reasons:
    """Return the sums of two counts of reasons, the commonest first."""
    none = {"files": 0, "times": 0}
    both = {
        reason: {name: one.get(reason, none)[name] + other.get(reason, none)[name] for name in none}
        for reason in {**one, **other}
    }
    return dict(sorted(both.items(), key=lambda entry: -entry[1]["files"]))
