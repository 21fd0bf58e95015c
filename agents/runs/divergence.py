"""Divergence: a training whose numbers are no longer finite ends in one sentence, and its weights are not saved."""

from collections.abc import Iterator
from contextlib import contextmanager

from stable_baselines3.common.base_class import BaseAlgorithm

from note_rnn.common.errors import InputError

_INVALID_DISTRIBUTION = ("to satisfy the constraint", "probability tensor contains")
"""In PyTorch's errors for a distribution whose logits are not numbers, with and without its check of arguments."""


def check_finite(model: BaseAlgorithm) -> None:
    """Raise InputError if a weight of the `model`'s policy is not a finite number."""
    if not all(bool(weights.isfinite().all()) for weights in model.policy.parameters()):
        raise _diverged(model, "a weight")


@contextmanager
def divergence_in_words(model: BaseAlgorithm) -> Iterator[None]:
    """Raise InputError in place of PyTorch's error for a policy of the `model` that is no distribution."""
    try:
        yield
    except (ValueError, RuntimeError) as error:
        if isinstance(error, InputError) or not any(words in str(error) for words in _INVALID_DISTRIBUTION):
            raise
        raise _diverged(model, "a probability") from error


def _diverged(model: BaseAlgorithm, what: str) -> InputError:
    return InputError(
        f"The training diverged: {what} of the agent is not a finite number after {model.num_timesteps:,} steps. Lower "
        "the learning rate, or what the rewards are worth."
    )
