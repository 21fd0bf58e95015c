"""Processes that train one network together, each on its share of every batch, as `torchrun` starts them.

Gradients are added up by one all-reduce after each backward pass, not by PyTorch's DistributedDataParallel. Each
process draws the whole batch, so the sum over its share, divided by the targets of all, is exactly its part of the
gradient; DDP averages means of shares with different numbers of targets. The gradients of the compiled LSTM arrive all
at once, so DDP could not send some while others are computed, which is what it is for.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, distributed

from note_rnn.common.errors import InputError
from note_rnn.network.devices import chosen_device

Value = TypeVar("Value")


class Processes(NamedTuple):
    """This process among those that train together."""

    rank: int = 0
    number: int = 1
    device: torch.device = torch.device("cpu")
    """The device of this process."""

    def __str__(self) -> str:
        """Return the number of processes and their kind of device."""
        return f"{self.number} process{'es' if self.number > 1 else ''} on {self.device.type}"

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    @property
    def share(self) -> slice:
        """Which of the crops of a batch are those of this process."""
        return slice(self.rank, None, self.number)

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Replace each of `tensors` by its sum over all processes, the same bits in each."""
        if self.number == 1:
            return
        together = torch.cat([tensor.flatten() for tensor in tensors])
        distributed.all_reduce(together)
        for tensor, total in zip(tensors, together.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(total.view_as(tensor))

    def from_first(self, function: Callable[[], Value]) -> Value:
        """Return, in all processes, what `function` returns in the first, which alone calls it."""
        if self.number == 1:
            return function()
        answer: list[Any] = [function() if self.is_first else None]
        distributed.broadcast_object_list(answer, device=self.device)
        return answer[0]

    @contextmanager
    def first_one_first(self) -> Iterator[None]:
        """Run the body in the first process, and then, when what it has stored can be read, in the others.

        Raises InputError in these if the first one has ended.
        """
        if not self.is_first:
            try:
                distributed.barrier()
            except RuntimeError as error:
                raise InputError("The first process has ended: see its message.") from error
        yield
        if self.is_first and self.number > 1:
            distributed.barrier()


ALONE = Processes()
"""A process by itself, on the CPU."""


def is_first_process() -> bool:
    """Return whether this is the first of the processes that `torchrun` has started, or by itself."""
    return int(os.environ.get("RANK", 0)) == 0


@contextmanager
def joined_processes(device: str) -> Iterator[Processes]:
    """Yield this process among those that `torchrun` has started, or by itself, on the `device` of that name.

    Those on GPUs have one each. Raises InputError if there is no such device.
    """
    place = chosen_device(device, int(os.environ.get("LOCAL_RANK", 0)))
    number = int(os.environ.get("WORLD_SIZE", 1))
    if number == 1:
        yield Processes(device=place)
        return
    distributed.init_process_group("nccl" if place.type == "cuda" else "gloo")
    try:
        yield Processes(distributed.get_rank(), number, place)
    finally:
        distributed.destroy_process_group()
