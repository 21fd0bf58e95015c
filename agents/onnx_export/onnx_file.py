"""ONNX files (https://onnx.ai) of stepwise networks, by PyTorch's exporter, checked with ONNX Runtime.

Shapes: B melodies, A = 38 tokens, K columns of an observation, N pieces, T steps.
"""

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from agents.onnx_export.stepwise import StepwiseNetwork
from note_rnn import Bars, InputError
from note_rnn.network.lookback import COMMON_TIME

OBSERVATION, LOG_PROBS = "observation", "log_probs"
"""Names of the first input and of the first output."""
MAX_DIFFERENCE = 1e-4
"""The greatest difference to PyTorch's log-probabilities that a file may have."""
_CHECKED_PIECES, _CHECKED_STEPS = 4, 32


def next_name(part: str) -> str:
    """Return the name of the output that is the input `part` of the next step."""
    return f"next_{part}"


def onnx_bytes(network: StepwiseNetwork) -> bytes:
    """Return `network` as an ONNX file, for any number of melodies B.

    Raises InputError if the packages that this needs are not installed.
    """
    try:
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InputError('ONNX files need packages of their own: pip install "melody-rl[onnx]".') from error
    of_two = network.first_state(2, COMMON_TIME)  # of one melody alone, its number would be taken for a constant
    state = tuple(part.clone() for part in of_two)  # and parts that are one tensor, for one input
    batch = torch.export.Dim("B", min=1, max=1 << 20)
    with _quiet():
        program = torch.onnx.export(
            copy.deepcopy(network.module),  # the exporter leaves marks in it
            (network.observations(2, np.random.default_rng(0)), *state),
            dynamo=True,
            dynamic_shapes=({0: batch}, tuple({1: batch} for _ in state)),
            input_names=[OBSERVATION, *network.state_names],
            output_names=[LOG_PROBS, *map(next_name, network.state_names)],
            verbose=False,
        )
        assert program is not None
        return program.model_proto.SerializeToString()


@torch.no_grad()
def greatest_difference(
    file: bytes, network: StepwiseNetwork, bars: Bars = COMMON_TIME, pieces: int = _CHECKED_PIECES, seed: int = 0
) -> float:
    """Return the greatest difference of log-probabilities between the ONNX `file` and `network`, over random melodies.

    Each side goes on from its own state.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(file)
    rng, greatest = np.random.default_rng(seed), 0.0
    state = network.first_state(pieces, bars)
    inputs = dict(zip(network.state_names, (part.numpy() for part in state), strict=True))
    for _ in range(_CHECKED_STEPS):
        observation = network.observations(pieces, rng)
        expected, *state = network.module(observation, *state)
        log_probs, *after = session.run(None, {OBSERVATION: observation.numpy(), **inputs})
        inputs = dict(zip(network.state_names, after, strict=True))
        greatest = max(greatest, float(np.abs(log_probs - expected.numpy()).max()))
    return greatest


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter, whose warnings do not concern the file."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
