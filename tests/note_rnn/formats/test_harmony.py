"""Chords in files: symbols in ABC, MusicXML and sheet music, an accompaniment in MIDI and sound; the melody stays."""

import wave
from xml.etree import ElementTree

import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pychord import QualityManager

from melody_env import Setting
from note_rnn import read_midi, read_primer, read_tune, synthesize, write_abc, write_midi, write_musicxml, write_wav
from note_rnn.chords import NO_CHORD, ChordStart, parse_chord, parse_progression
from note_rnn.extraction.scores.abc_book import abc_tunes
from note_rnn.extraction.scores.abc_music import abc_part
from note_rnn.extraction.scores.musicxml import musicxml_part
from note_rnn.extraction.scores.playing import once_through
from note_rnn.formats.abc import abc_text
from note_rnn.formats.harmony import Degree, kind_and_degrees
from note_rnn.formats.musicxml import musicxml_text
from note_rnn.formats.notation import Staff, note_values
from note_rnn.formats.svg import can_engrave, svg_text
from note_rnn.formats.wav import CHORD_LEVEL
from note_rnn.voicings import voicings

SYMBOLS = ("C", "Am7", "F", "G/B", "Bb", "F#m", "Ebmaj7", "Bdim", "D7sus4", "N.C.")
HELD = [14, *[1] * 15, 18, *[1] * 10, 0, *[1] * 4]
"""C4 for a bar, E4 for eleven steps, and a rest."""


def staff_with(text: str, steps: int, meter: str = "4/4", pickup: int = 0) -> Staff:
    """Return a staff whose chords begin after the pickup."""
    staff = Setting(meter=meter).staff
    starts = parse_progression(text).starts(steps - pickup, staff.steps_per_bar, staff.steps_per_beat)
    return staff._replace(pickup=pickup, chords=tuple(ChordStart(step + pickup, chord) for step, chord in starts))


progressions = st.lists(
    st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=3).map(" ".join), min_size=1, max_size=4
).map(" | ".join)
staves = st.builds(
    lambda text, meter, pickup: staff_with(text, 80, meter, pickup),
    progressions,
    st.sampled_from(["4/4", "3/4", "6/8"]),
    st.sampled_from([0, 2, 4]),
)
melodies = st.lists(st.integers(0, 37), min_size=64, max_size=64).filter(lambda melody: max(melody) > 1)


def limited(staff: Staff, melody: list[int]) -> Staff:
    return staff._replace(chords=staff.chords_within(0, len(melody)))


# ---- The melody is the same with chords and without ----


@given(melodies, staves)
@settings(max_examples=25, deadline=None)
def test_our_readers_find_the_same_melody_under_chords(melody, staff):
    staff, plain = limited(staff, melody), staff._replace(chords=())

    def notes(part):
        return [(event.start, event.duration, event.pitch) for event in once_through(part).notes]

    assert notes(abc_part(*abc_tunes(abc_text(melody, staff)))) == notes(abc_part(*abc_tunes(abc_text(melody, plain))))
    with_chords, without = (musicxml_part(musicxml_text(melody, each).encode()) for each in (staff, plain))
    assert notes(with_chords) == notes(without)


@given(melodies | st.just([0, 1] * 20), staves)
@settings(max_examples=25, deadline=None)
def test_the_track_of_chords_is_never_the_melody(tmp_path_factory, melody, staff):
    path = tmp_path_factory.mktemp("midi") / "tune.mid"
    write_midi(melody, path, staff=limited(staff, melody))
    assert read_midi(path).tolist() == melody


@pytest.mark.parametrize(("suffix", "write"), [("abc", write_abc), ("musicxml", write_musicxml), ("mid", write_midi)])
def test_a_file_with_chords_is_a_primer_and_a_tune(tmp_path, suffix, write):
    melody = np.array([14, 1, 18, 1, 21, 1, 18, 16] * 5)
    path = tmp_path / f"tune.{suffix}"
    write(melody, path, staff=staff_with("C | G7 C", 40))
    assert read_primer(path, 40).tolist() == melody.tolist()
    tokens, bars = read_tune(path)
    assert tokens.tolist() == melody.tolist()
    assert bars.meter == "4/4"


def test_a_track_called_chords_in_a_file_from_elsewhere_is_read(tmp_path):
    midi = pretty_midi.PrettyMIDI()
    instrument = pretty_midi.Instrument(0, name="Chords")
    instrument.notes.append(pretty_midi.Note(90, 60, 0, 0.5))
    midi.instruments.append(instrument)
    midi.write(str(tmp_path / "other.mid"))
    assert read_midi(tmp_path / "other.mid").tolist() == [14, 1, 1, 1]


# ---- Symbols in notation ----


