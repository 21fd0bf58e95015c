"""Curves are read in full, each step once, and drawn where their numbers are."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from torch.utils.tensorboard import SummaryWriter

from agents.report_page.curves import HEIGHT, WIDTH, Curve, chart, read_curves
from agents.training.trainer import _logger

MINUS = "\N{MINUS SIGN}"


def logged(folder: Path, steps: int, points: dict[int, float], name: str = "") -> None:
    """Log `points` as a run resumed after `steps` steps; rename its event file to `name`."""
    logger = _logger(SimpleNamespace(path=folder), steps)  # type: ignore[arg-type]
    for step, value in points.items():
        logger.record("melody/kl", value)
        logger.dump(step)
    logger.close()
    if name:
        (events,) = folder.glob("events.out.tfevents.[1-9]*")
        events.rename(folder / f"events.out.tfevents.{name}")


def test_every_point_of_a_long_run_is_read(tmp_path):
    values = {10 * number: float(number) for number in range(12_000)}
    writer = SummaryWriter(str(tmp_path))
    for step, value in values.items():
        writer.add_scalar("melody/kl", value, step)
    writer.close()
    curve = read_curves(tmp_path)["melody/kl"]
    assert (list(curve.steps), list(curve.values)) == (list(values), list(values.values()))


def test_curves_of_a_run_that_was_stopped_are_joined(tmp_path):
    logged(tmp_path, 0, {0: 0.0, 10: 1.0, 20: 2.0}, "0000000001")
    logged(tmp_path, 20, {30: 3.0, 40: 4.0})
    assert read_curves(tmp_path) == {"melody/kl": Curve([0, 10, 20, 30, 40], [0, 1, 2, 3, 4])}


def test_what_a_killed_run_logged_after_its_checkpoint_is_replaced_without_a_warning(tmp_path, caplog):
    logged(tmp_path, 0, {0: 0.0, 10: 1.0, 20: 2.0, 30: 3.0}, "0000000001")
    logged(tmp_path, 10, {20: -2.0}, "0000000002")
    assert read_curves(tmp_path) == {"melody/kl": Curve([0, 10, 20], [0, 1, -2])}
    logged(tmp_path, 10, {20: 7.0, 30: 8.0})
    assert read_curves(tmp_path) == {"melody/kl": Curve([0, 10, 20, 30], [0, 1, 7, 8])}
    assert not caplog.records


def test_points_lie_where_their_numbers_are_between_the_outer_ticks():
    # The sheet is 320 x 180 with margins of 40 at the left, 8 at the right and top, 22 at the bottom.
    drawn = chart("figure", {"run": Curve([0, 1_000_000, 4_000_000], [-1.0, 0.0, 1.0])})
    assert drawn.title == "figure"
    assert (WIDTH, HEIGHT) == (320, 180)
    assert drawn.lines == {"run": "40.0,158.0 108.0,83.0 312.0,8.0"}
    assert drawn.x_ticks == [(40.0, "0"), (108.0, "1M"), (176.0, "2M"), (244.0, "3M"), (312.0, "4M")]
    ticks = [(158.0, f"{MINUS}1"), (120.5, f"{MINUS}0.5"), (83.0, "0"), (45.5, "0.5"), (8.0, "1")]
    assert drawn.y_ticks == ticks
    assert drawn.last == {"run": 1.0}


@pytest.mark.parametrize(
    ("steps", "labels"),
    [
        ([0, 400_000], ["0", "100k", "200k", "300k", "400k"]),
        ([0, 1_000], ["0", "250", "500", "750", "1k"]),
        ([0, 6_000_000], ["0", "1.5M", "3M", "4.5M", "6M"]),
    ],
)
def test_numbers_are_short(steps, labels):
    assert [tick.label for tick in chart("figure", {"run": Curve(steps, [0.0, 1.0])}).x_ticks] == labels
    below = [-step for step in reversed(steps)]
    expected = [f"\N{MINUS SIGN}{label}" if label != "0" else label for label in reversed(labels)]
    assert [tick.label for tick in chart("figure", {"run": Curve([0, 1], below)}).y_ticks] == expected


def test_a_band_lies_around_its_line_within_the_chart_without_points_that_are_not_finite():
    curve = Curve([0, 1, 2], [1.0, float("nan"), 2.0], [0.0, 5.0, 1.0], [3.0, 50.0, 4.0])
    drawn = chart("figure", {"run": curve, "other": Curve([0, 2], [0.5, float("inf")])})
    # From 0 at the bottom to 4 at the top: 37.5 for each; there along the low side, and back along the high one.
    assert drawn.lines == {"run": "40.0,120.5 312.0,83.0", "other": "40.0,139.2"}
    assert drawn.bands == {"run": "40.0,158.0 312.0,120.5 312.0,8.0 40.0,45.5"}
    assert drawn.last == {"run": 2.0, "other": 0.5}
    assert drawn.y_ticks[0] == (158.0, "0")
    assert drawn.y_ticks[-1] == (8.0, "4")


def test_a_single_point_lies_in_the_middle():
    drawn = chart("figure", {"run": Curve([100], [3.0])})
    ticks = np.array([tick.at for tick in drawn.y_ticks])
    assert drawn.lines == {"run": "176.0,83.0"}
    assert (ticks.max(), ticks.min()) == (158.0, 8.0)
    assert chart("figure", {"run": Curve([], [])}).last == {}
