"""Corpus files, `.npz`: the concatenated segments as `tokens`, their `offsets` [S + 1], and the data of their tunes."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from note_rnn.common.array_files import read_arrays
from note_rnn.common.atomic_files import replacing
from note_rnn.common.command_line import other_command
from note_rnn.common.data_files import DataError, parse_json
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
            meter_estimated=np.array([bars.is_estimated for bars in corpus.bars], dtype=np.bool_),
        )


def read_corpus(path: str | Path) -> Corpus:
    """Return the corpus in the file `path`; with `tokens` and `offsets` alone, each segment is a tune.

    Raises CorpusError if the file is missing, damaged or not a corpus, VocabularyError for tokens outside 0..37,
    OSError if it cannot be read.
    """
    try:
        arrays = read_arrays(path)
        provenance = parse_json(str(arrays["provenance"])) if "provenance" in arrays else None
    except FileNotFoundError as error:
        raise CorpusError(f"There is no corpus file {path}.") from error
    except DataError as error:
        raise CorpusError(
            f"{path} is not a corpus file ({error}): build one with {other_command('corpus')} build."
        ) from error
    if not _is_corpus(arrays) or not isinstance(provenance, list | None):
        raise CorpusError(f"{path} is not a corpus file: its arrays are missing or inconsistent.")
    tokens, offsets = check_tokens(arrays["tokens"], ndim=1), arrays["offsets"]
    number = len(offsets) - 1
    name = Path(path).name
    return Corpus(
        np.split(tokens, offsets[1:-1]) if number else [],
        arrays.get("tune_of_segment", np.arange(number)).astype(np.int64),
        arrays["titles"].tolist() if "titles" in arrays else [""] * number,
        arrays["sources"].tolist() if "sources" in arrays else [f"{name}#{tune + 1}" for tune in range(number)],
        [{"collection": name}] if provenance is None else provenance,
        [Bars(str(meter), int(pickup), bool(guess)) for meter, pickup, guess in zip(*_bars(arrays), strict=True)],
    )


def _bars(arrays: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Return meters, pickups, and whether they are estimated, of each segment; version 0.1 estimated none."""
    meters = arrays.get("meters", ())
    return meters, arrays.get("pickups", ()), arrays.get("meter_estimated", [False] * len(meters))


def _is_corpus(arrays: dict[str, Any]) -> bool:
    """Return whether `arrays` include those that a corpus needs and are consistent."""
    if not {"tokens", "offsets"} <= arrays.keys():
        return False
    tokens, offsets = arrays["tokens"], arrays["offsets"]
    kinds = {"tokens": "iu", "offsets": "iu", "tune_of_segment": "iu", "titles": "U", "sources": "U", "meters": "U"}
    kinds |= {"pickups": "iu"}
    if any(arrays[name].ndim != 1 or arrays[name].dtype.kind not in kinds[name] for name in kinds.keys() & arrays):
        return False
    if not len(offsets):
        return False
    offsets = offsets.astype(np.int64)
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