def test_abc_by_hand():
    """A symbol stands before its note; a held note or rest is divided where the chord changes."""
    text = abc_text(HELD, staff_with("C Am | F G | N.C.", 32))
    assert text.splitlines()[-1] == '"C"C8- "Am"C8 | "F"E8- "G"E3z z4 |]'
    text = abc_text([14, *[1] * 23], staff_with("C Dm7 | Bb/D", 24, "6/8"))
    assert text.splitlines()[-1] == '"C"C6- "Dm7"C6- | "Bb/D"C12 |]'
    assert abc_text([1] * 16, staff_with("C N.C.", 16)).splitlines()[-1] == '"C"z8 "N.C."z8 |]'


def test_notes_are_divided_at_breaks_and_nowhere_else():
    plain = [(value.start, value.steps, value.tied) for value in note_values([14] + [1] * 15, Staff())]
    divided = [
        (value.start, value.steps, value.tied) for value in note_values([14] + [1] * 15, Staff(), [0, 8, 12, 16])
    ]
    assert plain == [(0, 16, False)]
    assert divided == [(0, 8, True), (8, 4, True), (12, 4, False)]


def harmonies(text: str) -> list[tuple[str | None, ...]]:
    tags = ("root/root-step", "root/root-alter", "kind", "bass/bass-step", "bass/bass-alter", "offset")
    return [tuple(map(each.findtext, tags)) for each in ElementTree.fromstring(text).iter("harmony")]


def test_musicxml_by_hand():
    """A chord that begins within a note is placed by its offset; the note stays whole."""
    text = musicxml_text(HELD, staff_with("C Bbm7/Ab | F#dim N.C.", 32))
    assert harmonies(text) == [
        ("C", None, "major", None, None, None),
        ("B", "-1", "minor-seventh", "A", "-1", "8"),
        ("F", "1", "diminished", None, None, None),
        ("C", None, "none", None, None, None),
    ]
    score = ElementTree.fromstring(text)
    assert [kind.get("text") for kind in score.iter("kind")] == ["", "m7", "dim", "N.C."]
    assert next(note.findtext("duration") for note in score.iter("note")) == "16"
    order = [child.tag for child in score.findall(".//harmony")[1]]
    assert order == ["root", "kind", "bass", "offset"]


def test_a_bar_of_rest_in_musicxml_has_its_chord():
    text = musicxml_text([14, *[1] * 15, 0, *[1] * 15], staff_with("C | F", 32))
    assert [root for root, *_ in harmonies(text)] == ["C", "F"]


@pytest.mark.parametrize(
    ("symbol", "kind", "degrees"),
    [
        ("C", "major", []),
        ("Cmmaj7", "major-minor", []),
        ("Cm7b5", "half-diminished", []),
        ("C7#5", "augmented-seventh", []),
        ("C7b5", "dominant", [Degree(5, -1, "alter")]),
        ("C7sus4", "dominant", [Degree(4, 0, "add"), Degree(3, 0, "subtract")]),
        ("Cadd9", "major", [Degree(9, 0, "add")]),
        ("C7b9", "dominant", [Degree(9, -1, "add")]),
        ("C9b5", "dominant-ninth", [Degree(5, -1, "alter")]),
        ("Cno5", "major", [Degree(5, 0, "subtract")]),
        ("C7b9#9", "dominant", [Degree(9, -1, "add"), Degree(9, 1, "add")]),
    ],
)
def test_kinds_by_hand(symbol, kind, degrees):
    assert kind_and_degrees(parse_chord(symbol).intervals) == (kind, degrees)


def read_by_music21(text: str, kind: str) -> list[tuple]:
    """Return offset in sixteenths, root, bass and pitch classes of each chord symbol."""
    music21 = pytest.importorskip("music21")
    score = music21.converter.parse(text, format=kind)
    found = []
    for symbol in score.recurse().getElementsByClass("Harmony"):
        offset = 4 * float(symbol.getOffsetInHierarchy(score))
        classes = {pitch.pitchClass for pitch in symbol.pitches}
        root, bass = (each and each.pitchClass for each in (symbol.root(), symbol.bass()))
        found.append((offset, root, bass, classes) if classes else (offset, "N.C."))
    return found


def written(staff: Staff) -> list[tuple]:
    return [
        (step, "N.C.") if chord == NO_CHORD else (step, chord.root, chord.bass, {*chord.pitch_classes, chord.bass})
        for step, chord in staff.chords
    ]


@pytest.mark.parametrize("kind", ["abc", "musicxml"])
@pytest.mark.parametrize(("meter", "pickup"), [("4/4", 0), ("4/4", 4), ("3/4", 4), ("3/4", 0), ("6/8", 2), ("6/8", 0)])
def test_music21_reads_every_symbol_where_it_was_written(kind, meter, pickup):
    melody = [14, *[1] * 30, 18, *[1] * 12, 0, 1, 1, 1, *[21, 1, 19, 1] * 4]
    staff = staff_with("C Am7 | F | G/B N.C. Bb | D7sus4 Ebmaj7", len(melody), meter, pickup)
    text = {"abc": abc_text, "musicxml": musicxml_text}[kind](melody, staff)
    assert len(staff.chords) > 6
    assert read_by_music21(text, kind) == written(staff)


