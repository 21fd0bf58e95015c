"""Checkpoints of Note RNNs: `<name>.safetensors` holds the weights and, in its header, the model card.

`<name>.json` is a readable copy of the card, a JSON object: `architecture`, `vocabulary`, `checksum` (of the weights),
and the fields that the trainer adds: corpus, recipe, metrics.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from note_rnn.common.atomic_files import json_text, write_bytes, write_json
from note_rnn.common.errors import InputError, reason
from note_rnn.network.model import NoteRNN
from note_rnn.vocabulary import VOCABULARY

DEFAULT = "default"
SHIPPED = (DEFAULT, "bars")
"""Names of the Note RNNs in the package: of whole tunes in any meter; of duple meters, starting at bar lines."""
_FOLDER = Path(__file__).parents[1] / "weights"


class CheckpointError(InputError):
    """A weights file that is missing, damaged or of another kind."""


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
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    whole_card = {
        "architecture": model.architecture,
        "vocabulary": VOCABULARY,
        "checksum": weights_checksum(weights),
        **(card or {}),
    }
    content = save(weights, metadata={"card": json_text(whole_card, indent=None)})
    write_bytes(target, content, durable=True)
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
        model = NoteRNN(**card["architecture"])
        model.load_state_dict(weights)
    except (KeyError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path} holds no Note RNN: its weights do not fit the architecture it names.") from error
    if not model.is_finite:
        raise CheckpointError(f"{path} has weights that are not finite numbers: fetch or train it again.")
    return model.eval().requires_grad_(False)


def read_model_card(source: str | Path = DEFAULT) -> dict[str, Any]:
    """Return the model card saved with the Note RNN at `source`; raises CheckpointError as `load_note_rnn` does."""
    return _read(source)[1]


def _read(source: str | Path) -> tuple[Path, dict[str, Any], dict[str, Tensor]]:
    path = path_of_weights(_FOLDER / source if source in SHIPPED else source)
    if not path.is_file():
        names = ", ".join(map(repr, SHIPPED))
        raise CheckpointError(f"No Note RNN at {path}: give {names} or a .safetensors file that pretraining wrote.")
    try:
        with safe_open(path, framework="pt") as file:
            card = json.loads((file.metadata() or {}).get("card", "null"))
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} is not a readable safetensors file ({reason(error)}): fetch or train it again."
        ) from error
    if not isinstance(card, dict):
        raise CheckpointError(f"{path} has no model card in its header: it was not written by save_note_rnn.")
    return path, card, weights


def path_of_weights(path: str | Path) -> Path:
    """Return `path` with the suffix .safetensors, added if missing."""
    path = Path(path).expanduser()
    return path if path.suffix == ".safetensors" else path.with_name(path.name + ".safetensors")
