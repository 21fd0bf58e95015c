"""Sampling of melodies from a Note RNN.

Shapes: N melodies, T steps, P steps of the primer.
"""

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import torch

from note_rnn.common.categorical import draw, nucleus
from note_rnn.common.errors import InputError, check_choice, check_count, check_seed, check_temperature, is_number
from note_rnn.network.model import NoteRNN
from note_rnn.vocabulary import NO_EVENT, VOCABULARY_SIZE, Tokens, check_tokens

Priming = Literal["random_note", "none"]
"""What precedes a melody without a primer: one random token of all 38, or NO_EVENT, as before a tune."""


def sample_melodies(
    model: NoteRNN,
    n: int,
    length: int,
    seed: int = 0,
    primer: npt.ArrayLike = (),
    temperature: float = 1.0,
    top_p: float = 1.0,
    priming: Priming = "none",
) -> tuple[Tokens, npt.NDArray[np.float64]]:
    """Return `n` melodies [N, T] that continue `primer` [P], and the sum [N] of log p of their tokens, in nats.

    The primer is the beginning of a tune, up to a bar line; without one, a token as `priming` says comes before. With
    lookback, bars are those of the model's meter. Each token is drawn from softmax(log p / temperature), restricted to
    the fewest likeliest tokens that sum to at least `top_p`; the returned log p is the model's own. The same arguments
    give the same melodies. Raises VocabularyError for an invalid primer, InputError for another argument out of range.
    """
    check_choice("priming", priming, get_args(Priming))
    for name, value in (("n", n), ("length", length)):
        check_count(name, value)
    check_seed("seed", seed)
    check_temperature("temperature", temperature)
    if not is_number(top_p) or not 0 < top_p <= 1:
        raise InputError(f"top_p must be above 0 and at most 1, not {top_p!r}.")
    rng = np.random.default_rng(seed)
    device = model.head.weight.device
    context = [NO_EVENT, *check_tokens(primer, ndim=1).tolist()]
    before = context[:-1]
    state = model.zero_state(n, [model.bars._replace(pickup=len(before))] * n)
    for token in before:
        _, state = model.step(torch.full((n,), token, device=device), state)
    tokens, log_prob = np.full(n, context[-1]), np.zeros(n)
    if priming == "random_note" and not before:
        tokens = rng.integers(VOCABULARY_SIZE, size=n)
    melodies = np.zeros((n, length), np.int64)
    for step in range(length):
        log_p, state = model.step(torch.from_numpy(tokens).to(device), state)
        log_probs = log_p.cpu().numpy().astype(np.float64)
        tokens = melodies[:, step] = draw(nucleus(log_probs / temperature, top_p), rng)
        log_prob += log_probs[np.arange(n), tokens]
    return melodies, log_prob
