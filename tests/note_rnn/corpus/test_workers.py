"""Reading by worker processes: the same results, within the memory limit."""

import signal

import pytest

from note_rnn.common.parallel import results_of
from note_rnn.corpus import reading
from note_rnn.corpus.folders import find_files
from note_rnn.corpus.reading import BYTES_PER_PROCESS, limit_process
from note_rnn.corpus.workers import read_files
from note_rnn.extraction.pipeline import Extraction
from note_rnn.extraction.tune_files import Reading

resource = pytest.importorskip("resource", reason="no limits of memory here")


@pytest.fixture
def music(midi, tmp_path):
    """The files of a folder of ten: more than a process is given at once, the odd ones too short."""
    for number in range(10):
        content = midi.file(midi.track(*midi.scale(number=32 if number % 2 else 64)))
        (tmp_path / f"{number}.mid").write_bytes(content)
    return find_files([tmp_path]).files


def test_a_process_reads_what_this_one_would_in_order_and_by_the_same_settings(music):
    settings = Extraction(min_bars=3)
    interrupt = signal.getsignal(signal.SIGINT)
    alone, here = (list(read_files(music, settings, Reading(), workers)) for workers in (1, 0))
    assert signal.getsignal(signal.SIGINT) is interrupt
    assert [result.reasons for result in alone] == [{}, {"shorter than 3 bars": 1}] * 5
    for one, other in zip(alone, here, strict=True):
        assert one.reasons == other.reasons
        assert [tune.source for tune in one.tunes] == [tune.source for tune in other.tunes]
        assert [tune.segments[0].tolist() for tune in one.tunes] == [tune.segments[0].tolist() for tune in other.tunes]


def test_a_process_that_reads_has_no_more_than_4_gib():
    ((soft, _),) = results_of(resource.getrlimit, [resource.RLIMIT_DATA], 1, pytest.fail, limit_process)
    assert soft == BYTES_PER_PROCESS == 4 << 30


def test_a_limit_is_never_above_what_the_system_allows(monkeypatch):
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    try:
        limit_process()
        within = resource.getrlimit(resource.RLIMIT_DATA)
        assert within == (BYTES_PER_PROCESS if hard == resource.RLIM_INFINITY else min(BYTES_PER_PROCESS, hard), hard)
        monkeypatch.setattr(reading, "BYTES_PER_PROCESS", 3 << 30)
        limit_process()
        assert resource.getrlimit(resource.RLIMIT_DATA) == (3 << 30, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
