"""The report of a corpus: counts of files, and reasons by the number of files they concern."""

import numpy as np

from note_rnn.corpus.reading import FileResult
from note_rnn.corpus.report import Report
from note_rnn.extraction.tune_files import Tune
from note_rnn.extraction.tunes import Bars


def result(*lengths, **reasons):
    """A file of tunes, each of segments of these lengths."""
    tunes = [Tune("", "", [np.zeros(length, np.int64) for length in each], "", []) for each in lengths]
    return FileResult(tunes, reasons)


def report_of(**files):
    report = Report({})
    for name, each in files.items():
        report.count(name, each)
    return report


FIRST = {"book": result([32, 40], [50], wide=2), "song": result([100])}
SECOND = {
    "torn": result(truncated=1),
    "empty": result(),
    "chords": result(chords=7, wide=1),
    "most": result([9], wide=1),
}


def test_tunes_melodies_and_sixteenths_are_counted():
    report = report_of(**FIRST, **SECOND)
    assert (report.files, report.files_kept) == (6, 3)
    assert (report.tunes, report.melodies, report.tokens) == (4, 5, 231)
    assert report.dropped == {"torn": {"truncated": 1}, "empty": {"no melody": 1}, "chords": {"chords": 7, "wide": 1}}
    assert report.cut == {"book": {"wide": 2}, "most": {"wide": 1}}


def test_reasons_are_counted_by_files_and_times_and_the_commonest_among_files_come_first():
    reasons = report_of(**SECOND, **FIRST).reasons()
    assert reasons == {
        "wide": {"files": 3, "times": 4},
        "truncated": {"files": 1, "times": 1},
        "no melody": {"files": 1, "times": 1},
        "chords": {"files": 1, "times": 7},
    }
    assert next(iter(reasons)) == "wide"


JIG, GUESSED_JIG = Bars("6/8", 0), Bars("6/8", 0, is_estimated=True)
BARS = [JIG, Bars("4/4", 2, is_estimated=True), JIG, GUESSED_JIG, Bars("", 0)]


def test_meters_are_counted_as_declared_and_as_estimated():
    tunes = [Tune("", "", [np.zeros(9, np.int64)] * len(BARS), "", BARS)]
    report = report_of(jigs=FileResult(tunes, {}))
    assert report.meters == {"6/8": {"declared": 2, "estimated": 1}, "4/4": {"estimated": 1}, "": {"declared": 1}}
    table = report.meter_table()
    assert [list(column.cells) for column in table.columns] == [
        ["6/8", "4/4", "unknown"],
        ["2", "0", "1"],
        ["1", "1", "0"],
    ]
    whole = Report({})
    for _ in range(2):
        whole.add(report.as_dict())
    assert whole.meters == {"6/8": {"declared": 4, "estimated": 2}, "4/4": {"estimated": 2}, "": {"declared": 2}}


def test_reports_add_up():
    whole = Report({})
    for part in (FIRST, SECOND):
        whole.add(report_of(**part).as_dict())
    assert whole == report_of(**FIRST, **SECOND)


def test_reports_of_shards_add_up_to_the_same_counts_without_their_files():
    whole = Report({})
    for part in (FIRST, SECOND):
        whole.add_shard(report_of(**part).as_dict())
    together = report_of(**FIRST, **SECOND)
    assert (whole.dropped, whole.cut) == ({}, {})
    assert whole.reasons() == together.reasons()
    assert (whole.files, whole.files_kept, whole.tokens) == (6, 3, 231)
    cells = [[list(column.cells) for column in report.table().columns] for report in (whole, together)]
    assert sorted(zip(*cells[0], strict=True)) == sorted(zip(*cells[1], strict=True))


def test_a_summary_is_all_but_single_files():
    report = report_of(**FIRST, **SECOND)
    assert report.summary() == {
        "extraction": {},
        "files": 6,
        "files_kept": 3,
        "tunes": 4,
        "melodies": 5,
        "tokens": 231,
        "notes_moved": 0,
        "notes_dropped": 0,
        "meters": {},
        "others": {},
        "unread_folders": {},
        "dropped_in_shards": {},
        "cut_in_shards": {},
        "groups": 0,
        "duplicates": 0,
        "reasons": report.reasons(),
    }


def test_the_table_tells_whole_files_from_parts_of_kept_ones():
    table = report_of(**FIRST, **SECOND).table()
    assert [column.header for column in table.columns] == ["Left out", "whole files", "parts of kept files"]
    names, files, parts = (list(column.cells) for column in table.columns)
    assert dict(zip(names, zip(files, parts, strict=True), strict=True)) == {
        "wide": ("1", "3"),
        "truncated": ("1", ""),
        "no melody": ("1", ""),
        "chords": ("1", ""),
    }
