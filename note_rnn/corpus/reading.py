"""Reading one file of any kind: its tunes, and the reasons for what was dropped, in bounded time and without errors."""

import os
import signal
import stat
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from note_rnn.corpus.collections import SUFFIXES
from note_rnn.extraction.pipeline import Extraction, read_melodies
from note_rnn.extraction.tune_files import Tune, read_tunes
from note_rnn.extraction.tunes import UNKNOWN_BARS, TuneError

SECONDS_PER_FILE = 10.0
BYTES_PER_FILE = 1 << 24
BYTES_PER_PROCESS = 1 << 32
MIDI_SUFFIXES = {".mid", ".midi", ".kar", ".rmi"}
ALL_SUFFIXES = MIDI_SUFFIXES | SUFFIXES


class FileResult(NamedTuple):
    """The tunes of a file that have segments, and how often something was dropped or cut, by reason."""

    tunes: list[Tune]
    reasons: dict[str, int]


class OutOfTime(BaseException):
    """A file takes too long; not an Exception, so that no `except Exception` catches it."""


def read_file(path: str, name: str, extraction: Extraction, seconds: float = SECONDS_PER_FILE) -> FileResult:
    """Return the tunes in the file `path`, with `name` in their sources. Never raises.

    A MIDI file is a tune without a title, its melodies are the segments; other files are read by music21, as tune books
    are.
    """
    try:
        with time_limit(seconds):
            return _read(path, name, extraction)
    except TuneError as error:
        reason = str(error)
    except OutOfTime:
        reason = f"takes more than {seconds:g} seconds to read"
    except MemoryError:
        reason = "takes too much memory to read"
    except ImportError:
        reason = 'needs music21: pip install "melody-rl[corpus]"'
    except OSError as error:
        reason = f"cannot be opened ({error.strerror or type(error).__name__})"
    except Exception as error:  # on a damaged file a reader may raise anything; the other files must still be read
        reason = f"not readable ({type(error).__name__})"
    return FileResult([], {reason: 1})


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the body after `seconds`; only on systems with timers, and in the main thread."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)  # repeated, in case something catches everything
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def limit_process() -> None:
    """Limit the memory of this process to `BYTES_PER_PROCESS`, on systems that support it."""
    try:
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        within = BYTES_PER_PROCESS if hard == resource.RLIM_INFINITY else min(BYTES_PER_PROCESS, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (within, hard))
    except (ImportError, OSError, ValueError):  # not on Windows
        pass


def _read(path: str, name: str, extraction: Extraction) -> FileResult:
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise TuneError("not a regular file")
    if status.st_size > BYTES_PER_FILE:
        raise TuneError(f"larger than {BYTES_PER_FILE >> 20} MiB")
    if status.st_size == 0:
        raise TuneError("empty file")
    if Path(path).suffix.lower() in MIDI_SUFFIXES:
        melodies, reasons = read_melodies(Path(path).read_bytes(), extraction)
        bars = [UNKNOWN_BARS] * len(melodies)
        return FileResult([Tune("", f"{name}#1", melodies, "", bars)] if melodies else [], dict(+reasons))
    tunes = [tune._replace(source=name + tune.source.removeprefix(Path(path).name)) for tune in read_tunes(Path(path))]
    reasons = Counter(tune.dropped for tune in tunes if not tune.segments)
    divided = sum(len(tune.segments) > 1 for tune in tunes)
    reasons["divided, but kept, where notes leave the grid or the key changes"] += divided
    if not tunes:
        raise TuneError("no tunes")
    return FileResult([tune for tune in tunes if tune.segments], dict(+reasons))
