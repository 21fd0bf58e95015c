"""The reward profiles that come with the package, value by value: a changed number is a changed reward."""

from pathlib import Path

import pytest

import melody_env.reward.profile
from melody_env import Setting, load_profile
from note_rnn.chords import NO_CHORD

NINE = {
    **{"key": 1, "tonic": 1, "repetition": 1, "autocorrelation": 1, "motif": 1},
    **{"repeated_motif": 1, "interval": 1, "leap": 1, "extrema": 1},
}
THREE = {"key": 1, "tonic": 1, "repetition": 1}
UNREPEATED = {name: weight for name, weight in NINE.items() if name != "repeated_motif"}
SO_FAR = {name: weight for name, weight in UNREPEATED.items() if name != "extrema"}

PROFILES = {
    # name: c, whether log p counts, weights, parameters
    "paper": (
        *(0.5, True, NINE),
        {
            "repetition": {"limit": 4, "limit_with_gaps": 6, "note_off_limit": 1},
            "autocorrelation": {"max_lag": 3, "threshold": 0.15},
            "motif": {"beats": 2, "min_pitches": 3},
            "repeated_motif": {"beats": 2, "min_pitches": 3},
            "leap": {"min_semitones": 7, "patience": 6},
        },
    ),
    "music_theory_all": (1, True, NINE, {}),
    "music_theory_only": (1, False, NINE, {}),
    "music_theory_random": (1, False, THREE, {}),
    "music_theory_basic": (1, True, THREE, {}),
    "music_theory_basic_plus_variety": (1, True, THREE | {"autocorrelation": 1}, {}),
    "key": (1, False, {"in_key": 1}, {}),
    "key_and_tonic": (1, False, {"key": 1, "tonic": 1}, {}),
    "scale": (1, False, {"scale": 1}, {}),
    "non_repeating": (1, False, {"non_repeating": 1}, {}),
    "preferred_intervals": (1, False, {"interval": 1}, {}),
    "varied": (1, True, NINE | {"tonic": 3, "repeated_motif": 0}, {}),
    "varied_so_far": (1.05, True, SO_FAR | {"tonic": 3, "extrema_so_far": 1}, {}),
    "refrain": (1.2, True, NINE | {"tonic": 4, "repeated_motif": 2}, {"repeated_motif": {"cap": 2.5}}),
    "unique_extremes": (1.3, True, SO_FAR | {"tonic": 4, "extrema_so_far": 2}, {}),
    "uncorrelated": (1.5, True, UNREPEATED | {"tonic": 3, "autocorrelation_so_far": 100}, {}),
    "adversarial": (1, True, {}, {}),
    "calibrated": (
        *(1, True),
        {
            **{"echo": 0.123, "overused_motif": -0.377, "bar_repeat": 0.0911, "sequence": 0.167},
            **{"bar_rhythm": 0.0206, "syncopation": -0.112, "standstill": -2.86, "turn": -0.0948},
            **{"repeated_note": -0.0847, "fourth_or_fifth": -0.0236, "tritone_or_seventh": -0.379},
            **{"beyond_octave": -0.76, "leap_continued": -0.28, "chromatic_step": 0.321, "stable_beat": 0.0474},
            **{"opening": 0.159},
        },
        {
            **{"echo": {"cap": 6.0}, "bar_repeat": {"cap": 5.75}, "sequence": {"cap": 5.75}},
            **{"bar_rhythm": {"cap": 9.5}, "chromatic_step": {"cap": 0.25}},
        },
    ),
    "matched": (
        *(1, True),
        {
            **{"key": -0.356, "echo": 0.42, "overused_motif": -0.165, "bar_repeat": -0.145},
            **{"sequence": 0.325, "bar_rhythm": -0.0522, "off_eighth": 0.0237, "syncopation": 0.0848},
            **{"rest": 0.00933, "long_end": -0.0385, "stepwise": -0.159, "scale_run": 0.0955},
            **{"turn": -0.0483, "repeated_note": -0.112, "fourth_or_fifth": 0.193, "tritone_or_seventh": -0.327},
            **{"beyond_octave": -1.79, "leap_answered": -0.267, "leap_continued": -0.447, "stable_beat": -0.0595},
            **{"opening": 0.155, "stable_end": -0.184, "density": 0.414, "phrase_range": -0.0472},
            **{"pitch_entropy": 0.0538, "onset": 1},
        },
        {
            **{"echo": {"cap": 1.0}, "bar_repeat": {"cap": 1.5}, "sequence": {"cap": 1.5}},
            **{"bar_rhythm": {"cap": 4.0}, "stepwise": {"cap": 5.0}, "scale_run": {"cap": 1.5}},
            **{"leap_answered": {"cap": 1.0}},
            "onset": {
                "worth": [
                    *(0.976, 0.15, -0.184, 0.00316, -0.176, 0.0276, -0.0197, 0.407),
                    *(0.283, 0.0397, 0.0147, -0.17, -0.161, 0.178, 0.187, -0.0518),
                ]
            },
        },
    ),
}


