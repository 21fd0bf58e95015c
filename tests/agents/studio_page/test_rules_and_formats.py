"""Rules, settings and files of the engine in JavaScript, beside those of the Python side."""

import base64
import json

import numpy as np
import pretty_midi
import pytest

from agents.composing.files.sidecar import Sidecar
from agents.composing.pieces import piece_staff
from melody_env import Setting, score_melodies
from note_rnn import NO_EVENT, read_midi
from note_rnn.chords import parse_progression
from note_rnn.formats.abc import abc_text
from note_rnn.formats.midi import write_midi
from note_rnn.formats.notation import Staff

SETTINGS = [
    {},
    {"key": "Eb", "mode": "minor", "meter": "6/8", "length": 48},
    {"key": "F#", "mode": "dorian", "meter": "3/4", "length": 36, "pitch_range": (55, 83)},
    {"key": "A", "mode": "blues", "meter": "2/4", "length": 40, "tempo": 93.5},
    {"key": "B", "mode": "harmonic_minor", "meter": "9/8", "length": "3 bars"},
    {"key": "Gb", "mode": "major_pentatonic", "meter": "5/4", "length": 40},
]


WITH_CHORDS = [
    {"key": "G", "chords": "G Em7 | N.C. D7/F# | Gmaj9"},
    {"key": "Bb", "meter": "6/8", "length": 60, "chords": "Bb F7 Gm | Ebmaj7 | C7 Cm Cdim7 F#aug"},
]


def staff_of(setting: Setting) -> Staff:
    """The staff of a piece, with its chords."""
    return piece_staff(setting, progression=parse_progression(setting.chords) if setting.chords else None)


SCORE = """
const main = async ({setting, tokens, parameters}) =>
  tokens.map((melody) => ruleValues(melody, new Setting(setting), parameters));
"""


def page_setting(setting: Setting) -> dict[str, object]:
    """The `setting` as the page has it."""
    names = {"key", "mode", "meter", "tempo", "form", "chords"}
    own = {name: value for name, value in setting.as_dict().items() if name in names}
    return {**own, "steps": setting.steps, "range": setting.pitch_range}


