"""Devices that networks run on, by the names that commands take."""

from typing import Literal

import torch

from note_rnn.common.errors import InputError, check_choice

Device = Literal["auto", "cuda", "cpu"]


def chosen_device(name: str, number: int = 0) -> torch.device:
    """Return the device `name`: "cpu", "cuda", which is the GPU of that `number`, or "auto", a GPU where there is one.

    Raises InputError for another name, or for "cuda" where PyTorch finds no such GPU.
    """
    check_choice("--device", name, ("auto", "cuda", "cpu"))
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "cuda" and number >= found:
        needed = f"{number + 1} GPUs" if number else "a GPU"
        raise InputError(
            f"--device cuda needs {needed}, and PyTorch finds {found or 'none'} on this machine: use --device cpu."
        )
    return torch.device("cuda", number) if name != "cpu" and number < found else torch.device("cpu")
