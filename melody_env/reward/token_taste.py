"""A taste for tokens: a rule learned from votes, as numbers in a weights file.

An ensemble of linear layers on which tokens a melody has, and in which half, each fitted to other votes. It values a
melody at the log-odds of being preferred to an average one that listeners heard, lowered by what its members disagree
about: where votes say little, it pays little (a lower confidence bound).

Shapes: B melodies, T steps, F features, K members of the ensemble.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from melody_env.reward.composition import Composition, Floats, in_c
from melody_env.setting import Setting
from note_rnn.common.data_files import DataError
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, VOCABULARY_SIZE, Tokens

NAME = "token_taste"
"""Of the rule in profiles, tables and curves."""
SUFFIX = ".safetensors"
NUM_FEATURES = 2 * VOCABULARY_SIZE + (VOCABULARY_SIZE - FIRST_PITCH_TOKEN)
MAX_MEMBERS = 100
LIMIT = 30.0
"""The largest log-odds that count, either way; beyond them probabilities are no longer told apart."""
_KIND = "token taste"


class TokenTasteError(DataError):
    """A weights file that holds no taste for tokens."""


@dataclass(frozen=True, eq=False)
class TokenTaste:
    """An ensemble of K linear layers on F features; called as a rule of whole pieces, it values B melodies.

    Features count only as far as they were heard: beyond `lowest` and `highest` nothing more is gained or lost.
    """

    weights: Floats
    """[K, F]; log-odds of being preferred, per unit of each feature."""
    center: Floats
    """[F]; the mean of the melodies that were heard."""
    lowest: Floats
    """[F]; the range of what was heard."""
    highest: Floats
    """[F]."""

    def __call__(self, composition: Composition) -> Floats:
        """Return the value [B] of the complete melodies of `composition`."""
        return self.log_odds(composition.tokens.T.astype(np.int64), composition.setting)

    def log_odds(self, melodies: Tokens, setting: Setting) -> Floats:
        """Return the lower confidence bound [B] of the log-odds of `melodies` [B, T], within -30..30."""
        features = token_features(melodies, setting).clip(self.lowest, self.highest) - self.center
        members = np.einsum("bf,kf->bk", features, self.weights)  # the same bits for any B, unlike a matrix product
        return (members.mean(axis=1) - members.std(axis=1)).clip(-LIMIT, LIMIT)


def token_features(melodies: Tokens, setting: Setting) -> Floats:
    """Return F features [B, F] of `melodies` [B, T], transposed to C.

    The number of each token in the first and in the second half, and for each pitch 1 if it occurs, else 0.
    """
    pitches = in_c(melodies, setting).clip(FIRST_PITCH_TOKEN, VOCABULARY_SIZE - 1)
    tokens = np.where(melodies < FIRST_PITCH_TOKEN, melodies, pitches)
    half = tokens.shape[1] // 2
    first, second = _counts(tokens[:, :half]), _counts(tokens[:, half:])
    occurs = (first + second)[:, FIRST_PITCH_TOKEN:] > 0
    return np.concatenate([first, second, occurs], axis=1)


def _counts(tokens: Tokens) -> Floats:
    """Return the number [B, A] of each token in `tokens` [B, T]."""
    places = np.arange(len(tokens))[:, None] * VOCABULARY_SIZE + tokens
    counts = np.bincount(places.ravel(), minlength=len(tokens) * VOCABULARY_SIZE)
    return counts.reshape(len(tokens), VOCABULARY_SIZE).astype(np.float64)


def write_token_taste(path: Path, taste: TokenTaste) -> None:
    """Write `taste` to the weights file `path`; raises OSError."""
    import torch  # takes a second, so imported only where needed

    from note_rnn.network.weights_file import write_weights

    weights = {name: torch.from_numpy(values.astype(np.float32)) for name, values in vars(taste).items()}
    write_weights(path, weights, kind=_KIND)


def read_token_taste(path: Path) -> TokenTaste:
    """Return the taste in the weights file `path`, in which nothing is executed; raises TokenTasteError."""
    from note_rnn.network.weights_file import read_weights

    try:
        metadata, tensors = read_weights(path)
    except DataError as error:
        raise TokenTasteError(f"{path} holds no taste for tokens, as 'study learn --tokens' writes: {error}") from error
    weights: dict[str, Any] = {name: tensor.numpy().astype(np.float64) for name, tensor in tensors.items()}
    members = weights["weights"].shape[0] if np.ndim(weights.get("weights", 0)) == 2 else 0
    shapes = {"weights": (members, NUM_FEATURES), **dict.fromkeys(("center", "lowest", "highest"), (NUM_FEATURES,))}
    is_whole = metadata.get("kind") == f'"{_KIND}"' and {name: each.shape for name, each in weights.items()} == shapes
    if not is_whole or not 0 < members <= MAX_MEMBERS or (weights["lowest"] > weights["highest"]).any():
        raise TokenTasteError(f"{path} holds no taste for tokens: name the file that 'study learn --tokens' wrote")
    return TokenTaste(**weights)
