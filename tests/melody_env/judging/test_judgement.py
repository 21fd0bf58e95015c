"""Figures of pieces beside human tunes."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from melody_env import Setting, melody_statistics
from melody_env.judging import judgement
from melody_env.judging.judgement import Comparison, classified, judge, likeness, resampled, statistics
from melody_env.judging.judgement_page import bars, judgement_page
from melody_env.judging.judgement_table import SECTIONS, judgement_table, left_out_table, shown_interval
from melody_env.judging.musical_measures import musical_measures
from melody_env.measures.bootstrap import Interval
from melody_env.measures.discriminator import LOGISTIC
from melody_env.measures.likeness import CLASSIFIERS, HumanTunes, centred
from note_rnn import InputError, transposed
from note_rnn.common.atomic_files import json_text
from note_rnn.corpus.report import Report

SCALE = np.array([14, 16, 18, 19, 21, 23, 25, 26])


def walks(seed: int, size: int, steps: int = 32) -> np.ndarray:
    """Melodies [size, steps] that walk up and down the scale in eighths and quarters."""
    rng = np.random.default_rng(seed)
    moves = rng.choice([-1, -1, 0, 1, 1, 2], (size, steps // 2))
    notes = SCALE[np.abs((np.cumsum(moves, axis=1) + rng.integers(8, size=(size, 1))) % 14 - 7)]
    melodies = np.ones((size, steps), np.int64)
    melodies[:, ::2] = np.where(rng.random(notes.shape) < 0.3, 1, notes)
    melodies[:, ::16] = notes[:, ::8]
    return melodies


@pytest.fixture(scope="module")
def human() -> HumanTunes:
    train = walks(0, 300)
    return HumanTunes(Setting(), train, walks(1, 120), list(train))


@pytest.fixture(scope="module", autouse=True)
def one_fast_classifier():
    """The logistic regression in place of all."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("trees", "gru"):
            patch.setitem(CLASSIFIERS, name, LOGISTIC)
        yield


@pytest.fixture(scope="module")
def found(human):
    return judge(walks(2, 150), human, seed=3)


def test_statistics_are_those_of_the_tables_with_intervals(found):
    pieces = centred(walks(2, 150))
    expected = melody_statistics(pieces)
    for name, value in {**expected.as_dict(), **expected.means()}.items():
        if name != "distinct_compositions":
            assert found.figures[name].pieces.value == pytest.approx(value, nan_ok=True), name
    for name, values in musical_measures(pieces, Setting()).items():
        assert found.figures[name].pieces.value == pytest.approx(np.nanmean(values)), name
    for name, (pieces, human) in found.figures.items():
        for interval in (pieces, human):
            if not math.isnan(interval.low):
                assert interval.low <= interval.value <= interval.high, name


def test_a_measure_is_averaged_over_the_melodies_that_have_it():
    melodies = walks(0, 20)
    melodies[:5] = [14, 0, *[1] * 30]  # of one bar, which has no neighbour
    grooves = musical_measures(melodies, Setting())["groove_consistency"]
    assert np.isnan(grooves).sum() == 5
    assert statistics(melodies, Setting(), 0)["groove_consistency"].value == pytest.approx(np.nanmean(grooves))


def test_human_figures_are_of_held_out_tunes_and_likeness_has_its_own(found, human):
    human = human.beside(centred(walks(2, 150)))
    for name, interval in statistics(human.held_out, Setting(), 3).items():
        assert found.figures[name].human == pytest.approx(interval, nan_ok=True)
    assert found.figures["auc_trees"] == Comparison(
        human.auc(LOGISTIC, centred(walks(2, 150)), 3), human.auc_of_training_tunes(LOGISTIC, 3)
    )
    assert found.figures["shared_run"].human.value == np.median(human.shared_runs(human.held_out))
    assert (found.pieces, found.held_out_tunes, found.training_tunes) == (150, 120, 300)


def test_every_figure_has_a_row_and_a_row_without_a_figure_is_of_longer_pieces(found):
    rows = {row.metric for rows in SECTIONS.values() for row in rows}
    assert found.figures.keys() - rows == set()
    assert {name.rpartition("_")[2] for name in rows - found.figures.keys()} == {"lag2", "lag4", "lag8"}


def test_pieces_like_human_tunes_are_not_told_apart_and_those_of_half_as_many_notes_are(found, human):
    auc = found.figures["auc_logistic"].pieces
    assert auc.low < 0.5 < auc.high
    slow = walks(2, 150)
    slow[:, 2::4] = 1
    other = judge(slow, human, seed=3).figures
    assert other["auc_logistic"].pieces.low > 0.9
    assert other["notes_per_bar"].differs
    assert not found.figures["notes_per_bar"].differs


def test_copies_are_found(human):
    copies = np.concatenate([human.train[:40], walks(5, 60)])
    figures = likeness(copies, human, 0)
    assert figures["copied"].pieces.value >= 0.4 > 0.2 > figures["copied"].human.high
    assert figures["copied"].pieces.low < 0.4 < figures["copied"].pieces.high
    assert figures["distinct"].pieces.value == len(np.unique(copies, axis=0)) / 100


def test_copies_an_octave_lower_are_found_too(human):
    lower = transposed(human.train[:20], -12)
    assert likeness(lower, human, 0)["copied"].pieces.value == 1


def test_human_tunes_given_as_pieces_are_not_told_apart(human):
    """Whether they are among the training tunes, held out, or both."""
    for given in (human.train[::2], human.held_out[::2]):
        auc = judge(given, human, ["logistic"]).figures["auc_logistic"].pieces
        assert auc.low < 0.5 < auc.high


