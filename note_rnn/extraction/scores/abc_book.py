"""The tunes in a file of ABC: its text decoded, and without all that is not music.

ABC 2.1, section 2 (https://abcnotation.com/wiki/abc:standard:v2.1). A tune begins at a line `X:` and ends at an empty
line. Also read: tunes without `X:`, and empty lines between the fields of a tune. Text around tunes, comments, remarks,
typeset text, lyrics and symbol lines are left out.
"""

import codecs
import re
from collections.abc import Iterator
from typing import NamedTuple

from note_rnn.extraction.tunes import TuneError

_ENCODINGS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_FIELD = re.compile(r"([A-Za-z+]):(.*)")
_QUOTED_PRINTABLE = re.compile(r"=(3D|20|[ \t]*\r?\n)")
"""What mail made of `=`, of blanks at the end of a line, and of a long line; none of it can be ABC."""
_NO_MUSIC = frozenset("+wWsrNRTQHZ")
"""Fields of the body that change no note, and mark no section."""
_HOLDS_FOR_ALL = frozenset("MLUIm")
"""Fields of the file's header that change the notes of all its tunes."""


class AbcTune(NamedTuple):
    """A tune's fields up to `K:`, preceded by those of the file's header, and the lines of its body.

    In the body, a field on a line of its own is written as one within a line, `[K:G]`.
    """

    header: list[tuple[str, str]]
    body: list[str]

    @property
    def title(self) -> str:
        """The first title, its article moved to the front ("Cuckoo, The"); empty if there is none."""
        title = next((value for name, value in self.header if name == "T" and value), "")
        name, _, article = title.rpartition(", ")
        return f"{article} {name}" if name and article.lower() in ("the", "a", "an") else title


def abc_text(content: bytes) -> str:
    """Return the text of an ABC file: UTF-8 or UTF-16 by its byte order mark, else UTF-8, else Latin-1.

    Raises TuneError if it is none of these.
    """
    for mark, encoding in _ENCODINGS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace").lstrip("\ufeff")
    if b"\0" in content:
        raise TuneError("not a text file")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def abc_tunes(text: str) -> list[AbcTune]:
    """Return the tunes in `text`."""
    text = _QUOTED_PRINTABLE.sub(lambda found: {"3D": "=", "20": " "}.get(found[1], ""), text)
    for_all: list[tuple[str, str]] = []
    tunes: list[list[str]] = []
    needs_key = False
    for block in _blocks(_without_comments(text)):
        fields = {found[1] for line in block if (found := _FIELD.match(line))}
        starts_with_field = _FIELD.match(block[0]) is not None
        if block[0].startswith("X:") or (starts_with_field and "K" in fields and ("T" in fields or not tunes)):
            tunes.append(block)
            needs_key = "K" not in fields
        elif needs_key and starts_with_field:
            tunes[-1] += block
            needs_key = "K" not in fields
        elif starts_with_field and not tunes:
            for_all += [field for line in block if (field := _field(line)) and field[0] in _HOLDS_FOR_ALL]
    return [_tune(for_all, lines) for lines in tunes]


def _without_comments(text: str) -> Iterator[str]:
    """Yield the lines of `text` without comments and typeset text; directives, `%%`, as fields `I:`."""
    end = ""
    for line in map(str.strip, text.splitlines()):
        directive = re.match(r"%%\s*(begin|end)(\w+)", line)
        if end and not line.startswith("X:"):
            end = "" if directive and directive[1] == "end" and directive[2] == end else end
        elif directive:
            end = directive[2] if directive[1] == "begin" else ""
        elif line.startswith("%%"):
            yield f"I:{line[2:].strip()}"
        elif not line or (kept := re.split(r"(?<!\\)%", line)[0].strip()):
            yield kept if line else ""


def _blocks(lines: Iterator[str]) -> Iterator[list[str]]:
    """Yield the runs of `lines` without an empty one; a line `X:` also starts a run."""
    block: list[str] = []
    for line in lines:
        if block and (not line or line.startswith("X:")):
            yield block
            block = []
        if line:
            block.append(line)
    if block:
        yield block


def _field(line: str) -> tuple[str, str] | None:
    found = _FIELD.match(line)
    return (found[1], found[2].strip()) if found else None


def _tune(for_all: list[tuple[str, str]], lines: list[str]) -> AbcTune:
    key = next((number for number, line in enumerate(lines) if line.startswith("K:")), len(lines))
    header = [field for line in lines[: key + 1] if (field := _field(line))]
    return AbcTune(for_all + header, [music for line in lines[key + 1 :] if (music := _music(line))])


def _music(line: str) -> str:
    """Return a line of a body: music, or a field as within a line; empty if it changes no note.

    A line may begin with a note at a repeat, `d:|`, which no field begins with.
    """
    field = _field(line)
    if field is None or (field[0] in "ABCDEFGabcdefg" and re.match(r".::?\|?", line) and line[2:3] in "|:"):
        return line
    return "" if field[0] in _NO_MUSIC else f"[{field[0]}:{re.sub(r'[][]', ' ', field[1])}]"
