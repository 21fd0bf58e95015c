"""Files with a model's variables: a V1 checkpoint, the index and shards of a V2 one, a Magenta bundle, a folder."""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from note_rnn.common.data_files import is_file, user_path
from note_rnn.common.errors import InputError
from note_rnn.magenta import FormatError
from note_rnn.magenta.table import is_table
from note_rnn.magenta.tensors import Floats32, read_v1, read_v2
from note_rnn.magenta.wire import Message

_STATE_FILE = "checkpoint"
"""The file in a folder of checkpoints that names the newest."""
_V2_SUFFIX = re.compile(r"\.(index|data-\d{5}-of-\d{5})$")


class MagentaFileError(InputError):
    """A file that is missing or damaged, or not the checkpoint of a network that can become a Note RNN."""


@dataclass(frozen=True)
class Source:
    """The variables of a checkpoint and the files they came from."""

    path: Path
    """The checkpoint, without the suffix of V2, or the bundle."""
    format: str
    """The kind of file, for the model card."""
    variables: dict[str, Floats32]
    """By their TensorFlow names."""
    sha256: dict[str, str] = field(default_factory=dict)
    """Checksum of each file read, by its name."""
    bundle: dict[str, str] = field(default_factory=dict)
    """Descriptions in a bundle's metadata."""


def read_source(path: str | Path) -> Source:
    """Return the float variables of the checkpoint at `path`.

    :param path: a V1 checkpoint, a V2 one (its index, a shard of it, or what their names have in common), a Magenta
        bundle (.mag), or a folder with a `checkpoint` file that names one.

    Raises MagentaFileError if there is none, or it is damaged.
    """
    path = _newest(user_path(path))
    index = path.with_name(_V2_SUFFIX.sub("", path.name) + ".index")
    try:
        if _V2_SUFFIX.search(path.name) or (index.is_file() and not path.is_file()):
            return _read_v2(index)
        content = _read(path)
        sha256 = {path.name: _sha256(content)}
        if is_table(content):
            return Source(path, "TensorFlow checkpoint V1", read_v1(content), sha256)
        return _read_bundle(path, content, sha256)
    except FormatError as error:
        raise MagentaFileError(
            f"{path} is damaged, or neither a TensorFlow checkpoint nor a Magenta bundle: {error}."
        ) from error


def _newest(path: Path) -> Path:
    """Return the newest checkpoint named by `path`, a folder or its `checkpoint` file; any other path unchanged."""
    state = path / _STATE_FILE if path.is_dir() else path
    if state.name != _STATE_FILE:
        return path
    named = re.search(r'^model_checkpoint_path: "(.+)"', _read(state).decode(errors="replace"), re.MULTILINE)
    if named is None:
        raise MagentaFileError(f"{state} names no checkpoint: give the path of the checkpoint itself.")
    return state.parent / named[1]


def _read_v2(index: Path) -> Source:
    content = _read(index)
    sha256 = {index.name: _sha256(content)}

    def read_shard(number: int, count: int) -> bytes:
        path = index.with_suffix(f".data-{number:05d}-of-{count:05d}")
        shard = _read(path)
        sha256[path.name] = _sha256(shard)
        return shard

    return Source(index.with_suffix(""), "TensorFlow checkpoint V2", read_v2(content, read_shard), sha256)


def _read_bundle(path: Path, content: bytes, sha256: dict[str, str]) -> Source:
    """Return the source in a bundle's `content`: https://github.com/magenta/magenta, `protobuf/generator.proto`."""
    bundle = Message(content)
    checkpoints = bundle.parts(2)
    if len(checkpoints) != 1:
        raise FormatError(f"{len(checkpoints)} checkpoints in it, not one")
    generator, details = bundle.message(1), bundle.message(4)
    texts = {"generator": generator.text(1), "generator_description": generator.text(2), "description": details.text(1)}
    return Source(path, "Magenta bundle", read_v1(checkpoints[0]), sha256, texts)


def _read(path: Path) -> bytes:
    if not is_file(path):
        raise MagentaFileError(f"There is no file {path}.")
    return path.read_bytes()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
