"""Progress of a long job and its remaining time, in a terminal or line by line."""

import io
import re

import pytest

from note_rnn import Progress
from note_rnn.common import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that shows the seconds in a list's only place."""
    seconds = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: seconds[0])
    return seconds


def test_a_line_has_what_is_done_and_the_time_left(clock, capsys):
    job = Progress(1_000, "training", "steps")
    job.note("loss 1.5")
    clock[0] += 20
    job.advance(200)
    out, err = capsys.readouterr()
    assert err == "training: 200 of 1,000 steps (20%), 0:20 elapsed, 1:20 left, 10 steps/s loss 1.5\n"
    assert out == ""


def test_what_was_done_before_does_not_make_it_faster(clock, capsys):
    job = Progress(1_000, "training", "steps", done=800)
    clock[0] += 50
    job.advance(100)
    assert capsys.readouterr().err == "training: 900 of 1,000 steps (90%), 0:50 elapsed, 0:50 left, 2 steps/s\n"


def test_no_more_than_all_of_it_was_done_before(clock, capsys):
    with Progress(1_000, "training", "steps", done=1_024):
        pass
    assert capsys.readouterr().err == "training: 1,000 of 1,000 steps (100%), 0:00 elapsed\n"


def test_what_turns_out_to_be_done_does_not_make_it_faster(clock, capsys):
    job = Progress(10, "reproduce", "models")
    job.skip(4)
    assert capsys.readouterr().err == ""
    clock[0] += 50
    job.advance(1)
    assert capsys.readouterr().err == "reproduce: 5 of 10 models (50%), 0:50 elapsed, 4:10 left, 1.2 models/min\n"


def test_lines_come_every_fifteen_seconds_and_at_the_end(clock, capsys):
    with Progress(10, "reading", "files") as job:
        for _ in range(10):
            clock[0] += 8
            job.advance()
    lines = capsys.readouterr().err.splitlines()
    assert [int(line.split()[1]) for line in lines] == [2, 4, 6, 8, 10, 10]
    assert lines[-1] == "reading: 10 of 10 files (100%), 1:20 elapsed, 7.5 files/min"


def test_nothing_is_left_out_where_nothing_is_to_do(clock, capsys):
    with Progress(0, "reading", "files"):
        pass
    assert capsys.readouterr().err == "reading: 0 of 0 files (0%), 0:00 elapsed\n"


@pytest.mark.parametrize(
    ("seconds", "done", "speed"),
    [
        (20, 3_000, "150 models/s"),
        (20, 45, "2.2 models/s"),
        (100, 2, "1.2 models/min"),
        (100, 50, "30 models/min"),
        (7_200, 3, "1.5 models/h"),
        (7_200, 1, "0.5 models/h"),
    ],
)
def test_slow_units_are_counted_by_the_minute_or_the_hour(seconds, done, speed, clock, capsys):
    job = Progress(8_000, "reproduce", "models")
    clock[0] += seconds
    job.advance(done)
    assert capsys.readouterr().err.endswith(f"{speed}\n")


def test_a_long_job_is_timed_in_hours(clock, capsys):
    job = Progress(4, "reproduce", "models")
    clock[0] += 5_400
    job.advance()
    assert "1:30:00 elapsed, 4:30:00 left, 0.67 models/h" in capsys.readouterr().err


def test_no_more_than_all_of_it_is_done(clock, capsys):
    job = Progress(1_000, "training", "steps")
    clock[0] += 20
    job.advance(1_020)
    assert capsys.readouterr().err == "training: 1,000 of 1,000 steps (100%), 0:20 elapsed, 50 steps/s\n"


def test_a_sentence_stands_on_a_line_of_its_own(clock, capsys):
    Progress(10, "reading", "files").write("One of them is damaged.")
    assert capsys.readouterr().err == "One of them is damaged.\n"


class Terminal(io.StringIO):
    """What a terminal is given."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_has_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(progress.sys, "stderr", terminal)
    with Progress(40, "training", "steps", done=10) as job:
        job.note("loss 1.5")
        job.advance(20)
    last = terminal.getvalue().rpartition("\r")[2]
    assert re.match(r"training:\s+75%.* 30/40 .*steps/s, loss 1\.5", last)


def test_a_bar_skips_what_is_done_already(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(progress.sys, "stderr", terminal)
    with Progress(40, "reproduce", "models") as job:
        job.skip(30)
        assert re.match(r"reproduce:\s+75%.* 30/40 .*\?.*models/s", terminal.getvalue().rpartition("\r")[2])


def test_a_bar_ends_at_its_end(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(progress.sys, "stderr", terminal)
    with Progress(40_000, "training", "steps") as job:
        job.advance(41_000)
    assert re.match(r"training: 100%.*40\.0k/40\.0k", terminal.getvalue().rpartition("\r")[2])
