"""Drawing actions from a policy with NumPy's generators, so that what is drawn can be saved and repeated.

Shapes: any leading ones, A actions.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]


def log_softmax(logits: Floats) -> Floats:
    """Return log softmax(logits) [..., A]."""
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def draw(logits: Floats, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return for each row of `logits` [..., A] an action drawn with probability softmax(logits)."""
    cumulative = np.exp(logits - logits.max(-1, keepdims=True)).cumsum(-1)
    threshold = rng.random((*logits.shape[:-1], 1)) * cumulative[..., -1:]
    return (cumulative < threshold).sum(-1)
