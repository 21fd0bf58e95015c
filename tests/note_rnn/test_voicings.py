"""Voicings are close, within their range above a bass, and lead smoothly from chord to chord."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pychord import QualityManager

from note_rnn.chords import NO_CHORD, Chord, ChordStart, parse_chord, parse_progression
from note_rnn.voicings import HIGHEST, LOWEST, VoicedChord, accompaniment, voicings

ROOTS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
CHORDS = st.builds(
    lambda root, kind, bass: parse_chord(f"{root}{kind}/{bass}"),
    st.sampled_from(ROOTS),
    st.sampled_from(sorted(QualityManager().get_qualities())),
    st.sampled_from(ROOTS),
)


def voiced(text: str) -> list[tuple[int, ...]]:
    return voicings([chord for bar in parse_progression(text).bars for chord in bar])


def test_a_cadence_by_hand():
    """From E3 G3 C4 the fifth C stays in F, E rises to F and G to A; in G7 the F stays and nothing leaps."""
    assert voiced("C | F | G7 | C") == [(36, 52, 55, 60), (41, 53, 57, 60), (43, 53, 55, 59, 62), (36, 52, 55, 60)]


def test_a_chord_is_led_from_the_one_before():
    """From E3 G3 C4 the G stays, and E and C step down; on its own, G major would begin on its root."""
    assert voiced("C | G")[1] == (43, 50, 55, 59)
    assert voiced("G") == [(43, 55, 59, 62)]


def test_the_first_chord_lies_in_the_middle_of_the_range():
    assert voiced("Am") == [(45, 52, 57, 60)]
    assert voiced("C#") == [(37, 53, 56, 61)]


def test_a_bass_after_a_slash_is_the_lowest_note():
    assert voiced("C/G") == [(43, 52, 55, 60)]
    assert voiced("C/B") == [(47, 52, 55, 60)]


def test_a_silent_chord_has_no_notes_and_the_next_follows_the_one_before():
    assert voiced("F | N.C. | C") == [(41, 53, 57, 60), (), (36, 52, 55, 60)]
    assert voiced("N.C. | C") == [(), *voiced("C")]


def test_large_chords_are_played_by_third_seventh_and_highest_notes():
    (g13,) = voiced("G13")
    assert g13[0] == 43
    assert {pitch % 12 for pitch in g13[1:]} == {11, 5, 0, 4}
    (g9,) = voiced("G9")
    assert {pitch % 12 for pitch in g9[1:]} == {11, 5, 9}


@given(st.lists(CHORDS | st.just(NO_CHORD), max_size=8))
def test_any_chord_is_close_within_the_range_above_its_bass(chords: list[Chord]):
    for chord, pitches in zip(chords, voicings(chords), strict=True):
        if chord is NO_CHORD:
            assert pitches == ()
            continue
        bass, *upper = pitches
        assert bass % 12 == chord.bass
        assert 36 <= bass < LOWEST <= upper[0]
        assert upper[-1] <= HIGHEST
        assert upper[-1] - upper[0] < 12
        assert upper == sorted(set(upper))
        classes = {pitch % 12 for pitch in upper}
        assert classes <= set(chord.pitch_classes)
        assert len(classes) in (len(chord.pitch_classes), 3, 4)


@given(st.lists(st.sampled_from([root + kind for root in ROOTS for kind in ("", "m")]), min_size=2, max_size=8))
def test_no_note_of_a_triad_leaps(symbols: list[str]):
    """Three voices a fifth away from any other triad at most: some inversion has each within a fourth."""
    ways = voicings([parse_chord(symbol) for symbol in symbols])
    for before, after in pairwise(ways):
        assert all(min(abs(note - other) for other in before[1:]) <= 4 for note in after[1:])


def test_each_chord_is_played_until_the_next():
    c, g = parse_chord("C"), parse_chord("G")
    played = accompaniment((ChordStart(2, c), ChordStart(18, NO_CHORD), ChordStart(26, g)), 40)
    assert [(each.start, each.end, each.chord) for each in played] == [(2, 18, c), (18, 26, NO_CHORD), (26, 40, g)]
    assert played[1] == VoicedChord(18, 26, NO_CHORD, ())
    assert accompaniment((), 16) == []


@pytest.mark.parametrize("semitones", range(-6, 6))
def test_any_key_is_led_as_smoothly(semitones: int):
    progression = parse_progression("C | Am | F | G | C").transposed(semitones)
    ways = voicings([bar[0] for bar in progression.bars])
    moves = [abs(a - b) for x, y in pairwise(ways) for a, b in zip(x[1:], y[1:], strict=True)]
    assert max(moves) <= 4
