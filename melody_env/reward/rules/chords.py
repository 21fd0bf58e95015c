"""Rules of chords: their tones on strong beats, non-chord tones that resolve, avoided notes, and guide tones.

Without chords they are 0. A strong beat is the first of a bar, the middle of a bar of four beats, and where a chord
begins (`melody_env.chord_steps`). Shapes: B melodies, T steps, D chords.
"""

import numpy as np
import numpy.typing as npt

from melody_env.chord_steps import HarmonySteps
from melody_env.reward.composition import Composition, Floats, Tokens8
from melody_env.reward.plugins import RuleError, rule
from melody_env.reward.rules.human.line import PITCH_CLASSES, Line
from melody_env.setting import Flags
from note_rnn.vocabulary import NO_EVENT


class Sounding:
    """The note that each melody sounds at each step."""

    def __init__(self, composition: Composition):
        self.notes: Tokens8 = np.zeros_like(composition.tokens)
        """[T, B]; its token, 0 in silence."""

    def update(self, composition: Composition, t: int) -> None:
        """Take in token `t`."""
        held = self.notes[t - 1] if t else np.int8(0)
        self.notes[t] = np.where(composition.tokens[t] == NO_EVENT, held, composition.tokens[t])


@rule(batched=True)
def chord_tone(composition: Composition) -> Floats:
    """1 for a strong beat on which a tone of the chord sounds, -1 for one on which another note does."""
    harmony, t = harmony_of(composition, "chord_tone"), composition.position - 1
    if harmony is None:
        return np.zeros(composition.batch_size)
    is_tone, sounds = _sounding(composition, harmony, harmony.table.tones), composition.memory(Sounding).notes[t] > 0
    return np.where(is_tone, 1.0, -1.0) * (harmony.is_strong[t] & sounds)


@rule(batched=True)
def resolution(composition: Composition, *, max_semitones: int = 2) -> Floats:
    """-1 for a note more than `max_semitones` from the last one, if that was no tone of the chord before this note."""
    harmony, t = harmony_of(composition, "resolution"), composition.position - 1
    if harmony is None or t == 0:
        return np.zeros(composition.batch_size)
    chord, last = harmony.chord[t - 1], PITCH_CLASSES.take(composition.previous_pitches[t])
    is_foreign = (chord > 0) & ~harmony.table.tones[chord, last]
    return -1.0 * (is_foreign & (np.abs(composition.memory(Line).semitones[t]) > max_semitones))


@rule(batched=True)
def avoid_note(composition: Composition) -> Floats:
    """-1 for a strong beat on which a note sounds that is a semitone above a tone of the chord, and none itself."""
    harmony, t = harmony_of(composition, "avoid_note"), composition.position - 1
    if harmony is None:
        return np.zeros(composition.batch_size)
    return -1.0 * (harmony.is_strong[t] & _sounding(composition, harmony, harmony.table.avoided))


@rule(batched=True)
def guide_tone(composition: Composition) -> Floats:
    """1 for a note that begins with a chord and is its third or seventh."""
    harmony, t = harmony_of(composition, "guide_tone"), composition.position - 1
    if harmony is None:
        return np.zeros(composition.batch_size)
    begins = harmony.starts[t] & composition.memory(Line).is_note[t]
    return 1.0 * (begins & _sounding(composition, harmony, harmony.table.guides))


def harmony_of(composition: Composition, name: str) -> HarmonySteps | None:
    """Return the chords of the melodies, for the rule or mask `name`; None without chords.

    Raises RuleError if it is not known which of several progressions each melody has.
    """
    if composition.harmony is None and composition.setting.progressions:
        raise RuleError(
            f"Rule {name!r} needs melodies of {composition.setting.steps} steps, and to know the chords of each: give "
            "a single progression, or say which (chords=[...] of score_melodies)."
        )
    return composition.harmony


def _sounding(composition: Composition, harmony: HarmonySteps, table: npt.NDArray[np.bool_]) -> Flags:
    """Return the entry [B] of `table` [D, 13] for the chord and the note that sound at the newest step."""
    t = composition.position - 1
    return table[harmony.chord[t], PITCH_CLASSES.take(composition.memory(Sounding).notes[t])]
