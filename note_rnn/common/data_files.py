"""Data files of unknown origin: JSON and YAML read within limits, and converted to typed values.

Only plain data comes out: null, booleans, whole numbers of 64 bits, floats, text, lists, and dictionaries with texts as
keys.
"""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import yaml

from note_rnn.common.errors import InputError, check_path
from note_rnn.common.plain_text import shown

MAX_BYTES = 64 * 2**20
MAX_YAML_BYTES = 2**20
"""PyYAML takes seconds for each of them."""
MAX_DEPTH = 32
"""Dictionaries and lists within each other."""
_MAX_DIGITS = 20

_SURROGATE = re.compile("[\ud800-\udfff]")
_WHOLE = "[-+]?[0-9]+"
_NUMBER = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"


class DataError(InputError):
    """Data that cannot be used; the message is the reason, such as "it is not JSON", to end a caller's sentence."""


def user_path(path: str | Path) -> Path:
    """Return `path` with the home folder in place of `~`; raises InputError for a path that no file can have."""
    check_path(path)
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise InputError(f"{path} names the home folder of an unknown user: write the path out.") from error


def is_file(path: Path) -> bool:
    """Return whether `path` is a file that can be read to its end; False for an impossible path."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Return whether `path` is a folder; False for an impossible path."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def read_text(path: str | Path) -> str:
    """Return the text in the file `path`, in UTF-8; raises DataError for another encoding or a file that is too large.

    Raises OSError if it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except ValueError as error:
        raise DataError("its path contains the character NUL") from error
    if len(content) > MAX_BYTES:
        raise DataError(f"it is larger than {MAX_BYTES // 2**20} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError("it is not text in UTF-8") from error


def read_json(path: str | Path, kind: Any = Any) -> Any:
    """Return the value of the type `kind` in the JSON file `path`.

    Raises DataError if it is damaged, of another type, or beyond the limits, OSError if it cannot be read.
    """
    return converted(parse_json(read_text(path)), kind)


def parse_json(text: str) -> Any:
    """Return the plain data in `text`, JSON; raises DataError if it is damaged or beyond the limits."""
    try:
        return _checked(json.loads(text, parse_int=_whole))
    except RecursionError as error:
        raise DataError("it is nested too deeply") from error
    except ValueError as error:
        raise error if isinstance(error, DataError) else DataError(f"it is not JSON: {error}") from error


def parse_yaml(text: str) -> Any:
    """Return the plain data in `text`, YAML with the scalars of JSON; raises DataError as `parse_json` does.

    Numbers are decimal: 010 is ten, and 1:30 a text. Aliases are refused: a few lines of them can stand for gigabytes.
    """
    if len(text) > MAX_YAML_BYTES:
        raise DataError(f"it is longer than {MAX_YAML_BYTES // 2**20} MiB")
    try:
        return _checked(yaml.load(text, _Loader))
    except RecursionError as error:
        raise DataError("it is nested too deeply") from error
    except DataError:
        raise
    except (yaml.YAMLError, ValueError, LookupError, TypeError) as error:  # PyYAML's own for "!!int x" and the like
        raise DataError(f"it is not valid YAML: {error}") from error


def converted(data: Any, kind: Any) -> Any:
    """Return plain `data` as a value of the type `kind`, such as a dataclass; raises DataError naming the place."""
    try:
        return msgspec.convert(data, kind, dec_hook=_path)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).replace("`", "").partition(" - at ")
        raise DataError(f"{reason[:1].lower()}{reason[1:]}{place and f' at {place}'}".replace("$.", "")) from error


def _path(kind: type[Any], value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError(f"Expected a {kind.__name__}, got {shown(value)}")


def _checked(data: Any) -> Any:
    """Return `data`; raises DataError unless it is plain and within the limits."""
    pending = [(data, 1)]
    while pending:
        value, depth = pending.pop()
        if depth > MAX_DEPTH and isinstance(value, dict | list):
            raise DataError("it is nested too deeply")
        if isinstance(value, dict):
            pending += [(each, depth + 1) for pair in value.items() for each in pair]
            for key in value:
                if not isinstance(key, str):
                    raise DataError(f"it has the key {shown(key)}, which is not text")
        elif isinstance(value, list):
            pending += [(each, depth + 1) for each in value]
        elif isinstance(value, str) and _SURROGATE.search(value):
            raise DataError("it contains half a character (a surrogate)")
    return data


def _whole(text: str) -> int:
    """Return the whole number `text`; raises DataError for one of more than 64 bits, which no array can hold."""
    if len(text) <= _MAX_DIGITS and abs(number := int(text)) < 2**63:
        return number
    raise DataError("it contains a whole number of more than 64 bits")


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader for the scalars of JSON alone, without aliases."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise DataError("it uses an alias (*name): write the value out")
        return super().compose_node(parent, index)


def _decimal(loader: Any, node: Any) -> float:
    return float(loader.construct_scalar(node).lower().replace(".inf", "inf").replace(".nan", "nan"))


def _restrict(loader: Any) -> None:
    """Leave `loader` the tags of plain data alone, with decimal numbers."""
    tag = "tag:yaml.org,2002:".__add__
    constructors = loader.yaml_constructors
    plain = [None, *map(tag, ("null", "bool", "str", "seq", "map"))]
    loader.yaml_constructors = {name: constructors[name] for name in plain}
    loader.add_constructor(tag("int"), lambda loader, node: _whole(loader.construct_scalar(node)))
    loader.add_constructor(tag("float"), _decimal)
    resolvers = loader.yaml_implicit_resolvers
    loader.yaml_implicit_resolvers = {
        first: [each for each in those if each[0] in plain] for first, those in resolvers.items()
    }
    loader.add_implicit_resolver(tag("int"), re.compile(f"(?:{_WHOLE})$"), list("-+0123456789"))
    loader.add_implicit_resolver(tag("float"), re.compile(f"(?:{_NUMBER})$"), list("-+.0123456789"))


_restrict(_Loader)
