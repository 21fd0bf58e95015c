"""The benchmarks of corpora and of how they are read, at small size."""

import csv

import numpy as np
import pytest

from melody_env import load_profile
from note_rnn import write_midi
from note_rnn.corpus import Corpus, Origin, build
from note_rnn.extraction.tunes import Bars


def test_the_readings_of_the_tune_books_are_compared(output_of, monkeypatch):
    """Of a hundred tunes half have a note that is moved, and are twice as long with repeats."""
    import whole_tunes

    def load(reading):
        rng = np.random.default_rng(0)
        melodies = [rng.integers(2, 38, 64) for _ in range(100)]
        origins = [Origin(tuple(melody.tolist()), n * 2**57, n % 2) for n, melody in enumerate(melodies)]
        if reading.repeats == "unfold":
            melodies = [np.tile(melody, 1 + n % 2) for n, melody in enumerate(melodies)]
            origins[0] = origins[0]._replace(folded="unclear")
        names = [f"book/{n}" for n in range(100)]
        return Corpus(melodies, np.arange(100), [""] * 100, names, [], [], [], origins)

    monkeypatch.setattr(whole_tunes, "load_corpus", load)
    lines = output_of(whole_tunes, []).splitlines()
    assert lines[2] == "| round | once | 100 | 100 | 100 | 6,400 | 50 | 50 | 0 |"
    assert lines[4] == "| round | unfold | 100 | 100 | 100 | 9,600 | 50 | 50 | 0 |"
    assert "50 tunes are longer with repeats, 2.00, 2.00, 2.00 times (quartiles)" in lines
    assert "1 tunes: unclear" in lines
    assert lines[-1].startswith("0 of 100 tunes of Reading(off_grid='round', repeats='unfold')")


def test_the_form_of_human_tunes_is_measured(output_of, monkeypatch, tmp_path):
    """Tunes of two bars of 4/4 and two more like them in which half of the notes are others, which end on E or G."""
    import form_of_tunes

    def load(reading=None):
        assert reading is None or reading.repeats == "unfold"
        first = [14, 1, 1, 1, 16, 1, 1, 1, 18, 1, 1, 1, 19, 1, 1, 1] * 2
        tunes = []
        for other, end in ((30, 18), (31, 21)):
            second = [token if token == 1 or step >= 16 else other for step, token in enumerate(first)]
            tunes.append(np.array([1, *first, *second, end, 1, 1, 1, *[1] * 28]))
        names = ["book/1", "book/2"]
        sections = [(0, 33), (1, 33)]
        return Corpus(tunes, np.arange(2), names, names, [], [Bars("4/4", 1)] * 2, sections)

    monkeypatch.setattr(form_of_tunes, "load_corpus", load)
    monkeypatch.setattr(form_of_tunes, "METERS", {"4/4": 16})
    monkeypatch.setattr(form_of_tunes, "BARS", (2,))
    monkeypatch.setattr(form_of_tunes, "human_melodies", lambda corpus, setting: forms)
    bars = np.array([[14, 16, 18, 19] * 16, [26, 28, 30, 31] * 16])
    forms = np.stack([np.concatenate(bars[order]) for order in ([0, 0, 1, 0], [0, 0, 1, 0], [0, 1, 0, 1])])
    similar, ends, *commonest = output_of(form_of_tunes, ["--csv", tmp_path / "form.csv"]).splitlines()
    assert commonest == ["meter 4/4, form AABA, of_windows 0.67", "meter 4/4, form ABAB, of_windows 0.33"]
    assert similar.startswith(
        "meter 4/4, bars 2, sections 4, exact 0.0, varied 0.5, new 0.5, varied_25 0.5, varied_50 0.5"
    )
    assert similar.endswith("varied_opening 0.0, varied_ending 1.0, new_50 0.0, new_75 0.0, new_90 0.0")
    assert "tunes 2, ends_on_c 0.0, ends_on_c_a_d_or_g 0.5, inner_sections 2, on_tonic 0.0, on_triad 0.0" in ends
    assert ends.endswith("tune_lasts_2 1.0, tune_lasts_3 1.0, tune_lasts_4 1.0, tune_lasts_6 1.0")
    rows = list(csv.DictReader((tmp_path / "form.csv").read_text().splitlines()))
    assert [(row["meter"], row["bars"], row["tunes"]) for row in rows] == [
        ("4/4", "2", ""),
        ("4/4", "", "2"),
        ("4/4", "", ""),
        ("4/4", "", ""),
    ]


