"""Rule `repetition`: excessive repetition of a token.

Shapes: B melodies. Source: Jaques et al. 2017 (https://arxiv.org/abs/1611.02796), section 3.3, and the original's
code.
"""

import numpy as np
import numpy.typing as npt

from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import rule
from melody_env.setting import Flags
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, NO_EVENT, NOTE_OFF


class Runs:
    """Counts of each melody's tokens since the pitch last changed, and whether the newest exceeds a limit."""

    def __init__(self, composition: Composition, limit: int, limit_with_gaps: int, note_off_limit: int):
        size = composition.batch_size
        self.limit, self.limit_with_gaps, self.note_off_limit = limit, limit_with_gaps, note_off_limit
        self.note_offs = np.zeros(size, np.int32)
        """[B]; note offs since the last pitch."""
        self.holds = np.zeros(size, np.int32)
        """[B]; holds since the last pitch."""
        self.notes = np.zeros(size, np.int32)
        """[B]; onsets of the last pitch since another pitch sounded."""
        self.has_gaps = np.zeros(size, np.bool_)
        """[B]; whether a hold or a note off has occurred since another pitch sounded."""
        self.excessive = np.zeros(size, np.bool_)
        """[B]; whether the newest token is one repetition too many."""

    def update(self, composition: Composition, t: int) -> None:
        """Compare token `t` with the limits, then count it."""
        token = composition.tokens[t]
        is_off, is_hold, is_pitch = token == NOTE_OFF, token == NO_EVENT, token >= FIRST_PITCH_TOKEN
        is_same = is_pitch & (token == composition.previous_pitches[t])

        offs_exceed = is_off & (self.note_offs > self.note_off_limit)
        holds_exceed = is_hold & self._exceeds(self.holds, self.note_offs > 0)
        notes_exceed = is_same & self._exceeds(self.notes, self.has_gaps)
        self.excessive = offs_exceed | holds_exceed | notes_exceed

        was_special = (self.note_offs + self.holds) > 0
        np.copyto(self.has_gaps, was_special, where=is_pitch & ~is_same)
        self.has_gaps |= ~is_pitch
        self.notes *= is_same | ~is_pitch
        self.notes += is_pitch
        for count, is_counted in ((self.note_offs, is_off), (self.holds, is_hold)):
            count += is_counted
            count *= ~is_pitch

    def _exceeds(self, count: npt.NDArray[np.int32], has_gaps: Flags) -> Flags:
        return (count > self.limit_with_gaps) | ((count > self.limit) & ~has_gaps)


@rule(batched=True)
def repetition(
    composition: Composition, *, limit: int = 4, limit_with_gaps: int = 6, note_off_limit: int = 1
) -> Floats:
    """-100 for a token that occurred more than `limit` times before in the same run (`reward_penalize_repeating`).

    A run begins after the last other pitch. With a hold or a note off in it, `limit_with_gaps` applies (the paper: the
    rule is relaxed for held notes); a note off may be repeated `note_off_limit` times. As in the original, holds count
    like notes: a note held for more than six steps is penalised.
    """
    return -100.0 * composition.memory(Runs, limit, limit_with_gaps, note_off_limit).excessive.astype(np.float64)
