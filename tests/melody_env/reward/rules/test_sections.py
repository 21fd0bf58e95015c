"""The rule `form`, worked out by hand: bars of four steps, in C major."""

import numpy as np
import pytest

from melody_env import Composition, RewardProfile, RuleError, Setting, WeightedRule, score_melodies
from melody_env.form import ENDING_KEPT, NEW_KEPT, OPENING_KEPT, REST_BARS, REST_STEPS, Form
from melody_env.reward.rules import FORM_RULES
from melody_env.setting import PAPER_SETTING, SettingError

C, D, E, F, G = 14, 16, 18, 19, 21
HOLD, OFF = 1, 0
ONLY = {"repeat": 0.0, "variation": 0.0, "contrast": 0.0, "rest": 0.0, "close": 0.0}


def values(form: str, melody, setting: Setting = PAPER_SETTING, forms=None, **parameters) -> list[float]:
    """The value of each step of a melody in bars of four steps, by the named parts of the rule alone."""
    bars = len(melody) // 4
    setting = setting.changed(meter="1/4", form=form, length=f"{bars} bars")
    profile = RewardProfile("form", (WeightedRule("form", 1.0, {**ONLY, **parameters}),))
    return score_melodies([melody], profile, setting, forms).rules["form"][0].tolist()


A = [C, HOLD, D, HOLD]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (A, [0.5, 0, 0.5, 0]),  # two events, worth 1 a bar
        ([C, HOLD, E, HOLD], [0.5, 0, -0.5, 0]),  # one other note
        ([C, HOLD, HOLD, HOLD], [0.5, 0, -0.5, 0]),  # one missing
        ([C, OFF, D, HOLD], [0.5, -0.5, 0.5, 0]),  # one too many
        ([HOLD] * 4, [-0.5, 0, -0.5, 0]),
    ],
)
def test_an_exact_repeat_is_worth_one_a_bar_less_what_differs(second, expected):
    assert values("AA", A + second, repeat=1.0) == [0, 0, 0, 0, *expected]
    assert values("AA", A + second, repeat=3.0) == [0, 0, 0, 0, *(3 * value for value in expected)]
    assert values("AB", A + second, repeat=1.0) == values("AA'", A + second, repeat=1.0) == [0] * 8


def test_an_event_is_worth_less_the_more_there_are_and_a_section_of_few_less_than_others():
    dense = [C, D, E, F]
    assert values("AA", dense + dense, repeat=1.0)[4:] == [0.25] * 4
    sparse = [C, HOLD, HOLD, HOLD] + [HOLD] * 4
    assert values("AA", sparse + sparse, repeat=1.0)[8:] == [1, 0, 0, 0, 0, 0, 0, 0]  # two bars of one event
    silent = [HOLD] * 4
    assert values("AA", silent + silent, repeat=1.0) == [0] * 8


def test_what_exceeds_the_section_repeated_is_not_a_repeat():
    assert values("A1 A2", A + A + A, repeat=1.0) == [0] * 4 + [0.5, 0, 0.5, 0] + [0] * 4
    assert values("A2 A1", A + A + A, repeat=1.0) == [0] * 8 + [0.5, 0, 0.5, 0]


def test_a_varied_repeat_loses_what_it_keeps_more_or_less_than_the_share():
    dense, half = [C, D, E, F], {"variation": 1.0, "opening_kept": 0.5, "ending_kept": 0.5}
    assert values("AA'", [*dense, C, E, G, F], **half)[4:] == [-0.125, 0.125, -0.125, 0.125]
    assert values("AA'", dense + dense, **half)[4:] == [-0.125] * 4  # kept 2 of 2 where 1 is asked for, in each half
    assert values("AA'", [*dense, G, G, G, G], **half)[4:] == [-0.125] * 4  # none
    whole = {"variation": 2.0, "opening_kept": 1.0, "ending_kept": 1.0}
    assert values("AA'", A + A, **whole) == [0] * 8
    assert values("AA'", [*A, E, HOLD, D, HOLD], **whole)[4:] == [-1, 0, 0, 0]
    assert values("AA", A + A, **half) == [0] * 8


def test_the_halves_of_a_varied_repeat_have_shares_of_their_own():
    opening = {"variation": 1.0, "opening_kept": 1.0, "ending_kept": 0.0}
    assert values("AA'", [*A, C, HOLD, E, HOLD], **opening) == [0] * 8
    assert values("AA'", [*A, E, HOLD, D, HOLD], **opening)[4:] == [-0.5, 0, -0.5, 0]
    assert values("A3 A'3", A * 3 + [*A, C, HOLD, E, E, E, E, E, E], **opening)[12:] == [0] * 12  # six steps each


