"""Sorted tables of keys and values in LevelDB's format, which TensorFlow uses too.

A table consists of blocks of entries, an index block with the position of each, and a footer with the position of the
index. Source: https://github.com/google/leveldb/blob/main/doc/table_format.md.
"""

import struct
from collections.abc import Iterator

import cramjam
import google_crc32c

from note_rnn.magenta import FormatError
from note_rnn.magenta.wire import read_varint

_MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)
_FOOTER_SIZE = 48
_TRAILER = struct.Struct("<BI")
"""Compression and checksum of a block, stored after it."""
_PLAIN, _SNAPPY = 0, 1
_MAX_RATIO = 32
"""Of a Snappy block, whose longest copy stands for 64 bytes in three."""


def is_table(data: bytes) -> bool:
    """Return whether `data` ends as a table does."""
    return len(data) >= _FOOTER_SIZE and data.endswith(_MAGIC)


def read_table(data: bytes) -> dict[bytes, bytes]:
    """Return the values of a table by key, in order; raises FormatError if it is damaged."""
    if not is_table(data):
        raise FormatError("it does not end as a table does, so it is truncated or of another format")
    footer = data[-_FOOTER_SIZE:]
    _, at = _read_handle(footer, 0)
    index, _ = _read_handle(footer, at)
    handles = [_read_handle(handle, 0)[0] for _, handle in _entries(_block(data, index))]
    if sum(size for _, size in handles) > len(data):
        raise FormatError("blocks that overlap")
    return {key: value for handle in handles for key, value in _entries(_block(data, handle))}


def checksum(data: bytes) -> int:
    """Return the CRC-32C of `data`, rotated and offset by a constant, as these formats store it."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _read_handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    """Return the position (offset, size) of the block whose handle is at `at`, and the position after the handle."""
    offset, at = read_varint(data, at)
    size, at = read_varint(data, at)
    return (offset, size), at


def _block(data: bytes, handle: tuple[int, int]) -> bytes:
    offset, size = handle
    end = offset + size
    if end + _TRAILER.size > len(data):
        raise FormatError("a block that lies outside the file")
    compression, expected = _TRAILER.unpack_from(data, end)
    if checksum(data[offset : end + 1]) != expected:
        raise FormatError("a block that does not match its checksum")
    if compression == _PLAIN:
        return data[offset:end]
    if compression == _SNAPPY:
        try:
            if cramjam.snappy.decompress_raw_len(data[offset:end]) > _MAX_RATIO * size:
                raise FormatError("a block that declares more than it can hold")
            return bytes(cramjam.snappy.decompress_raw(data[offset:end]))
        except cramjam.DecompressionError as error:
            raise FormatError("a block that cannot be decompressed") from error
    raise FormatError(f"a block of unknown compression {compression}")


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a block; a key is stored without the prefix it shares with the previous key."""
    (restarts,) = struct.unpack_from("<I", block, len(block) - 4) if len(block) >= 4 else (0,)
    end = len(block) - 4 * (restarts + 1)
    at, key = 0, b""
    while at < end:
        shared, at = read_varint(block, at)
        unshared, at = read_varint(block, at)
        size, at = read_varint(block, at)
        key = key[:shared] + block[at : at + unshared]
        at += unshared
        yield key, block[at : at + size]
        at += size
