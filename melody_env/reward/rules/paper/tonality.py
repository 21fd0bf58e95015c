"""Rules `key` and `tonic`: notes of the scale, and the tonic at the beginning and at the end.

Shapes: B melodies. Source: Jaques et al. 2017 (https://arxiv.org/abs/1611.02796), section 3.3, and the original's
code.
"""

import numpy as np

from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import rule
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, NO_EVENT


@rule(batched=True)
def key(composition: Composition) -> Floats:
    """-1 for a note outside the scale (`reward_key`)."""
    return composition.setting.in_scale.take(composition.newest).astype(np.float64) - 1


@rule(batched=True)
def tonic(composition: Composition) -> Floats:
    """3 for the tonic at the first step and at the start of the last beat, and for holding it there (`reward_tonic`).

    The paper requires the tonic "in the first beat and last 4 beats". The original rewards the last four steps, a beat
    of 4/4: the first for middle C, the second for a hold, the others for a hold or a note off, whether or not the tonic
    was played. In another key, the tonic nearest to middle C counts.
    """
    t, newest = composition.position - 1, composition.newest
    step_of_last_beat = t - composition.length + composition.setting.steps_per_beat
    value = np.zeros(composition.batch_size)
    if t == 0 or step_of_last_beat == 0:
        value[newest == composition.setting.tonic_token] = 3.0
    if step_of_last_beat == 1:
        value[newest == NO_EVENT] = 3.0
    if step_of_last_beat > 1:
        value[newest < FIRST_PITCH_TOKEN] = 3.0
    return value
