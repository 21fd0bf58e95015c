"""A form is read as a musician writes it, fits its piece, and says of each step what is repeated there."""

import numpy as np
import pytest

from melody_env import Setting, SettingError, SettingOptions
from melody_env.form import Section, matches, parse_forms, pattern, similarity
from melody_env.form_steps import NONE, form_steps


def sections(text: str, bars: int, bar: int = 1) -> tuple[Section, ...]:
    """The sections of a form of a piece of so many bars."""
    return parse_forms(text, bars * bar, bar)[0].sections


@pytest.mark.parametrize("text", ["AABA", "aaba", "A A B A", " A  AB a ", "A4 A4 B4 A4", "A4A4B4A4"])
def test_aaba_however_it_is_written(text):
    assert sections(text, 16) == (
        Section("A", 0, 4, None, False),
        Section("A", 4, 4, 0, False),
        Section("B", 8, 4, None, False),
        Section("A", 12, 4, 0, False),
    )


@pytest.mark.parametrize("text", ["AA'BA'", "A A' B A'", "a a’ b a’", "A2A'2B2A'2"])  # noqa: RUF001
def test_a_dash_varies_the_first_section_of_its_letter_and_returns_as_it_was(text):
    assert sections(text, 8) == (
        Section("A", 0, 2, None, False),
        Section("A'", 2, 2, 0, True),
        Section("B", 4, 2, None, False),
        Section("A'", 6, 2, 1, False),
    )


def test_a_first_section_is_new_whatever_its_dashes_and_each_dash_is_another_variation():
    assert [(each.source, each.is_varied) for each in sections("A'AA''A'", 4)] == [
        (None, False),
        (0, True),
        (0, True),
        (0, False),
    ]


def test_sections_with_bars_are_as_long_as_they_say():
    assert sections("A4 B2 A4 C1", 11, bar=12) == (
        Section("A", 0, 48, None, False),
        Section("B", 48, 24, None, False),
        Section("A", 72, 48, 0, False),
        Section("C", 120, 12, None, False),
    )


@pytest.mark.parametrize(
    ("text", "name", "in_order"),
    [
        ("a a’ b a", "AA'BA", "AA'BA"),  # noqa: RUF001
        ("A4 b4", "A4 B4", "AB"),
        ("C D C''", "CDC''", "ABA'"),
        ("A'AA'", "A'AA'", "AA'A"),
    ],
)
def test_names_of_a_form(text, name, in_order):
    form = parse_forms(text, 12 if "4" not in text else 8, 1)[0]
    assert (form.name, form.pattern) == (name, in_order)


def test_a_pattern_names_letters_and_variations_in_their_order():
    assert pattern([(7, 7), (7, 3), (1, 1), (7, 7), (7, 2), (7, 3)]) == "AA'BAA''A'"


def test_several_forms_are_separated_by_bars():
    assert [form.name for form in parse_forms("AABA | abac|AA'BA", 8, 1)] == ["AABA", "ABAC", "AA'BA"]


@pytest.mark.parametrize(
    ("text", "steps", "sentence"),
    [
        ("AABA", 32, r"^form 'AABA' has 4 sections, into which the 2 bars of the piece cannot be divided: give a"),
        ("AAB", 64, r"the 4 bars of the piece cannot be divided: give a length such as '3 bars'"),
        ("AB", 40, r"the 2\.5 bars of the piece .*: give a length such as '2 bars', or each section its bars\.$"),
        ("A4 B4 A4 C2", 256, r"^form 'A4 B4 A4 C2' has 14 bars, and the piece 16: give the length '14 bars', or other"),
        ("A4 B A4", 256, r"^form 'A4 B A4' gives only some sections their bars: give them to all, or to none\.$"),
        ("A4 B0", 64, r"^form 'A4 B0' has a section without bars: give it at least one\.$"),
        ("A-B", 64, r"^form 'A-B' cannot be read at '-B': write each section as a letter, ' for a varied repeat, and"),
        ("A1B+", 64, r"cannot be read at '\+'"),
        ("1A", 64, r"^form '1A' cannot be read: write"),
        ("Ä", 64, "^form 'Ä' cannot be read: write"),
        ("ſA", 64, "cannot be read"),  # upper case S  # noqa: RUF001
        (" ", 64, "^form '' cannot be read: write"),
        ("AABA|", 64, "^form '' cannot be read: write"),
        ("A" * 27, 16 * 27, r"^form 'A{27}' has more than 26 sections: give fewer\.$"),
        ("|" * 1_000, 64, "^form must be text of one to 1,000 forms separated by |, not"),
        (5, 64, r"^form must be text of one to 1,000 forms separated by \|, not 5: write each"),
    ],
)  # fmt: skip
def test_a_form_that_cannot_be_read_or_does_not_fit_is_refused_in_a_sentence(text, steps, sentence):
    with pytest.raises(SettingError, match=sentence):
        Setting(length=steps, form=text)


