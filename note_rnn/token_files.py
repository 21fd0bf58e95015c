"""Token files, .npz: tunes of one's own as `tokens`, one tune after the other, and `offsets` [N + 1]."""

import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np

from note_rnn.errors import InputError
from note_rnn.vocabulary import Tokens, check_tokens


def read_token_file(path: str | Path, steps: int) -> Tokens:
    """Return the first `steps` tokens [N, steps] of each tune of the file `path` that has as many.

    The tunes are taken to be in C major or A minor and to begin on a bar line. Raises InputError for a file that is
    none, VocabularyError for tokens outside 0..37, OSError where it cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            tokens, offsets = data["tokens"], data["offsets"]
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is no token file: it needs the arrays `tokens` and `offsets`.") from error
    tokens = check_tokens(tokens, ndim=1)
    if offsets.ndim != 1 or offsets.dtype.kind not in "iu" or (np.diff([0, *offsets, len(tokens)]) < 0).any():
        raise InputError(f"{path}: `offsets` must be rising whole numbers from 0 to the number of tokens.")
    windows = [tokens[start : start + steps] for start, end in pairwise(offsets) if end - start >= steps]
    return np.stack(windows) if windows else np.zeros((0, steps), np.int64)
