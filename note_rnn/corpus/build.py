"""Building a corpus from folders: files are read in batches, each saved once read, so that a build can be resumed.

A batch is a corpus with a `Report` as its provenance. Its file is named by a hash of its inputs: the files, their sizes
and times, and the settings. So only what changed is read again.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from joblib import cpu_count

from note_rnn.common.atomic_files import check_out_file, remove_leftovers, write_json
from note_rnn.common.errors import check_count, check_file_name
from note_rnn.common.parallel import Cluster, Workers
from note_rnn.common.progress import Progress
from note_rnn.corpus.collections import EXTRACTION_VERSION
from note_rnn.corpus.corpus import Corpus, CorpusError, joined
from note_rnn.corpus.corpus_files import read_corpus, write_corpus
from note_rnn.corpus.folders import File, Files, find_files
from note_rnn.corpus.reading import FileResult
from note_rnn.corpus.report import Report
from note_rnn.corpus.workers import read_files
from note_rnn.extraction.pipeline import Extraction
from note_rnn.extraction.tune_files import DEFAULT_READING, Reading, Tune

MIDI_VERSION = 2
"""Incremented with every change in the output of `extraction`, so that older batches are read again."""
FILES_PER_BATCH = 256


def build_corpus(
    folders: Sequence[str | Path],
    out: str | Path,
    extraction: Extraction | None = None,
    num_workers: Workers | None = None,
    reading: Reading = DEFAULT_READING,
) -> Report:
    """Read all melody files in `folders`, write `out`.npz and the report `out`.json, and return the report.

    :param extraction: how MIDI files are read.
    :param num_workers: number of reading processes, by default one per core; 0 to read in this process; or a cluster.
    :param reading: how files in ABC, MusicXML and kern are read.

    An interrupted build resumes with the same call. Raises CorpusError if a folder is missing, or if there are no
    melodies (only the report is written then), InputError if the files cannot be written.
    """
    if num_workers is not None and not isinstance(num_workers, Cluster):
        check_count("num_workers", num_workers, minimum=0)
    extraction = extraction or Extraction()
    target, report_file = corpus_paths(out)
    for file in (target, report_file):
        check_out_file(file)
    found = find_files(folders)
    workers = cpu_count() if num_workers is None else num_workers
    parts = target.with_suffix(".parts")
    remove_leftovers(parts)
    corpus, report = _gathered(found, extraction, reading, parts, workers)
    write_json(report_file, report.as_dict())
    if not corpus.segments:
        raise CorpusError(f"No melodies in {report.files:,} files: see {report_file} for the reasons.")
    write_corpus(corpus, target)
    shutil.rmtree(parts, ignore_errors=True)
    return report


def corpus_paths(out: str | Path) -> tuple[Path, Path]:
    """Return the files of the corpus and of the report of the build `out`, given with or without .npz.

    Raises InputError for a path without a name.
    """
    check_file_name(out)
    name = Path(out).name.removesuffix(".npz")
    return Path(out).with_name(f"{name}.npz"), Path(out).with_name(f"{name}.json")


def _gathered(
    found: Files, extraction: Extraction, reading: Reading, parts: Path, workers: Workers
) -> tuple[Corpus, Report]:
    """Return the corpus and the report of all batches, read from the folder `parts` or from their files."""
    files = found.files
    batches = [files[first : first + FILES_PER_BATCH] for first in range(0, len(files), FILES_PER_BATCH)]
    paths = [parts / f"{_fingerprint(batch, extraction, reading)}.npz" for batch in batches]
    finished = {path: part for path in paths if (part := _read_part(path))}
    pending = [file for batch, path in zip(batches, paths, strict=True) if path not in finished for file in batch]
    with Progress(len(files), "Reading", "files", len(files) - len(pending)) as progress:
        results = _counted(read_files(pending, extraction, reading, workers), progress)
        for batch, path in zip(batches, paths, strict=True):
            if path not in finished:
                finished[path] = _corpus_of(batch, list(islice(results, len(batch))))
                write_corpus(finished[path], path)
    corpora = [finished[path] for path in paths]
    settings = {**asdict(extraction), **asdict(reading)}
    report = Report(settings, others=dict(found.others.most_common()), unread_folders=found.unread)
    for corpus in corpora:
        report.add(corpus.provenance[0])
    whole = joined([*corpora, Corpus([], np.zeros(0, np.int64), [], [])])
    return replace(whole, provenance=[report.summary()]), report


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


def _fingerprint(files: Sequence[File], extraction: Extraction, reading: Reading) -> str:
    """Return a hash of `files` and the settings."""
    content: list[Any] = [EXTRACTION_VERSION, MIDI_VERSION, asdict(extraction), asdict(reading)]
    content += [(file.name, *_size_and_time(file.path)) for file in files]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:20]


def _size_and_time(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns
