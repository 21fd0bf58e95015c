"""A claim holds if most statistics, or an interval above 0, support it, and not one statistic earlier."""

import numpy as np
import pytest

from agents.evaluation.preference import Votes, analyse
from agents.evaluation.published import TABLE_1
from agents.report_page.claims import (
    BETTER,
    Measured,
    asked_claim,
    claims_by_heading,
    human_claim,
    listeners_claim,
    rules_claim,
)

MINUS = "\N{MINUS SIGN}"
STATISTICS = [name.removeprefix("absolute_") for name in BETTER]


def test_every_statistic_of_the_paper_has_a_direction():
    assert {*STATISTICS} == {*TABLE_1}
    for name, sign in BETTER.items():
        assert name.startswith("absolute_") == ("autocorrelation" in name)
        assert sign == {"less": -1, "more": 1}[TABLE_1[name.removeprefix("absolute_")].better]


@pytest.mark.parametrize(
    ("agent", "note_rnn", "holds"), [(0.93, 0.03, True), (0.5, 0.03, False), (0.6, 0.6, False), (0.6, 0.7, False)]
)
@pytest.mark.parametrize("metric", ["form_recovered", "chord_tones"])
def test_what_was_asked_for_is_played_mostly_and_more_than_by_chance(metric, agent, note_rnn, holds):
    claim = asked_claim("Q", {metric: agent}, {metric: note_rnn})
    assert claim.holds == holds
    assert claim.brief == f"{agent:.0%} ({note_rnn:.0%})"
    assert f"{agent:.0%} of its" in claim.sentence


def test_form_and_chords_must_both_be_played():
    both = asked_claim("Q", {"form_recovered": 0.9, "chord_tones": 0.2}, {"form_recovered": 0.1, "chord_tones": 0.1})
    assert not both.holds
    assert both.sentence == (
        "Q: 90% of its pieces have the form that they were asked for, as recovered from their tokens (Note RNN 10%); "
        "20% of its notes on strong beats are tones of the chord (Note RNN 10%)."
    )


def test_what_was_asked_for_comes_first_and_is_not_mentioned_where_nothing_was():
    note_rnn = {**dict.fromkeys(BETTER, 0.5), "paper_music_theory": 1.0}
    free = Measured("Q", note_rnn, note_rnn, None)
    formed = Measured("tune", note_rnn | {"form_recovered": 0.9}, note_rnn | {"form_recovered": 0.1}, None)
    assert "asked" not in claims_by_heading([free])[0][0]
    heading, (of_free, of_formed) = claims_by_heading([free, formed])[0]
    assert heading == "Plays what was asked for"
    assert (of_free.holds, of_formed.holds) == (False, True)
    assert of_free.sentence == "Q was asked for neither a form nor chords."


@pytest.mark.parametrize(("number", "holds"), [(5, False), (6, True), (11, True)])
def test_rules_are_obeyed_in_most_of_eleven_statistics(number, holds):
    note_rnn = {**dict.fromkeys(BETTER, 0.5), "paper_music_theory": 1.0}
    agent = note_rnn | {name: 0.5 + 0.1 * BETTER[name] for name in list(BETTER)[:number]} | {"paper_music_theory": 1.1}
    claim = rules_claim("Q", agent, note_rnn)
    assert claim.holds == holds
    assert f"better in {number} of 11 statistics" in claim.sentence
    assert not rules_claim("Q", agent | {"paper_music_theory": 1.0}, note_rnn).holds
    assert not rules_claim("Q", note_rnn, agent).holds


@pytest.mark.parametrize(("number", "holds"), [(5, False), (6, True)])
def test_closer_to_human_tunes_is_closer_on_either_side_in_most_statistics(number, holds):
    human, note_rnn = dict.fromkeys(STATISTICS, 0.5), dict.fromkeys(STATISTICS, 0.25)
    agent = dict.fromkeys(STATISTICS, 0.75)  # as far away, on the other side: no closer
    agent |= {name: (0.6, 0.4)[place % 2] for place, name in enumerate(STATISTICS[:number])}
    claim = human_claim("Q", agent, note_rnn, human)
    assert claim.holds == holds
    assert f"in {number} of 11 statistics (" in claim.sentence
    closer = agent | {"human_overlap": 0.9, "human_auc": 0.6}
    for overlap, area, agrees in ((0.8, 0.7, True), (0.9, 0.7, False), (0.8, 0.6, False)):
        other = note_rnn | {"human_overlap": overlap, "human_auc": area}
        assert human_claim("Q", closer, other, human).holds == (holds and agrees)
    sentence = human_claim("Q", closer, note_rnn | {"human_overlap": 0.8, "human_auc": 0.7}, human).sentence
    assert "overlap with the human ones by 0.90 on average (Note RNN 0.80)" in sentence
    assert "an AUC of 0.60 (Note RNN 0.70; 0.5 is chance)" in sentence


def votes_of(rows, models) -> Votes:
    """Return votes of `rows` (left, right, preference), each by a listener of its own."""
    left, right, preference = np.array(rows).T
    return Votes(models, left, right, preference, np.arange(len(rows)))


def test_preferred_is_above_the_note_rnn_not_above_the_others():
    models = ("Note RNN", "Q", "G")
    rows = [(1, 2, 1)] * 20 + [(0, 2, 1)] * 20 + [(0, 1, 1), (0, 1, 5)] * 8 + [(1, 0, 1)]
    preference = analyse(votes_of(rows, models), samples=300)
    assert preference.interval("Q")[0] > 0
    q, g = listeners_claim("Q", preference), listeners_claim("G", preference)
    assert not q.holds
    low, high = (f"{bound:+.2f}".replace("-", MINUS) for bound in preference.interval("Q", "Note RNN"))
    lead = preference.strengths[1] - preference.strengths[0]
    assert q.sentence == (
        "Q was preferred to the Note RNN in 9 of 17 comparisons (a tie is half) by 57 listeners; its log-odds "
        f"of a win over the Note RNN, from all comparisons, are {lead:+.2f} (95 % interval {low} to {high})."
    )
    assert not g.holds
    assert "G was preferred to the Note RNN in 0 of 20 comparisons" in g.sentence
    assert f"from all comparisons, are {MINUS}" in g.sentence
    assert listeners_claim("Q", analyse(votes_of([(1, 0, 2)] * 20, models[:2]), samples=300)).holds


def test_each_heading_has_the_claims_of_each_model_from_its_own_metrics():
    far, near = dict.fromkeys([*BETTER, *STATISTICS], 0.9), dict.fromkeys([*BETTER, *STATISTICS], 0.5)
    far, near = far | {"paper_music_theory": -1.0}, near | {"paper_music_theory": 2.0}
    models = [Measured("Q", near, far, near), Measured("G", far, near, None)]
    rules, human, listeners = claims_by_heading(models)
    assert [heading for heading, _ in (rules, human, listeners)] == [
        "Obeys the rules",
        "Closer to human tunes",
        "Preferred by listeners",
    ]
    assert rules[1][0].sentence.startswith("Q earns a reward of +2.00 per step from the nine rules of the paper, the")
    assert rules[1][1].sentence.startswith(f"G earns a reward of {MINUS}1.00")
    assert [claim.holds for claim in human[1]] == [True, False]
    assert "not compared with human tunes: none were available" in human[1][1].sentence
    assert [claim.holds for claim in listeners[1]] == [False]
    preference = analyse(votes_of([(0, 1, 1)] * 9, ("Q", "Note RNN")), samples=50)
    assert [claim.holds for claim in claims_by_heading(models, preference)[2][1]] == [True, False]
