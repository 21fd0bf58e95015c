"""Replacement of forbidden tokens, for agents that ignore masks.

Shapes: B melodies, A = 38 tokens.
"""

import numpy as np

from melody_env.setting import Flags
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, VOCABULARY_SIZE, Tokens

_tokens = np.arange(VOCABULARY_SIZE)
_is_note = _tokens >= FIRST_PITCH_TOKEN
_distance = np.abs(_tokens[:, None] - _tokens) + VOCABULARY_SIZE * (_is_note[:, None] != _is_note)
"""[38, 38]; notes are nearer to each other than to note off and hold."""


def nearest_allowed(tokens: Tokens, allowed: Flags) -> Tokens:
    """Return `tokens` [B] with those that are not `allowed` [B, A] replaced by the nearest allowed, of two the lower.

    A note too high or too low becomes the highest or lowest, one outside the scale its neighbour, a note off a hold.
    """
    forbidden = np.flatnonzero(~allowed[np.arange(len(tokens)), tokens])
    if not forbidden.size:
        return tokens
    distance = np.where(allowed[forbidden], _distance[tokens[forbidden]], 2 * VOCABULARY_SIZE)
    played = tokens.copy()
    played[forbidden] = distance.argmin(axis=1)
    return played
