"""The wire format of protocol buffers, as far as needed to read messages whose field numbers are known.

Source: https://protobuf.dev/programming-guides/encoding.
"""

from collections import defaultdict

from note_rnn.magenta import FormatError

_VARINT, _EIGHT_BYTES, _DELIMITED, _FOUR_BYTES = 0, 1, 2, 5
_MAX_VARINT_BITS = 64


class Message:
    """The fields of a message by number, repeated ones in order. Raises FormatError for invalid bytes."""

    def __init__(self, data: bytes):
        self._numbers: dict[int, list[int]] = defaultdict(list)
        self._bytes: dict[int, list[bytes]] = defaultdict(list)
        at = 0
        while at < len(data):
            tag, at = read_varint(data, at)
            field, kind = tag >> 3, tag & 7
            if kind == _VARINT:
                number, at = read_varint(data, at)
                self._numbers[field].append(number)
                continue
            if kind == _DELIMITED:
                size, at = read_varint(data, at)
            elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
                size = 8 if kind == _EIGHT_BYTES else 4
            else:
                raise FormatError(f"a field of wire type {kind}")
            if at + size > len(data):
                raise FormatError("a message that ends too early")
            self._bytes[field].append(data[at : at + size])
            at += size

    def number(self, field: int) -> int:
        """Return the value of a varint `field`, 0 if it is not set."""
        return self._numbers[field][-1] if self._numbers[field] else 0

    def parts(self, field: int) -> list[bytes]:
        """Return the bytes of each occurrence of `field`."""
        return self._bytes[field]

    def data(self, field: int) -> bytes:
        """Return the bytes of the last occurrence of `field`, empty if it is not set."""
        return self._bytes[field][-1] if self._bytes[field] else b""

    def text(self, field: int) -> str:
        """Return the text of `field`; invalid UTF-8 is replaced."""
        return self.data(field).decode(errors="replace")

    def message(self, field: int) -> "Message":
        """Return the message in `field`, an empty one if it is not set."""
        return Message(self.data(field))

    def messages(self, field: int) -> list["Message"]:
        """Return the messages in each occurrence of `field`."""
        return [Message(part) for part in self.parts(field)]


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the varint at `at` (seven bits per byte, the lowest first), and the position after it.

    Raises FormatError if it does not end.
    """
    number = 0
    for shift in range(0, _MAX_VARINT_BITS, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise FormatError("an integer that does not end")