def test_music21_reads_every_kind_from_musicxml():
    symbols = [root + kind for root in ("C", "Bb") for kind in sorted(QualityManager().get_qualities())]
    chords = tuple(ChordStart(16 * bar, parse_chord(symbol)) for bar, symbol in enumerate(symbols))
    staff = Staff(chords=chords)
    assert read_by_music21(musicxml_text([14] * 16 * len(symbols), staff), "musicxml") == written(staff)


@pytest.mark.skipif(not can_engrave(), reason='Verovio is not installed: pip install "melody-rl[sheet]"')
def test_sheet_music_shows_the_symbols_and_no_degree_twice():
    text = svg_text(HELD, staff_with("Bbmaj7 G7b9 | F#m7b5/Eb N.C.", 32))
    words = [
        "".join(each.itertext()).strip() for each in ElementTree.fromstring(text).iter() if each.tag.endswith("text")
    ]
    assert sorted(words) == sorted(["=\xa0120", "B\u266dmaj7", "G7b9", "F\u266fm7b5/E\u266d", "N.C."])


# ---- Accompaniment ----


def test_midi_has_a_second_softer_track_of_voicings(tmp_path):
    """At 120 quarters per minute a step is an eighth of a second."""
    staff = staff_with("C | F G/B | N.C.", 48)
    write_midi([14, *[1] * 47], tmp_path / "tune.mid", staff=staff, velocity=100)
    melody, chords = pretty_midi.PrettyMIDI(str(tmp_path / "tune.mid")).instruments
    assert (melody.name, len(melody.notes), chords.name) == ("Melody", 1, "Chords")
    ways = voicings(parse_chord(symbol) for symbol in ("C", "F", "G/B"))
    expected = [
        (pitch, start, end)
        for pitches, start, end in zip(ways, (0.0, 2.0, 3.0), (2.0, 3.0, 4.0), strict=True)
        for pitch in pitches
    ]
    assert sorted((note.pitch, note.start, note.end) for note in chords.notes) == sorted(expected)
    assert {note.velocity for note in chords.notes} == {60}
    assert not chords.is_drum


@pytest.mark.parametrize("velocity", [1, 127])
def test_chords_sound_at_any_velocity(tmp_path, velocity):
    write_midi([14, 1], tmp_path / "tune.mid", staff=staff_with("C", 2), velocity=velocity)
    _, chords = pretty_midi.PrettyMIDI(str(tmp_path / "tune.mid")).instruments
    assert all(1 <= note.velocity <= velocity for note in chords.notes)
    assert len(chords.notes) == 4


def levels(samples, pitches) -> np.ndarray:
    """Return the amplitude of each of `pitches` in a second of sound."""
    spectrum = np.abs(np.fft.rfft(samples[:22050] * np.hanning(22050)))
    hertz = [round(440 * 2 ** ((pitch - 69) / 12)) for pitch in pitches]
    return np.array([spectrum[each - 1 : each + 2].max() for each in hertz])


def test_the_sound_of_a_chord_has_its_pitches_and_is_soft():
    chords = staff_with("Am | F", 32).chords
    silence = synthesize([1] * 32, chords=chords)
    (a_minor, _) = voicings(chord for _, chord in chords)
    assert a_minor == (45, 52, 57, 60)
    sounding, others = levels(silence, a_minor), levels(silence, (46, 50, 54, 59))
    assert sounding.min() > 5 * others.max()
    assert levels(silence[2 * 22050 :], (41, 53)).min() > 5 * levels(silence[2 * 22050 :], (45 - 1, 50)).max()
    melody = levels(synthesize([14 + 12, *[1] * 31]), [72])[0]
    assert sounding[3] == pytest.approx(CHORD_LEVEL * melody, rel=0.05)


@pytest.mark.parametrize("melody", [[37] * 64, [2] * 64, [14, 1, 1, 1] * 16])
def test_melody_and_chords_are_never_overdriven_and_the_melody_leads(tmp_path, melody):
    chords = staff_with("G13/A C | Bdim7 Fmaj9", 64).chords
    alone, together = synthesize(melody), synthesize(melody, chords=chords)
    assert len(alone) == len(together)
    assert np.abs(together).max() <= 1
    accompanying = np.sqrt(np.mean(np.square(synthesize([1] * 64, chords=chords))))
    assert accompanying < 0.75 * np.sqrt(np.mean(np.square(alone)))
    write_wav(melody, tmp_path / "tune.wav", chords=chords)
    with wave.open(str(tmp_path / "tune.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767
    np.testing.assert_allclose(samples, together, atol=1e-4)


def test_without_chords_nothing_changes(tmp_path):
    for chords in ((), staff_with("N.C.", 32).chords):
        np.testing.assert_array_equal(synthesize(HELD, chords=chords), synthesize(HELD))
    write_midi(HELD, tmp_path / "tune.mid", staff=Staff())
    assert len(pretty_midi.PrettyMIDI(str(tmp_path / "tune.mid")).instruments) == 1
