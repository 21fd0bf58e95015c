"""The command corpus: `build` one from your own music, `report` on it, or read the `tune-books` of human tunes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from note_rnn.common.command_line import parse
from note_rnn.common.console import print_table
from note_rnn.common.data_files import DataError, read_json
from note_rnn.common.errors import check_count, run_command
from note_rnn.common.parallel import ClusterOptions
from note_rnn.corpus.build import build_corpus, corpus_paths
from note_rnn.corpus.collections import load_corpus
from note_rnn.corpus.corpus import CorpusError
from note_rnn.corpus.report import Report
from note_rnn.corpus.sharded.shards import shard_folder
from note_rnn.extraction.pipeline import Extraction
from note_rnn.extraction.tune_files import DEFAULT_READING, Reading


@dataclass(frozen=True)
class BuildConfig(ClusterOptions):
    """Read all MIDI, ABC, MusicXML and kern files in folders, and save their melodies as a corpus.

    Then train on it: melody-rl pretrain --collections OUT.npz. A summary of what was dropped, and why,
    is printed at the end; OUT.json has it for each file. An interrupted build resumes with the same command.
    """

    folders: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Folders of files, searched recursively, or URLs that fsspec opens: zip://::music.zip, s3://bucket/music."""
    extraction: tyro.conf.OmitArgPrefixes[Extraction]
    """Which passages of a MIDI file are melodies."""
    reading: tyro.conf.OmitArgPrefixes[Reading] = DEFAULT_READING
    """What becomes of a tune in ABC, MusicXML or kern."""
    out: Path = Path("corpus")
    """The corpus is OUT.npz, its report OUT.json; of more than 8,192 files, shards and their reports in OUT.shards."""
    workers: int | None = None
    """Number of reading processes, by default one per core. 0: this process reads, without a limit of memory."""


@dataclass(frozen=True)
class CorpusReportConfig:
    """Print the report of a corpus again."""

    report: Annotated[Path, tyro.conf.Positional]
    """The report of a build, OUT.json."""
    file: str = ""
    """Also list the reasons for each file with this text in its name."""


@dataclass(frozen=True)
class TuneBooksConfig:
    """Read the tune books that come with music21, once: human tunes to compare with, to hear and to learn from."""

    reading: tyro.conf.OmitArgPrefixes[Reading] = DEFAULT_READING
    """What becomes of a tune; comparisons with human tunes use the defaults."""


def build(config: BuildConfig) -> None:
    """Build the corpus as configured, and print its report."""
    if config.workers is not None:
        check_count("--workers", config.workers, minimum=0)
    workers = config.workers_or_cluster(config.workers)
    print_report(build_corpus(config.folders, config.out, config.extraction, workers, config.reading))
    corpus, report = corpus_paths(config.out)
    print(f"Saved {corpus}, and a report on each file in {report}")


def print_report(report: Report) -> None:
    """Print the figures of `report`."""
    print(
        f"{report.melodies:,} melodies ({report.tokens:,} sixteenths) from {report.tunes:,} tunes in "
        f"{report.files_kept:,} of {report.files:,} files"
    )
    if report.groups:
        print(f"Groups of variants: {report.groups:,}; tunes with the melody of another: {report.duplicates:,}")
    if report.notes_moved or report.notes_dropped:
        print(f"{report.notes_moved:,} notes moved onto the grid of sixteenths, {report.notes_dropped:,} dropped there")
    if report.meters:
        print_table(report.meter_table())
    if report.dropped or report.cut:
        print_table(report.table())
    for folder, reason in report.unread_folders.items():
        print(f"Folder {folder} could not be read: {reason}")
    if report.others:
        print(
            "Other files, skipped:",
            ", ".join(f"{n:,} {suffix or '(no suffix)'}" for suffix, n in report.others.items()),
        )


def print_saved_report(config: CorpusReportConfig) -> None:
    """Print the report in a file; raises CorpusError if it is not a report."""
    report = _read_report(config.report)
    of_shards = (shard_folder(config.report) / f"{name}.json" for name in report.shards)
    for each in (report, *map(_read_report, of_shards)) if config.file else ():
        for name, reasons in {**each.dropped, **each.cut}.items():
            if config.file in name:
                outcome = "no melody" if name in each.dropped else "melodies kept, left out"
                print(f"{name}: {outcome}:", ", ".join(f"{reason} ({times})" for reason, times in reasons.items()))
    print_report(report)


def _read_report(path: Path) -> Report:
    try:
        report: Report = read_json(path, Report)
    except DataError as error:
        raise CorpusError(f"{path} is not the report of a corpus ({error}): give the OUT.json of a build.") from error
    return report


def read_tune_books(reading: Reading) -> None:
    """Read the default collections, or find them in the cache, and print how many tunes they have.

    Raises CorpusError if music21, which brings them, is not installed.
    """
    corpus = load_corpus(reading=reading)
    for name, tunes in corpus.by_collection().items():
        print(f"{name}: {len(tunes.titles):,} tunes ({tunes.num_tokens:,} sixteenths)")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    config = parse(
        Annotated[BuildConfig, tyro.conf.subcommand("build")]
        | Annotated[CorpusReportConfig, tyro.conf.subcommand("report")]
        | Annotated[TuneBooksConfig, tyro.conf.subcommand("tune-books")],
        arguments,
        description="A corpus of your own music, and the tune books of human tunes.",
    )
    if isinstance(config, BuildConfig):
        build(config)
    elif isinstance(config, CorpusReportConfig):
        print_saved_report(config)
    else:
        read_tune_books(config.reading)


if __name__ == "__main__":
    run_command(main)
