"""Rules and mask of chords, by hand. In bars of four sixteenths that are beats, steps 0 and 2 of a bar are strong."""

import numpy as np
import pytest

from melody_env import NamedMask, RewardProfile, RuleError, Setting, WeightedRule, score_melodies
from melody_env.reward.composition import Composition
from melody_env.reward.rules import CHORD_RULES
from melody_env.reward.rules.chords import Sounding

QUARTERS = {"meter": "4/16"}
B3, C, D, E, F, G, A, B = 13, 14, 16, 18, 19, 21, 23, 25
HOLD, OFF = 1, 0


def setting_of(chords: str, length: int = 8, **changes) -> Setting:
    return Setting(chords=chords, length=length, **{**QUARTERS, **changes})


@pytest.mark.parametrize(
    ("chords", "tokens", "values"),
    [
        ("C", [C, D, E, F, F, G, A, B], {0: 1, 2: 1, 4: -1, 6: -1}),
        ("C | Am", [E, HOLD, HOLD, D, HOLD, HOLD, A, HOLD], {0: 1, 2: 1, 4: -1, 6: 1}),  # what is held counts
        ("C", [OFF, HOLD, C, OFF, HOLD, C, HOLD, OFF], {2: 1, 6: 1}),  # silence is neither
        ("N.C. | C", [C, D, C, D, D, D, D, D], {4: -1, 6: -1}),
        ("C F G C", [C, F, D, E] * 2, {0: 1, 1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1}),  # each begins a chord
    ],
)
def test_chord_tones_on_strong_beats(chords, tokens, values, rewarded):
    assert rewarded("chord_tone", tokens, setting_of(chords)) == values


@pytest.mark.parametrize(
    ("chords", "tokens", "values"),
    [
        ("C", [D, E, D, C, D, D, B3, C], {6: -1}),  # by step or repeated is resolved; D - B is a minor third
        ("C", [F, HOLD, OFF, A, C, G, C, HOLD], {3: -1, 4: -1}),  # also across a rest
        ("C", [C, G, E, C + 12, C, G, E, C], {}),  # tones of the chord may leap
        ("C | G", [C, HOLD, HOLD, D, G, HOLD, A, C], {4: -1, 7: -1}),  # D of the next chord is foreign while C sounds
        ("C | G", [C, HOLD, HOLD, HOLD, HOLD, G, HOLD, HOLD], {5: -1}),  # and C is once G does
        ("N.C. | C", [D, G, D, A, E, HOLD, HOLD, HOLD], {}),
    ],
)
def test_what_is_foreign_to_the_chord_is_left_by_step(chords, tokens, values, rewarded):
    assert rewarded("resolution", tokens, setting_of(chords)) == values


def test_the_widest_step_is_a_parameter(rewarded):
    tokens = [D, B3, D, A, D, HOLD, HOLD, HOLD]
    assert rewarded("resolution", tokens, setting_of("C")) == {1: -1, 2: -1, 3: -1, 4: -1}
    assert rewarded("resolution", tokens, setting_of("C"), max_semitones=3) == {3: -1, 4: -1}


@pytest.mark.parametrize(
    ("chords", "tokens", "values"),
    [
        ("C", [F, F, D, F, F, HOLD, HOLD, HOLD], {0: -1, 4: -1, 6: -1}),  # weak beats are free
        ("Cmaj7", [C, HOLD, B, HOLD, OFF, HOLD, F, HOLD], {6: -1}),  # C above B is a tone itself
        ("N.C. | G7", [F, HOLD, F, HOLD, C, HOLD, F, HOLD], {4: -1}),
    ],
)
def test_a_semitone_above_a_tone_of_the_chord_is_avoided(chords, tokens, values, rewarded):
    assert rewarded("avoid_note", tokens, setting_of(chords)) == values


@pytest.mark.parametrize(
    ("chords", "tokens", "values"),
    [
        ("C | F", [E, E, E, E, A, HOLD, A, HOLD], {0: 1, 4: 1}),  # only where a chord begins
        ("C | C", [E, HOLD, HOLD, HOLD, E, HOLD, HOLD, HOLD], {0: 1}),
        ("C | G7", [C, HOLD, HOLD, F, HOLD, HOLD, F, HOLD], {}),  # a note must begin
        ("C | G7", [C, HOLD, HOLD, G, F, HOLD, HOLD, HOLD], {4: 1}),  # the seventh
        ("N.C. | Gsus4", [E, HOLD, HOLD, HOLD, C, HOLD, HOLD, HOLD], {}),
    ],
)
def test_guide_tones_begin_with_their_chord(chords, tokens, values, rewarded):
    assert rewarded("guide_tone", tokens, setting_of(chords)) == values


