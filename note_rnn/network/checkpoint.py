"""Checkpoints of Note RNNs: `<name>.safetensors` holds the weights and, in its header, the model card.

`<name>.json` is a readable copy of the card, a JSON object: `architecture`, `vocabulary`, `checksum` (of the weights),
and the fields that the trainer adds: corpus, recipe, metrics.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from note_rnn.common.atomic_files import write_json
from note_rnn.common.data_files import DataError, converted, is_file, parse_json, user_path
from note_rnn.common.errors import InputError, check_file_name
from note_rnn.network.lookback import Lookback
from note_rnn.network.model import NoteRNN
from note_rnn.network.recurrent_layers import Cell, layer_widths
from note_rnn.network.weights_file import read_weights, with_weights, write_weights
from note_rnn.vocabulary import VOCABULARY

DEFAULT = "default"
SHIPPED = (DEFAULT, "lookback")
"""Names of the Note RNNs in the package: the paper's, and one that knows its meter, looks back and copies."""
MAX_LAYERS = 64
_FOLDER = Path(__file__).parents[1] / "weights"


class CheckpointError(InputError):
    """A weights file that is missing, damaged or of another kind."""


@dataclass(frozen=True)
class Architecture:
    """The arguments of a `NoteRNN`, as a model card names them."""

    hidden_size: int | list[int]
    num_layers: int = 1
    cell: Cell = "lstm"
    lookback: Lookback | None = None

    @property
    def widths(self) -> tuple[int, ...]:
        """Units of each layer."""
        return layer_widths(self.hidden_size, min(self.num_layers, MAX_LAYERS + 1))


def weights_checksum(weights: dict[str, Tensor]) -> str:
    """Return the SHA-256, in hex, of the names, shapes, types and bytes of named tensors, in order of name."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        array = weights[name].detach().cpu().contiguous().numpy()
        digest.update(f"{name}{array.shape}{array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def save_note_rnn(model: NoteRNN, path: str | Path, card: dict[str, Any] | None = None) -> Path:
    """Write `model` and its `card` to `path` (suffix .safetensors added if missing) and return that path.

    Each file replaces its predecessor only when complete. Raises OSError if it cannot be written.
    """
    target = path_of_weights(path)
    weights = model.state_dict()
    whole_card = {
        "architecture": model.architecture,
        "vocabulary": VOCABULARY,
        "checksum": weights_checksum(weights),
        **(card or {}),
    }
    write_weights(target, weights, card=whole_card)
    write_json(target.with_suffix(".json"), whole_card)
    return target


def load_note_rnn(source: str | Path = DEFAULT) -> NoteRNN:
    """Return the Note RNN saved at `source` (a path, or one of `SHIPPED`), frozen, in evaluation mode.

    Raises CheckpointError if the file is missing, damaged or not a Note RNN of this vocabulary.
    """
    path, card, weights = _read(source)
    if card.get("vocabulary") != VOCABULARY:
        raise CheckpointError(f"{path} was trained on a vocabulary other than {VOCABULARY!r}: retrain or convert it.")
    if card.get("checksum") != weights_checksum(weights):
        raise CheckpointError(f"{path} is damaged: its weights do not match their checksum; fetch or train it again.")
    try:
        architecture: Architecture = converted(card.get("architecture"), Architecture)
        if not 1 <= len(architecture.widths) <= MAX_LAYERS:
            raise DataError(f"it names none, or more than {MAX_LAYERS} layers")
        return with_weights(weights, lambda: NoteRNN(architecture.widths, 1, architecture.cell, architecture.lookback))
    except DataError as error:
        raise CheckpointError(
            f"{path} holds no Note RNN: its weights do not fit the architecture it names ({error})."
        ) from error


def read_model_card(source: str | Path = DEFAULT) -> dict[str, Any]:
    """Return the model card saved with the Note RNN at `source`; raises CheckpointError as `load_note_rnn` does."""
    return _read(source)[1]


def _read(source: str | Path) -> tuple[Path, dict[str, Any], dict[str, Tensor]]:
    path = path_of_weights(_FOLDER / source if source in SHIPPED else source)
    if not is_file(path):
        names = ", ".join(map(repr, SHIPPED))
        raise CheckpointError(f"No Note RNN at {path}: give {names} or a .safetensors file that pretraining wrote.")
    try:
        metadata, weights = read_weights(path)
        card = parse_json(metadata.get("card", "null"))
    except DataError as error:
        raise CheckpointError(f"{path} cannot be used: {error}; fetch or train it again.") from error
    if not isinstance(card, dict):
        raise CheckpointError(f"{path} has no model card in its header: it was not written by save_note_rnn.")
    return path, card, weights


def path_of_weights(path: str | Path) -> Path:
    """Return `path` with the suffix .safetensors, added if missing; raises InputError for a path without a name."""
    path = user_path(path)
    check_file_name(path)
    return path if path.suffix == ".safetensors" else path.with_name(path.name + ".safetensors")
