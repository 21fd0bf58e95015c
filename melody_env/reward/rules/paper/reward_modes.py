"""Rules of the original's other reward modes: `in_key`, `scale` and `non_repeating`.

Shapes: B melodies. Source: the original RL Tuner's code (magenta, `models/rl_tuner`): `reward_key_distribute_prob`,
`reward_scale`, `reward_non_repeating`.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import rule
from melody_env.reward.rules.paper.repetition import repetition
from melody_env.setting import Setting
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, MIN_PITCH, NO_EVENT, VOCABULARY_SIZE


@rule(batched=True)
def in_key(composition: Composition) -> Floats:
    """1 / n for each of the n tokens in the scale, note off and hold included; n is 23 in C major."""
    in_scale = composition.setting.in_scale
    return in_scale.take(composition.newest) / np.float64(in_scale.sum())


@rule(batched=True)
def scale(composition: Composition) -> Floats:
    """A reward for playing the scale upwards over the two octaves around the tonic, again and again.

    0.1 for a hold; 0.05 for a token one or two above the previous one; 0.01 for a note of the two octaves, and 0.8 more
    when it is the next after the previous token, with the lowest after the highest. As in the original, the priming
    token is the previous one at the first step.
    """
    t, setting = composition.position - 1, composition.setting
    newest = composition.tokens[t].astype(np.intp)
    last = (composition.tokens[t - 1] if t else composition.priming_tokens).astype(np.intp)
    next_token = _next_of_scale(setting)
    value = np.where(newest == NO_EVENT, 0.1, 0.0)
    value += 0.05 * ((newest - last == 1) | (newest - last == 2))
    value += 0.01 * (next_token[newest] > 0)
    value += 0.8 * ((next_token[last] == newest) & (next_token[newest] > 0))
    return value


@lru_cache
def _next_of_scale(setting: Setting) -> npt.NDArray[np.intp]:
    """Return the next note of the scale [38] after each token of the two octaves around the tonic, 0 after others."""
    low = setting.tonic_pitch - 12
    pitches = [low + octave + step for octave in (0, 12) for step in setting.scale] + [low + 24]
    tokens = [pitch - MIN_PITCH + FIRST_PITCH_TOKEN for pitch in pitches]
    tokens = [token for token in tokens if FIRST_PITCH_TOKEN <= token < VOCABULARY_SIZE]
    following = np.zeros(VOCABULARY_SIZE, np.intp)
    following[tokens] = [*tokens[1:], tokens[0]]
    return following


@rule(batched=True)
def non_repeating(composition: Composition) -> Floats:
    """0.1 for each token that `repetition` does not penalise."""
    return 0.1 * (repetition(composition) == 0)
