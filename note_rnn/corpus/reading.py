"""Reading one file of any kind: its tunes, and the reasons for what was dropped, in bounded time and without errors."""

import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from note_rnn.common.errors import InputError
from note_rnn.corpus.collections import SUFFIXES
from note_rnn.corpus.file_systems import local_file
from note_rnn.extraction.contents import read_content
from note_rnn.extraction.midi_melody import declared_bars, read_midi
from note_rnn.extraction.pipeline import Extraction, read_melodies
from note_rnn.extraction.tune_files import DEFAULT_READING, Reading, Tune, read_tunes
from note_rnn.extraction.tunes import Bars, TuneError
from note_rnn.vocabulary import Tokens

SECONDS_PER_FILE = 10.0
BYTES_PER_PROCESS = 1 << 32
MIDI_SUFFIXES = {".mid", ".midi", ".kar", ".rmi"}
ALL_SUFFIXES = MIDI_SUFFIXES | SUFFIXES


class FileResult(NamedTuple):
    """The tunes of a file that have segments, and how often something was dropped or cut, by reason."""

    tunes: list[Tune]
    reasons: dict[str, int]


class OutOfTime(BaseException):
    """A file takes too long; not an Exception, so that no `except Exception` catches it."""


def read_file(
    path: str,
    name: str,
    extraction: Extraction,
    reading: Reading = DEFAULT_READING,
    seconds: float = SECONDS_PER_FILE,
) -> FileResult:
    """Return the tunes in the file `path`, perhaps a URL, with `name` in their sources. Never raises.

    A MIDI file is a tune without a title, its melodies are the segments; other files are read as tune books are.
    """
    try:
        with reasons_for_errors(seconds), time_limit(seconds), local_file(path) as local:
            return _read(local, name, extraction, reading, seconds)
    except TuneError as error:
        return FileResult([], {str(error): 1})


class FileMelody(NamedTuple):
    """A melody [T], its bars, and whether it is a tune in C major or A minor."""

    tokens: Tokens
    bars: Bars
    is_tune: bool


def read_melody(path: Path) -> FileMelody:
    """Return the melody of a file, within the limits of the files of a corpus.

    A tune, the first segment of the first one in a tune file, is in C major or A minor; a MIDI file is taken as it
    sounds, with the meter that it declares. Raises TuneError with the reason if there is none, MelodyFileError for a
    MIDI file that cannot be read.
    """
    with reasons_for_errors(SECONDS_PER_FILE), time_limit(SECONDS_PER_FILE), memory_limit(BYTES_PER_PROCESS):
        if path.suffix.lower() in MIDI_SUFFIXES:
            return FileMelody(read_midi(path), declared_bars(path), False)
        tune = next(iter(read_tunes(path, min_steps=1, seconds=SECONDS_PER_FILE)), None)
        if tune is None or not tune.segments:
            raise TuneError(tune.dropped if tune else "no tunes")
        return FileMelody(tune.segments[0], tune.bars[0], True)


@contextmanager
def reasons_for_errors(seconds: float) -> Iterator[None]:
    """Raise TuneError with a reason for whatever the body raises but an InputError; it has had `seconds`."""
    try:
        yield
    except (TuneError, InputError):
        raise
    except OutOfTime:
        reason = f"takes more than {seconds:g} seconds to read"
    except MemoryError:
        reason = "takes too much memory to read"
    except OSError as error:
        reason = f"cannot be opened ({error.strerror or type(error).__name__})"
    except Exception as error:  # on a damaged file a reader may raise anything; the other files must still be read
        reason = f"not readable ({type(error).__name__})"
    else:
        return
    raise TuneError(reason)


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


@contextmanager
def memory_limit(more: int) -> Iterator[None]:
    """Allow the body `more` bytes of memory than are in use; only on Linux, and in the main thread."""
    in_use = Path("/proc/self/statm")
    if not in_use.exists() or threading.current_thread() is not threading.main_thread():
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    within = int(in_use.read_text().split()[5]) * resource.getpagesize() + more
    lowest = min([within, *(limit for limit in before if limit != resource.RLIM_INFINITY)])
    resource.setrlimit(resource.RLIMIT_DATA, (lowest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def limit_process() -> None:
    """Limit the memory of this process to `BYTES_PER_PROCESS`, on systems that support it."""
    try:
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        within = BYTES_PER_PROCESS if hard == resource.RLIM_INFINITY else min(BYTES_PER_PROCESS, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (within, hard))
    except (ImportError, OSError, ValueError):  # not on Windows
        pass


def _read(path: str, name: str, extraction: Extraction, reading: Reading, seconds: float) -> FileResult:
    if Path(path).suffix.lower() in MIDI_SUFFIXES:
        melodies, reasons = read_melodies(read_content(path), extraction)
        bars = [each.bars for each in melodies]
        tune = Tune("", f"{name}#1", [each.tokens for each in melodies], "", bars, [()] * len(melodies))
        return FileResult([tune] if melodies else [], dict(+reasons))
    read = read_tunes(Path(path), seconds=seconds, reading=reading)
    tunes = [tune._replace(source=name + tune.source.removeprefix(Path(path).name)) for tune in read]
    reasons = Counter(tune.dropped for tune in tunes if not tune.segments)
    divided = sum(len(tune.segments) > 1 for tune in tunes)
    reasons["divided, but kept, where notes leave the grid or the key changes"] += divided
    reasons.update(
        f"repeats not played out: {tune.origin.folded}" for tune in tunes if tune.origin and tune.origin.folded
    )
    if not tunes:
        raise TuneError("no tunes")
    return FileResult([tune for tune in tunes if tune.segments], dict(+reasons))
