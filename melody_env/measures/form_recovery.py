"""Form recovered from the tokens alone, what varied repeats keep, and where sections come to rest.

Sections that are alike have the same letter, those that are not quite alike another dash. The limits lie between what
human tunes vary and what they repeat or leave (docs/experiments/form.md). Shapes: B melodies, T steps, S sections.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from melody_env.form import Form, pattern, similarity
from melody_env.setting import Setting
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, MIN_PITCH, Tokens

EXACT = 0.95
"""Sections at least so similar are the same."""
VARIED = 0.5
"""Sections at least so similar, but less than `EXACT`, are variations of each other."""


def recovered_forms(melodies: Tokens, grid: Sequence[slice]) -> list[str]:
    """Return the form [B] of `melodies` [B, T] whose S sections are the steps of the `grid`: AABA, AA'BA ...

    Each section is compared with the most similar earlier one, as far as both go.
    """
    letters, names = np.zeros((2, len(melodies), len(grid)), np.int64)
    for number in range(1, len(grid)):
        alike = np.stack([similar(melodies, grid[number], earlier) for earlier in grid[:number]], axis=1)
        nearest, most = alike.argmax(axis=1)[:, None], alike.max(axis=1)
        for own, least in ((letters, VARIED), (names, EXACT)):
            own[:, number] = np.where(most >= least, np.take_along_axis(own, nearest, axis=1)[:, 0], number)
    rows, inverse = np.unique(np.concatenate([letters, names], axis=1), axis=0, return_inverse=True)
    texts = [pattern(zip(*row.reshape(2, -1).tolist(), strict=True)) for row in rows]
    return [texts[row] for row in inverse.ravel()]


def varied_kept(melodies: Tokens, form: Form) -> npt.NDArray[np.float64]:
    """Return the share of its events that each varied repeat of `melodies` [B, T] in this `form` keeps, one by one."""
    varied = [section for section in form.sections if section.is_varied]
    pairs = [(section.place, form.sections[section.source].place) for section in varied if section.source is not None]
    return np.concatenate([np.zeros(0), *(similar(melodies, *pair) for pair in pairs)])


def similar(melodies: Tokens, one: slice, other: slice) -> npt.NDArray[np.float64]:
    """Return the similarity [B] of two sections of `melodies` [B, T], as far as both go."""
    steps = min(one.stop - one.start, other.stop - other.start)
    first, second = (melodies[:, section.start : section.start + steps] for section in (one, other))
    return similarity(first, second)


def notes_of_rest(
    melodies: Tokens, form: Form, setting: Setting
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return whether each section of `melodies` [B, T] but the last [B, S - 1] ends on a tonic, third or fifth, and
    whether each melody [B] ends on the tonic."""
    steps = np.arange(melodies.shape[1])
    last = np.maximum.accumulate(np.where(melodies >= FIRST_PITCH_TOKEN, steps, 0), axis=1)
    ends = [section.stop - 1 for section in form.grid]
    tokens = np.take_along_axis(melodies, last[:, ends], axis=1)
    pitch_classes = np.where(tokens >= FIRST_PITCH_TOKEN, (tokens - FIRST_PITCH_TOKEN + MIN_PITCH) % 12, -1)
    inner = np.isin(pitch_classes[:, :-1], (setting.tonic, setting.third, setting.fifth))
    return inner, pitch_classes[:, -1] == setting.tonic
