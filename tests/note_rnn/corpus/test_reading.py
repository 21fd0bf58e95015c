"""Reading of arbitrary files: read or dropped with the reason, never an exception, a hang or a silent loss."""

import os
import random
import signal
import threading
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from note_rnn.corpus import reading
from note_rnn.corpus.reading import OutOfTime, memory_limit, read_file, time_limit
from note_rnn.extraction import contents
from note_rnn.extraction.pipeline import Extraction
from note_rnn.extraction.tune_files import Reading
from note_rnn.extraction.tunes import Bars

ABC = "".join(
    f"X: {number}\nT: {title}\nM: 4/4\nL: 1/16\nK: C\n{music}|\n\n"
    for number, title, music in ((1, "Whole", "C8D8|E8F8"), (2, "Silent", "z16|z16"))
)
TOO_LONG = "damaged MIDI: it would last more than 250,000 quarter notes"
NO_WHOLE_BAR = "a bar is not a whole number of sixteenths"
LOOSE = Extraction(min_bars=1, min_pitches=1)


@pytest.fixture
def read(tmp_path):
    """What is in a file of these bytes."""

    def read(content, name="file.mid", **limits):
        path = tmp_path / name
        path.write_bytes(content)
        return read_file(str(path), f"folder/{name}", LOOSE, **limits)

    return read


def test_a_midi_file_is_a_tune_and_its_melodies_are_segments(midi, read):
    result = read(
        midi.file(midi.track(*midi.scale()), midi.track(*midi.scale(first=72)), midi.track(*midi.notes((0, 9, 60))))
    )
    (tune,) = result.tunes
    assert (tune.title, tune.source) == ("", "folder/file.mid#1")
    assert [len(segment) for segment in tune.segments] == [128, 128]
    assert [(bars.pickup, bars.is_estimated) for bars in tune.bars] == [(0, True)] * 2
    assert result.reasons == {"shorter than 1 bars": 1}


def test_the_meter_that_a_midi_file_declares_is_kept(midi, read):
    """A jig of a quarter and an eighth to the beat."""
    times = [start + 288 * bar for bar in range(8) for start in (0, 96, 144, 240)]
    notes = [(start, end, 60 + n % 9) for n, (start, end) in enumerate(pairwise(times))]
    declared = (0, midi.meta(0x58, [6, 3, 36, 8]))
    (tune,) = read(midi.file(midi.track(declared, *midi.notes(*notes)))).tunes
    assert tune.bars == [Bars("6/8", 0)]
    (tune,) = read(midi.file(midi.track(*midi.notes(*notes)))).tunes
    assert tune.bars == [Bars("6/8", 0, is_estimated=True)]


def test_tunes_of_other_kinds_come_from_their_own_readers(read):
    result = read(ABC.encode(), "book.ABC")
    assert [(tune.title, tune.source) for tune in result.tunes] == [("Whole", "folder/book.ABC#1")]
    assert result.reasons == {"no notes": 1}
    assert read(b"", "empty.xml").reasons == {"empty file": 1}
    assert read(b"no tune", "text.abc").reasons == {"no tunes": 1}
    assert read(b"<score-partwise>", "cut.musicxml").reasons == {"damaged XML": 1}


@pytest.mark.parametrize("suffix", [".mid", ".MIDI", ".kar", ".Rmi"])
def test_midi_is_read_as_midi_whatever_its_suffix(midi, read, suffix):
    (tune,) = read(midi.file(midi.track(*midi.scale())), f"file{suffix}").tunes
    assert [len(segment) for segment in tune.segments] == [128]


def test_what_of_a_book_was_dropped_or_cut_is_counted_by_reason(read):
    cut = "C16|D16|(3C4D4E4 E8|E16|F16"
    tunes = {"Cut": cut, "Whole": "C16|D16", "Again": cut, "Silent": "z16|z16", "Still": "z16", "Short": "C8"}
    book = "".join(f"X:1\nT:{title}\nM:4/4\nL:1/16\nK:C\n{music}|\n\n" for title, music in tunes.items())
    result = read(book.encode(), "book.abc", reading=Reading(off_grid="cut"))
    assert [(tune.title, len(tune.segments)) for tune in result.tunes] == [("Cut", 2), ("Whole", 1), ("Again", 2)]
    assert result.reasons == {
        "no notes": 2,
        "no run of 32 sixteenths on the grid": 1,
        "divided, but kept, where notes leave the grid or the key changes": 2,
    }


