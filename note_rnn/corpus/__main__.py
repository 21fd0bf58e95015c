"""`python -m note_rnn.corpus build DIR... --out corpus`: make a corpus of one's own music."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from note_rnn.common.command_line import parse
from note_rnn.common.errors import run_command
from note_rnn.corpus.build import build_corpus, corpus_paths
from note_rnn.corpus.corpus import CorpusError
from note_rnn.corpus.report import Report
from note_rnn.extraction.pipeline import Extraction


@dataclass(frozen=True)
class BuildConfig:
    """Read all MIDI, ABC, MusicXML and kern files in folders, and keep their melodies.

    Then learn them with `python -m note_rnn.pretrain --collections OUT.npz`. What was dropped, and why, is told in
    the end and for each file in OUT.json. If it is interrupted, the same command goes on where it stopped.
    """

    folders: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of files, whatever folders are in them."""
    extraction: tyro.conf.OmitArgPrefixes[Extraction]
    """What is taken for a melody in a MIDI file."""
    out: Path = Path("corpus")
    """The corpus is OUT.npz, and the report on it OUT.json."""
    workers: int | None = None
    """Processes that read, by default one per core."""


@dataclass(frozen=True)
class ReportConfig:
    """Tell again what became of the files of a corpus."""

    report: Annotated[Path, tyro.conf.Positional]
    """The report of a build, OUT.json."""
    file: str = ""
    """Tell it also of each file with this in its name."""


def build(config: BuildConfig) -> None:
    """Build as `config` says, and print the report."""
    tell(build_corpus(config.folders, config.out, config.extraction, config.workers))
    corpus, report = corpus_paths(config.out)
    print(f"Saved {corpus}, and what became of each file in {report}")


def tell(report: Report) -> None:
    """Print the figures of `report`."""
    console = Console()
    if report.dropped or report.cut:
        console.print(report.table())
    for folder, reason in report.unread_folders.items():
        print(f"Folder {folder} could not be read: {reason}")
    if report.others:
        print(
            "Other files, passed over:",
            ", ".join(f"{n:,} {suffix or '(no suffix)'}" for suffix, n in report.others.items()),
        )
    print(
        f"{report.melodies:,} melodies ({report.tokens:,} sixteenths) of {report.tunes:,} tunes, from "
        f"{report.files_kept:,} of {report.files:,} files"
    )


def tell_again(config: ReportConfig) -> None:
    """Print the report in a file; raises CorpusError for a file that is none."""
    try:
        content = json.loads(config.report.read_text(encoding="utf-8"))
        report = Report(**{each.name: content[each.name] for each in fields(Report)})
    except (ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{config.report} is no report of a corpus.") from error
    for name, reasons in {**report.dropped, **report.cut}.items() if config.file else ():
        if config.file in name:
            what = "dropped" if name in report.dropped else "kept in part"
            print(f"{name}: {what}:", ", ".join(f"{reason} ({times})" for reason, times in reasons.items()))
    tell(report)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    config = parse(
        Annotated[BuildConfig, tyro.conf.subcommand("build")] | Annotated[ReportConfig, tyro.conf.subcommand("report")],
        arguments,
        description="A corpus of your own music.",
    )
    if isinstance(config, BuildConfig):
        build(config)
    else:
        tell_again(config)


if __name__ == "__main__":
    run_command(main)
