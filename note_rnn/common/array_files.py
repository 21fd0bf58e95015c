"""NumPy arrays (.npy, .npz) of unknown origin, read within limits: arrays of numbers and text, never of objects."""

import math
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy.typing as npt
from numpy.lib import format as npy

from note_rnn.common.data_files import DataError

Arrays = dict[str, npt.NDArray[Any]]

MAX_BYTES = 4 * 2**30
"""Of all arrays together."""
_KINDS = "biufU"
"""NumPy's kinds of plain values: booleans, integers, floats, text."""
_DAMAGE = (
    ValueError,
    TypeError,
    EOFError,
    LookupError,
    RuntimeError,
    SyntaxError,
    OverflowError,
    MemoryError,
)


def read_arrays(path: str | Path) -> Arrays:
    """Return the arrays in the file `path`, by name.

    Raises DataError if it is damaged, or an array is not plain, or larger than the file can hold; OSError if it cannot
    be read.
    """
    try:
        with Path(path).open("rb") as file, zipfile.ZipFile(file) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
                raise DataError(f"its arrays are larger than {MAX_BYTES // 2**30} GiB")
            return {member.filename.removesuffix(".npy"): _read_array(archive, member) for member in archive.infolist()}
    except DataError:
        raise
    except (zipfile.BadZipFile, zlib.error, *_DAMAGE) as error:
        raise DataError(f"it is no archive of arrays, or a damaged one ({type(error).__name__})") from error


def read_array(path: str | Path) -> npt.NDArray[Any]:
    """Return the array in the file `path`, `.npy`; raises as `read_arrays` does."""
    try:
        size = Path(path).stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"its array is larger than {MAX_BYTES // 2**30} GiB")
        return _checked_array(lambda: Path(path).open("rb"), size, "the array")
    except DataError:
        raise
    except _DAMAGE as error:
        raise DataError(f"it is no array, or a damaged one ({type(error).__name__})") from error


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> npt.NDArray[Any]:
    return _checked_array(lambda: archive.open(member), member.file_size, member.filename)


def _checked_array(opened: Callable[[], IO[bytes]], size: int, name: str) -> npt.NDArray[Any]:
    """Return the array in a stream of `size` bytes, once its shape has been compared with the size."""
    with opened() as stream:
        version = npy.read_magic(stream)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read_header(stream)
        if dtype.kind not in _KINDS:
            raise DataError(f"{name} in it holds neither numbers nor text")
        if math.prod(shape) * dtype.itemsize != size - stream.tell():
            raise DataError(f"{name} in it has not the size that it declares")
    with opened() as stream:
        return npy.read_array(stream, allow_pickle=False)