def hard_files(midi):
    """Bytes of files that are hard to read, and the reason why they are dropped, None for those that are read."""
    scale = midi.scale()
    whole = midi.file(midi.track(*scale))
    drums = midi.file(midi.track(*midi.scale(channel=9)))
    note = b"\x00\x90\x3c\x50"
    return {
        "truncated": (whole[:-20], "truncated"),
        "truncated header": (whole[:9], "truncated"),
        "zero bytes": (b"", "empty file"),
        "zeros": (bytes(999), "not a MIDI file"),
        "text": (b"Dear user, this is no music.", "not a MIDI file"),
        "no notes": (midi.file(midi.track((0, midi.meta(3, b"name")))), "no notes"),
        "no tracks": (midi.file(), "no notes"),
        "only drums": (drums, "only drums"),
        "film frames": (midi.file(midi.track(*scale), resolution=0xE250), "timed by film frames (SMPTE), not by beats"),
        "no ticks": (midi.file(midi.track(*scale), resolution=0), "damaged MIDI: zero ticks per quarter note"),
        "status first left out": (midi.file(note[:1] + note[2:]), "damaged MIDI: data where an event should be"),
        "status behind meta left out": (midi.file(midi.track((0, midi.meta(1, b"x")), *scale)), None),
        "zero tempo": (midi.file(midi.track((0, midi.meta(0x51, bytes(3))), *scale)), None),
        "meter 0/4": (midi.file(midi.track((0, midi.meta(0x58, [0, 2])), *scale)), None),
        "meter 255/1": (midi.file(midi.track((0, midi.meta(0x58, [255, 0])), *scale)), "shorter than 1 bars"),
        "meter 4/2^255": (midi.file(midi.track((0, midi.meta(0x58, [4, 255])), *scale)), None),
        "meter 1/64": (midi.file(midi.track((0, midi.meta(0x58, [1, 6])), *scale)), NO_WHOLE_BAR),
        "key of 99 sharps": (midi.file(midi.track((0, midi.meta(0x59, [99, 9])), *scale)), None),
        "dangling notes": (midi.file(midi.track(*scale, (9999, b"\x90\x3c\x50"), (9999, b"\x91\x3c\x50"))), None),
        "only dangling notes": (midi.file(midi.track((0, note[1:]), (9, note[1:]))), "no notes"),
        "very late": (midi.file(b"\xff\xff\xff\x7f\xb0\x01\x01" + note), TOO_LONG),
        "a hundred thousand notes": (midi.file(b"\x00\x90\x3c\x00" + b"\x00\x3c\x50\x18\x3c\x00" * 100_000), None),
        "many tracks": (midi.file(*[midi.track(*midi.notes((0, 9, 60)))] * 3000), "shorter than 1 bars"),
    }


def test_hard_files_are_dropped_with_the_reason_or_read(midi, read):
    for name, (content, reason) in hard_files(midi).items():
        started = time.monotonic()
        result = read(content, f"{name.replace('/', ' ')}.mid")
        assert time.monotonic() - started < 10, name
        assert list(result.reasons) == ([] if reason is None else [reason]), name
        assert bool(result.tunes) == (reason is None), name


@pytest.mark.slow
def test_a_million_notes(midi, read):
    result = read(midi.file(b"\x00\x90\x3c\x00" + b"\x00\x3c\x50\x18\x3c\x00" * 1_000_000), seconds=100)
    assert [len(segment) for tune in result.tunes for segment in tune.segments] == [1_000_000]


def test_long_notes_in_thousands_of_tracks_fill_no_memory(midi, read):
    long = midi.track(*midi.notes(*((n * 24, 20_000_000, 60 + n) for n in range(5))))
    result = read(midi.file(*[long] * 1000))
    assert sum(len(segment) for tune in result.tunes for segment in tune.segments) <= 1 << 20
    assert result.reasons["beyond 1,048,576 sixteenths in one file"] >= 999


def test_names_that_are_no_utf8(midi, tmp_path):
    path = os.fsencode(tmp_path) + b"/t\xfcne.mid"
    with open(path, "wb") as file:
        file.write(midi.file(midi.track(*midi.scale())))
    (tune,) = read_file(os.fsdecode(path), "t\\xfcne.mid", LOOSE).tunes
    assert tune.source == "t\\xfcne.mid#1"


def test_what_cannot_be_opened(tmp_path):
    assert read_file(str(tmp_path / "none.mid"), "none.mid", LOOSE).reasons == {
        "cannot be opened (No such file or directory)": 1
    }
    (tmp_path / "folder.mid").mkdir()
    assert read_file(str(tmp_path / "folder.mid"), "folder.mid", LOOSE).reasons == {"not a regular file": 1}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.mid")
    assert read_file(str(tmp_path / "pipe.mid"), "pipe.mid", LOOSE).reasons == {"not a regular file": 1}


def test_large_files_are_left_alone(midi, read, monkeypatch):
    assert read(bytes((16 << 20) + 1)).reasons == {"larger than 16 MiB": 1}
    assert read(bytes(4 << 20)).reasons == {"not a MIDI file": 1}
    monkeypatch.setattr(contents, "MAX_BYTES", 1 << 20)
    content = midi.file(bytes(1 << 20))
    assert read(content).reasons == {"larger than 1 MiB": 1}
    allowed = midi.file(midi.track(*midi.scale()))
    assert read(allowed + bytes((1 << 20) - len(allowed))).reasons == {}
    assert read(allowed + bytes((1 << 20) - len(allowed) + 1)).reasons == {"larger than 1 MiB": 1}


