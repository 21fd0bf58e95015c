"""The command judge, from a folder of files to table, JSON and page."""

import json

import numpy as np
import pytest

from melody_env import judge
from melody_env.measures.discriminator import LOGISTIC
from melody_env.measures.likeness import CLASSIFIERS
from note_rnn import run_command, write_abc, write_midi
from note_rnn.corpus import Corpus, CorpusError, write_corpus
from note_rnn.extraction.tunes import Bars
from note_rnn.formats.notation import Staff

SCALE = np.array([14, 16, 18, 19, 21, 23, 25, 26])


@pytest.fixture(autouse=True)
def fast_classifiers(monkeypatch):
    """The logistic regression in place of all."""
    for name in ("trees", "gru"):
        monkeypatch.setitem(CLASSIFIERS, name, LOGISTIC)


def tunes(seed: int, size: int, steps: int = 32):
    rng = np.random.default_rng(seed)
    melodies = np.where(rng.random((size, steps)) < 0.5, 1, rng.choice(SCALE, (size, steps)))
    melodies[:, ::16] = 14
    return melodies


@pytest.fixture
def corpus(tmp_path):
    """A corpus file of 300 tunes of two bars."""
    melodies = list(tunes(0, 300))
    names = [f"{number}" for number in range(300)]
    sources = [f"mine/{name}" for name in names]
    path = tmp_path / "mine.npz"
    write_corpus(Corpus(melodies, np.arange(300), names, sources, [{}], [Bars("4/4", 0)] * 300), path)
    return path


@pytest.fixture
def folder(tmp_path):
    """A folder of 30 melodies in three formats, and a damaged one."""
    path = tmp_path / "melodies"
    path.mkdir()
    for number, melody in enumerate(tunes(1, 10)):
        write_midi(melody, path / f"{number}.mid", staff=Staff())
        write_abc(melody, path / f"abc{number}.abc", Staff())
    np.save(path / "tokens.npy", tunes(2, 10))
    (path / "damaged.mid").write_bytes(b"no music")
    return path


def error_of(arguments, capsys) -> str:
    with pytest.raises(SystemExit, match="2"):
        run_command(lambda: judge.main([str(word) for word in arguments]))
    err = capsys.readouterr().err
    assert "Traceback" not in err
    return err.splitlines()[-1]


def test_a_folder_is_judged_beside_a_corpus(folder, corpus, tmp_path, capsys):
    out, page = tmp_path / "out.json", tmp_path / "page.html"
    judge.main([str(folder), "--against", str(corpus), "--workers", "0", "--json", str(out), "--page", str(page)])
    text = capsys.readouterr().out
    assert f"{folder}: 30 melodies of 21 of 22 files, in 2 bars of 4/4" in text
    assert "no MIDI" in text or "MIDI" in text
    assert "Classifier AUC: GRU on tokens" in text
    assert f"Saved {page}" in text
    record = json.loads(out.read_text())
    assert (record["pieces"], record["against"], record["seed"]) == (30, str(corpus), 0)
    assert record["setting"]["meter"] == "4/4"
    assert record["left_out"]["dropped"].keys() == {"melodies/damaged.mid"}
    assert record["figures"]["distinct"]["pieces"]["value"] == 1 / 1.5  # ABC and MIDI are the same ten
    assert {"machine", "commit"} <= record["provenance"].keys()
    assert f"<h1>{folder} beside human tunes</h1>" in page.read_text()
    held_out = record["held_out_tunes"]
    assert 60 < held_out < 130
    assert held_out + record["training_tunes"] == 300


@pytest.mark.slow
def test_the_same_seed_gives_the_same_file_whatever_the_workers(folder, corpus, tmp_path):
    found = []
    for workers, seed in ((0, 0), (2, 0), (0, 1)):
        out = tmp_path / f"{workers}{seed}.json"
        judge.main(
            [str(folder), "--against", str(corpus), "--workers", str(workers), "--seed", str(seed), "--json", str(out)]
        )
        record = json.loads(out.read_text())
        found.append((record["figures"], record["left_out"]))
    assert found[0] == found[1]
    assert found[0][0] != found[2][0]


def test_a_folder_may_be_judged_beside_another(folder, tmp_path, capsys):
    other = tmp_path / "human"
    other.mkdir()
    np.save(other / "tunes.npy", tunes(3, 300))
    judge.main([str(folder), "--against", str(other), "--workers", "0"])
    assert f"held-out human tunes of {other}" in capsys.readouterr().out


def test_meter_and_length_can_be_chosen(folder, corpus, capsys):
    judge.main([str(folder), "--against", str(corpus), "--workers", "0", "--length", "1 bar"])
    assert "in 1 bar of 4/4" in capsys.readouterr().out
    err = error_of([folder, "--against", corpus, "--workers", 0, "--meter", "3/4"], capsys)
    assert err.startswith("error: Only 0 held-out tunes have 24 steps in a meter like 3/4")


def test_too_few_melodies_are_one_sentence_after_the_reasons(tmp_path, corpus, capsys):
    np.save(tmp_path / "few.npy", tunes(1, 9))
    (tmp_path / "mine.npz").rename(tmp_path.parent / "mine.npz")
    err = error_of([tmp_path, "--workers", 0], capsys)
    assert "has 9 melodies of 2 bars of 4/4, and fewer than 10 cannot be judged" in err


def test_without_melodies_the_reasons_are_told(tmp_path, capsys):
    (tmp_path / "damaged.mid").write_bytes(b"no music")
    with pytest.raises(SystemExit, match="2"):
        run_command(lambda: judge.main([str(tmp_path), "--workers", "0"]))
    told = capsys.readouterr()
    assert "whole files" in told.out
    assert "has 0 melodies" in told.err


def test_no_name_or_value_in_a_file_changes_the_table(tmp_path, capsys):
    """In the tables of rich, "[/b]" would end a style that never began, and "[red]" would begin one."""
    (tmp_path / "key.json").write_text('{"tokens": [14, 1], "setting": {"key": "[/b][red]x"}}')
    (tmp_path / "other.[zip]").write_text("")
    with pytest.raises(SystemExit, match="2"):
        run_command(lambda: judge.main([str(tmp_path), "--workers", "0"]))
    told = capsys.readouterr()
    assert "[/b][red]x" in told.out
    assert "(.[zip])" in told.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "There is no folder"),
        (["."], "There is no file of music or tokens in"),
        ([".", "--meter", "4/5"], "meter must be a time signature"),
        ([".", "--length", "none"], "length must be a whole number"),
        ([".", "--length", "0"], "length must be a whole number above 0"),
        ([".", "--workers", "-1"], "--workers must be at least 0"),
        ([".", "--json", "."], "--json must be a file"),
        ([".", "--page", "."], "--page must be a file"),
        ([".", "--key", "x"], "--key must be one of signature, estimate"),
    ],
)
def test_bad_input_is_reported_in_a_sentence(arguments, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert sentence in error_of(arguments, capsys)


def test_missing_tune_books_are_told(folder, monkeypatch, capsys):
    def missing(collections):
        raise CorpusError('The tune books come with music21: pip install "melody-rl[corpus]".')

    monkeypatch.setattr(judge, "load_corpus", missing)
    assert "The tune books come with music21" in error_of([folder, "--workers", 0], capsys)
