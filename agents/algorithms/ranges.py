"""Ranges of hyperparameters and names of devices, checked by the algorithms and for the training command."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from note_rnn.common.errors import InputError, check_count, check_seed, is_number

if TYPE_CHECKING:  # importing it takes seconds, which the help of a command does without
    import torch


class Range(NamedTuple):
    """Numbers from `low` to `high`, without `low` itself if it is `open`."""

    low: float
    high: float = math.inf
    open: bool = False

    def __contains__(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return self.low <= value <= self.high and not (self.open and value == self.low)

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"a number {'above' if self.open else 'of at least'} {self.low:g}"
        words = ("above", "and at most") if self.open else ("from", "to")
        return f"a number {words[0]} {self.low:g} {words[1]} {self.high:g}"


_ABOVE_ZERO, _FROM_ZERO = Range(0, open=True), Range(0)
_SHARE, _SHARE_ABOVE_ZERO = Range(0, 1), Range(0, 1, open=True)

RANGES: Mapping[str, Range] = {
    "learning_rate": _ABOVE_ZERO,
    "final_learning_rate": _FROM_ZERO,
    "gamma": _SHARE,
    "end_gamma": _SHARE,
    "averaging": _SHARE,
    "tau": _SHARE_ABOVE_ZERO,
    "return_lambda": _SHARE,
    "gae_lambda": _SHARE,
    "exploration_fraction": _SHARE_ABOVE_ZERO,
    "exploration_initial_eps": _SHARE,
    "exploration_final_eps": _SHARE,
    "temperature": _ABOVE_ZERO,
    "value_scale": _ABOVE_ZERO,
    "huber_delta": _ABOVE_ZERO,
    "max_grad_norm": _ABOVE_ZERO,
    "clip_range": _ABOVE_ZERO,
    "beta": _ABOVE_ZERO,
    "kl_weight": _FROM_ZERO,
    "ent_coef": _FROM_ZERO,
    "vf_coef": _FROM_ZERO,
}
"""By the name of a hyperparameter."""

COUNTS: Mapping[str, int] = {
    "batch_size": 1,
    "buffer_size": 1,
    "history": 1,
    "learning_starts": 0,
    "n_epochs": 1,
    "n_steps": 1,
    "target_update_interval": 1,
    "train_freq": 1,
    "gradient_steps": 1,
}
"""The least value, by the name of a hyperparameter."""

RENAMED = {"linear_beyond": "huber_delta"}
"""Hyperparameters that version 0.1 saved under another name, and their names today."""

_MAY_BE_INFINITE = ("max_grad_norm",)


def check_arguments(arguments: Mapping[str, Any]) -> None:
    """Raise InputError for a hyperparameter, seed or device out of range among the `arguments` of an algorithm."""
    all_steps = ("gradient_steps", -1)  # to SB3, as many updates as there were steps
    check_hyperparameters(dict(item for item in arguments.items() if item != all_steps))
    if arguments["seed"] is not None:
        check_seed("seed", arguments["seed"])
    check_device(arguments["device"])


def check_hyperparameters(values: Mapping[str, Any], prefix: str = "") -> None:
    """Raise InputError, which names `prefix` and the hyperparameter, for one of `values` out of its range.

    Names without a range, None, and what SB3 takes in place of a number (a schedule, a pair) are not checked.
    """
    for name, value in values.items():
        shown = f"{prefix}{name.replace('_', '-') if prefix else name}"
        if value is None or callable(value) or isinstance(value, tuple):
            continue
        if name in COUNTS:
            check_count(shown, value, COUNTS[name])
        elif name in RANGES:
            finite = is_number(value) or (name in _MAY_BE_INFINITE and value == math.inf)
            if not finite or value not in RANGES[name]:
                raise InputError(f"{shown} must be {RANGES[name]}, not {value!r}.")


def check_device(device: "torch.device | str", prefix: str = "") -> None:
    """Raise InputError, which names `prefix`, for a `device` that PyTorch does not know or does not find."""
    import torch

    if device == "auto":
        return
    if str(device).partition(":")[0] == "cuda" and not torch.cuda.is_available():  # SB3 would take the CPU
        raise InputError(f"{prefix}device cuda needs a GPU, and PyTorch finds none on this machine: use cpu or auto.")
    try:
        torch.empty(0, device=torch.device(device))
    except Exception as error:  # each of PyTorch's devices fails in its own way
        raise InputError(
            f"{prefix}device must be cpu, cuda, auto or another device of PyTorch's on this machine, not {device!r}."
        ) from error