def test_distinct_pieces_are_counted(human):
    figures = likeness(np.repeat(walks(5, 20), 2, axis=0), human, 0)
    assert figures["distinct"].pieces.value == pytest.approx(0.5)
    assert figures["distinct"].human.value == len(np.unique(human.held_out, axis=0)) / 120


def test_classifiers_get_two_thousand_pieces_at_most(human, monkeypatch):
    monkeypatch.setattr(judgement, "MAX_CLASSIFIED", 50)
    given = []
    monkeypatch.setattr(
        type(human), "auc", lambda self, classifier, pieces, *rest: given.append(pieces) or Interval(0.5)
    )
    counted = []
    pieces = walks(2, 150)
    classified(pieces, human, [*CLASSIFIERS], 0, on_classified=lambda: counted.append(1))
    assert len(counted) == 6
    assert [len(each) for each in given[:3]] == [50] * 3
    assert {*map(tuple, given[0])} <= {*map(tuple, pieces)}
    assert not np.array_equal(given[0], pieces[:50])


def test_only_the_classifiers_asked_for_are_asked(human):
    assert {*classified(walks(2, 20), human, ["trees"], 0)} == {"auc_trees"}
    assert classified(walks(2, 20), human, [], 0) == {}


def test_the_same_seed_gives_the_same_judgement(found, human):
    assert json_text(judge(walks(2, 150), human, seed=3).as_dict()) == json_text(found.as_dict())
    other = judge(walks(2, 150), human, seed=4).figures
    assert other["notes_per_bar"] != found.figures["notes_per_bar"]
    assert other["auc_logistic"] != found.figures["auc_logistic"]


def test_fewer_than_ten_pieces_are_refused(human):
    with pytest.raises(InputError, match="There are 9 melodies to judge"):
        judge(walks(2, 9), human)


def test_intervals_of_a_median_hold_nineteen_of_twenty_resamples():
    rng = np.random.default_rng(0)
    interval = resampled(np.arange(1_001), np.median, rng)
    assert interval.value == 500
    # a median of n uniform values has the standard error n / (2 sqrt n)
    assert (interval.high - interval.low) == pytest.approx(2 * 1.96 * 1_001 / (2 * math.sqrt(1_001)), rel=0.15)


def test_figures_differ_if_their_intervals_have_nothing_in_common():
    one, above, across, unknown = Interval(2, 1, 3), Interval(5, 4, 6), Interval(3, 2.5, 4), Interval(9)
    for pair, differs in (((one, above), True), ((above, one), True), ((one, across), False), ((one, unknown), False)):
        assert Comparison(*pair).differs is differs


def test_an_interval_is_written_beside_its_value():
    assert shown_interval(Interval(0.5, 0.25, 0.75), ".1%") == "50.0% (25.0% to 75.0%)"
    assert shown_interval(Interval(0.5), ".2f") == "0.50"
    assert shown_interval(Interval(math.nan, math.nan, math.nan), ".2f") == "-"


def test_tables_say_what_was_found_and_what_was_left_out(found):
    table = judgement_table(found, "title")
    rows = dict(zip(table.columns[0].cells, table.columns[1].cells, strict=True))
    assert rows["Distinct pieces"] == "100.0%"
    assert rows["[italic]Bars that come back[/italic]"] == ""
    report = Report({}, files=3, others={".txt": 2}, dropped={"a": {"no notes": 2}}, cut={"b": {"no notes": 1}})
    report.unread_folders["x"] = "Permission denied"
    left_out = left_out_table(report)
    assert list(zip(*(column.cells for column in left_out.columns), strict=True)) == [
        ("no notes", "1", "1"),
        ("neither music nor tokens (.txt)", "2", ""),
        ("a folder that cannot be read (Permission denied)", "", ""),
    ]


def test_a_picture_has_both_intervals_on_one_scale():
    own, human = bars(Comparison(Interval(2, 1, 3), Interval(4, 3, 5)))
    assert (own.kind, own.x, own.width, own.value) == ("own", 6, 94, 53)
    assert (human.kind, human.x, human.width, human.value) == ("human", 100, 94, 147)
    alone = bars(Comparison(Interval(math.nan, math.nan, math.nan), Interval(7)))
    assert [(bar.kind, bar.width) for bar in alone] == [("human", 0)]
    assert bars(Comparison(*[Interval(math.nan)] * 2)) == []


def test_the_page_is_one_file_in_which_names_are_text(found):
    report = Report({}, dropped={"<b>.mid": {"<script>alert(1)</script>": 1}})
    page = judgement_page(found, "<i>mine</i>", ["5 & 6"], report)
    assert "&lt;i&gt;mine&lt;/i&gt;" in page
    assert "5 &amp; 6" in page
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("<svg") == len(found.figures)


def test_a_judgement_is_json(found):
    record = json.loads(json.dumps(found.as_dict()))
    assert record["pieces"] == 150
    assert record["figures"]["auc_gru"]["pieces"].keys() == {"value", "low", "high"}
    assert replace(found, figures={}).as_dict()["figures"] == {}


def corrupted(melodies, share: float, seed: int):
    """`melodies` with a share of their notes replaced by others of the scale."""
    rng = np.random.default_rng(seed)
    is_replaced = (melodies > 1) & (rng.random(melodies.shape) < share)
    return np.where(is_replaced, rng.choice(SCALE, melodies.shape), melodies)


def test_more_wrong_notes_are_told_apart_better(human):
    aucs = [human.auc(LOGISTIC, corrupted(walks(7, 300), share, 0), 0).value for share in (0, 0.2, 0.5, 1)]
    assert aucs == sorted(aucs)
    assert aucs[0] < 0.6
    assert aucs[-1] > 0.9
