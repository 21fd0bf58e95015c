"""Agents compose in any form and length that fit, in any key, and their files name the sections."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import torch

from agents import PPOKL, compose, compose_pieces
from agents.algorithms.saved_policies import SavedPolicy
from agents.compose_command import main
from agents.composing.composers import Agent
from agents.composing.files import melody_writers
from agents.composing.files.export import ComposeConfig, compose_files
from agents.composing.pieces import log_likelihood
from melody_env import EnvironmentSpec, MelodyEngine, MelodyVecEnv, score_melodies
from note_rnn import InputError, run_command, transposed

FORM = {"length": "4 bars", "form": "AABA | AA'BC"}


@pytest.fixture(scope="module")
def model(small_prior) -> PPOKL:
    """An agent that plays what is due in an exact repeat, its other weights far from where they started."""
    env = MelodyVecEnv(2, prior=small_prior, **FORM)
    model = PPOKL(env=env, prior=env.engine.prior, seed=0, device="cpu")
    torch.manual_seed(0)
    with torch.no_grad():
        for weights in model.policy.network.parameters():
            weights.add_(0.3 * torch.randn_like(weights))
        model.policy.network.head.logits.bias[-3] += 30  # the bonus of what is due in an exact repeat
    return model


@pytest.fixture
def agent(model, small_prior) -> Agent:
    return Agent(model.policy, EnvironmentSpec.of(prior=small_prior, **FORM))


@pytest.fixture
def agent_file(model, tmp_path) -> Path:
    SavedPolicy.of(model).save(tmp_path / "agent.safetensors")
    return tmp_path / "agent.safetensors"


@pytest.fixture(autouse=True)
def no_tunes(monkeypatch):
    monkeypatch.setattr(melody_writers, "training_tunes", lambda: None)


def bars_of(melodies: np.ndarray) -> np.ndarray:
    return melodies.reshape(len(melodies), -1, 16)


@pytest.mark.parametrize(
    ("changes", "bars", "repeats"),
    [
        ({"form": "AABA"}, 4, {1: 0, 3: 0}),
        ({"form": "ABAB"}, 4, {2: 0, 3: 1}),
        ({"form": "A1 B2 A1 C4 B2"}, 10, {3: 0, 8: 1, 9: 2}),
        ({"form": "AAB", "length": "9 bars"}, 9, {3: 0, 4: 1, 5: 2}),
        ({"form": "AA", "length": "2 bars"}, 2, {1: 0}),
    ],
)
def test_forms_and_lengths_that_it_was_not_trained_on(changes, bars, repeats, model):
    melodies = compose(model, 6, seed=1, **changes)
    parts = bars_of(melodies)
    assert parts.shape[1] == bars
    for bar, source in repeats.items():
        np.testing.assert_array_equal(parts[:, bar], parts[:, source])
    others = [bar for bar in range(1, bars) if bar not in repeats]
    assert all((parts[:, bar] != parts[:, 0]).any() for bar in others)


def test_each_piece_has_one_of_several_forms_and_says_which(agent):
    pieces = compose_pieces(agent.player(), 600, 1, agent.environment, retained=2)
    assert {*pieces.finished.forms} == {"AABA", "AA'BC"}
    assert len(pieces.finished.forms) == 600
    for melody, form in zip(bars_of(pieces.melodies), pieces.finished.forms, strict=True):
        assert (melody[3] == melody[0]).all() == (form == "AABA")
    row = pieces.finished.forms.index("AA'BC")
    assert pieces.marks(row) == {0: "A", 16: "A'", 32: "B", 48: "C"}
    assert pieces.marks(row, 5) == {5: "A", 21: "A'", 37: "B", 53: "C"}
    scores = score_melodies(pieces.melodies, agent.environment.profile, pieces.setting, pieces.finished.forms)
    assert pieces.finished.music_theory == pytest.approx(scores.music_theory.sum(1))


@pytest.mark.parametrize("key", ["D", "A"])
def test_what_is_due_is_moved_to_the_key_too(key, agent):
    """A piece in another key is that of the training moved, whatever the form."""
    moved = agent.environment.changed(key=key, form="AA'BA", priming="none")
    own = agent.environment.changed(form="AA'BA", priming="none")
    expected = compose_pieces(agent.player(own), 8, 3, own).melodies
    semitones = moved.setting.transposition
    assert semitones != 0
    players = agent.player(own), agent.player(moved)
    for player in players:
        player.begin(8)
    engines = [MelodyEngine(8, environment) for environment in (own, moved)]
    for engine in engines:
        engine.seed(list(range(8)))
        engine.reset()
    for tokens in expected.T:
        scores = [
            player.scores(engine.observations(), engine.prior_log_probs)
            for player, engine in zip(players, engines, strict=True)
        ]
        np.testing.assert_allclose(scores[1][:, transposed(np.arange(38), semitones)], scores[0], atol=1e-4)
        engines[0].step(tokens)
        engines[1].step(transposed(tokens, semitones))


def test_the_likelihood_of_human_tunes_is_that_without_form(agent):
    tunes = np.random.default_rng(0).integers(38, size=(5, 22))
    assert np.isfinite(log_likelihood(agent.player(), tunes, agent.environment))


def test_record_pictures_and_scores_name_the_sections(agent_file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    compose_files(ComposeConfig(str(agent_file), form="a a’ b", length="3 bars", seed=2))  # noqa: RUF001
    printed = [line.rsplit("|", 1)[1] for line in capsys.readouterr().out.splitlines()[1:]]
    assert printed == [" A", " A'", " B"]
    record = json.loads(Path("melody.json").read_text())
    assert record["form"] == "AA'B"
    assert record["config"]["form"] == "a a’ b"  # noqa: RUF001
    score = ET.parse("melody.musicxml").getroot()
    marks = {measure.get("number"): measure.findtext(".//rehearsal") for measure in score.iter("measure")}
    assert marks == {"1": "A", "2": "A'", "3": "B"}
    first = Path("melody.mid").read_bytes()
    compose_files(ComposeConfig(sidecar=Path("melody.json"), out=Path("again.mid")))
    assert Path("again.mid").read_bytes() == first


def test_sections_begin_after_a_primer_that_is_kept(agent_file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    compose_files(
        ComposeConfig(str(agent_file), Path("m.musicxml"), form="AB", length=32, primer="14 1 1 1", keep_primer=True)
    )
    score = ET.parse("m.musicxml").getroot()
    marks = [(measure.get("number"), measure.findtext(".//rehearsal")) for measure in score.iter("measure")]
    assert marks == [("0", None), ("1", "A"), ("2", "B")]
    assert [line.rsplit("|", 1)[1] for line in capsys.readouterr().out.splitlines()[1:]] == ["", " A", " B"]


def refusal(*arguments: str, capsys) -> str:
    """What the command says on its way out with status 2."""
    with pytest.raises(SystemExit) as exit_info:
        run_command(lambda: main(arguments))
    assert exit_info.value.code == 2
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return captured.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--form", "AAB"], "form 'AAB' has 3 sections, into which the 4 bars of the piece cannot be divided: give a"),
        (
            ["--form", "A4 B4", "--length", "6 bars"],
            "form 'A4 B4' has 8 bars, and the piece 6: give the length '8 bars'",
        ),
        (["--length", "6 bars"], "form 'AABA' has 4 sections, into which the 6 bars of the piece cannot be divided"),
        (["--form", "A?"], "form 'A?' cannot be read at '?'"),
        (["--form", "A1 B"], "gives only some sections their bars"),
    ],
)
def test_a_form_that_does_not_fit_is_refused_in_a_sentence(arguments, sentence, agent_file, capsys):
    assert sentence in refusal(str(agent_file), *arguments, capsys=capsys)


def test_who_knows_no_form_is_asked_for_none(small_prior_file, small_prior, capsys):
    sentence = "error: form is for agents that were trained with one: leave it out, or train with --form.\n"
    assert refusal(str(small_prior_file), "--form", "AB", capsys=capsys) == sentence
    env = MelodyVecEnv(2, prior=small_prior)
    plain = PPOKL(env=env, prior=small_prior, seed=0, device="cpu")
    with pytest.raises(InputError, match="form is for agents that were trained with one"):
        compose(plain, 1, form="AB")
    assert compose(plain, 1, form="").shape == (1, 32)
