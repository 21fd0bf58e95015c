"""Building a corpus from folders, shard by shard: memory does not depend on its size, and a build can be resumed.

Files are read in batches, each saved once read; those of `FILES_PER_SHARD` files become a shard. Batches and shards are
corpus files, named by a hash of their inputs: the files, their sizes and times, and the settings. So only what changed
is read again.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from joblib import cpu_count

from note_rnn.common.atomic_files import check_out_file, remove_leftovers, write_json
from note_rnn.common.data_files import DataError, read_json
from note_rnn.common.errors import check_count, check_file_name
from note_rnn.common.parallel import Cluster, Workers
from note_rnn.common.progress import Progress
from note_rnn.corpus.collections import EXTRACTION_VERSION
from note_rnn.corpus.corpus import Corpus, CorpusError, joined
from note_rnn.corpus.corpus_files import write_corpus
from note_rnn.corpus.file_systems import version_of
from note_rnn.corpus.folders import File, find_files
from note_rnn.corpus.reading import FileResult
from note_rnn.corpus.report import Report
from note_rnn.corpus.sharded.shards import Shards, read_corpus, shard_folder, write_index
from note_rnn.corpus.sharded.splits import tune_groups
from note_rnn.corpus.workers import read_files
from note_rnn.extraction.pipeline import Extraction
from note_rnn.extraction.tune_files import DEFAULT_READING, Reading, Tune

MIDI_VERSION = 2
"""Incremented with every change in the output of `extraction`, so that older batches are read again."""
FILES_PER_BATCH = 256
FILES_PER_SHARD = 32 * FILES_PER_BATCH


@dataclass(frozen=True)
class Build:
    """How the files of a corpus are read, and where it is written."""

    extraction: Extraction
    reading: Reading
    workers: Workers
    """Number of reading processes, 0 for this one, or a cluster."""
    target: Path
    """The corpus file."""

    @property
    def parts(self) -> Path:
        """The folder of the batches of the shard that is being read."""
        return self.target.with_suffix(".parts")

    @property
    def settings(self) -> dict[str, Any]:
        """How files are read, as plain data."""
        return {**asdict(self.extraction), **asdict(self.reading)}


def build_corpus(
    folders: Sequence[str | Path],
    out: str | Path,
    extraction: Extraction | None = None,
    num_workers: Workers | None = None,
    reading: Reading = DEFAULT_READING,
) -> Report:
    """Read all melody files in `folders`, write `out`.npz and the report `out`.json, and return the report.

    :param folders: folders, or URLs that fsspec opens.
    :param extraction: how MIDI files are read.
    :param num_workers: number of reading processes, by default one per core; 0 to read in this process; or a cluster.
    :param reading: how files in ABC, MusicXML and kern are read.

    Of more than `FILES_PER_SHARD` files `out`.npz is the index of shards, each with a report of its own files. An
    interrupted build resumes with the same call. Raises CorpusError if a folder is missing, or if there are no melodies
    (only the report is written then), InputError if the files cannot be written.
    """
    if num_workers is not None and not isinstance(num_workers, Cluster):
        check_count("num_workers", num_workers, minimum=0)
    target, report_file = corpus_paths(out)
    for file in (target, report_file):
        check_out_file(file)
    workers = cpu_count() if num_workers is None else num_workers
    build = Build(extraction or Extraction(), reading, workers, target)
    found = find_files(folders)
    for folder in (build.parts, shard_folder(target)):
        remove_leftovers(folder)
    report = Report(build.settings, others=dict(found.others.most_common()), unread_folders=found.unread)
    with Progress(len(found.files), "Reading", "files") as progress:
        if len(found.files) <= FILES_PER_SHARD:
            paths, corpus = [], _read_shard(found.files, build, progress)
            report.add(corpus.provenance[0])
            shards = Shards.of(corpus)
        else:
            paths = [_write_shard(files, build, progress, report) for files in _shuffled(found.files)]
            shards = Shards([partial(read_corpus, path) for path in paths], [])
    _finish(build, report_file, report, paths, shards)
    return report


def _finish(build: Build, report_file: Path, report: Report, paths: Sequence[Path], shards: Shards) -> None:
    """Write the report and, if it counts melodies, the corpus, or the index of the files `paths` of its `shards`."""
    groups = tune_groups(shards) if report.melodies else None
    if groups:
        report.groups, report.duplicates = groups.number, groups.duplicates
    report.shards = [path.stem for path in paths]
    write_json(report_file, report.as_dict())
    if not groups:
        raise CorpusError(f"No melodies in {report.files:,} files: see {report_file} for the reasons.")
    if paths:
        write_index(build.target, paths, groups.hashes, [report.summary()])
    else:
        write_corpus(replace(shards.whole(), provenance=[report.summary()]), build.target)
    shutil.rmtree(build.parts, ignore_errors=True)
    for file in shard_folder(build.target).glob("*"):
        if file.with_suffix(".npz") not in paths:
            file.unlink()


def corpus_paths(out: str | Path) -> tuple[Path, Path]:
    """Return the files of the corpus and of the report of the build `out`, given with or without .npz.

    Raises InputError for a path without a name.
    """
    check_file_name(out)
    name = Path(out).name.removesuffix(".npz")
    return Path(out).with_name(f"{name}.npz"), Path(out).with_name(f"{name}.json")


def _shuffled(files: Sequence[File]) -> list[Sequence[File]]:
    """Return `files` by shard, in the order of a hash of their names: each shard is a random sample of the corpus."""
    ordered = sorted(files, key=lambda file: (hashlib.blake2b(file.name.encode(), digest_size=8).digest(), file))
    return [ordered[first : first + FILES_PER_SHARD] for first in range(0, len(files), FILES_PER_SHARD)]


def _write_shard(files: Sequence[File], build: Build, progress: Progress, report: Report) -> Path:
    """Read the shard of `files` unless that is done, write it and its report, add this to `report`; return its file."""
    path = shard_folder(build.target) / f"{_fingerprint(files, build)}.npz"
    of_shard = _report_of(path)
    if of_shard is None:
        corpus = _read_shard(files, build, progress)
        of_shard = Report(build.settings)
        of_shard.add(corpus.provenance[0])
        write_json(path.with_suffix(".json"), of_shard.as_dict(), durable=True)
        write_corpus(replace(corpus, provenance=[of_shard.summary()]), path)
        shutil.rmtree(build.parts, ignore_errors=True)
    else:
        progress.skip(len(files))
    report.add_shard(of_shard.as_dict())
    return path


def _report_of(path: Path) -> Report | None:
    """Return the report of the shard in the file `path`, None if one of the two is not there."""
    try:
        report: Report = read_json(path.with_suffix(".json"), Report)
    except (DataError, OSError):
        return None
    return report if path.is_file() else None


def _read_shard(files: Sequence[File], build: Build, progress: Progress) -> Corpus:
    """Return the corpus of `files`, with its report as provenance, batch by batch read from its file or from them."""
    batches = [files[first : first + FILES_PER_BATCH] for first in range(0, len(files), FILES_PER_BATCH)]
    paths = [build.parts / f"{_fingerprint(batch, build)}.npz" for batch in batches]
    finished = {path: part for path in paths if (part := _read_part(path))}
    pending = [file for batch, path in zip(batches, paths, strict=True) if path not in finished for file in batch]
    progress.skip(len(files) - len(pending))
    results = _counted(read_files(pending, build.extraction, build.reading, build.workers), progress)
    report = Report(build.settings)
    for batch, path in zip(batches, paths, strict=True):
        if path not in finished:
            finished[path] = _corpus_of(batch, list(islice(results, len(batch))))
            write_corpus(finished[path], path)
        report.add(finished[path].provenance[0])
    whole = joined([*(finished[path] for path in paths), Corpus([], np.zeros(0, np.int64), [], [])])
    return replace(whole, provenance=[report.as_dict()])


def _counted(results: Iterator[FileResult], progress: Progress) -> Iterator[FileResult]:
    melodies = 0
    for result in results:
        melodies += sum(len(tune.segments) for tune in result.tunes)
        progress.note(f"{melodies:,} melodies")
        progress.advance()
        yield result


def _corpus_of(files: Sequence[File], results: Sequence[FileResult]) -> Corpus:
    """Return the tunes read from `files`, with their report as provenance."""
    report = Report({})
    for file, result in zip(files, results, strict=True):
        report.count(file.name, result)
    return corpus_of([tune for result in results for tune in result.tunes], report.as_dict())


def corpus_of(tunes: Sequence[Tune], provenance: dict[str, Any]) -> Corpus:
    """Return the corpus of `tunes` with segments, and its provenance."""
    return Corpus(
        [segment for tune in tunes for segment in tune.segments],
        np.repeat(np.arange(len(tunes)), [len(tune.segments) for tune in tunes]),
        [tune.title for tune in tunes],
        [tune.source for tune in tunes],
        [provenance],
        [bars for tune in tunes for bars in tune.bars],
        [sections for tune in tunes for sections in tune.sections],
        [tune.origin for tune in tunes],
    )


def _read_part(path: Path) -> Corpus | None:
    try:
        return read_corpus(path)
    except (CorpusError, OSError):
        return None


def _fingerprint(files: Sequence[File], build: Build) -> str:
    """Return a hash of `files` and the settings."""
    content: list[Any] = [EXTRACTION_VERSION, MIDI_VERSION, asdict(build.extraction), asdict(build.reading)]
    content += [(file.name, version_of(file.path)) for file in files]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:20]
