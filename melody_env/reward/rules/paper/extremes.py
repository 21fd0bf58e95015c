"""Rule `extrema`: a unique highest and a unique lowest note.

Shapes: B melodies, T steps. Source: Jaques et al. 2017 (https://arxiv.org/abs/1611.02796), section 3.3, and the
original's code.
"""

import numpy as np

from melody_env.reward.composition import Composition, Floats, Tokens8
from melody_env.reward.plugins import rule
from melody_env.setting import Flags
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, VOCABULARY_SIZE


def has_unique_highest(tokens: Tokens8) -> Flags:
    """Return whether the largest token of each melody of `tokens` [T, B] occurs once [B].

    As in the original (`detect_high_unique`), note offs and holds count too: 31 note offs and one hold have a unique
    highest "note".
    """
    return np.count_nonzero(tokens == tokens.max(axis=0), axis=0) == 1


def has_unique_lowest(tokens: Tokens8) -> Flags:
    """Return whether the lowest pitch of each melody of `tokens` [T, B] occurs once [B] (`detect_low_unique`)."""
    pitches = np.where(tokens < FIRST_PITCH_TOKEN, VOCABULARY_SIZE, tokens)
    lowest = pitches.min(axis=0)
    return (np.count_nonzero(pitches == lowest, axis=0) == 1) & (lowest < VOCABULARY_SIZE)


@rule(batched=True)
def extrema(composition: Composition) -> Floats:
    """At the last step, 3 for a unique highest note and 3 for a unique lowest one (`reward_high_low_unique`)."""
    if not composition.is_complete:
        return np.zeros(composition.batch_size)
    tokens = composition.tokens
    return 3.0 * has_unique_highest(tokens) + 3.0 * has_unique_lowest(tokens)


class UniqueExtremes:
    """Whether each melody's highest and lowest note so far are unique."""

    def __init__(self, composition: Composition):
        size = composition.batch_size
        self.highest = np.zeros(size, np.int8)
        """[B]; the highest note so far, 0 if there is none."""
        self.lowest = np.full(size, VOCABULARY_SIZE, np.int8)
        """[B]; the lowest note so far, 38 if there is none."""
        self._highest_once, self._lowest_once = np.zeros((2, size), np.bool_)
        self.gain = np.zeros(size)
        """[B]; the change that the newest token made to how many of the two are unique."""

    def update(self, composition: Composition, t: int) -> None:
        """Take in token `t`."""
        token = composition.tokens[t]
        is_note = token >= FIRST_PITCH_TOKEN
        above, below = is_note & (token > self.highest), is_note & (token < self.lowest)
        again_highest, again_lowest = is_note & (token == self.highest), is_note & (token == self.lowest)
        before = self._highest_once.astype(np.float64) + self._lowest_once
        self._highest_once = above | (self._highest_once & ~again_highest)
        self._lowest_once = below | (self._lowest_once & ~again_lowest)
        self.gain = self._highest_once + self._lowest_once.astype(np.float64) - before
        np.copyto(self.highest, token, where=above)
        np.copyto(self.lowest, token, where=below)
