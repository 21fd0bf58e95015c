"""Sampling from categorical distributions with NumPy's generators, so that draws can be saved and repeated.

Shapes: any leading dimensions, A actions or tokens.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]


def log_softmax(logits: Floats) -> Floats:
    """Return log softmax(logits) [..., A]."""
    shifted = logits - np.maximum.reduce(logits, -1, keepdims=True)
    shifted -= np.log(np.add.reduce(np.exp(shifted), -1, keepdims=True))
    return shifted


def nucleus(logits: Floats, top_p: float) -> Floats:
    """Return `logits` [..., A] with -inf except for the fewest likeliest whose probabilities sum to at least `top_p`.

    `top_p` is in (0, 1]. Holtzman et al. 2020 (https://arxiv.org/abs/1904.09751), section 3.1.
    """
    order = np.argsort(-logits, axis=-1, kind="stable")
    probabilities = np.take_along_axis(np.exp(log_softmax(logits)), order, -1)
    is_beyond = probabilities.cumsum(-1) - probabilities >= top_p
    is_excluded = np.zeros_like(is_beyond)
    np.put_along_axis(is_excluded, order, is_beyond, -1)
    return np.where(is_excluded, -np.inf, logits)


def draw(logits: Floats, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return an action for each row of `logits` [..., A], drawn with probability softmax(logits)."""
    return draw_with_log_prob(logits, rng)[0]


def draw_with_log_prob(logits: Floats, rng: np.random.Generator) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return an action for each row of `logits` [..., A], drawn with probability softmax(logits), and its log."""
    shifted = logits - np.maximum.reduce(logits, -1, keepdims=True)
    cumulative = np.exp(shifted).cumsum(-1)
    total = cumulative[..., -1:]
    actions = (cumulative >= rng.random(total.shape) * total).argmax(-1)
    places = np.arange(actions.size).reshape(actions.shape) * logits.shape[-1] + actions
    return actions, shifted.take(places) - np.log(total[..., 0])