@pytest.mark.parametrize("name", PROFILES)
def test_a_shipped_profile_is_what_its_results_were_made_with(name):
    c, log_prior, weights, parameters = PROFILES[name]
    profile = load_profile(name)
    assert (profile.c, profile.log_prior) == (c, log_prior)
    assert {rule.name: rule.weight for rule in profile.rules} == weights
    assert {rule.name: dict(rule.parameters) for rule in profile.rules if rule.parameters} == parameters
    assert profile.adversary == (dict.fromkeys(("features", "positions", "tokens"), 1) if name == "adversarial" else {})
    assert (profile.setting, profile.masks) == (Setting(), ())
    assert not profile.forbids


def test_the_profile_of_whole_tunes_has_form_and_an_adversary():
    profile = load_profile("tune")
    (rule,) = profile.rules
    kept = {"opening_kept": 1, "new_kept": 0.42}
    ends = {"rest": 0.5, "rest_steps": 2, "close": 0.8}
    assert (rule.name, rule.weight) == ("form", 21)
    assert rule.parameters == {"repeat": 2.2, "variation": 2.5, "contrast": 3, **kept, **ends}
    assert (profile.c, profile.log_prior, profile.masks) == (1, True, ())
    assert profile.adversary == {"features": 0.5, "positions": 0.3, "tokens": 1}
    assert profile.setting == Setting(length="16 bars", form=profile.setting.form)


def test_the_profile_of_chords_has_their_rules_and_progressions_of_all_roots_and_many_kinds():
    profile = load_profile("chords")
    weights = {"chord_tone": 4, "resolution": 1.5, "avoid_note": 1, "guide_tone": 0.5}
    assert {rule.name: rule.weight for rule in profile.rules} == weights
    assert not any(rule.parameters for rule in profile.rules)
    assert (profile.c, profile.log_prior, profile.masks) == (1, True, ())
    assert profile.adversary == {"features": 0.3, "tokens": 2}
    assert profile.setting == Setting(length="8 bars", chords=profile.setting.chords)
    progressions = profile.setting.progressions
    assert len({progression.text for progression in progressions}) == len(progressions) >= 50
    assert {len(progression.bars) for progression in progressions} == {1, 4, 8}
    chords = {chord for progression in progressions for bar in progression.bars for chord in bar} - {NO_CHORD}
    assert {chord.root for chord in chords} == {*range(12)}
    kinds = {tuple(sorted((tone - chord.root) % 12 for tone in chord.pitch_classes)) for chord in chords}
    assert len(kinds) >= 10


def test_all_that_is_shipped_is_here():
    shipped = (Path(melody_env.reward.profile.__file__).parent / "profiles").glob("*.yaml")
    assert {file.stem for file in shipped} == {*PROFILES, "tune", "chords"}
