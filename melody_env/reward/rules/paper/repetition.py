"""Rule `repetition`: excessive repetition of a token.

Source: Jaques et al. 2017 (https://arxiv.org/abs/1611.02796), section 3.3, and the original's code.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from melody_env.reward.automaton import Automaton, Followed
from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import rule
from note_rnn.vocabulary import NO_EVENT, NOTE_OFF, VOCABULARY_SIZE

_OFF, _HOLD, _SAME_PITCH, _OTHER_PITCH = range(4)

_tokens = np.arange(VOCABULARY_SIZE)
_EVENT_OF_PAIR = np.select(
    [_tokens == NOTE_OFF, _tokens == NO_EVENT, _tokens == _tokens[:, None]], [_OFF, _HOLD, _SAME_PITCH], _OTHER_PITCH
).ravel()
"""[38 * 38]; what each pair of `Composition.pitch_pairs` is in a run."""


class _Run(NamedTuple):
    """A melody's tokens since the pitch last changed; counts stop where they exceed every limit."""

    note_offs: int = 0
    """Since the last pitch."""
    holds: int = 0
    """Since the last pitch."""
    notes: int = 0
    """Onsets of the last pitch since another pitch sounded."""
    has_gaps: bool = False
    """Whether a hold or a note off has occurred since another pitch sounded."""


@lru_cache
def _runs(limit: int, limit_with_gaps: int, note_off_limit: int) -> Automaton[_Run]:
    highest = max(limit, limit_with_gaps) + 1

    def value(count: int, has_gaps: bool) -> float:
        return -100.0 if count > (limit_with_gaps if has_gaps else min(limit, limit_with_gaps)) else 0.0

    def step(run: _Run, event: int) -> tuple[_Run, float]:
        note_offs, holds, notes, has_gaps = run
        if event == _OFF:
            is_excessive = note_offs > note_off_limit
            return _Run(min(note_offs, note_off_limit) + 1, holds, notes, True), -100.0 if is_excessive else 0.0
        if event == _HOLD:
            return _Run(note_offs, min(holds + 1, highest), notes, True), value(holds, note_offs > 0)
        if event == _SAME_PITCH:
            return _Run(notes=min(notes + 1, highest), has_gaps=has_gaps), value(notes, has_gaps)
        return _Run(notes=1, has_gaps=note_offs + holds > 0), 0.0

    return Automaton(_Run(), _EVENT_OF_PAIR, step)


@rule(batched=True)
def repetition(
    composition: Composition, *, limit: int = 4, limit_with_gaps: int = 6, note_off_limit: int = 1
) -> Floats:
    """-100 for a token that occurred more than `limit` times before in the same run (`reward_penalize_repeating`).

    A run begins after the last other pitch. With a hold or a note off in it, `limit_with_gaps` applies (the paper: the
    rule is relaxed for held notes); a note off may be repeated `note_off_limit` times. As in the original, holds count
    like notes: a note held for more than six steps is penalised.
    """
    return composition.memory(Followed, _runs(limit, limit_with_gaps, note_off_limit)).values