def test_the_tunes_of_a_book_share_the_time_of_their_file(read, monkeypatch):
    """So that time is bounded outside of the main thread too."""
    times = []
    monkeypatch.setattr(reading, "read_tunes", lambda path, seconds, reading: times.append(seconds) or [])
    assert read(b"X:1", "book.abc", seconds=3.0).reasons == {"no tunes": 1}
    assert times == [3.0]


@pytest.mark.skipif(not hasattr(reading.signal, "setitimer"), reason="no timers here")
def test_a_file_that_takes_too_long_is_given_up(midi, read, monkeypatch):
    def forever(*_):
        while True:
            try:
                time.sleep(9)
            except Exception:
                continue

    monkeypatch.setattr(reading, "read_melodies", forever)
    started = time.monotonic()
    result = read(midi.file(midi.track()), seconds=0.05)
    assert list(result.reasons) == ["takes more than 0.05 seconds to read"]
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "takes too much memory to read"),
        (RecursionError(), "not readable (RecursionError)"),
        (PermissionError(13, "Permission denied"), "cannot be opened (Permission denied)"),
    ],
)
def test_whatever_happens_is_a_reason(midi, read, monkeypatch, error, reason):
    def fail(*_):
        raise error

    monkeypatch.setattr(reading, "read_melodies", fail)
    assert read(midi.file()).reasons == {reason: 1}


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="not known here how much memory is in use")
def test_memory_is_limited_to_so_much_more_and_only_within():
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(MemoryError), memory_limit(64 << 20):
        bytearray(256 << 20)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    with memory_limit(512 << 20):
        assert len(bytearray(256 << 20)) == 256 << 20


def test_no_limit_is_left_behind(midi):
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(OutOfTime), time_limit(0.02):
        time.sleep(5)
    assert signal.getsignal(signal.SIGALRM) == before
    with time_limit(0.05):
        pass
    time.sleep(0.1)  # nothing comes late


def test_outside_of_the_main_thread_there_is_no_limit_but_no_error(midi, read):
    results = []
    content = midi.file(midi.track(*midi.scale()))
    thread = threading.Thread(target=lambda: results.append(read(content)))
    thread.start()
    thread.join()
    assert len(results[0].tunes) == 1


def mutated(content, choose):
    """`content` with some bytes changed, left out or doubled, and the length of its last track made right again."""
    content = bytearray(content)
    for _ in range(choose(0, 8)):
        place = choose(0, len(content) - 1)
        action = choose(0, 3)
        if action == 0:
            content[place] = choose(0, 255)
        elif action == 1:
            del content[place : place + choose(1, 9)]
        elif action == 2:
            content[place:place] = content[place : place + choose(1, 40)]
        else:
            content[place] ^= 1 << choose(0, 7)
        if not content:
            break
    start = content.rfind(b"MTrk")
    if start >= 0 and choose(0, 3):
        content[start + 4 : start + 8] = (len(content) - start - 8).to_bytes(4, "big")
    return bytes(content)


def originals(midi):
    conductor = midi.track(
        (0, midi.meta(0x58, [3, 2, 24, 8])),
        (0, midi.meta(0x51, [7, 161, 32])),
        (0, midi.meta(0x59, [1, 0])),
        (500, midi.meta(0x58, [4, 2, 24, 8])),
    )
    played = midi.track((0, midi.meta(3, b"melody")), (0, b"\xc0\x01"), (0, b"\xb0\x07\x40"), *midi.scale(2, 60))
    running = midi.track((0, b"\x90\x3c\x50"), *((12 * n, bytes([60 + n % 12, 80 * (n % 2)])) for n in range(1, 90)))
    return [midi.file(conductor, played), midi.file(running, kind=0), midi.file(conductor, running, played)]


def check_sensible(result):
    """A file yields tokens, or a reason why not."""
    assert result.tunes or result.reasons
    assert all(segment.min() >= 0 and segment.max() <= 37 for tune in result.tunes for segment in tune.segments)
    assert not any(reason.startswith("not readable") for reason in result.reasons)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_damaged_files_are_read_or_dropped(midi, tmp_path_factory, data):
    content = data.draw(st.sampled_from(originals(midi)))
    path = tmp_path_factory.getbasetemp() / "damaged.mid"
    path.write_bytes(mutated(content, lambda low, high: data.draw(st.integers(low, high))))
    check_sensible(read_file(str(path), "damaged.mid", LOOSE))


@pytest.mark.slow
def test_a_hundred_thousand_damaged_files(midi, tmp_path):
    choose = random.Random(0).randint
    files = originals(midi)
    read = 0
    for number in range(100_000):
        (tmp_path / "damaged.mid").write_bytes(mutated(files[number % len(files)], choose))
        result = read_file(str(tmp_path / "damaged.mid"), "damaged.mid", LOOSE)
        check_sensible(result)
        read += bool(result.tunes)
    assert 10_000 < read < 90_000
