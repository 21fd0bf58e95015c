"""Corpus files, `.npz`: the concatenated segments as `tokens`, their `offsets` [S + 1], and the data of their tunes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from note_rnn.common.array_files import read_arrays
from note_rnn.common.atomic_files import replacing
from note_rnn.common.command_line import other_command
from note_rnn.common.data_files import DataError, parse_json
from note_rnn.corpus.corpus import Corpus, CorpusError
from note_rnn.extraction.tune_files import Origin
from note_rnn.extraction.tunes import Bars, is_meter
from note_rnn.vocabulary import check_tokens

Arrays = dict[str, npt.NDArray[Any]]

_KINDS = {
    **dict.fromkeys(("tokens", "offsets", "tune_of_segment", "pickups", "sections", "section_offsets"), "iu"),
    **dict.fromkeys(("notes", "note_offsets", "codes", "moved", "dropped"), "iu"),
    **dict.fromkeys(("titles", "sources", "meters", "folded"), "U"),
}
"""Arrays of one dimension and the kinds of numbers in them; older files lack those from `sections` on."""
_MAX_PICKUP = 16 * 999
"""The steps of the longest bar that a meter can name."""
_OF_ORIGINS = ("notes", "note_offsets", "codes", "moved", "dropped", "folded")


def write_corpus(corpus: Corpus, path: str | Path) -> None:
    """Write `corpus` to the file `path`; raises OSError if it cannot be written."""
    with replacing(path, durable=True) as temporary:
        arrays: Any = {**_section_arrays(corpus.sections), **_origin_arrays(corpus.origins)}
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
            **arrays,
        )


def _section_arrays(sections: Sequence[tuple[int, ...]]) -> Arrays:
    """Return the concatenated `sections` [S] and their offsets [S + 1]; nothing if they are unknown."""
    if not sections:
        return {}
    return {
        "sections": np.array([step for starts in sections for step in starts], np.int64),
        "section_offsets": np.cumsum([0, *map(len, sections)]),
    }


def _origin_arrays(origins: Sequence[Origin | None]) -> Arrays:
    """Return the columns of `origins` [N], without notes where there is none; nothing if all are unknown."""
    if not any(origins):
        return {}
    rows = [origin or Origin((), 0) for origin in origins]
    return {
        "notes": np.array([note for row in rows for note in row.notes], np.int8),
        "note_offsets": np.cumsum([0, *(len(row.notes) for row in rows)]),
        "codes": np.array([row.code for row in rows], np.uint64),
        "moved": np.array([row.moved for row in rows], np.int64),
        "dropped": np.array([row.dropped for row in rows], np.int64),
        "folded": np.array([row.folded for row in rows], np.str_),
    }


def read_file(path: str | Path) -> Arrays:
    """Return the arrays in the corpus file `path`, by name.

    Raises CorpusError if it is missing, damaged or not a file of arrays, OSError if it cannot be read.
    """
    try:
        return read_arrays(path)
    except FileNotFoundError as error:
        raise CorpusError(f"There is no corpus file {path}.") from error
    except DataError as error:
        raise _no_corpus(path, error) from error


def corpus_in(arrays: Arrays, path: str | Path) -> Corpus:
    """Return the corpus in the `arrays` of the file `path`; with `tokens` and `offsets` alone, each segment is a tune.

    Raises CorpusError if they are not a corpus, VocabularyError for tokens outside 0..37.
    """
    name = Path(path).name
    provenance = provenance_in(arrays, path) if "provenance" in arrays else [{"collection": name}]
    if not _is_corpus(arrays):
        raise CorpusError(f"{path} is not a corpus file: its arrays are missing or inconsistent.")
    tokens, offsets = check_tokens(arrays["tokens"], ndim=1), arrays["offsets"]
    number = len(offsets) - 1
    return Corpus(
        np.split(tokens, offsets[1:-1]) if number else [],
        arrays.get("tune_of_segment", np.arange(number)).astype(np.int64),
        arrays["titles"].tolist() if "titles" in arrays else [""] * number,
        arrays["sources"].tolist() if "sources" in arrays else [f"{name}#{tune + 1}" for tune in range(number)],
        provenance,
        [Bars(str(meter), int(pickup), bool(guess)) for meter, pickup, guess in zip(*_bars(arrays), strict=True)],
        _divided(arrays["sections"], arrays["section_offsets"]) if "sections" in arrays else [],
        _origins(arrays),
    )


def provenance_in(arrays: Arrays, path: str | Path) -> list[dict[str, Any]]:
    """Return the provenance in the `arrays` of the file `path`; raises CorpusError if it is damaged."""
    try:
        provenance = parse_json(str(arrays["provenance"]))
    except DataError as error:
        raise _no_corpus(path, error) from error
    if not isinstance(provenance, list):
        raise CorpusError(f"{path} is not a corpus file: its arrays are missing or inconsistent.")
    return provenance


def _no_corpus(path: str | Path, error: DataError) -> CorpusError:
    return CorpusError(f"{path} is not a corpus file ({error}): build one with {other_command('corpus')} build.")


def _bars(arrays: Arrays) -> tuple[Any, Any, Any]:
    """Return meters, pickups, and whether they are estimated, of each segment; version 0.1 estimated none."""
    meters = arrays.get("meters", ())
    return meters, arrays.get("pickups", ()), arrays.get("meter_estimated", [False] * len(meters))


def _divided(values: npt.NDArray[Any], offsets: npt.NDArray[Any]) -> list[tuple[int, ...]]:
    """Return the concatenated `values` as tuples, by their `offsets`."""
    return [tuple(part.tolist()) for part in np.split(values, offsets[1:-1])] if len(offsets) > 1 else []


def _origins(arrays: Arrays) -> list[Origin | None]:
    """Return the origin of each tune, None for those without notes; nothing for files that have none."""
    if "notes" not in arrays:
        return []
    notes = _divided(check_tokens(arrays["notes"]), arrays["note_offsets"])
    columns = (arrays[name].tolist() for name in _OF_ORIGINS[2:])
    return [Origin(*row) if row[0] else None for row in zip(notes, *columns, strict=True)]


def _is_corpus(arrays: Arrays) -> bool:
    """Return whether `arrays` include those that a corpus needs and are consistent."""
    if not {"tokens", "offsets"} <= arrays.keys():
        return False
    if any(arrays[name].ndim != 1 or arrays[name].dtype.kind not in _KINDS[name] for name in _KINDS.keys() & arrays):
        return False
    offsets = arrays["offsets"]
    if not _divides(offsets, len(arrays["tokens"]), len(offsets) - 1, minimum=1):
        return False
    return _has_bars(arrays) and _has_tunes(arrays) and _has_sections(arrays) and _has_origins(arrays)


def _divides(offsets: npt.NDArray[Any], length: int, number: int, minimum: int = 0) -> bool:
    """Return whether `offsets` divide an array of `length` into so many parts, each of at least `minimum`."""
    if not len(offsets) == number + 1 >= 1:
        return False
    ends = offsets.astype(np.int64)
    return bool(ends[0] == 0 and ends[-1] == length and (np.diff(ends) >= minimum).all())


def _has_bars(arrays: Arrays) -> bool:
    """Return whether each segment has a meter, and steps before its first bar line, or none has."""
    meters, pickups, _ = columns = _bars(arrays)
    if {len(column) for column in columns} not in ({0}, {len(arrays["offsets"]) - 1}):
        return False
    within = (np.asarray(pickups) >= 0) & (np.asarray(pickups) <= _MAX_PICKUP)
    return bool(within.all()) and all(is_meter(str(meter)) for meter in np.unique(meters))


def _has_tunes(arrays: Arrays) -> bool:
    """Return whether the arrays of tunes are consistent, or are missing."""
    if "tune_of_segment" not in arrays:
        return True
    tunes = arrays["tune_of_segment"]
    return (
        {"titles", "sources", "provenance"} <= arrays.keys()
        and len(tunes) == len(arrays["offsets"]) - 1
        and len(arrays["titles"]) == len(arrays["sources"])
        and np.array_equal(np.unique(tunes), np.arange(len(arrays["titles"])))
    )


def _has_sections(arrays: Arrays) -> bool:
    """Return whether sections start within their segments, or are missing."""
    if "sections" not in arrays:
        return True
    sections, lengths = arrays["sections"], np.diff(arrays["offsets"])
    if not _divides(arrays.get("section_offsets", np.zeros(0)), len(sections), len(lengths)):
        return False
    limits = np.repeat(lengths, np.diff(arrays["section_offsets"]))
    return bool(((sections >= 0) & (sections < limits)).all())


def _has_origins(arrays: Arrays) -> bool:
    """Return whether there is an origin for each tune, or for none."""
    if "notes" not in arrays:
        return True
    number = len(arrays.get("titles", ()))
    return (
        arrays.keys() >= set(_OF_ORIGINS)
        and all(len(arrays[name]) == number for name in _OF_ORIGINS[2:])
        and _divides(arrays["note_offsets"], len(arrays["notes"]), number)
    )
