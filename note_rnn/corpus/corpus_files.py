"""Corpus files, `.npz`: the concatenated segments as `tokens`, their `offsets` [S + 1], and the data of their tunes."""

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from note_rnn.common.atomic_files import replacing
from note_rnn.common.command_line import other_command
from note_rnn.corpus.corpus import Corpus, CorpusError
from note_rnn.extraction.tunes import Bars
from note_rnn.vocabulary import check_tokens


def write_corpus(corpus: Corpus, path: str | Path) -> None:
    """Write `corpus` to the file `path`; raises OSError if it cannot be written."""
    with replacing(path, durable=True) as temporary:
        np.savez_compressed(
            temporary,
            tokens=np.concatenate([np.zeros(0, np.int8), *corpus.segments]).astype(np.int8),
            offsets=np.cumsum([0, *map(len, corpus.segments)]),
            tune_of_segment=corpus.tune_of_segment,
            titles=np.array(corpus.titles, dtype=np.str_),
            sources=np.array(corpus.sources, dtype=np.str_),
            provenance=np.array(json.dumps(corpus.provenance)),
            meters=np.array([bars.meter for bars in corpus.bars], dtype=np.str_),
            pickups=np.array([bars.pickup for bars in corpus.bars], dtype=np.int64),
        )


def read_corpus(path: str | Path) -> Corpus:
    """Return the corpus in the file `path`; with `tokens` and `offsets` alone, each segment is a tune.

    Raises CorpusError if the file is missing, damaged or not a corpus, VocabularyError for tokens outside 0..37,
    OSError if it cannot be read.
    """
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as data:
            arrays = {name: data[name] for name in data}
    except FileNotFoundError as error:
        raise CorpusError(f"There is no corpus file {path}.") from error
    except (ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise CorpusError(f"{path} is not a corpus file: build one with {other_command('corpus')} build.") from error
    if not _is_corpus(arrays):
        raise CorpusError(f"{path} is not a corpus file: its arrays are missing or inconsistent.")
    tokens, offsets = check_tokens(arrays["tokens"], ndim=1), arrays["offsets"]
    number = len(offsets) - 1
    name = Path(path).name
    return Corpus(
        np.split(tokens, offsets[1:-1]) if number else [],
        arrays.get("tune_of_segment", np.arange(number)).astype(np.int64),
        arrays["titles"].tolist() if "titles" in arrays else [""] * number,
        arrays["sources"].tolist() if "sources" in arrays else [f"{name}#{tune + 1}" for tune in range(number)],
        json.loads(str(arrays["provenance"])) if "provenance" in arrays else [{"collection": name}],
        [Bars(str(meter), int(pickup)) for meter, pickup in zip(*_bars(arrays), strict=True)],
    )


def _bars(arrays: dict[str, Any]) -> tuple[Any, Any]:
    return arrays.get("meters", ()), arrays.get("pickups", ())


def _is_corpus(arrays: dict[str, Any]) -> bool:
    """Return whether `arrays` include those that a corpus needs and are consistent."""
    if not {"tokens", "offsets"} <= arrays.keys():
        return False
    tokens, offsets = arrays["tokens"], arrays["offsets"]
    if tokens.ndim != 1 or offsets.ndim != 1 or offsets.dtype.kind not in "iu" or not len(offsets):
        return False
    if offsets[0] != 0 or offsets[-1] != len(tokens) or (np.diff(offsets) < 1).any():
        return False
    if {len(bars) for bars in _bars(arrays)} not in ({0}, {len(offsets) - 1}):
        return False
    if "tune_of_segment" not in arrays:
        return True
    tunes = arrays["tune_of_segment"]
    return (
        {"titles", "sources", "provenance"} <= arrays.keys()
        and len(tunes) == len(offsets) - 1
        and len(arrays["titles"]) == len(arrays["sources"])
        and np.array_equal(np.unique(tunes), np.arange(len(arrays["titles"])))
    )