def test_the_forms_for_a_profile_are_those_of_tunes_in_eight_and_of_every_third_in_four_but_not_the_new(monkeypatch):
    import form_of_tunes

    sections = {"A": [14, 16, 18, 19] * 8, "B": [26, 28, 30, 31] * 8, "C": [20, 1, 25, 1] * 8}
    tunes = ("AABBAACC", "ABABABAB", "ABABABAB", "AAAAAABB")
    windows = np.array([np.concatenate([sections[letter] for letter in tune]) for tune in tunes])
    monkeypatch.setattr(form_of_tunes, "human_melodies", lambda corpus, setting: windows)
    in_four = ["ABAC"]  # and the fourth, AAAB, is new
    assert form_of_tunes.profile_forms(windows, "4/4") == sorted([*tunes, *in_four])


def test_the_forms_that_agents_are_asked_for_as_new_ones_are_left_out_of_the_preset():
    import form_of_tunes
    import forms_of_agents

    trained = {form.name for form in load_profile("tune").setting.forms}
    new = tuple(form for form in forms_of_agents.FORMS if form not in trained)
    assert new == form_of_tunes.NEW == forms_of_agents.FORMS[6:]


def test_the_constructs_that_a_reader_of_abc_reads_rightly_are_counted(output_of, monkeypatch):
    import abc_readers

    table = {
        "notes": [
            {"id": "a", "music": "C D |", "notes": "C4@0:4 D4@4:4"},
            {"id": "b", "music": "C |", "notes": "D4@0:4"},
        ],
        "dropped": [{"id": "c", "music": "4 |", "dropped": "a number"}, {"id": "d", "music": "C |", "dropped": "none"}],
    }
    monkeypatch.setattr(abc_readers.yaml, "safe_load", lambda text: table)
    monkeypatch.setattr(abc_readers.importlib.util, "find_spec", lambda name: name == "note_rnn" or None)
    output = output_of(abc_readers, ["--tunes", 0, "--readers", "ours", "pyabc2"])
    assert output.splitlines() == [
        "reader | notes (2) | dropped (2) | refused",
        "ours | 1 | 1 | 0",
        "pyabc2 | not installed",
    ]


def test_files_of_a_synthetic_corpus_are_mutations_and_each_is_accounted_for(tmp_path, monkeypatch):
    import sharded_corpus as module

    melody = np.array([2 + n % 12 for n in range(160)])
    write_midi(melody, tmp_path / "sources" / "tune.mid")
    music = tmp_path / "music"
    module.make_files(tmp_path / "sources", music, 8, 0)
    paths = sorted(music.rglob("*.mid"))
    contents = [path.read_bytes() for path in paths]
    assert len(set(contents)) == 8
    assert all(content.startswith(b"MThd") for content in contents)
    module.make_files(tmp_path / "sources", music, 8, 1)  # those that are there stay
    assert [path.read_bytes() for path in paths] == contents
    monkeypatch.setattr(build, "FILES_PER_SHARD", 3)
    build.build_corpus([music], tmp_path / "corpus", num_workers=0)
    names = {f"music/{path.relative_to(music)}" for path in paths}
    report = module.check_report(tmp_path / "corpus", names)
    assert (report.files, len(report.shards)) == (8, 3)
    assert report.files_kept >= 4
    with pytest.raises(AssertionError):
        module.check_report(tmp_path / "corpus", {*names, "music/lost.mid"})
