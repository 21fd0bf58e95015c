"""NumPy archives give plain arrays of the size that they have, or a reason."""

import io
import zipfile

import numpy as np
import pytest
from numpy.lib import format as npy

from note_rnn.common import array_files
from note_rnn.common.array_files import read_array, read_arrays
from note_rnn.common.data_files import DataError


def test_plain_arrays_are_read(tmp_path):
    arrays = {"a": np.arange(6).reshape(2, 3), "b": np.array(["x", "yz"]), "c": np.zeros((0, 5)), "d": np.array(1.5)}
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    found = read_arrays(tmp_path / "a.npz")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)


def archive(path, content: bytes):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.npy", content)
    return path


def header(shape, dtype="<f8") -> bytes:
    stream = io.BytesIO()
    npy.write_array_header_1_0(stream, {"shape": shape, "fortran_order": False, "descr": dtype})
    return stream.getvalue()


@pytest.mark.parametrize("shape", [(10**12,), (2**62, 4), (3,), (0, 10**12, 2)])
def test_a_shape_is_compared_with_the_file_before_memory_is_taken(shape, tmp_path):
    content = header(shape) + bytes(16)
    with pytest.raises(DataError, match="not the size that it declares"):
        read_arrays(archive(tmp_path / "a.npz", content))
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(DataError, match="not the size that it declares"):
        read_array(tmp_path / "a.npy")


def test_a_plain_array_is_read_alone(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(read_array(tmp_path / "a.npy"), [[0, 1, 2], [3, 4, 5]])
    np.save(tmp_path / "objects.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(DataError, match="neither numbers nor text"):
        read_array(tmp_path / "objects.npy")
    (tmp_path / "text.npy").write_bytes(b"no array")
    with pytest.raises(DataError, match="no array, or a damaged one"):
        read_array(tmp_path / "text.npy")
    with pytest.raises(FileNotFoundError):
        read_array(tmp_path / "nowhere.npy")
    monkeypatch.setattr(array_files, "MAX_BYTES", 50)
    with pytest.raises(DataError, match="its array is larger than"):
        read_array(tmp_path / "a.npy")


def test_objects_and_damage_are_refused(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", a=np.array([{"x": 1}], dtype=object))
    with pytest.raises(DataError, match="neither numbers nor text"):
        read_arrays(tmp_path / "a.npz")
    for content in (b"", b"no array", header((2,))[:20]):
        with pytest.raises(DataError, match="no archive of arrays, or a damaged one"):
            read_arrays(archive(tmp_path / "b.npz", content))
    (tmp_path / "c.npz").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match="no archive of arrays"):
        read_arrays(tmp_path / "c.npz")
    monkeypatch.setattr(array_files, "MAX_BYTES", 1_000)
    with pytest.raises(DataError, match="larger than"):
        read_arrays(archive(tmp_path / "d.npz", header((1_000,)) + bytes(8_000)))
