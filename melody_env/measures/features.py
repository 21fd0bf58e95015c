"""Features in which machine melodies differ from human ones: twelve distributions, and the overlap of two.

Shapes: B melodies, T steps, N notes of all melodies, K bins, A = 38 tokens.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from melody_env.reward.composition import Floats
from melody_env.setting import Setting
from note_rnn.corpus.repetition import (
    LAGS,
    distinct_bars,
    repeats_exactly,
    repeats_rhythm,
    repeats_transposed,
    whole_bars,
)
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, MIN_PITCH, NO_EVENT, Tokens

Integers = npt.NDArray[np.int64]

LEAP = 5
"""Semitones of the smallest leap, a fourth."""
MOTIF_MOVES = 3
"""Moves (interval and time between two onsets) in a motif."""
NOTE_HISTOGRAMS = {"pitch_interval": 27, "duration": 17, "onset_position": 0, "scale_degree": 13}
"""The histograms over notes and their number of bins; for onset positions, the steps of a bar."""


class NoteTable(NamedTuple):
    """All N notes of B melodies, melody by melody."""

    melody: Integers
    onset: Integers
    pitch: Integers
    duration: Integers


class MelodyFeatures(NamedTuple):
    """Features of B melodies: for each its histograms of notes, and its numbers."""

    histograms: dict[str, Floats]
    """By name (`NOTE_HISTOGRAMS`) the notes in each bin [B, K]."""
    numbers: dict[str, Floats]
    """[B] each: leap_rate, turn_rate and repeated_note_rate of the intervals; range in semitones; notes_per_bar;
    rest_share of the steps; distinct_pitches; repeated_motifs, the share of motifs that occurred before; and those of
    `bar_numbers`."""


def melody_features(melodies: Tokens, setting: Setting) -> MelodyFeatures:
    """Return the features of `melodies` [B, T]."""
    size, length = melodies.shape
    notes = note_table(melodies)
    count = np.bincount(notes.melody, minlength=size).astype(np.float64)
    follows = notes.melody[1:] == notes.melody[:-1]
    moves = np.diff(notes.pitch)[follows]
    of_move = notes.melody[1:][follows]
    intervals = np.maximum(count - 1, 1)
    turns = (np.sign(moves[1:]) * np.sign(moves[:-1]) < 0) & (of_move[1:] == of_move[:-1])
    degrees = np.append(setting.degrees, 0)[notes.pitch - MIN_PITCH + FIRST_PITCH_TOKEN]

    def share(rows: Integers, of: Floats) -> Floats:
        return np.bincount(rows, minlength=size) / np.maximum(of, 1)

    histograms = {
        "pitch_interval": _histogram(of_move, moves.clip(-13, 13) + 13, size, NOTE_HISTOGRAMS["pitch_interval"]),
        "duration": _histogram(notes.melody, notes.duration.clip(max=16), size, NOTE_HISTOGRAMS["duration"]),
        "onset_position": _histogram(notes.melody, notes.onset % setting.steps_per_bar, size, setting.steps_per_bar),
        "scale_degree": _histogram(notes.melody, degrees, size, NOTE_HISTOGRAMS["scale_degree"]),
    }
    numbers = {
        "leap_rate": share(of_move[np.abs(moves) >= LEAP], intervals),
        "turn_rate": share(of_move[1:][turns], intervals),
        "repeated_note_rate": share(of_move[moves == 0], intervals),
        "range": _range(melodies),
        "notes_per_bar": count * setting.steps_per_bar / length,
        "rest_share": 1 - np.bincount(notes.melody, notes.duration, size) / length,
        "distinct_pitches": _distinct(notes.melody, notes.pitch, size),
        "repeated_motifs": _repeated_motifs(notes, size),
        **bar_numbers(melodies, setting),
    }
    return MelodyFeatures(histograms, numbers)


def bar_numbers(melodies: Tokens, setting: Setting) -> dict[str, Floats]:
    """Return how much comes back in each of `melodies` [B, T] after 1, 2, 4 and 8 bars: the repeated-bar spectrum.

    [B] each: distinct_bars, the different bars as a share of all; and for each lag shorter than the melody, of the bars
    that have one so many before, the share that repeat it exactly (repeated_bars_lag1 ...), with all notes moved by as
    many steps of the setting's scale, or none (transposed_bars_lag1 ...), or in rhythm (repeated_rhythms_lag1 ...),
    which includes both; `note_rnn.corpus.repetition` has the details. Empty without a whole bar.

    Transposition is by steps of the scale, since tunes repeat figures a step higher or lower within their key, where
    the semitones differ.
    """
    bars = whole_bars(melodies, setting.steps_per_bar)
    if not bars.shape[1]:
        return {}
    heights = scale_heights(setting)
    numbers = {"distinct_bars": distinct_bars(bars)}
    for lag in (lag for lag in LAGS if lag < bars.shape[1]):
        numbers[f"repeated_bars_lag{lag}"] = repeats_exactly(bars, lag).mean(axis=1)
        numbers[f"repeated_rhythms_lag{lag}"] = repeats_rhythm(bars, lag).mean(axis=1)
        numbers[f"transposed_bars_lag{lag}"] = repeats_transposed(bars, lag, heights).mean(axis=1)
    return numbers


def scale_heights(setting: Setting) -> npt.NDArray[np.int8]:
    """Return the height of each token [A] in half steps of the setting's scale: even in the scale, odd between."""
    in_scale = setting.degrees > 0
    return (2 * np.cumsum(in_scale) + ~in_scale).astype(np.int8)


