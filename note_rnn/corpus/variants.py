"""Groups of tunes that are variants of one another: the same title, or many common runs of intervals.

A shingle is a run of `SHINGLE_INTERVALS` successive intervals between notes, regardless of note lengths. Two tunes are
variants if the shingles they share are at least `MIN_OVERLAP` of those of the tune that has fewer. Measured on the two
default books: the longest run of intervals common to two tunes is 10 (median) at an overlap below .1, which scales and
arpeggios explain; 14 at .15 to .2; 16, about four bars, at .2 to .25; 27 above .4. Links from .15 on chain 110 tunes
together, links from .2 on at most 46.
"""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from note_rnn.vocabulary import FIRST_PITCH_TOKEN, MAX_PITCH, MIN_PITCH

SHINGLE_INTERVALS = 8
MIN_OVERLAP = 0.2

_INTERVALS = 2 * (MAX_PITCH - MIN_PITCH) + 1
_NOT_A_TITLE = re.compile(
    r"\b(the|a|an|air|reel|jig|hornpipe|strathspey|waltz|polka|march|clog|fling|quickstep|song|untitled|favou?rite)\b"
)

Integers = npt.NDArray[np.int64]


def shingles(segment: npt.NDArray[np.integer]) -> Integers:
    """Return a code for each run of `SHINGLE_INTERVALS` intervals between the notes of `segment` [T]."""
    notes = segment[segment >= FIRST_PITCH_TOKEN].astype(np.int64)
    intervals = np.diff(notes) + MAX_PITCH - MIN_PITCH
    if len(intervals) < SHINGLE_INTERVALS:
        return np.zeros(0, np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(intervals, SHINGLE_INTERVALS)
    return windows @ _INTERVALS ** np.arange(SHINGLE_INTERVALS)


def shared_shingles(
    segments: Sequence[npt.NDArray[np.integer]], tune_of_segment: Integers
) -> tuple[Integers, npt.NDArray[np.float64]]:
    """Return all pairs of tunes [P, 2] with a common shingle, and their overlap coefficients [P].

    The overlap coefficient is common shingles / shingles of the tune with fewer, 0..1.
    """
    codes = [shingles(segment) for segment in segments]
    tunes = np.repeat(tune_of_segment, [len(code) for code in codes])
    entries = np.unique(np.stack([np.concatenate(codes), tunes], axis=1), axis=0)
    codes_sorted, tunes = entries.T
    count = np.bincount(tunes)
    pair_keys = []
    lag, together = 1, np.arange(len(tunes))
    while len(together := together[together + lag < len(tunes)]):
        together = together[codes_sorted[together] == codes_sorted[together + lag]]
        pair_keys.append(tunes[together] * len(count) + tunes[together + lag])
        lag += 1
    keys, shared = np.unique(np.concatenate([np.zeros(0, np.int64), *pair_keys]), return_counts=True)
    pairs = np.stack(np.divmod(keys, len(count)), axis=1)
    return pairs, shared / count[pairs].min(axis=1)


def normalised_title(title: str) -> str:
    """Return the letters of `title` without accents, articles, kinds of dance and text in brackets."""
    ascii_title = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub("[^a-z ]+", "", re.sub(r"[-.,]|\(.*?\)", " ", ascii_title))
    return _NOT_A_TITLE.sub("", words).replace(" ", "")


def variant_groups(
    segments: Sequence[npt.NDArray[np.integer]],
    tune_of_segment: Integers,
    titles: Sequence[str],
    min_overlap: float = MIN_OVERLAP,
) -> Integers:
    """Return the group of each tune [len(titles)]: the smallest index among the tunes linked to it by variants."""
    pairs, overlap = shared_shingles(segments, tune_of_segment)
    links = [tuple(pair) for pair in pairs[overlap >= min_overlap]]
    first_with: dict[str, int] = {}
    for tune, title in enumerate(map(normalised_title, titles)):
        if title:
            links.append((first_with.setdefault(title, tune), tune))
    return _connected(len(titles), links)


def _connected(size: int, links: Sequence[tuple[int, int]]) -> Integers:
    """Return the smallest member of each node's connected component (union-find)."""
    parent = np.arange(size)

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for a, b in links:
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    return np.array([root(node) for node in range(size)], np.int64)