def test_a_new_section_loses_what_it_has_in_common_beyond_the_share():
    quarter = {"contrast": 1.0, "new_kept": 0.25}
    assert values("AB", [*A, C, HOLD, E, HOLD], **quarter)[4:] == [-0.375, 0, 0.125, 0]
    assert values("AB", [*A, E, HOLD, F, HOLD], **quarter) == [0] * 8
    assert values("AB", A + A, contrast=2.0, new_kept=1.0) == [0] * 8
    assert sum(values("AB", A + A, **quarter)) == pytest.approx(-0.75 * 2 * 0.5)
    assert values("AA", A + A, **quarter) == values("AA'", A + A, **quarter) == [0] * 8


def test_a_new_section_is_compared_with_the_most_similar_earlier_one():
    b = [E, HOLD, F, HOLD]
    parts = {"contrast": 1.0, "new_kept": 0.0}
    assert values("ABC", A + b + A, **parts) == [0] * 8 + [-0.5, 0, -0.5, 0]
    assert values("ABC", A + b + b, **parts) == [0] * 8 + [-0.5, 0, -0.5, 0]
    assert values("ABC", A + b + [C, HOLD, F, HOLD], **parts) == [0] * 8 + [-0.5, 0, 0, 0]
    assert values("ABC", A + b + [G, HOLD, G, HOLD], **parts) == [0] * 12


def test_a_section_rests_on_tonic_third_or_fifth_and_a_piece_on_the_tonic():
    two = {"rest": 1.0, "close": 3.0, "rest_bars": 1, "rest_steps": 2, "close_steps": 2}
    for note, worth in ((C, 0.5), (E, 0.5), (G, 0.5), (D, 0), (F, 0)):
        section = [D, HOLD, note, HOLD]
        last = 1.5 if note == C else 0
        assert values("AB", section + section, **two) == [0, 0, worth, worth, 0, 0, last, last]
    in_g = Setting("G", "minor")  # B flat is 24, the low G 9
    assert values("AB", [D, 1, 24, 1, D, 1, 9, 1], setting=in_g, **two) == [0, 0, 0.5, 0.5, 0, 0, 1.5, 1.5]


def test_short_sections_need_not_rest_but_every_piece_closes_for_steps_of_its_own():
    parts = {"rest": 1.0, "close": 3.0, "rest_bars": 2, "rest_steps": 1, "close_steps": 3}
    note = [C, HOLD, HOLD, HOLD]
    assert values("A1 B1", note + note, **parts) == [0] * 5 + [1, 1, 1]
    assert values("A2 B1", note * 3, **parts) == [0] * 7 + [1] + [0, 1, 1, 1]


def test_a_section_that_the_piece_ends_with_closes_as_the_piece_does():
    two = {"rest": 1.0, "close": 3.0, "rest_bars": 1, "rest_steps": 2, "close_steps": 2}
    for note, worth in ((C, 1.5), (E, 0)):
        section = [D, HOLD, note, HOLD]
        assert values("ABA", section + A + section, **two) == [0, 0, worth, worth, *[0] * 4, 0, 0, worth, worth]


def test_a_rest_lasts_as_long_as_its_steps_and_ends_with_the_next_note():
    three = {"rest": 3.0, "close": 0.0, "rest_bars": 1, "rest_steps": 3}
    assert values("AB", [D, C, HOLD, HOLD] * 2, **three)[:4] == [0, 1, 1, 1]
    assert values("AB", [C, HOLD, HOLD, HOLD] * 2, **three)[:4] == [0, 1, 1, 1]  # longer is worth the same
    assert values("AB", [D, HOLD, C, HOLD] * 2, **three)[:4] == [0, 0, 0, 0]  # too late
    assert values("AB", [C, OFF, HOLD, HOLD] * 2, **three)[:4] == [0, 1, 1, 1]  # a rest after it
    assert values("AB", [C, HOLD, HOLD, E] * 2, **three)[:4] == [0, 1, 1, 0]  # a note in it
    assert values("AB", [HOLD] * 8, **three)[:4] == [0, 0, 0, 0]
    assert values("ABC", [C, *[HOLD] * 11], **three)[4:8] == [0] * 4  # of the section before


def test_each_melody_is_valued_by_its_own_form():
    melody = [*A, C, HOLD, E, HOLD]
    given = {"repeat": 1.0, "contrast": 1.0, "new_kept": 0.25}
    for form in ("AA", "AB"):
        assert values("AA | AB", melody, forms=[form], **given) == values(form, melody, **given)
    setting = Setting(meter="1/4", form="AA|AB", length=8)
    profile = RewardProfile("form", (WeightedRule("form", 1.0, {**ONLY, **given}),))
    both = score_melodies([melody] * 3, profile, setting, ["AB", "AA", "AB"]).rules["form"].tolist()
    assert both == [values(form, melody, **given) for form in ("AB", "AA", "AB")]


