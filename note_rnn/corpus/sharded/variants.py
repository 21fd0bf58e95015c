"""Groups of tunes that are variants of one another: the same title, or many common runs of intervals.

A shingle is a run of `SHINGLE_INTERVALS` successive intervals between notes, regardless of note lengths. Two tunes are
variants if the shingles they share are at least `MIN_OVERLAP` of those of the tune that has fewer. Measured on the two
default books: the longest run of intervals common to two tunes is 10 (median) at an overlap below .1, which scales and
arpeggios explain; 14 at .15 to .2; 16, about four bars, at .2 to .25; 27 above .4. Links from .15 on chain 110 tunes
together, links from .2 on at most 46.

Tunes are compared only if they share a shingle, and in bounded memory: shingles are sorted bucket by bucket, and pairs
in one group already are skipped. Tunes with equal sets of shingles are linked by a hash first. Where more tunes than
`MAX_LAG` + 1 share a shingle, each is compared with the `MAX_LAG` after it alone; where fewer do, all are compared.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from note_rnn.common.progress import Progress
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, MAX_PITCH, MIN_PITCH

SHINGLE_INTERVALS = 8
MIN_OVERLAP = 0.2
MAX_LAG = 64
"""In the two default books 65 tunes share the commonest shingle."""

_BUCKET = 1 << 21
"""Shingles of tunes that are sorted at a time."""
_PAIRS_AT_ONCE = 1 << 14
_INTERVALS = 2 * (MAX_PITCH - MIN_PITCH) + 1
_NOT_A_TITLE = re.compile(
    r"\b(the|a|an|air|reel|jig|hornpipe|strathspey|waltz|polka|march|clog|fling|quickstep|song|untitled|favou?rite)\b"
)

Integers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


class ShingleSets(NamedTuple):
    """The shingles of N tunes, without repetition and ascending: `codes`, one tune after another, perhaps in a file.

    Those of tune n are `codes[starts[n]:starts[n + 1]]`; `hashes` [N] are equal for equal sets.
    """

    codes: Integers
    starts: Integers
    hashes: Hashes

    @classmethod
    def of(cls, segments: Sequence[npt.NDArray[np.integer]], tune_of_segment: Integers, number: int) -> Self:
        """Return the shingles of `segments` by tune, of which there are `number`."""
        codes = [shingles(segment) for segment in segments]
        tunes = np.repeat(tune_of_segment, [len(code) for code in codes])
        all_codes = np.concatenate([np.zeros(0, np.int64), *codes])
        order = np.lexsort((all_codes, tunes))
        all_codes, tunes = all_codes[order], tunes[order]
        is_new = np.ones(len(tunes), np.bool_)
        is_new[1:] = (np.diff(all_codes) != 0) | (np.diff(tunes) != 0)
        all_codes, tunes = all_codes[is_new], tunes[is_new]
        hashes = np.zeros(number, np.uint64)
        np.add.at(hashes, tunes, _mixed(all_codes))
        return cls(all_codes, np.cumsum([0, *np.bincount(tunes, minlength=number)]), hashes)

    @property
    def sizes(self) -> Integers:
        """The number of shingles of each tune [N]."""
        return np.diff(self.starts)

    @property
    def num_buckets(self) -> int:
        """The number of `buckets`."""
        return len(self.codes) // _BUCKET + 1

    def overlap(self, pairs: Integers) -> npt.NDArray[np.float64]:
        """Return the overlap coefficients [P] of `pairs` [P, 2] of tunes that have shingles.

        The overlap coefficient is common shingles / shingles of the tune with fewer, 0..1.
        """
        batches = [pairs[first : first + _PAIRS_AT_ONCE] for first in range(0, len(pairs), _PAIRS_AT_ONCE)]
        return np.concatenate([np.zeros(0), *map(self._overlap, batches)])

    def _overlap(self, pairs: Integers) -> npt.NDArray[np.float64]:
        from scipy.sparse import csr_array  # here, since importing it takes a second

        tunes, rows = np.unique(pairs, return_inverse=True)
        one, other = rows.reshape(pairs.shape).T
        sizes = self.sizes[tunes]
        starts = np.cumsum([0, *sizes])
        codes = self.codes[np.arange(starts[-1]) + np.repeat(self.starts[tunes] - starts[:-1], sizes)]
        sets = csr_array((np.ones(len(codes), np.int8), codes, starts), (len(tunes), _INTERVALS**SHINGLE_INTERVALS))
        shared = np.diff(sets[one].multiply(sets[other]).indptr)
        return np.asarray(shared / np.minimum(sizes[one], sizes[other]))

    def buckets(self, tunes: npt.NDArray[np.bool_]) -> Iterator[tuple[Integers, Integers]]:
        """Yield shingles of the tunes in the mask `tunes` [N] and, for each, its tune, in order of both.

        All tunes that share a shingle are in one bucket.
        """
        number = self.num_buckets
        for bucket in range(number):
            parts = [self._chosen(first, bucket, number, tunes) for first in range(0, number * _BUCKET, _BUCKET)]
            codes, owners = map(np.concatenate, zip(*parts, strict=True))
            order = np.lexsort((owners, codes))
            yield codes[order], owners[order]

    def _chosen(self, first: int, bucket: int, number: int, tunes: npt.NDArray[np.bool_]) -> tuple[Integers, Integers]:
        codes = np.asarray(self.codes[first : first + _BUCKET])
        at = np.flatnonzero(_mixed(codes) % np.uint64(number) == bucket)
        owners = np.searchsorted(self.starts, first + at, side="right") - 1
        return codes[at[tunes[owners]]], owners[tunes[owners]]


def shingles(segment: npt.NDArray[np.integer]) -> Integers:
    """Return a code for each run of `SHINGLE_INTERVALS` intervals between the notes of `segment` [T]."""
    notes = segment[segment >= FIRST_PITCH_TOKEN].astype(np.int64)
    intervals = np.diff(notes) + MAX_PITCH - MIN_PITCH
    if len(intervals) < SHINGLE_INTERVALS:
        return np.zeros(0, np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(intervals, SHINGLE_INTERVALS)
    return windows @ _INTERVALS ** np.arange(SHINGLE_INTERVALS)


def normalised_title(title: str) -> str:
    """Return the letters of `title` without accents, articles, kinds of dance and text in brackets."""
    ascii_title = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub("[^a-z ]+", "", re.sub(r"[-.,]|\(.*?\)", " ", ascii_title))
    return _NOT_A_TITLE.sub("", words).replace(" ", "")


def title_codes(titles: Sequence[str]) -> Hashes:
    """Return a hash of each of `titles`, normalised; 0 for those that name nothing."""
    names = [normalised_title(title).encode() for title in titles]
    digests = [hashlib.blake2b(name, digest_size=8).digest() if name else bytes(8) for name in names]
    return np.frombuffer(b"".join(digests), np.uint64)


def variant_groups(sets: ShingleSets, titles: Hashes, min_overlap: float = MIN_OVERLAP) -> Integers:
    """Return the group of each tune [N]: the smallest index among the tunes linked to it by variants.

    :param titles: the `title_codes` of the tunes [N].
    """
    groups = _linked(np.arange(len(titles)), _first_equal(titles))
    equal = _first_equal(np.where(sets.sizes > 0, sets.hashes, 0))
    groups = _linked(groups, equal)
    is_large = sets.num_buckets > 1
    with Progress(sets.num_buckets, "Comparing tunes", "buckets") if is_large else nullcontext() as progress:
        for codes, tunes in sets.buckets(equal[:, 0] == equal[:, 1]):
            for one, other in _neighbours(codes, tunes):
                keys = np.unique((one * len(groups) + other)[groups[one] != groups[other]])
                pairs = np.stack(np.divmod(keys, len(groups)), axis=1)
                groups = _linked(groups, pairs[sets.overlap(pairs) >= min_overlap])
            if progress:
                progress.advance()
    return groups


def _neighbours(codes: Integers, tunes: Integers) -> Iterator[tuple[Integers, Integers]]:
    """Yield for each lag up to `MAX_LAG` the tunes that share a shingle and are so far apart, given those of a bucket.

    The arguments are as `ShingleSets.buckets` yields them. Where there are none, so are there none further apart.
    """
    together = np.arange(len(codes))
    for lag in range(1, MAX_LAG + 1):
        together = together[together + lag < len(codes)]
        together = together[codes[together] == codes[together + lag]]
        if not len(together):
            return
        yield tunes[together], tunes[together + lag]


def _first_equal(codes: Hashes) -> Integers:
    """Return a pair for each of `codes` [N]: the first place of the same code, or its own for 0, and its own place."""
    _, first, which = np.unique(codes, return_index=True, return_inverse=True)
    own = np.arange(len(codes))
    return np.stack([np.where(codes > 0, first[which], own), own], axis=1)


def _linked(groups: Integers, pairs: Integers) -> Integers:
    """Return `groups` [N] after the groups of each of `pairs` [P, 2] are joined, by their smallest members."""
    if not len(pairs):
        return groups
    from scipy.sparse import coo_array  # here, since importing it takes a second
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs), np.bool_), groups[pairs].T), shape=(len(groups),) * 2)
    components = connected_components(graph, directed=False)[1][groups]
    _, first, which = np.unique(components, return_index=True, return_inverse=True)
    return first[which].astype(np.int64)


def _mixed(codes: Integers) -> Hashes:
    """Return a hash of each of `codes`, whose every bit depends on all of theirs (splitmix64's mixing function)."""
    mixed = codes.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))
