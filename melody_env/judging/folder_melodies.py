"""Melodies of a folder of files of any kind, in C major or A minor, and what of it was left out, and why.

Files are read as those of a corpus are, except that short and monotonous melodies are melodies too, that silence does
not end one of a MIDI file, that the meter and bar lines which such a file declares are its own whatever its notes say,
and that a melody lasts to the end of its last bar. T steps.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from melody_env.judging.token_files import TOKEN_SUFFIXES, read_token_file
from melody_env.setting import Setting
from note_rnn.common.parallel import Workers
from note_rnn.common.progress import Progress
from note_rnn.corpus import Corpus, CorpusError
from note_rnn.corpus.build import corpus_of
from note_rnn.corpus.folders import File, find_files
from note_rnn.corpus.reading import ALL_SUFFIXES, FileResult
from note_rnn.corpus.report import Report
from note_rnn.corpus.windows import bar_windows, like_bars, why_no_window
from note_rnn.corpus.workers import read_files
from note_rnn.extraction.pipeline import Extraction
from note_rnn.extraction.tune_files import DEFAULT_READING, Tune
from note_rnn.extraction.tunes import Bars, bar_steps
from note_rnn.vocabulary import NO_EVENT, NOTE_OFF, Tokens

EXTRACTION = Extraction(min_bars=1, min_pitches=1, gap_bars=10_000, declared_meter="trust")
"""How MIDI files are read: nothing is too short, too dull or too silent to be judged."""
METERS = ("4/4", "2/4", "3/4", "6/8")
"""The meters that melodies are judged in."""
LENGTHS = (8, 4, 2)
"""Bars of the windows that are tried, if no length is given."""
_FORMATS = (".mid", ".midi", ".kar", ".rmi", ".musicxml", ".mxl", ".xml", ".krn", ".abc", ".npy", ".json")
"""Suffixes in the order in which one of several files of a piece is chosen."""


@dataclass(frozen=True)
class FolderMelodies:
    """The melodies of a folder, and the report on its files."""

    corpus: Corpus
    report: Report

    def windows(self, setting: Setting) -> Tokens:
        """Return the window [N, T] from the first bar line on of each melody that has one in a `setting` of C major."""
        return bar_windows(self.corpus, setting.steps, setting.meter)

    def left_out(self, setting: Setting) -> Report:
        """Return the report with the reasons for which melodies have no window in a `setting`."""
        reasons: dict[str, Counter[str]] = {}
        kept: set[str] = set()
        melodies = zip(self.corpus.segments, self.corpus.all_bars, self.corpus.tune_of_segment, strict=True)
        for segment, bars, tune in melodies:
            file = self.corpus.sources[tune].rpartition("#")[0]
            of_file = reasons.setdefault(file, Counter(self.report.cut.get(file, {})))
            why = why_no_window(segment, bars, setting.steps, setting.meter)
            of_file.update([why] if why else [])
            kept.update(() if why else [file])
        without = {file: dict(counts) for file, counts in reasons.items() if file not in kept}
        cut = {file: dict(counts) for file, counts in reasons.items() if file in kept and counts}
        return replace(self.report, files_kept=len(kept), dropped={**self.report.dropped, **without}, cut=cut)


def read_folder(folder: Path, extraction: Extraction, meter: str, workers: Workers = 0) -> FolderMelodies:
    """Return the melodies of all files in `folder` and its subfolders.

    Of a piece in several formats, in files that differ in their suffix alone, one is read.

    :param meter: that of token arrays, which name none.
    :param workers: number of reading processes, or a cluster; 0: this process reads.

    Raises CorpusError if there is no such folder, or no file of music or tokens in it.
    """
    found = find_files([folder], ALL_SUFFIXES | TOKEN_SUFFIXES)
    if not found.files:
        raise CorpusError(
            f"There is no file of music or tokens in {folder}: it needs MIDI, ABC, MusicXML or kern, or tokens as .npy "
            "or .json."
        )
    files, others = one_of_each_piece(found.files)
    report = Report(asdict(extraction), others=dict(found.others.most_common()), unread_folders=found.unread)
    tunes: list[Tune] = []
    with Progress(len(files), "Reading", "files") as progress:
        for file, result in zip(files, _results(files, extraction, meter, workers), strict=True):
            report.count(file.name, result)
            tunes += map(_to_bar_lines, result.tunes)
            progress.advance()
    for file in others:
        report.count(file.name, FileResult([], {"a piece that was read in another format": 1}))
    return FolderMelodies(corpus_of(tunes, {"folder": str(folder)}), report)


def one_of_each_piece(files: Sequence[File]) -> tuple[list[File], list[File]]:
    """Return of all `files` with the same path but for the suffix one, MIDI first and tokens last, and the others."""
    chosen: dict[str, File] = {}
    for file in sorted(files, key=lambda file: _FORMATS.index(os.path.splitext(file.path)[1].lower())):
        chosen.setdefault(os.path.splitext(file.path)[0], file)
    of_piece = {*chosen.values()}
    return [file for file in files if file in of_piece], [file for file in files if file not in of_piece]


def fitting_setting(corpus: Corpus, meter: str | None = None, length: int | str | None = None) -> Setting:
    """Return the setting in which the melodies of `corpus` are judged, in C major.

    If no `meter` is given, 4/4, 2/4, 3/4 or 6/8, whichever most of them have bars like; if no `length`, the longest of
    8, 4 and 2 bars that at least half of those in the meter have. Raises SettingError for an invalid value.
    """
    if meter is None:
        meter = max(METERS, key=lambda meter: sum(like_bars(bars.meter, meter) for bars in corpus.all_bars))
    if length is not None:
        return Setting(meter=meter, length=length)
    settings = [Setting(meter=meter, length=f"{bars} bars") for bars in LENGTHS]
    melodies = zip(corpus.segments, corpus.all_bars, strict=True)
    steps = [len(segment) - bars.pickup for segment, bars in melodies if like_bars(bars.meter, meter)]
    long_enough = (each for each in settings if 2 * sum(each.steps <= one for one in steps) >= len(steps))
    return next(long_enough, settings[-1])


def _results(files: Sequence[File], extraction: Extraction, meter: str, workers: Workers) -> Iterator[FileResult]:
    """Yield the result of each of `files`, in order; music is read by the `workers`, tokens by this process."""
    is_music = [os.path.splitext(file.path)[1].lower() in ALL_SUFFIXES for file in files]
    music = [file for file, is_one in zip(files, is_music, strict=True) if is_one]
    results = read_files(music, extraction, DEFAULT_READING, workers if len(music) > 1 else 0)
    for file, is_one in zip(files, is_music, strict=True):
        yield next(results) if is_one else read_token_file(file.path, file.name, meter)


def _to_bar_lines(tune: Tune) -> Tune:
    return tune._replace(segments=[to_bar_line(*each) for each in zip(tune.segments, tune.bars, strict=True)])


def to_bar_line(tokens: Tokens, bars: Bars) -> Tokens:
    """Return `tokens` [T] with silence up to the end of the last bar, if `bars` are known."""
    steps = bar_steps(bars.meter)
    missing = (bars.pickup - len(tokens)) % steps if steps else 0
    silence = np.full(missing, NO_EVENT)
    silence[:1] = NOTE_OFF
    return np.concatenate([tokens, silence])
