"""Measures of melodies as MusPy defines them (Dong et al. 2020, https://arxiv.org/abs/2008.01951), of many at once.

The numbers are those of MusPy 0.5 for the same notes at four time steps a quarter note; that of its groove consistency
depends on the time steps. Time ends with the last note, and a bar that would begin there counts: a melody that fills
its bars has one more, which a note that ends on the bar line reaches, so that it is not empty, but which has no onset.
Shapes: B melodies, T steps, K bars of S steps.
"""

import numpy as np

from melody_env.measures.features import NoteTable, note_table
from melody_env.reward.composition import Floats
from melody_env.setting import MODES, Setting
from note_rnn.vocabulary import Tokens

_MAJOR_SCALES = np.array([[(pitch - root) % 12 in MODES["major"] for pitch in range(12)] for root in range(12)])
"""[12, 12]; whether a pitch class is in the major scale of each root. Natural minor scales have the same notes."""


def musical_measures(melodies: Tokens, setting: Setting) -> dict[str, Floats]:
    """Return the measures [B] of each of `melodies` [B, T] by MusPy's names; nan where one is not defined.

    pitch_range, n_pitches_used, n_pitch_classes_used; pitch_entropy and pitch_class_entropy in bits;
    pitch_in_scale_rate for the setting's scale; scale_consistency, the largest such share of any major or minor scale;
    empty_measure_rate, the share of bars that no note touches; groove_consistency, 1 - the share of steps at which two
    neighbouring bars differ in whether a note begins there.
    """
    notes, size = note_table(melodies), len(melodies)
    pitches = _histogram(notes, notes.pitch, size, 128)
    classes = _histogram(notes, notes.pitch % 12, size, 12)
    in_scale = np.isin((np.arange(12) - setting.tonic) % 12, setting.scale)
    return {
        "pitch_range": pitch_range(pitches),
        "n_pitches_used": (pitches > 0).sum(axis=1).astype(np.float64),
        "n_pitch_classes_used": (classes > 0).sum(axis=1).astype(np.float64),
        "pitch_entropy": entropy(pitches),
        "pitch_class_entropy": entropy(classes),
        "pitch_in_scale_rate": _ratio(classes @ in_scale, classes.sum(axis=1)),
        "scale_consistency": _ratio((classes @ _MAJOR_SCALES.T).max(axis=1), classes.sum(axis=1)),
        "empty_measure_rate": empty_measure_rate(notes, size, melodies.shape[1], setting.steps_per_bar),
        "groove_consistency": groove_consistency(notes, size, melodies.shape[1], setting.steps_per_bar),
    }


def pitch_range(pitches: Floats) -> Floats:
    """Return the semitones [B] from the lowest to the highest note of histograms `pitches` [B, 128]; 0 if empty."""
    used = pitches > 0
    return np.where(used.any(axis=1), 127 - used[:, ::-1].argmax(axis=1) - used.argmax(axis=1), 0).astype(np.float64)


def entropy(counts: Floats) -> Floats:
    """Return the Shannon entropy [B], bits, of histograms `counts` [B, K]; nan for an empty one."""
    shares = counts / np.where(counts.sum(axis=1) > 0, counts.sum(axis=1), np.nan)[:, None]
    return -(shares * np.log2(np.where(shares > 0, shares, 1))).sum(axis=1)


def empty_measure_rate(notes: NoteTable, size: int, steps: int, bar: int) -> Floats:
    """Return the share [B] of bars of `bar` steps that no note touches; nan without notes."""
    count = _bars(notes, size, bar)
    changes = np.zeros((size, steps // bar + 2))
    np.add.at(changes, (notes.melody, notes.onset // bar), 1)
    np.add.at(changes, (notes.melody, (notes.onset + notes.duration) // bar + 1), -1)
    touched = (np.cumsum(changes, axis=1) > 0).sum(axis=1)
    return 1 - _ratio(touched, np.where(_ends(notes, size) > 0, count, 0))


def groove_consistency(notes: NoteTable, size: int, steps: int, bar: int) -> Floats:
    """Return 1 - the mean share [B] of the `bar` steps at which onsets of neighbouring bars differ; nan for one bar."""
    pairs = _bars(notes, size, bar) - 1
    onsets = np.zeros((size, (steps // bar + 1) * bar), np.bool_)
    onsets[notes.melody, notes.onset] = True
    by_bar = onsets.reshape(size, -1, bar)
    differences = (by_bar[:, 1:] != by_bar[:, :-1]).sum(axis=-1)
    is_pair = np.arange(differences.shape[1]) < pairs[:, None]
    return 1 - _ratio((differences * is_pair).sum(axis=1), bar * pairs)


def _histogram(notes: NoteTable, values: np.ndarray, size: int, count: int) -> Floats:
    return np.bincount(notes.melody * count + values, minlength=size * count).reshape(size, count).astype(np.float64)


def _ends(notes: NoteTable, size: int) -> np.ndarray:
    """Return the step [B] at which the last note of each melody ends; 0 without notes."""
    ends = np.zeros(size, np.int64)
    np.maximum.at(ends, notes.melody, notes.onset + notes.duration)
    return ends


def _bars(notes: NoteTable, size: int, bar: int) -> np.ndarray:
    """Return the number of bars [B] up to and with the one in which the last note ends."""
    return _ends(notes, size) // bar + 1


def _ratio(numerators: np.ndarray, denominators: np.ndarray) -> Floats:
    """Return `numerators` / `denominators` [B]; nan where these are 0."""
    return numerators / np.where(denominators > 0, denominators, np.nan)
