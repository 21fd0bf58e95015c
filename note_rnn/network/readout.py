"""Linear readout of recurrent layers, with or without a skip connection from their inputs.

Shapes: T steps, B sequences, F inputs, K of them one at each step, W outputs of the layers, M outputs of the readout.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class Readout(NamedTuple):
    """A linear layer on the outputs of recurrent layers, and one on their inputs that is added to it."""

    linear: nn.Linear
    """W inputs, M outputs."""
    skip: nn.Linear | None = None
    """F inputs, M outputs, no bias; None without a skip connection."""

    def __call__(self, outputs: Tensor, inputs: Tensor) -> Tensor:
        """Return [T, B, M], given the layers' `outputs` [T, B, W] and their `inputs`.

        `inputs` are floats [T, B, F], or int64: the indices [T, B, K] (unchecked) of those that are 1, the others 0.
        """
        result: Tensor = self.linear(outputs)
        if self.skip is None:
            return result
        if inputs.is_floating_point():
            return result + functional.linear(inputs, self.skip.weight)
        sums = functional.embedding_bag(inputs.flatten(0, 1), self.skip.weight.T, mode="sum")
        return result + sums.view(result.shape)


def one_hot(ones: Tensor, size: int, dtype: torch.dtype) -> Tensor:
    """Return a tensor [..., size] that is 1 at the indices `ones` [..., K] and 0 elsewhere."""
    return torch.zeros(*ones.shape[:-1], size, dtype=dtype, device=ones.device).scatter_(-1, ones, 1.0)