def test_a_form_as_large_as_a_file_is_refused_at_once():
    for text in ("A" * 1_000_000 + "?", "A'" * 500_000, " " * 1_000_000 + "?", "A|" * 500_000):
        with pytest.raises(SettingError, match=r"^form .{9,300}$"):
            Setting(length=64, form=text)


def test_a_setting_has_forms_and_without_length_that_of_the_bars_given():
    assert Setting().forms == ()
    assert [form.name for form in Setting(length=64, form="ABAC").forms] == ["ABAC"]
    assert Setting().changed(form="A4 B2 | A6").steps == 96
    assert Setting(meter="6/8").changed(form="A2 B1").steps == 36
    assert Setting().changed(form="A2 B2", length=64).steps == 64
    assert Setting(length=64).changed(form="AABA").steps == 64
    assert Setting(length=64, form="AABA").changed(form="").forms == ()
    assert Setting(length=64, form="AABA").changed(form=None).form == "AABA"
    with pytest.raises(SettingError, match="has 4 bars, and the piece 2"):
        Setting().changed(form="A2 B2", length="2 bars")
    assert SettingOptions(form="A4 B4").setting_changes() == {"form": "A4 B4"}
    assert Setting(length=64, form="ABAC").as_dict()["form"] == "ABAC"


def test_a_form_says_of_each_step_what_is_repeated_and_what_was_there_before():
    """A of two steps, a longer varied repeat of it, and B; beside it two sections of three and two steps."""
    forms = (*parse_forms("A2 A'3 B2", 7, 1), *parse_forms("A5 A2", 7, 1))
    both = form_steps(forms, 7)
    one = both.of(np.array([0]))
    assert one.first[:, 0].tolist() == [0, 0, 2, 2, 2, 5, 5]
    assert one.repeated[:, 0].tolist() == [NONE, NONE, 0, 1, NONE, NONE, NONE]
    assert one.is_varied[:, 0].tolist() == [False, False, True, True, True, False, False]
    assert one.shared[:, 0].tolist() == [0, 0, 2, 2, 2, 0, 0]
    assert one.remaining[:, 0].tolist() == [2, 1, 3, 2, 1, 2, 1]
    assert one.half[:, 0].tolist() == [0, 1, 2, 2, 4, 5, 6]
    assert one.closes[:, 0].tolist() == [False] * 5 + [True] * 2
    assert one.earlier[:, :, 0].tolist() == [
        [NONE, NONE, NONE, NONE, NONE, 2, 3],
        [NONE, NONE, NONE, NONE, NONE, 0, 1],
    ]
    two = both.of(np.array([1, 0, 1]))
    assert two.repeated[:, 2].tolist() == [NONE] * 5 + [0, 1]
    assert two.shared[:, 0].tolist() == [0] * 5 + [2, 2]
    assert two.remaining[:, 0].tolist() == [5, 4, 3, 2, 1, 2, 1]
    assert (two.earlier[:, :, 0] == NONE).all()
    np.testing.assert_array_equal(two.earlier[..., 1], one.earlier[..., 0])


def test_a_section_that_the_last_one_repeats_exactly_ends_as_the_piece_does():
    forms = ("ABA", "ABA'", "A'AA'", "A1 B1 A2")
    closes = [form_steps(parse_forms(form, 4 if "1" in form else 3, 1), 4).closes[:, 0].tolist() for form in forms]
    assert [closing[:3] for closing in closes[:3]] == [[True, False, True], [False, False, True], [True, False, True]]
    assert closes[3] == [False, False, True, True]


def test_what_exceeds_the_section_repeated_is_compared_with_longer_earlier_ones():
    of_step = form_steps(parse_forms("B3 A2 A3", 8, 1), 8)
    assert of_step.repeated[:, 0].tolist() == [NONE] * 5 + [3, 4, NONE]
    assert of_step.earlier[:, 5:, 0].tolist() == [[NONE, NONE, NONE], [NONE, NONE, 2]]
    assert of_step.earlier[:, 3:5, 0].tolist() == [[0, 1], [NONE, NONE]]


def test_events_are_notes_and_note_offs_but_not_holds():
    found = matches(np.array([14, 1, 1, 0, 16, 1]), np.array([14, 1, 18, 0, 1, 0]))
    assert found.events.tolist() == [True, False, True, True, True, True]
    assert found.kept.tolist() == [True, False, False, True, False, False]


def test_similarity_is_the_share_of_the_events_of_either_that_both_have():
    one = np.array([[14, 1, 1, 0], [14, 1, 16, 1], [1, 1, 1, 1], [1, 1, 1, 1]])
    other = np.array([[14, 1, 1, 0], [14, 1, 1, 18], [1, 1, 1, 1], [1, 14, 1, 1]])
    assert similarity(one, other).tolist() == [1, pytest.approx(1 / 3), 1, 0]