@pytest.mark.parametrize("rule", CHORD_RULES)
def test_without_chords_rules_of_chords_are_0(rule, worth):
    assert worth(rule, [F, G, A, C] * 2, Setting(length=8, **QUARTERS)) == [0.0] * 8


PIECES = np.random.default_rng(0).choice([0, 1, 1, 1, C, D, E, F, G, A, B, C + 12], size=(40, 32))


@pytest.mark.parametrize("rule", CHORD_RULES)
def test_each_melody_is_valued_by_its_own_chords(rule):
    texts = ["C | Am | F G | C", "Dm7 | G7 | Cmaj7 | N.C."]
    profile = RewardProfile("one", (WeightedRule(rule),))
    chords = [texts[row % 2] for row in range(40)]
    together = score_melodies(PIECES, profile, setting_of("; ".join(texts), 32), chords=chords).rules[rule]
    assert {*np.unique(together)} - {0.0}
    for row, text in enumerate(texts):
        alone = score_melodies(PIECES[row::2], profile, setting_of(text, 32)).rules[rule]
        np.testing.assert_array_equal(together[row::2], alone)


@pytest.mark.parametrize("rule", CHORD_RULES)
def test_a_melody_and_its_chords_in_another_key_are_worth_the_same(rule):
    profile = RewardProfile("one", (WeightedRule(rule),))
    setting = setting_of("C | Am7 | F G7 | E7", 32)
    moved = setting.changed(key="Eb")
    up = np.where(PIECES >= 2, PIECES + moved.transposition, PIECES)
    np.testing.assert_array_equal(
        score_melodies(PIECES, profile, setting).rules[rule], score_melodies(up, profile, moved).rules[rule]
    )


@pytest.mark.parametrize("rule", CHORD_RULES)
def test_which_chords_a_melody_has_must_be_known(rule):
    profile = RewardProfile("one", (WeightedRule(rule),))
    with pytest.raises(RuleError, match=rf"^Rule '{rule}' needs melodies of 8 steps, and to know the chords of each: "):
        score_melodies(PIECES[:, :8], profile, setting_of("C; F"))
    with pytest.raises(RuleError, match="needs melodies of 8 steps"):
        score_melodies(PIECES, profile, setting_of("C"))


def test_a_note_sounds_until_the_next_one_or_a_note_off():
    composition = Composition(2, 6, Setting(length=6))
    for tokens in zip([HOLD, C, HOLD, OFF, HOLD, D], [E, HOLD, HOLD, F, OFF, HOLD], strict=True):
        composition.append(np.array(tokens))
    assert composition.memory(Sounding).notes.T.tolist() == [[0, C, C, 0, 0, D], [E, E, E, F, 0, 0]]


def test_the_mask_allows_tones_of_the_chord_and_silence_on_strong_beats():
    setting = setting_of("C | N.C.", pitch_range=(60, 72))
    profile = RewardProfile("m", (), masks=(NamedMask("chord_tones_on_strong_beats"),), setting=setting)
    composition = Composition(3, 8, setting)
    tones, every = [C, E, G, C + 12], [*range(C, C + 13)]
    rows = [
        ([OFF, HOLD, *tones],) * 3,
        ([OFF, HOLD, *every],) * 3,
        ([OFF, HOLD, *tones], [OFF, *tones], [OFF, HOLD, *tones]),  # held: E, F, silence
        ([OFF, HOLD, *every],) * 3,
        ([OFF, HOLD, *every],) * 3,  # no chord
    ]
    played = [[C, C, C], [E, F, OFF], [HOLD, G, HOLD], [D, D, D], [D, D, D]]
    for expected, tokens in zip(rows, played, strict=True):
        allowed = profile.allowed(composition)
        assert [np.flatnonzero(flags).tolist() for flags in allowed] == [*expected]
        composition.append(np.array(tokens))


def test_pieces_whose_chords_change_elsewhere_have_strong_beats_of_their_own():
    setting = setting_of("C; C F G C", pitch_range=(60, 72))
    profile = RewardProfile("m", (), masks=(NamedMask("chord_tones_on_strong_beats"),), setting=setting)
    composition = Composition(2, 8, setting)
    composition.harmony = setting.harmony_steps.of(np.array([0, 1]))
    composition.append(np.array([C, C]))
    free, bound = profile.allowed(composition)
    assert np.flatnonzero(free).tolist() == [OFF, HOLD, *range(C, C + 13)]
    assert np.flatnonzero(bound).tolist() == [OFF, HOLD, C, F, A, C + 12]
