"""Reading of many files by several processes, in order, that survives the crash of a process."""

import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context

from note_rnn.corpus.folders import File
from note_rnn.corpus.reading import FileResult, limit_process, read_file
from note_rnn.extraction.pipeline import Extraction

_FILES_AT_ONCE = 8


def read_files(files: Sequence[File], extraction: Extraction, num_workers: int) -> Iterator[FileResult]:
    """Yield the result of each of `files`, in order; with 0 workers this process reads them.

    If a process dies, the next file is read alone; if it dies again, the file is dropped with that reason.
    """
    read = partial(_read, extraction=extraction)
    if num_workers == 0:
        yield from map(read, files)
        return
    done = 0
    while done < len(files):
        try:
            for result in _in_processes(read, files[done:], num_workers):
                yield result
                done += 1
        except BrokenProcessPool:
            yield _read_alone(read, files[done])
            done += 1


def _in_processes(read: "partial[FileResult]", files: Sequence[File], num_workers: int) -> Iterator[FileResult]:
    pool = ProcessPoolExecutor(num_workers, get_context("spawn"), limit_process)
    try:
        with _ignoring_interrupts():
            results = pool.map(read, files, chunksize=_FILES_AT_ONCE)
        yield from results
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C within the context; processes started in it always do, and leave it to this one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _read_alone(read: "partial[FileResult]", file: File) -> FileResult:
    try:
        return next(_in_processes(read, [file], 1))
    except BrokenProcessPool:
        return FileResult([], {"crashed the process that read it, perhaps out of memory": 1})


def _read(file: File, extraction: Extraction) -> FileResult:
    return read_file(file.path, file.name, extraction)
