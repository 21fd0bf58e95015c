"""Synthesis: pitch, length, level and the WAV file."""

import wave

import numpy as np
import pytest

from note_rnn.common.errors import InputError
from note_rnn.formats.wav import HARMONICS, RELEASE_SECONDS, synthesize, write_wav
from note_rnn.vocabulary import VocabularyError

RELEASE = round(RELEASE_SECONDS * 22050)
TUNE = [14, 1, 18, 1, 21, 1, 26, 1, 21, 1, 18, 1, 14, 1, 1, 1, 0, 1, 1, 1, 37, 2, 37, 2, 37, 2, 14, 14, 14, 14, 0, 1]


def sounding_pitch(samples, rate=22050):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
    return float(np.fft.rfftfreq(8 * len(samples), 1 / rate)[spectrum.argmax()])


def read_wav(path):
    """The samples of a mono WAV file of 16 bits, and how many there are a second."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767, file.getframerate()


@pytest.mark.parametrize(("token", "hertz"), [(23, 440.0), (14, 261.63), (2, 130.81), (37, 987.77)])
@pytest.mark.parametrize("rate", [11025, 22050, 44100])
def test_a_note_has_its_pitch(token, hertz, rate):
    assert sounding_pitch(synthesize([token, *[1] * 7], sample_rate=rate), rate) == pytest.approx(hertz, rel=0.005)


@pytest.mark.parametrize("bpm", [4.0, 60.0, 123.4, 1000.0])
def test_a_melody_lasts_its_steps_and_a_release(bpm):
    samples = synthesize(TUNE, bpm=bpm)
    assert samples.dtype == np.float32
    assert len(samples) == round(32 * 15 / bpm * 22050) + RELEASE


@pytest.mark.parametrize("tokens", [TUNE, [37] * 64, [2, 37] * 32])
@pytest.mark.parametrize("bpm", [60.0, 1000.0])
def test_it_is_audible_but_never_overdriven(tokens, bpm):
    peak = np.abs(synthesize(tokens, bpm=bpm)).max()
    assert 0.3 < peak <= 1


def test_harmonics_are_as_loud_as_is_said():
    samples = synthesize([23, *[1] * 15], bpm=15)[:22050]  # A4, its first second
    spectrum = np.abs(np.fft.rfft(samples))[[440, 880, 1320, 1760, 2200]]
    # those that die away sooner are less of a second: 1 / decay of each
    shares = spectrum / spectrum[0] * np.array([1, 2, 3, 4, 5])
    np.testing.assert_allclose(shares, HARMONICS, rtol=0.25)


def test_a_loud_overlap_is_made_softer_as_a_whole():
    alone, together = synthesize([37, 0]), synthesize([2, 37, 2, 37, 0])
    assert np.abs(alone).max() < 1
    assert np.abs(together).max() <= 1


def test_a_note_rings_on_into_the_next():
    step = 22050 // 8
    first, both = synthesize([14, 0, 1]), synthesize([14, 26, 0])
    second = synthesize([1, 26, 0])
    np.testing.assert_allclose(both[: 2 * step], (first + second)[: 2 * step], atol=1e-6)
    assert np.abs(first[step + 100 : step + 400]).max() > 0.05


def test_a_note_is_at_its_loudest_within_a_hundredth_of_a_second():
    samples = np.abs(synthesize([14, *[1] * 7]))
    assert samples[:8].max() < 0.1 * samples.max()
    assert samples.argmax() < 0.01 * 22050


def test_rests_are_silent():
    samples = synthesize([1, 1, 14, 0, 1, 1], bpm=120)
    step = 22050 // 8
    assert not samples[: 2 * step].any()
    assert samples[2 * step : 3 * step].std() > 0.1
    assert not samples[3 * step + RELEASE + 2 :].any()


def test_a_note_dies_away():
    seconds = synthesize([14, *[1] * 15], bpm=60).reshape(-1)[: 4 * 22050].reshape(4, -1)
    loudness = seconds.std(axis=1)
    assert (loudness[1:] < 0.5 * loudness[:-1]).all()


def test_no_click_where_notes_start_and_end():
    """A click is a jump; C3 alone moves by at most its own slope between samples."""
    samples = synthesize([2, 0, 2, 1, 1, 0, 2, 2, 2, 0], bpm=120)
    steepest = 2 * np.pi * 130.81 / 22050 * np.arange(1, 6) @ [1.0, 0.45, 0.22, 0.08, 0.05] / 1.8 * 0.6
    assert np.abs(np.diff(samples, prepend=0, append=0)).max() < 1.5 * steepest


def test_no_notes_no_sound():
    assert len(synthesize([])) == RELEASE
    assert not synthesize([0, 1, 1]).any()


def test_the_wav_file_holds_the_samples(tmp_path):
    write_wav(TUNE, tmp_path / "tune.wav", bpm=100)
    samples, rate = read_wav(tmp_path / "tune.wav")
    assert rate == 22050
    np.testing.assert_allclose(samples, synthesize(TUNE, bpm=100), atol=1 / 32767)


@pytest.mark.parametrize(("bpm", "rate"), [(90, 22050), (90, 44100), (60.5, 11025)])
def test_a_wav_file_has_the_pitches_and_times_of_its_melody(tmp_path, bpm, rate):
    """A4 for a half note, then A5 for a quarter, at any tempo and any number of samples a second."""
    write_wav([23, *[1] * 7, 35, 1, 1, 1], tmp_path / "tune.wav", bpm=bpm, sample_rate=rate)
    samples, written_rate = read_wav(tmp_path / "tune.wav")
    assert written_rate == rate
    assert len(samples) / rate == pytest.approx(3 * 60 / bpm + RELEASE_SECONDS, abs=2 / rate)
    quarter = round(60 / bpm * rate)
    assert sounding_pitch(samples[: 2 * quarter], rate) == pytest.approx(440, rel=0.005)
    assert sounding_pitch(samples[2 * quarter + round(RELEASE_SECONDS * rate) : 3 * quarter], rate) == pytest.approx(
        880, rel=0.005
    )


def test_the_wav_file_has_the_requested_rate(tmp_path):
    write_wav([14, 1, 1, 1], tmp_path / "tune.wav", bpm=60, sample_rate=44100)
    with wave.open(str(tmp_path / "tune.wav")) as file:
        assert file.getframerate() == 44100
        assert file.getnframes() == 44100 + round(RELEASE_SECONDS * 44100)


@pytest.mark.parametrize("arguments", [{"bpm": 0}, {"bpm": 2000}, {"sample_rate": 8000}])
def test_arguments_out_of_range_leave_no_file(tmp_path, arguments):
    with pytest.raises(InputError, match=rf"^{next(iter(arguments))} must be"):
        write_wav(TUNE, tmp_path / "tune.wav", **arguments)
    assert not list(tmp_path.iterdir())


def test_what_is_no_melody():
    with pytest.raises(VocabularyError):
        synthesize([38])
