"""Chords for given melodies: the likeliest ones, a chord of the key for each bar.

What a bar says of a chord is what the rules `chord_tone` and `avoid_note` pay on its strong beats, and the time for
which its tones sound; what follows what is a table of degrees. The best chords are found by dynamic programming
(Viterbi 1967, https://doi.org/10.1109/TIT.1967.1054010). Shapes: B melodies, T steps, N chords of a melody, D = 7
degrees.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from melody_env.chord_steps import ChordTable, strong_beats
from melody_env.measures.chord_tones import sounding_notes
from melody_env.reward.rules.human.line import PITCH_CLASSES
from melody_env.setting import MODES, Setting, SettingError
from note_rnn.chords import Chord, Progression, parse_chord
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, Tokens

Floats = npt.NDArray[np.float64]

_USUAL, _SOMETIMES, _RARE, _SAME = 6.0, 3.0, 1.0, 8.0
"""Relative frequencies of what follows a degree; what the table does not name is half as frequent as what is rare."""
_FOLLOWED = {
    "I": ("IV V", "VI", "II III"),
    "II": ("V", "IV VI", "I III"),
    "III": ("VI", "IV", "I II V"),
    "IV": ("V", "I II", "III VI"),
    "V": ("I", "IV VI", "II III"),
    "VI": ("II V", "III IV", "I"),
    "VII": ("I III", "VI", "II IV V"),
}
"""By which degrees each is followed usually, sometimes, and less often (W. Piston, Harmony, 1941: the table of usual
root progressions)."""
_DEGREES = tuple(_FOLLOWED)
_ENDS_ON_TONIC = 0.8
"""Probability that the first chord, and that the last one, is that of the tonic."""
_STRONG_WEIGHT, _AVOID_WEIGHT, _TIME_WEIGHT = 1.0, 1.0, 3.0
"""Nats for a chord tone on a strong beat, against an avoided one, and for chord tones all the time of a chord."""
_KEY_WEIGHT = 2.0
"""Nats for a note of the scale, or the leading tone in minor, where the key is to be found."""
_LEADING_TONE = (11,)
_NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_KINDS = {(4, 7): "", (3, 7): "m", (3, 6): "dim", (4, 8): "aug"}


class Harmonies(NamedTuple):
    """The likeliest chords of B melodies."""

    progressions: tuple[Progression, ...]
    """[B]; as long as the melodies."""
    scores: Floats
    """[B]; what they are worth together, in nats."""


def harmonise(melodies: Tokens, setting: Setting, per_bar: int = 1) -> Harmonies:
    """Return the likeliest chords of `melodies` [B, T] in the key, mode and meter of `setting`, `per_bar` in each bar.

    A bar that the melodies do not fill counts as far as they go. Raises SettingError if a bar cannot be divided.
    """
    if not 1 <= per_bar <= setting.steps_per_bar or setting.steps_per_bar % per_bar:
        raise SettingError(
            f"A bar of {setting.steps_per_bar} sixteenths cannot be divided into {per_bar} equal parts: give another "
            "number of chords per bar."
        )
    chords = chords_of_key(setting)
    worth = worth_of_chords(melodies, chords, setting, setting.steps_per_bar // per_bar)
    paths, scores = best_paths(worth, transitions())
    bars = -(-paths.shape[1] // per_bar)
    progressions = []
    for path in paths:
        found = [chords[degree] for degree in path]
        progressions.append(Progression(tuple(tuple(found[bar * per_bar :][:per_bar]) for bar in range(bars))))
    return Harmonies(tuple(progressions), scores)


def chords_of_key(setting: Setting) -> tuple[Chord, ...]:
    """Return the triads [D] on the degrees of the scale of `setting`, in minor a major one on the fifth.

    A scale of other than seven notes has those of major or minor, by its third.
    """
    is_minor = (setting.third - setting.tonic) % 12 == 3
    scale = setting.scale if len(setting.scale) == len(_DEGREES) else MODES["minor" if is_minor else "major"]
    above = [(*scale, *(12 + step for step in scale))[degree : degree + 5 : 2] for degree in range(len(scale))]
    kinds = [_KINDS.get((third - root, fifth - root), "") for root, third, fifth in above]
    if is_minor and scale[4] == 7:
        kinds[4] = ""
    in_c = Progression(tuple((parse_chord(_NAMES[step] + kind),) for step, kind in zip(scale, kinds, strict=True)))
    return tuple(chord for (chord,) in in_c.transposed(setting.tonic).bars)


def worth_of_chords(melodies: Tokens, chords: tuple[Chord, ...], setting: Setting, window: int) -> Floats:
    """Return what each of `chords` [D] is worth for each `window` of steps of `melodies` [B, T]: [B, N, D], in nats."""
    size, length = melodies.shape
    padding = -length % window
    notes = np.pad(sounding_notes(melodies), ((0, 0), (0, padding)))
    table, pitch_classes = ChordTable.of(chords), PITCH_CLASSES.take(notes)
    is_tone, is_avoided = (np.moveaxis(flags[:, pitch_classes], 0, -1) for flags in (table.tones, table.avoided))
    sounds = (notes > 0)[..., None]
    strong = strong_beats(length + padding, setting.steps_per_bar, setting.steps_per_beat)
    strong |= np.arange(length + padding) % window == 0
    of_step = _STRONG_WEIGHT * np.where(is_tone, 1.0, -1.0 * sounds) - _AVOID_WEIGHT * is_avoided
    of_step = of_step * strong[:, None] + _TIME_WEIGHT / window * is_tone
    return of_step.reshape(size, -1, window, len(chords)).sum(axis=2)


def transitions() -> Floats:
    """Return log of the probability [D, D] that a degree is followed by each."""
    weights = np.full((len(_DEGREES), len(_DEGREES)), _RARE / 2)
    np.fill_diagonal(weights, _SAME)
    for row, followers in enumerate(_FOLLOWED.values()):
        for names, weight in zip(followers, (_USUAL, _SOMETIMES, _RARE), strict=True):
            weights[row, [_DEGREES.index(name) for name in names.split()]] = weight
    return np.log(weights / weights.sum(axis=1, keepdims=True))


def best_paths(worth: Floats, log_transitions: Floats) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return the best degrees [B, N] for the `worth` [B, N, D] of each, and what they are worth [B], ends included."""
    size, number, degrees = worth.shape
    ends = np.log(np.where(np.arange(degrees) == 0, _ENDS_ON_TONIC, (1 - _ENDS_ON_TONIC) / (degrees - 1)))
    best = worth[:, 0] + ends
    before = np.zeros((number, size, degrees), np.int64)
    for step in range(1, number):
        totals = best[:, :, None] + log_transitions
        before[step] = totals.argmax(axis=1)
        best = totals.max(axis=1) + worth[:, step]
    best = best + ends
    paths = np.empty((size, number), np.int64)
    paths[:, -1] = best.argmax(axis=1)
    for step in range(number - 1, 0, -1):
        paths[:, step - 1] = before[step, np.arange(size), paths[:, step]]
    return paths, best.max(axis=1)


def likeliest_key(melody: Tokens, setting: Setting) -> Setting:
    """Return `setting` in the major or minor key whose notes and chords are worth most for `melody` [T]."""
    keys = [setting.changed(key=name, mode=mode) for mode in ("major", "minor") for name in _NAMES]
    return max(keys, key=lambda key: _worth_of_key(melody, key))


def _worth_of_key(melody: Tokens, key: Setting) -> float:
    """Return what the chords of a `key` are worth for `melody` [T], and its notes that are of the key."""
    degrees = (*key.scale, *(_LEADING_TONE if key.mode == "minor" else ()))
    above = (PITCH_CLASSES[melody[melody >= FIRST_PITCH_TOKEN]] - key.tonic) % 12
    return float(harmonise(melody[None], key).scores[0]) + _KEY_WEIGHT * int(np.isin(above, degrees).sum())
