"""Corpora in shards, which are read one at a time, so that a corpus may be larger than memory.

A corpus file is a corpus, or the index of several, its shards: corpus files in a folder beside it. The index has their
names, and the hashes by which their tunes are split (see `splits`).
Shapes: K shards, of N tunes in all.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from note_rnn.common.atomic_files import replacing
from note_rnn.corpus.corpus import Corpus, CorpusError, joined
from note_rnn.corpus.corpus_files import Arrays, corpus_in, provenance_in, read_file
from note_rnn.corpus.sharded.splits import Hashes, tune_groups

_SHARD_NAME = re.compile(r"[0-9a-f]{1,64}\.npz")


@dataclass(frozen=True)
class Shards:
    """A corpus of K >= 1 shards, each a `Corpus` that is read when it is asked for."""

    readers: Sequence[Callable[[], Corpus]]
    """What returns each shard [K]."""
    provenance: list[dict[str, Any]]
    """That of the corpus."""
    known_hashes: Hashes | None = None
    """The hash of each tune's group [N], if it is known without reading the shards."""

    @classmethod
    def of(cls, corpus: Corpus) -> "Shards":
        """Return a corpus in memory as the only shard."""
        return cls([lambda: corpus], corpus.provenance)

    def __len__(self) -> int:
        return len(self.readers)

    def __iter__(self) -> Iterator[Corpus]:
        return (read() for read in self.readers)

    @property
    def hashes(self) -> Hashes:
        """The hash of each tune's group of variants [N]; unless they are known, all shards are read for them."""
        return tune_groups(self).hashes if self.known_hashes is None else self.known_hashes

    def whole(self) -> Corpus:
        """Return the corpus with all its tunes in memory."""
        if len(self) == 1:
            return self.readers[0]()
        return replace(joined(list(self)), provenance=self.provenance)


def joined_shards(corpora: Sequence[Shards]) -> Shards:
    """Return the concatenation of `corpora`, at least one; those of one shard become one in memory, the first."""
    if len(corpora) == 1:
        return corpora[0]
    small = [each.whole() for each in corpora if len(each) == 1]
    parts = [Shards.of(joined(small))] if small else []
    parts += [each for each in corpora if len(each) > 1]
    return Shards([read for each in parts for read in each.readers], [row for each in parts for row in each.provenance])


def read_corpus(path: str | Path) -> Corpus:
    """Return the corpus in the file `path`, all in memory; raises as `read_shards` and `Shards` do."""
    return read_shards(path).whole()


def read_shards(path: str | Path) -> Shards:
    """Return the corpus in the file `path`, or that of which it is the index.

    Raises CorpusError if the file, or later that of a shard, is missing, damaged or not a corpus, VocabularyError for
    tokens outside 0..37, OSError if it cannot be read.
    """
    arrays = read_file(path)
    if "shards" not in arrays:
        return Shards.of(corpus_in(arrays, path))
    if not _is_index(arrays):
        raise CorpusError(f"{path} is not the index of a corpus: its arrays are missing or inconsistent.")
    files = [shard_folder(path) / name for name in arrays["shards"].tolist()]
    return Shards([partial(read_corpus, file) for file in files], provenance_in(arrays, path), arrays["hashes"])


def write_index(path: str | Path, shards: Sequence[Path], hashes: Hashes, provenance: Any) -> None:
    """Write the index `path` of the corpus files `shards` [K], which are in its `shard_folder`.

    :param hashes: the hash of each tune's group [N].

    Raises OSError if it cannot be written.
    """
    with replacing(path, durable=True) as temporary:
        np.savez_compressed(
            temporary,
            shards=np.array([shard.name for shard in shards], np.str_),
            hashes=hashes,
            provenance=np.array(json.dumps(provenance)),
        )


def shard_folder(path: str | Path) -> Path:
    """Return the folder of the shards of the index `path`, `mine.shards` of `mine.npz`."""
    return Path(path).with_suffix(".shards")


def _is_index(arrays: Arrays) -> bool:
    """Return whether `arrays` are complete and consistent, and name files in the folder of the shards alone."""
    if not {"hashes", "provenance"} <= arrays.keys():
        return False
    names, hashes = arrays["shards"], arrays["hashes"]
    return (
        (names.ndim, names.dtype.kind, hashes.ndim) == (1, "U", 1)
        and hashes.dtype == np.uint64
        and len(names) >= 1
        and all(_SHARD_NAME.fullmatch(name) for name in names.tolist())
    )
