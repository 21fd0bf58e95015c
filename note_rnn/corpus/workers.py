"""Reading of many files by several processes of limited memory, in order."""

from collections.abc import Iterator, Sequence
from functools import partial

from note_rnn.common.parallel import Workers, results_of
from note_rnn.corpus.folders import File
from note_rnn.corpus.reading import FileResult, limit_process, read_file
from note_rnn.extraction.pipeline import Extraction
from note_rnn.extraction.tune_files import Reading

_FILES_AT_ONCE = 8


def read_files(
    files: Sequence[File], extraction: Extraction, reading: Reading, workers: Workers
) -> Iterator[FileResult]:
    """Yield the result of each of `files`, in order; with 0 workers this process reads them.

    A file that crashes the process that reads it, twice, is dropped with that reason.
    """
    return results_of(
        partial(_read, extraction=extraction, reading=reading),
        files,
        workers,
        _crashed,
        limit_process,
        items_at_once=_FILES_AT_ONCE,
    )


def _read(file: File, extraction: Extraction, reading: Reading) -> FileResult:
    return read_file(file.path, file.name, extraction, reading)


def _crashed(file: File) -> FileResult:
    return FileResult([], {"crashed the process that read it, perhaps out of memory": 1})
