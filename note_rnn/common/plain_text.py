"""Text that is safe to print: control characters escaped, values and messages of bounded length."""

import re
import unicodedata
from reprlib import Repr
from typing import TextIO

MAX_MESSAGE = 1_000
"""Characters of an error message."""
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories that move the cursor, reorder text or cannot be encoded."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def printable(text: str, kept: str = "") -> str:
    """Return `text` with control characters, except those in `kept`, as escapes: \\x1b, \\u202e ..."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if character in kept or unicodedata.category(character) not in _UNPRINTABLE else _escape(character)
        for character in text
    )


def sentence(text: str) -> str:
    """Return `text` as one printable line of at most `MAX_MESSAGE` characters, without its middle where longer."""
    if len(text) > MAX_MESSAGE:
        half = MAX_MESSAGE // 2
        text = f"{text[:half]} ... {text[-half:]}"
    return printable(" ".join(text.split()))


def shown(value: object) -> str:
    """Return a short `repr` of any value, however large or nested, for a message."""
    return _REPR.repr(value)


class Printable:
    """A text stream that writes `printable` text to `stream`; line breaks and, in a terminal, colours stay.

    Characters that the encoding of `stream` does not have are escapes too. What libraries write is their own: a
    progress bar's return to the start of its line stays.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        """Write `text`; return its length."""
        encoding = self._stream.encoding or "utf-8"
        text = text.encode(encoding, "backslashreplace").decode(encoding)
        parts = [text]
        if self._stream.isatty() and "\x1b" in text:
            parts = re.split(f"({_COLOUR.pattern})", text)
        start = "\r" if text.startswith("\r") else ""
        self._stream.write(start)
        for part in parts:
            self._stream.write(part if _COLOUR.fullmatch(part) else printable(part.removeprefix(start), "\n\t"))
        return len(text)

    def flush(self) -> None:
        """Flush `stream`."""
        self._stream.flush()

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


class _BoundedRepr(Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother, self.maxlong = 3, 120, 120, 40

    def repr_int(self, value: int, level: int) -> str:
        return super().repr_int(value, level) if abs(value) < 10**40 else f"a number of {value.bit_length()} bits"

    def repr_instance(self, value: object, level: int) -> str:
        text = super().repr_instance(value, level)
        return text if len(text) <= self.maxother else f"{text[: self.maxother]}..."


_REPR = _BoundedRepr()