def melodies(setting: Setting, number: int = 60) -> np.ndarray:
    """Melodies [number, T], some random, some of few notes that are held and repeated."""
    rng = np.random.default_rng(3)
    shape = (number // 3, setting.steps)
    few = rng.choice([0, 1, 1, 14, 18, 21], shape)
    repeated = np.tile(rng.integers(0, 38, (shape[0], 8)), setting.steps // 8 + 1)[:, : setting.steps]
    return np.concatenate([rng.integers(0, 38, shape), few, repeated])


@pytest.mark.parametrize("changes", SETTINGS, ids=str)
def test_rules_are_those_of_python(engine, changes):
    setting = Setting(**changes)
    tokens = melodies(setting)
    values = engine(SCORE, {"setting": page_setting(setting), "tokens": tokens.tolist(), "parameters": {}})
    expected = score_melodies(tokens, "paper", setting).rules
    assert [*values[0]] == [*expected]
    for name, rows in expected.items():
        np.testing.assert_allclose([melody[name] for melody in values], rows, atol=1e-9, err_msg=name)


def test_rules_have_the_parameters_of_the_profile(engine, tmp_path):
    parameters = {
        "repetition": {"limit": 2, "limit_with_gaps": 3, "note_off_limit": 2},
        "autocorrelation": {"max_lag": 5, "threshold": 0.3},
        "motif": {"beats": 3, "min_pitches": 2},
        "repeated_motif": {"beats": 1, "min_pitches": 2, "cap": 5},
        "leap": {"min_semitones": 4, "patience": 2},
    }
    profile = tmp_path / "own.yaml"
    profile.write_text("rules:\n" + "".join(f"  {name}: {own}\n" for name, own in parameters.items()))
    setting = Setting()
    tokens = melodies(setting)
    call = {"setting": page_setting(setting), "tokens": tokens.tolist(), "parameters": parameters}
    values = engine(SCORE, call)
    for name, rows in score_melodies(tokens, profile, setting).rules.items():
        np.testing.assert_allclose([melody[name] for melody in values], rows, atol=1e-9, err_msg=name)


def test_rewards_are_weighted(engine):
    values = {"key": [0, -1], "tonic": [3, 3]}
    script = "const main = async ({values, weights}) => weighted(values, weights);"
    assert engine(script, {"values": values, "weights": {"key": 2, "tonic": 0.5}}) == [1.5, -0.5]


@pytest.mark.parametrize("changes", [*SETTINGS, *WITH_CHORDS], ids=str)
def test_abc_is_that_of_python(engine, changes):
    setting = Setting(**changes)
    tokens = melodies(setting, 15)
    script = """
      const written = (melody, setting) => abcText(melody, new Setting(setting), "A tune");
      const main = async ({setting, tokens}) => tokens.map((melody) => written(melody, setting));
    """
    texts = engine(script, {"setting": page_setting(setting), "tokens": tokens.tolist()})
    assert texts == [abc_text(melody, staff_of(setting), "A tune") for melody in tokens]


@pytest.mark.parametrize("changes", [*SETTINGS[:4], *WITH_CHORDS], ids=str)
def test_midi_is_read_back_by_python(engine, changes, tmp_path):
    setting = Setting(**changes)
    script = """
      const bytes = (melody, setting) => midiFile(melody, new Setting(setting), "Ä tune");
      const written = (melody, setting) => Buffer.from(bytes(melody, setting)).toString("base64");
      const main = async ({setting, tokens}) => tokens.map((melody) => written(melody, setting));
    """
    tokens = melodies(setting, 15)
    for melody, text in zip(
        tokens, engine(script, {"setting": page_setting(setting), "tokens": tokens.tolist()}), strict=True
    ):
        path = tmp_path / "melody.mid"
        path.write_bytes(base64.b64decode(text))
        assert read_midi(path).tolist() == melody.tolist()
        write_midi(melody, tmp_path / "own.mid", staff=staff_of(setting))
        assert parts(path) == parts(tmp_path / "own.mid")


def parts(path) -> list[object]:
    """The instruments of a MIDI file: name, program, and notes in steps."""
    file = pretty_midi.PrettyMIDI(str(path))
    steps = file.resolution / 4
    return [
        (
            each.name,
            each.program,
            sorted(
                (
                    *(round(file.time_to_tick(time) / steps) for time in (note.start, note.end)),
                    note.pitch,
                    note.velocity,
                )
                for note in each.notes
            ),
        )
        for each in file.instruments
        if each.notes
    ]


@pytest.mark.parametrize("changes", [*SETTINGS[:4], *WITH_CHORDS], ids=str)
def test_what_is_written_is_read_again(engine, changes):
    """MIDI and ABC, written and opened, give the same notes, meter and, in ABC, key and tempo."""
    setting = Setting(**changes)
    script = """
      async function main({setting, tokens}) {
        const own = new Setting(setting);
        const both = (melody) => [readMidi(midiFile(melody, own, "x")), readAbc(abcText(melody, own, "x"))];
        return tokens.map((melody) => both(melody).map((tune) =>
          ({notes: notesOf(tokensOfTune(tune)), meter: tune.meter, expected: notesOf(melody)})));
      }
    """
    tokens = melodies(setting, 15)
    for both in engine(script, {"setting": page_setting(setting), "tokens": tokens.tolist()}):
        for opened in both:
            assert opened["notes"] == opened["expected"]
            assert opened["meter"] == setting.meter


TUNE = """X:1
T:The Rakes of Mallow
M:2/4
L:1/8
Q:1/4=100
K:G
GB GB|c/B/A/G/ FG|"D7"A>B c2|!trill!^F2- F z|
"""


def test_abc_of_others_is_read_as_python_reads_it(engine, tmp_path):
    path = tmp_path / "tune.abc"
    path.write_text(TUNE)
    script = "const main = async (text) => ({...readAbc(text), tokens: tokensOfTune(readAbc(text))});"
    opened = engine(script, TUNE)
    assert (opened["key"], opened["mode"], opened["meter"], opened["tempo"]) == ("G", "major", "2/4", 100)
    own = np.array(opened["tokens"])
    notes = [67, 71, 67, 71, 72, 71, 69, 67, 66, 67, 69, 71, 72, 66]
    assert [token + 46 for token in own if token > NO_EVENT] == notes
    assert np.flatnonzero(own > NO_EVENT).tolist() == [0, 2, 4, 6, 8, 9, 10, 11, 12, 14, 16, 19, 20, 24]
    assert len(own) == 32


@pytest.mark.parametrize(("key", "expected"), [("Bb", "-2 major"), ("Em", "1 minor"), ("D mix", "1 mixolydian")])
def test_key_signatures_of_abc(engine, key, expected):
    script = "const main = async (key) => { const {sharps, mode} = abcSignature(key); return `${sharps} ${mode}`; };"
    assert engine(script, key) == expected


@pytest.mark.parametrize("form", ["AABA", "A A' B A'", "A2 B1 A1", "abcb'"])
def test_forms_are_those_of_python(engine, form):
    setting = Setting(form=form, length=64)
    script = "const main = async (setting) => new Setting(setting).sections;"
    sections = engine(script, page_setting(setting))
    expected = [[each.name, each.start, each.steps, each.source, each.is_varied] for each in setting.forms[0].sections]
    assert [[each[name] for name in ("name", "start", "steps", "source", "isVaried")] for each in sections] == expected


@pytest.mark.parametrize("form", ["A?", "A1 B", "ABC", "A9", "A1"])
def test_forms_that_do_not_fit_are_refused(engine, form):
    script = "const main = async (form) => { try { parsedForm(form, 32, 16); } catch (e) { return e.message; } };"
    assert "form" in engine(script, form)


def test_files_without_a_melody_are_refused(engine):
    script = """
      const message = (read) => { try { read(); return "none"; } catch (error) { return error.message; } };
      const main = async (setting) => [
        message(() => readMidi(Uint8Array.from([1, 2, 3]))),
        message(() => readMidi(midiFile([1, 1, 0], new Setting(setting), ""))),
        message(() => readAbc("X:1\\nK:C\\nz4|")),
        message(() => readRecord({tokens: [99], config: {}})),
        message(() => readRecord(null)),
      ];
    """
    messages = engine(script, page_setting(Setting()))
    assert messages[0] == "This is not a MIDI file."
    assert "none" not in messages


@pytest.mark.parametrize("chords", ["C | Am7/G N.C.", ""])
def test_records_have_the_chords_for_the_page_and_for_compose(engine, tmp_path, chords):
    script = """
      async function main(setting) {
        const card = {model: "run", checksum: "x", observes_chords: true};
        const options = {strength: 1, temperature: 1, seed: 3};
        const record = recordOf([14, 1], {card}, new Setting(setting), options, "A tune");
        const read = (own) => readRecord({...record, ...own}).setting.chords;
        return [record, read({}), read({chords: "C\u266f | %"})];
      }
    """
    record, read, plain = engine(script, page_setting(Setting(chords=chords, length=2)))
    assert (read, plain) == (chords, "C# | C#")
    (tmp_path / "melody.json").write_text(json.dumps(record))
    sidecar = Sidecar.read(tmp_path / "melody.json")
    assert (sidecar.config.chords, sidecar.chords) == (chords, chords)


def test_options_of_a_record_that_are_no_numbers_are_left_out(engine):
    config = {"key": "C", "strength": "9", "temperature": 0, "seed": 4}
    record = engine("const main = async (record) => readRecord(record);", {"tokens": [1], "config": config})
    assert record["options"] == {"seed": 4}


def test_sound_files_have_the_samples(engine, tmp_path):
    from scipy.io import wavfile

    script = """
      const samples = Float32Array.from([0, 0.5, -1, 2]);
      const main = async () => Buffer.from(wavFile(samples, 22050)).toString("base64");
    """
    path = tmp_path / "sound.wav"
    path.write_bytes(base64.b64decode(engine(script)))
    rate, samples = wavfile.read(path)
    assert (rate, samples.tolist()) == (22050, [0, 16384, -32767, 32767])
