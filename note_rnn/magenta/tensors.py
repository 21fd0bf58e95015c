"""The float variables of a TensorFlow checkpoint by name, in both formats; other variables are skipped.

V1 is one table: under the empty key all names and shapes, under the others the values. V2 is an index, a table of the
position of each variable, and shards of raw values. Sources, with the field numbers:
https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core, `util/saved_tensor_slice.proto` for V1,
`protobuf/tensor_bundle.proto` for V2, `framework/tensor.proto` and `tensor_shape.proto` for both.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from note_rnn.magenta import FormatError
from note_rnn.magenta.table import checksum, read_table
from note_rnn.magenta.wire import Message

Floats32 = npt.NDArray[np.float32]

_DT_FLOAT = 1


def read_v1(table: bytes) -> dict[str, Floats32]:
    """Return the variables in a V1 checkpoint's bytes; raises FormatError if it is damaged or of another format."""
    entries = read_table(table)
    described = Message(entries.pop(b"", b"")).message(1).messages(1)
    shapes = {tensor.text(1): _shape(tensor.message(2)) for tensor in described if tensor.number(3) == _DT_FLOAT}
    variables = {}
    for entry in entries.values():
        saved = Message(entry).message(2)
        name = saved.text(1)
        if name in shapes:
            values = b"".join(saved.message(3).parts(5))
            variables[name] = _array(name, values, shapes[name])
    if not variables:
        raise FormatError("it holds no float variables")
    return variables


def read_v2(index: bytes, read_shard: Callable[[int, int], bytes]) -> dict[str, Floats32]:
    """Return the variables of a V2 checkpoint; raises FormatError if it is damaged or of another format.

    :param index: the bytes of its index.
    :param read_shard: returns the bytes of a shard, given its number from 0 and the number of shards.
    """
    entries = read_table(index)
    header = Message(entries.pop(b"", b""))
    if header.number(2):
        raise FormatError("it was written on a big-endian machine")
    shards: dict[int, bytes] = {}
    variables = {}
    for key, entry in entries.items():
        tensor, name = Message(entry), key.decode(errors="replace")
        if tensor.number(1) != _DT_FLOAT:
            continue
        shard, start, size = (tensor.number(field) for field in (3, 4, 5))
        if shard not in shards:
            shards[shard] = read_shard(shard, header.number(1))
        values = shards[shard][start : start + size]
        if checksum(values) != int.from_bytes(tensor.data(6), "little"):
            raise FormatError(f"the values of {name} do not match their checksum")
        variables[name] = _array(name, values, _shape(tensor.message(2)))
    return variables


def _shape(shape: Message) -> tuple[int, ...]:
    return tuple(dimension.number(1) for dimension in shape.messages(2))


def _array(name: str, values: bytes, shape: tuple[int, ...]) -> Floats32:
    if len(values) != 4 * int(np.prod(shape, dtype=object)):
        raise FormatError(f"{name} is incomplete")
    array = np.frombuffer(values, "<f4")
    if not array.size or not np.isfinite(array).all():
        raise FormatError(f"{name} is empty, or has values that are not finite")
    return array.reshape(shape)
