"""Rules `key` and `tonic`: the notes of C major, and the piece that starts and ends at home.

Shapes: B melodies. Source: Jaques et al. 2017 (https://arxiv.org/abs/1611.02796), section 3.3, and the original's
code.
"""

import numpy as np

from melody_env.composition import Composition, Floats
from note_rnn.vocabulary import (
    FIRST_PITCH_TOKEN,
    MIN_PITCH,
    NO_EVENT,
    VOCABULARY_SIZE,
    pitch_to_token,
)

MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
TONIC_TOKEN = pitch_to_token(60)

_tokens = np.arange(VOCABULARY_SIZE)
IN_KEY = (_tokens < FIRST_PITCH_TOKEN) | np.isin((_tokens - FIRST_PITCH_TOKEN + MIN_PITCH) % 12, MAJOR_SCALE)
"""[38]; whether a token is a note of C major, a note off or a hold."""

_KEY_VALUE = np.where(IN_KEY, 0.0, -1.0)


def key(composition: Composition) -> Floats:
    """-1 for a note outside C major (`reward_key`)."""
    return _KEY_VALUE.take(composition.newest)


def tonic(composition: Composition) -> Floats:
    """3 for middle C at the first step and four steps before the end, and for what follows there (`reward_tonic`).

    The paper asks for the tonic "in the first beat and last 4 beats"; the original pays, of the last four steps,
    the first for middle C, the second for a hold, the last two for a hold or a note off, whether or not the tonic
    was played.
    """
    t, newest = composition.position - 1, composition.newest
    steps_left = composition.length - 1 - t
    value = np.zeros(composition.batch_size)
    if t == 0 or steps_left == 3:
        value[newest == TONIC_TOKEN] = 3.0
    if steps_left == 2:
        value[newest == NO_EVENT] = 3.0
    if steps_left < 2:
        value[newest < FIRST_PITCH_TOKEN] = 3.0
    return value
