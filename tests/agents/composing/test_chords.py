"""Agents that compose over chords: any progression, in any key and length, in records, and around given tunes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from agents import PPOKL, compose, compose_pieces, load_composer
from agents.algorithms.saved_policies import SavedPolicy
from agents.compose_command import main
from agents.composing import pieces as composed_pieces
from agents.composing.composers import Agent
from agents.composing.files import melody_writers
from agents.composing.files.export import ComposeConfig, compose_files
from agents.composing.pieces import log_likelihood
from agents.composing.players import NoteRNNPlayer
from agents.evaluation.metrics import chord_metrics
from melody_env import EnvironmentSpec, MelodyEngine, MelodyVecEnv, NamedMask, RewardProfile, WeightedRule
from melody_env.measures.chord_tones import chord_tone_counts
from note_rnn import InputError, run_command, transposed
from note_rnn.chords import parse_progression

PROFILE = RewardProfile("over chords", (WeightedRule("chord_tone"),))
CHORDS = {"length": 64, "chords": "C | Am | F G | C; Dm7 | G7"}
BONUS = 30.0


@pytest.fixture(scope="module")
def model(small_prior) -> PPOKL:
    """An agent that plays tones of the chord alone on strong beats, its other weights far from where they started."""
    env = MelodyVecEnv(2, prior=small_prior, reward=PROFILE, **CHORDS)
    model = PPOKL(env=env, prior=env.engine.prior, seed=0, device="cpu", policy_kwargs={"skip_connection": True})
    torch.manual_seed(0)
    network = model.policy.network
    first = 38 + 65 + 13  # the one-hot codes of the token, the position and the root precede those of the tones
    with torch.no_grad():
        for weights in network.parameters():
            weights.add_(0.3 * torch.randn_like(weights))
        for pitch_class in range(12):
            for token in range(2, 38):
                if (token - 2) % 12 == pitch_class:
                    network.head.skip.weight[token, first + 3 * pitch_class + 2] += BONUS
    return model


@pytest.fixture
def agent(model, small_prior) -> Agent:
    return Agent(model.policy, EnvironmentSpec.of(prior=small_prior, reward=PROFILE, **CHORDS))


@pytest.fixture
def agent_file(model, tmp_path) -> Path:
    SavedPolicy.of(model).save(tmp_path / "agent.safetensors")
    return tmp_path / "agent.safetensors"


@pytest.fixture(autouse=True)
def no_tunes(monkeypatch):
    monkeypatch.setattr(melody_writers, "training_tunes", lambda: None)


@pytest.mark.parametrize("algorithm", ["position", "lookback"])
def test_it_starts_exactly_as_its_prior(algorithm, small_prior):
    spec = EnvironmentSpec.of(prior=small_prior, observation=algorithm, **CHORDS)
    env = MelodyVecEnv(2, **spec.arguments)
    model = PPOKL(env=env, prior=env.engine.prior, seed=0, device="cpu")
    pieces = compose_pieces(Agent(model.policy, spec).player(), 10, 1, spec)
    expected = compose_pieces(NoteRNNPlayer(), 10, 1, spec)
    np.testing.assert_array_equal(pieces.melodies, expected.melodies)
    np.testing.assert_allclose(pieces.kl, 0, atol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"chords": "E7 | Bbm7 | F#dim | Ab"},
        {"chords": "C F G Am | D", "length": "6 bars"},
        {"chords": "C", "length": "2 bars"},
        {"chords": "G | Em", "key": "G"},
        {"key": "Eb"},
    ],
)
def test_any_chords_length_and_key(changes, agent):
    environment = agent.environment.changed(**changes)
    pieces = compose_pieces(agent.player(environment), 40, 1, environment)
    assert chord_metrics(pieces)["chord_tones"] > 0.97
    assert {*pieces.finished.chords} == {progression.text for progression in environment.setting.progressions}
    assert pieces.progression(3) == parse_progression(pieces.finished.chords[3])
    for row, text in enumerate(pieces.finished.chords):  # and of its own chords
        own = environment.changed(chords=text).setting.harmony_steps
        tones, notes = chord_tone_counts(pieces.melodies[row : row + 1], own)
        assert tones[0] >= notes[0] - 2


def test_pieces_of_several_batches_have_the_chords_of_each(agent, monkeypatch):
    monkeypatch.setattr(composed_pieces, "_BATCH", 3)
    pieces = compose_pieces(agent.player(), 8, 1, agent.environment)
    assert len(pieces.finished.chords) == 8
    assert chord_metrics(pieces)["chord_tones"] > 0.97


def test_without_chords_there_is_nothing_to_count(small_prior):
    spec = EnvironmentSpec.of(prior=small_prior)
    pieces = compose_pieces(NoteRNNPlayer(), 2, 1, spec)
    assert (chord_metrics(pieces), pieces.progression(0)) == ({}, None)


@pytest.mark.parametrize("key", ["D", "A"])
def test_transposing_the_progression_transposes_the_piece(key, agent):
    own = agent.environment.changed(chords="C | E7 | Am", priming="none")
    moved = own.changed(key=key)
    semitones = moved.setting.transposition
    melodies = compose_pieces(agent.player(own), 8, 3, own).melodies
    players, engines = (agent.player(own), agent.player(moved)), [MelodyEngine(8, each) for each in (own, moved)]
    for player, engine in zip(players, engines, strict=True):
        player.begin(8)
        engine.seed(list(range(8)))
        engine.reset()
    for tokens in melodies.T:
        scores = [
            player.scores(engine.observations(), engine.prior_log_probs)
            for player, engine in zip(players, engines, strict=True)
        ]
        np.testing.assert_allclose(scores[1][:, transposed(np.arange(38), semitones)], scores[0], atol=1e-4)
        engines[0].step(tokens)
        engines[1].step(transposed(tokens, semitones))


def test_weights_files_play_as_it_does(model, agent, agent_file, tmp_path):
    model.save(tmp_path / "agent.zip")
    expected = compose_pieces(agent.player(), 9, 3, agent.environment).melodies
    for path in (agent_file, tmp_path / "agent.zip"):
        loaded = load_composer(path)
        assert loaded.environment.shows_chords
        player = Agent(loaded.policy, agent.environment).player()
        np.testing.assert_array_equal(compose_pieces(player, 9, 3, agent.environment).melodies, expected)
    assert load_composer(agent_file).environment.setting == agent.environment.setting


def test_the_likelihood_of_human_tunes_is_that_without_chords(agent):
    tunes = np.random.default_rng(0).integers(38, size=(5, 22))
    assert np.isfinite(log_likelihood(agent.player(), tunes, agent.environment))


def test_the_mask_keeps_all_strong_beats_to_the_chord(small_prior):
    masks = (NamedMask("chord_tones_on_strong_beats"),)
    spec = EnvironmentSpec.of(prior=small_prior, reward=RewardProfile("m", (), masks=masks), **CHORDS)
    pieces = compose_pieces(NoteRNNPlayer(), 100, 1, spec)
    assert chord_metrics(pieces) == {"chord_tones": 1.0}


def test_a_record_has_the_chords_of_its_piece_and_composes_it_again(agent_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    compose_files(ComposeConfig(str(agent_file), Path("m.mid"), seed=2))
    record = json.loads(Path("m.json").read_text())
    assert record["chords"] in ("C | Am | F G | C", "Dm7 | G7")
    compose_files(ComposeConfig(sidecar=Path("m.json"), out=Path("again.mid")))
    assert Path("again.mid").read_bytes() == Path("m.mid").read_bytes()
    compose_files(ComposeConfig(sidecar=Path("m.json"), fill="bars 2", out=Path("filled.mid"), candidates=8))
    filled = json.loads(Path("filled.json").read_text())
    assert filled["chords"] == record["chords"]
    assert filled["tokens"][:16] == record["tokens"][:16]
    assert filled["tokens"][32:] == record["tokens"][32:]


def test_gaps_are_filled_and_tunes_varied_over_their_chords(agent_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tune = " ".join(["14 1 1 1 18 1 1 1 21 1 1 1 18 1 1 1"] * 2)
    rewritten = {"fill": "bars 2", "candidates": 64, "chords": "C | E7"}
    compose_files(ComposeConfig(str(agent_file), around=tune, tokens=Path("filled.npy"), n=4, **rewritten))
    filled = np.load("filled.npy")
    assert (filled[:, :16] == filled[0, :16]).all()
    environment = EnvironmentSpec.of(chords="C | E7", length=32)
    tones, notes = chord_tone_counts(filled, environment.setting.harmony_steps)
    assert tones.sum() >= notes.sum() - 2
    compose_files(ComposeConfig(str(agent_file), vary=tune, chords="C", candidates=64, tokens=Path("varied.npy")))
    assert np.load("varied.npy").shape == (1, 32)


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
        (["--chords", "C | H"], "Bar 2 of the chords cannot be read: 'H' is no chord symbol"),
        (["--chords", "C | | G"], "it has no chord; N.C. is none"),
        (["--chords", "C " * 17], "Bar 1 has 17 chords for 16 sixteenths: give fewer."),
        (
            ["--around", "14 1 1 1", "--fill", "steps 1-2"],
            "A tune has its chords, and the setting several progressions: give the tune's with --chords.",
        ),
    ],
)
def test_chords_that_cannot_be_played_over_are_refused_in_a_sentence(arguments, sentence, agent_file, capsys):
    assert sentence in refusal(str(agent_file), *arguments, capsys=capsys)


def test_who_knows_no_chords_is_asked_for_none(small_prior_file, small_prior, capsys):
    sentence = "error: chords are for agents that were trained with them: leave them out, or train with --chords.\n"
    assert refusal(str(small_prior_file), "--chords", "C", capsys=capsys) == sentence
    env = MelodyVecEnv(2, prior=small_prior)
    plain = PPOKL(env=env, prior=small_prior, seed=0, device="cpu")
    with pytest.raises(InputError, match="chords are for agents that were trained with them"):
        compose(plain, 1, chords="C")
    assert compose(plain, 1, chords="").shape == (1, 32)