def feature_rows(features: MelodyFeatures) -> Floats:
    """Return the histograms of B melodies, as shares, and their numbers, a row of F for each melody [B, F]."""
    shares = [counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) for counts in features.histograms.values()]
    return np.concatenate([*shares, np.column_stack(list(features.numbers.values()))], axis=1)


_BINS: Mapping[str, Callable[[Floats], Floats]] = {
    **dict.fromkeys(
        ("leap_rate", "turn_rate", "repeated_note_rate", "rest_share", "repeated_motifs"), lambda x: x * 10
    ),
    "range": lambda x: x / 3,
    "notes_per_bar": lambda x: x,
    "distinct_pitches": lambda x: x,
}
"""Scaling to bins of width 1 of the eight numbers compared: tenths of shares, minor thirds of ranges, whole notes."""


def distributions(features: MelodyFeatures) -> dict[str, Floats]:
    """Return the twelve distributions by name, as the share of each bin [K]: four over notes, eight over melodies.

    The twelve stay what they are, so that overlaps compare with earlier ones: numbers of bars are not among them.
    """
    of_notes = {name: rows.sum(axis=0) for name, rows in features.histograms.items()}
    of_melodies = {
        name: np.bincount(np.floor(_BINS[name](values) + 1e-9).astype(np.int64), minlength=1).astype(np.float64)
        for name, values in features.numbers.items()
        if name in _BINS
    }
    return {name: counts / max(counts.sum(), 1) for name, counts in (of_notes | of_melodies).items()}


def overlaps(one: Mapping[str, Floats], other: Mapping[str, Floats]) -> dict[str, float]:
    """Return the mass that two sets of distributions share, by name, from 0 to 1 (equal), and the "mean" of all."""
    common = {}
    for name, shares in one.items():
        bins = min(len(shares), len(other[name]))
        common[name] = float(np.minimum(shares[:bins], other[name][:bins]).sum())
    return {**common, "mean": float(np.mean(list(common.values())))}


def note_table(melodies: Tokens) -> NoteTable:
    """Return the notes of `melodies` [B, T]; each lasts to the next note or note off, or to the end."""
    melody, onset = np.nonzero(melodies != NO_EVENT)
    ends = np.append(onset[1:], 0)
    ends[np.append(melody[1:] != melody[:-1], True)] = melodies.shape[1]
    token = melodies[melody, onset]
    is_note = token >= FIRST_PITCH_TOKEN
    return NoteTable(
        melody[is_note], onset[is_note], token[is_note] - FIRST_PITCH_TOKEN + MIN_PITCH, (ends - onset)[is_note]
    )


def _histogram(rows: Integers, bins: Integers, size: int, count: int) -> Floats:
    return np.bincount(rows * count + bins, minlength=size * count).reshape(size, count).astype(np.float64)


def _range(melodies: Tokens) -> Floats:
    lowest = np.where(melodies >= FIRST_PITCH_TOKEN, melodies, 99).min(axis=1)
    return np.maximum(melodies.max(axis=1) - lowest, 0).astype(np.float64)


def _distinct(rows: Integers, values: Integers, size: int) -> Floats:
    """Return the number of different `values` [N] in each of `size` melodies, given by `rows` [N]."""
    kinds = values.max(initial=0) + 1
    pairs = np.unique(rows * kinds + values)
    return np.bincount(pairs // kinds, minlength=size).astype(np.float64)


def _repeated_motifs(notes: NoteTable, size: int) -> Floats:
    """Return the share [B] of motifs (runs of MOTIF_MOVES moves) that occur earlier in the melody; 0 without motifs."""
    codes = (np.diff(notes.pitch) + 40) * 1024 + np.diff(notes.onset).clip(0, 1023)  # below 2^17
    starts = np.arange(max(len(codes) - MOTIF_MOVES + 1, 0))
    whole = notes.melody[starts] == notes.melody[starts + MOTIF_MOVES]
    rows = notes.melody[starts[whole]]
    _, motifs = np.unique(sum(codes[starts[whole] + k] << 17 * k for k in range(MOTIF_MOVES)), return_inverse=True)
    total = np.bincount(rows, minlength=size)
    return (total - _distinct(rows, motifs, size)) / np.maximum(total, 1)
