"""Weights files: named tensors and a description in safetensors, a format in which nothing is executed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from note_rnn.common.atomic_files import json_text, write_bytes
from note_rnn.common.data_files import DataError, is_file

Weights = Mapping[str, Tensor]
Module = TypeVar("Module", bound=nn.Module)


def write_weights(path: Path, weights: Weights, **descriptions: Any) -> None:
    """Write `weights` to the file `path`, with `descriptions` as JSON in its header; it survives power loss.

    Raises OSError if it cannot be written.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    metadata = {name: json_text(each, indent=None) for name, each in descriptions.items()}
    write_bytes(path, save(plain, metadata), durable=True)


def read_weights(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Return the descriptions, still as JSON, and the weights, 32-bit floats, in the file `path`.

    Raises DataError if it is missing or damaged, or has other numbers.
    """
    with _opened(path) as file:
        metadata = file.metadata() or {}
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)
    if any(tensor.dtype != torch.float32 or not tensor.isfinite().all() for tensor in weights.values()):
        raise DataError("its weights are not finite 32-bit floats")
    return metadata, weights


def read_descriptions(path: Path) -> dict[str, str]:
    """Return the descriptions, still as JSON, in the file `path`, whose weights are not read; raises DataError."""
    with _opened(path) as file:
        return file.metadata() or {}


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Yield the open file `path`; raises DataError if it is missing or damaged."""
    if not is_file(path):
        raise DataError("there is no such file")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"it is not a readable safetensors file: {error}") from error


def with_weights(weights: Weights, build: Callable[[], Module]) -> Module:
    """Return the network of `build` with `weights`, without gradient and in evaluation mode.

    Raises DataError where names or shapes differ: no memory is allocated before they have been compared.
    """
    try:
        with torch.device("meta"):
            shapes = {name: tensor.shape for name, tensor in build().state_dict().items()}
    except (TypeError, ValueError, RuntimeError, OverflowError, AssertionError, LookupError) as error:
        raise DataError(f"it describes no network that can be built: {error}") from error
    if shapes != {name: tensor.shape for name, tensor in weights.items()}:
        raise DataError("its weights do not fit the network that it describes")
    network = build()
    network.load_state_dict(dict(weights))
    return network.eval().requires_grad_(False)
