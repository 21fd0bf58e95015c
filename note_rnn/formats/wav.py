"""Melodies as sound: plucked tones, synthesised without instrument files.

Each note is a decaying complex oscillation z; its h-th harmonic is z to the power h, which decays h times as fast.
"""

import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from note_rnn.chords import ChordStart
from note_rnn.common.atomic_files import replacing
from note_rnn.common.errors import check_count
from note_rnn.formats.midi import check_bpm
from note_rnn.notes import tokens_to_notes
from note_rnn.vocabulary import STEPS_PER_QUARTER
from note_rnn.voicings import accompaniment

SAMPLE_RATE = 22050
MIN_SAMPLE_RATE = 11025
"""Represents the highest harmonic of the highest pitch."""
HARMONICS = (1.0, 0.45, 0.22, 0.08, 0.05)
"""Amplitude of each harmonic, the fundamental first."""
DECAY_PER_SECOND = 1.8
ATTACK_SECONDS = 0.004
RELEASE_SECONDS = 0.06
LEVEL = 0.6
CHORD_LEVEL = 0.25
"""Level of each note of a chord as a part of the melody's."""

Samples = npt.NDArray[np.float32]


def synthesize(
    tokens: npt.ArrayLike,
    bpm: float = 120.0,
    sample_rate: int = SAMPLE_RATE,
    chords: Sequence[ChordStart] = (),
) -> Samples:
    """Return the sound of `tokens` [T] as mono samples in [-1, 1]: T sixteenths, and the release of the last note.

    :param bpm: quarter notes per minute, 4..1000.
    :param sample_rate: samples per second, at least 11025.
    :param chords: chords in order, played softly; each lasts until the next.

    Raises VocabularyError for tokens outside 0..37, InputError for an argument out of range.
    """
    check_bpm(bpm)
    check_count("sample_rate", sample_rate, MIN_SAMPLE_RATE)
    notes = tokens_to_notes(tokens)
    samples_per_step = 60 / bpm / STEPS_PER_QUARTER * sample_rate
    release = round(RELEASE_SECONDS * sample_rate)
    samples = np.zeros(round(np.size(tokens) * samples_per_step) + release, np.float32)
    for start, end, pitch in zip(*notes, strict=True):
        first, last = round(start * samples_per_step), round(end * samples_per_step) + release
        samples[first:last] += _tone(pitch, last - first, sample_rate)
    for chord in accompaniment(chords, np.size(tokens)):
        first, last = round(chord.start * samples_per_step), round(chord.end * samples_per_step) + release
        for pitch in chord.pitches:
            samples[first:last] += CHORD_LEVEL * _tone(pitch, last - first, sample_rate)
    return samples / max(1.0, float(np.abs(samples).max(initial=0.0)))


def _tone(pitch: int, num_samples: int, sample_rate: int) -> Samples:
    """Return a note of MIDI `pitch`: `num_samples` including its release, silent at both ends."""
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    seconds = np.arange(num_samples) / sample_rate
    oscillation = np.exp((2j * np.pi * frequency - DECAY_PER_SECOND) * seconds).astype(np.complex64)
    tone = np.polynomial.polynomial.polyval(oscillation, np.array([0, *HARMONICS], np.float32)).imag
    attack = np.minimum(seconds / ATTACK_SECONDS, 1)
    release = np.minimum((seconds[-1] - seconds) / RELEASE_SECONDS, 1)
    return (LEVEL / sum(HARMONICS) * tone * attack * np.sin(np.pi / 2 * release) ** 2).astype(np.float32)


def write_wav(
    tokens: npt.ArrayLike,
    path: str | Path,
    bpm: float = 120.0,
    sample_rate: int = SAMPLE_RATE,
    chords: Sequence[ChordStart] = (),
) -> None:
    """Write the sound of `tokens` [T], and of `chords`, as a 16-bit mono WAV file.

    Raises what `synthesize` raises, and OSError if `path` cannot be written.
    """
    samples = np.round(synthesize(tokens, bpm, sample_rate, chords) * 32767).astype("<i2")
    with replacing(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.tobytes())
