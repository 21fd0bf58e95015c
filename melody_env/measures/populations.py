"""Populations of melodies: human tunes, and the machines that they are compared with.

Shapes: B melodies, T steps.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import torch

from melody_env.setting import Setting
from note_rnn.corpus import Corpus, Split, cached_corpus, split
from note_rnn.corpus.windows import bar_windows, from_first_bar
from note_rnn.markov import markov_melodies
from note_rnn.network.model import NoteRNN
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, NO_EVENT, NOTE_OFF, VOCABULARY_SIZE, Tokens, transposed

HUMAN, PRIOR, MARKOV3, MARKOV1 = "human", "prior", "Markov-3", "Markov-1"
RANDOM_PITCHES, LOOPS, RANDOM = "random pitches", "loops", "random"
POPULATIONS = (HUMAN, PRIOR, MARKOV3, MARKOV1, RANDOM_PITCHES, LOOPS, RANDOM)


def human_melodies(corpus: Corpus, setting: Setting) -> Tokens:
    """Return the windows [N, T] of `corpus` in key and range of `setting`, with bars like its own, each melody once."""
    windows = transposed(bar_windows(corpus, setting.steps, setting.meter), setting.transposition)
    return np.unique(windows[setting.in_range[windows].all(axis=1)], axis=0)


def held_out_melodies(setting: Setting) -> Tokens | None:
    """Return the windows [N, T] of the default collections' validation and test tunes; None if there are none."""
    parts = _cached_split()
    if parts is None:
        return None
    melodies = held_out_windows(parts, setting)
    return melodies if len(melodies) else None


def held_out_windows(parts: Split, setting: Setting) -> Tokens:
    """Return the windows [N, T] of the validation and test tunes of `parts`, each melody once."""
    held_out = [human_melodies(part, setting) for part in (parts.validation, parts.test)]
    return np.unique(np.concatenate(held_out), axis=0)


def training_tunes() -> list[Tokens] | None:
    """Return the segments of the default collections' training tunes, in C major or its modes; None if missing."""
    parts = _cached_split()
    return None if parts is None else parts.train.segments


def training_melodies(setting: Setting) -> Tokens | None:
    """Return the windows [N, T] of the default collections' training tunes in a `setting`; None if missing."""
    parts = _cached_split()
    return None if parts is None else human_melodies(parts.train, setting)


@lru_cache(maxsize=1)
def _cached_split() -> Split | None:
    corpus = cached_corpus()
    return None if corpus is None else split(corpus)


def machine_melodies(
    train: Corpus, human: Tokens, prior: NoteRNN, setting: Setting, size: int, rng: np.random.Generator
) -> Mapping[str, Tokens]:
    """Return `size` melodies [B, T] of each machine, by name.

    The `prior`'s samples after a random token, Markov chains of order 3 and 1 of the `train` tunes, the rhythms of
    the `human` tunes with random notes of the scale, `loops` of them, and random notes of the scale, holds and note
    offs.
    """
    barred = from_first_bar(train, setting.meter)
    segments = [transposed(segment, setting.transposition) for segment in barred.segments]
    allowed = np.flatnonzero(setting.in_scale & setting.in_range)
    rhythms = human[np.arange(size) % len(human)]
    notes = rng.choice(allowed[allowed >= FIRST_PITCH_TOKEN], rhythms.shape)
    return {
        PRIOR: prior_melodies(setting.adapted(prior), size, setting.steps, rng),
        MARKOV3: markov_melodies(segments, 3, size, setting.steps, rng),
        MARKOV1: markov_melodies(segments, 1, size, setting.steps, rng),
        RANDOM_PITCHES: np.where(rhythms >= FIRST_PITCH_TOKEN, notes, rhythms),
        LOOPS: loops(human, size, setting.steps_per_beat, rng),
        RANDOM: rng.choice(allowed, (size, setting.steps)),
    }


def loops(human: Tokens, size: int, longest: int, rng: np.random.Generator) -> Tokens:
    """Return `size` melodies [B, T] that repeat one short figure, as those of collapsed agents do.

    The figure is 1, 2, 4 ... up to `longest` tokens of a `human` tune: a repeated note, a trill, a longer figure. If
    it begins with a hold, the melody starts with the tune's first note, held to the end where the figure has no note.
    """
    tunes = human[np.arange(size) % len(human)]
    tunes = np.where(tunes == NOTE_OFF, NO_EVENT, tunes)
    length = tunes.shape[1]
    periods = 2 ** rng.integers(int(np.log2(longest)) + 1, size=size)
    starts = rng.integers(length // periods) * periods
    places = (np.arange(length) % periods[:, None]) + starts[:, None]
    melodies = np.take_along_axis(tunes, places, axis=1)
    return np.where((np.arange(length) == 0) & (melodies < FIRST_PITCH_TOKEN), tunes[:, :1], melodies)


@torch.inference_mode()
def prior_melodies(
    prior: NoteRNN, size: int, length: int, rng: np.random.Generator, on_step: Callable[[], object] = lambda: None
) -> Tokens:
    """Return `size` melodies [B, T] that `prior` composes after a random token, as the environment starts pieces.

    `on_step` is called after each of the T steps.
    """
    melodies = np.zeros((size, length + 1), np.int64)
    melodies[:, 0] = rng.integers(VOCABULARY_SIZE, size=size)
    state = prior.zero_state(size)
    for t in range(length):
        log_probs, state = prior.step(torch.from_numpy(melodies[:, t]).to(prior.head.weight.device), state)
        melodies[:, t + 1] = (log_probs.cpu().numpy() + rng.gumbel(size=log_probs.shape)).argmax(axis=-1)
        on_step()
    return melodies[:, 1:]
