"""Rule `extrema`: one highest and one lowest note.

Shapes: B melodies, T steps. Source: Jaques et al. 2017 (https://arxiv.org/abs/1611.02796), section 3.3, and the
original's code.
"""

import numpy as np

from melody_env.composition import Composition, Floats, Tokens8
from melody_env.setting import Flags
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, VOCABULARY_SIZE


def has_unique_highest(tokens: Tokens8) -> Flags:
    """Return [B]: does the largest token of each melody of `tokens` [T, B] occur once?

    As in the original (`detect_high_unique`) note offs and holds count too: 31 note offs and one hold have a
    highest "note".
    """
    return np.count_nonzero(tokens == tokens.max(axis=0), axis=0) == 1


def has_unique_lowest(tokens: Tokens8) -> Flags:
    """Return [B]: does the lowest pitch of each melody of `tokens` [T, B] occur once (`detect_low_unique`)?"""
    pitches = np.where(tokens < FIRST_PITCH_TOKEN, VOCABULARY_SIZE, tokens)
    lowest = pitches.min(axis=0)
    return (np.count_nonzero(pitches == lowest, axis=0) == 1) & (lowest < VOCABULARY_SIZE)


def extrema(composition: Composition) -> Floats:
    """At the last step, 3 for a highest note that occurs once, 3 for such a lowest one (`reward_high_low_unique`)."""
    if not composition.is_complete:
        return np.zeros(composition.batch_size)
    tokens = composition.tokens
    return 3.0 * has_unique_highest(tokens) + 3.0 * has_unique_lowest(tokens)