def test_without_form_it_is_worth_nothing():
    assert values("", A + A, repeat=1.0, rest=1.0, close=1.0) == [0] * 8


def test_it_is_refused_where_the_form_of_a_melody_is_not_known():
    with pytest.raises(
        RuleError, match=r"Rule 'form' needs melodies of 8 steps, and to know which of the forms 'AA\|AB'"
    ):
        values("AA|AB", A + A, repeat=1.0)
    setting = Setting(meter="1/4", form="AA", length=8)
    with pytest.raises(RuleError, match="needs melodies of 8 steps"):
        score_melodies([A], RewardProfile("form", (WeightedRule("form"),)), setting)
    for forms in (["AA"], ["AC", "AA"]):
        with pytest.raises(SettingError, match=r"^forms must name one of AA, AB for each of 2 melodies\.$"):
            score_melodies([A + A] * 2, "paper", setting.changed(form="AA|AB"), forms)


def test_its_defaults_are_those_of_human_tunes():
    defaults = FORM_RULES["form"].__kwdefaults__
    shares = {"opening_kept": OPENING_KEPT, "ending_kept": ENDING_KEPT, "new_kept": NEW_KEPT}
    ends = {"rest_bars": REST_BARS, "rest_steps": REST_STEPS, "close_steps": REST_STEPS}
    assert {name: defaults[name] for name in shares | ends} == shares | ends


def by_hand(part: str, form: Form, number: int, melody: np.ndarray) -> float:
    """What a part of the rule is worth in a section of eight steps, in bars of eight, over all of its steps."""
    section, own = form.sections[number], melody[form.grid[number]]
    counts = []
    for other in form.grid[:number] if section.source is None else [form.grid[section.source]]:
        either = (own != 1) | (melody[other] != 1)
        match = either & (own == melody[other])
        counts.append((match.sum(), either.sum()))
    if section.source is None:
        shared = [kept - NEW_KEPT * events for kept, events in counts]
        return -max(0, *shared, 0) * 2 / 8 if part == "contrast" else 0.0
    ((kept, events),) = counts
    worth = 1 / max((melody[form.grid[section.source]] != 1).sum(), 2)
    if section.is_varied:
        lost = [
            abs(np.sum(match[half]) - share * np.sum(either[half]))
            for half, share in ((slice(4), OPENING_KEPT), (slice(4, 8), ENDING_KEPT))
        ]
        return -sum(lost) * worth if part == "variation" else 0.0
    return (2 * kept - events) * worth if part == "repeat" else 0.0


@pytest.mark.parametrize("part", ["repeat", "variation", "contrast"])
def test_the_sum_of_a_section_follows_from_its_events_alone(part):
    """Of random melodies, whatever the order of their events, and whatever was in the sections before."""
    melodies = np.random.default_rng(0).choice([0, 1, 1, 14, 16, 18], size=(50, 56))
    setting = Setting(meter="2/4", form="AA'BA''A'CB", length=56)
    profile = RewardProfile("form", (WeightedRule("form", 1.0, {**ONLY, part: 1.0}),))
    sums = score_melodies(melodies, profile, setting).rules["form"].reshape(50, 7, 8).sum(2)
    expected = [[by_hand(part, setting.forms[0], number, melody) for number in range(7)] for melody in melodies]
    np.testing.assert_allclose(sums, expected, atol=1e-12)
    assert (sums != 0).any(axis=0).sum() == {"repeat": 2, "variation": 2, "contrast": 2}[part]


def test_sections_that_end_at_different_steps_rest_each_at_its_own():
    parts = {"rest": 1.0, "close": 1.0, "rest_bars": 1, "rest_steps": 2, "close_steps": 2}
    melody = [C, HOLD, HOLD, HOLD] * 3
    setting = Setting(meter="1/4", form="A1 B2 | A2 B1", length=12)
    profile = RewardProfile("form", (WeightedRule("form", 1.0, {**ONLY, **parts}),))
    both = score_melodies([melody] * 2, profile, setting, ["A1 B2", "A2 B1"]).rules["form"].tolist()
    assert both[0] == [0, 0, 0.5, 0.5, 0, 0, 0, 0, 0, 0, 0.5, 0.5]
    assert both[1] == [0, 0, 0, 0, 0, 0, 0.5, 0.5, 0, 0, 0.5, 0.5]


def test_a_memory_built_late_knows_what_was_before():
    setting = Setting(meter="1/4", form="AA'B", length=12)
    melody = [*A, C, HOLD, E, HOLD, C, HOLD, C, HOLD]
    early, late = Composition(1, 12, setting), Composition(1, 12, setting)
    for t, token in enumerate(melody):
        early.append(np.array([token]))
        late.append(np.array([token]))
        value = FORM_RULES["form"](early)
        if t == 9:
            assert FORM_RULES["form"](late).tolist() == value.tolist()
