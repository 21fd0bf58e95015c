"""Parts of a reproduction: their composers, their figures, and when they are made again."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from agents import compose, compose_pieces
from agents.algorithms.saved_policies import SavedPolicy
from agents.composing.composers import load_run
from agents.composing.players import NoteRNNPlayer, agent_player
from agents.reproduction import parts as reproduction_parts
from agents.reproduction.models import MODELS, ReproduceConfig
from agents.reproduction.parts import Part, make, read_curve, read_sample
from agents.runs.presets import algorithm_class
from agents.runs.run_directory import RunDirectory, RunError
from agents.training.continuing import as_json
from melody_env import Setting, melody_statistics, score_melodies
from melody_env.measures import human_reference
from note_rnn import NoteRNN, save_note_rnn, write_json
from note_rnn.markov import markov_melodies

TUNES = np.random.default_rng(0).choice([1, 1, 14, 16, 18, 21, 23, 25], (40, 32))
SIZE = 60


@pytest.fixture
def config(small_prior_file, tmp_path, monkeypatch) -> ReproduceConfig:
    monkeypatch.setattr(human_reference, "held_out_melodies", lambda setting: TUNES)
    for module in (human_reference, reproduction_parts):
        monkeypatch.setattr(module, "training_tunes", lambda: list(TUNES[:20]))
    return ReproduceConfig(out=tmp_path / "out", prior=str(small_prior_file), compositions=SIZE, total_timesteps=512)


def made(name: str, config: ReproduceConfig):
    part = Part(name, None, 0)
    assert make(part, config).label == name
    return read_sample(part, config)


def value(sample, name: str) -> float:
    numerator, denominator = sample.sums.whole[:, sample.names.index(name)]
    return numerator / denominator


def log_prob(prior, melodies) -> float:
    """Return the mean log p of `melodies` [N, T], conditioned on nothing before them."""
    inputs = np.concatenate([np.ones((len(melodies), 1), int), melodies[:, :-1]], axis=1)
    return float(np.take_along_axis(prior.log_probs(inputs).numpy(), melodies[..., None], -1).mean())


def test_each_part_has_a_folder_of_its_own(config):
    parts = [Part(model.name, model, seed) for model in MODELS for seed in range(2)]
    assert [part.folder(config) for part in parts] == [config.run_dir(part.model, part.seed) for part in parts]
    assert Part("random in key", None, 0).folder(config) == config.folder / "random_in_key"


def test_the_note_rnn_composes_its_own_pieces(config, small_prior):
    sample = made("Note RNN", config)
    assert sample.melodies.tolist() == compose(small_prior, SIZE, seed=0).tolist()
    assert value(sample, "kl") == pytest.approx(0, abs=1e-5)
    assert sample.probabilities.shape == (32, 38)
    assert "human_overlap" in sample.metrics


def test_human_tunes_are_all_held_out_ones_compared_by_halves(config, small_prior):
    sample = made("Human", config)
    assert sample.melodies.tolist() == TUNES.tolist()
    assert value(sample, "log_prob") == pytest.approx(log_prob(small_prior, TUNES), rel=1e-5)
    assert value(sample, "notes_in_motif") == pytest.approx(melody_statistics(TUNES).as_dict()["notes_in_motif"])
    assert 0.7 < sample.metrics["human_overlap"] < 1  # to all of themselves it were 1
    assert abs(sample.metrics["human_auc"] - 0.5) < 0.25


def test_markov_chains_remember_three_tokens(config, small_prior):
    sample = made("Markov-3", config)
    rng = np.random.default_rng(0)
    assert sample.melodies.tolist() == markov_melodies(list(TUNES[:20]), 3, SIZE, 32, rng).tolist()
    assert value(sample, "log_prob") == pytest.approx(log_prob(small_prior, sample.melodies), rel=1e-5)
    assert "human_overlap" in sample.metrics


def test_random_notes_are_of_the_key_and_the_range():
    part, setting = Part("random in key", None, 0), Setting(key="G", pitch_range=(55, 70))
    melodies = reproduction_parts._machine_melodies(part, setting, 200)
    g_major = {pitch for pitch in range(55, 71) if pitch % 12 in {7, 9, 11, 0, 2, 4, 6}}
    assert set(np.unique(melodies).tolist()) == {0, 1} | {pitch - 46 for pitch in g_major}
    other = reproduction_parts._machine_melodies(part._replace(seed=1), setting, 200)
    assert other.tolist() != melodies.tolist()


def test_pieces_are_made_again_for_another_size_other_weights_or_a_newer_version(config, tmp_path, monkeypatch):
    made("random in key", config)
    composed = []
    own = reproduction_parts.given_sample
    monkeypatch.setattr(reproduction_parts, "given_sample", lambda *a: composed.append(1) or own(*a))
    assert len(made("random in key", config).melodies) == SIZE
    assert composed == []  # it was finished
    assert len(made("random in key", replace(config, compositions=50)).melodies) == 50
    assert len(composed) == 1
    torch.manual_seed(5)
    other = save_note_rnn(NoteRNN(hidden_size=12), tmp_path / "other")
    before = made("random in key", config)
    after = made("random in key", replace(config, prior=str(other)))
    assert len(composed) == 3
    assert value(after, "log_prob") != value(before, "log_prob")
    monkeypatch.setattr(reproduction_parts, "VERSION", reproduction_parts.VERSION + 1)
    made("random in key", replace(config, prior=str(other)))
    assert len(composed) == 4


@pytest.fixture(params=[(4, 0), (7, 1)], ids=["Q", "ppo_kl"])
def trained(request, config, small_runs, monkeypatch) -> Part:
    """An agent of seed 3 that has been trained: it is in the folder with an earlier checkpoint, unlike the newest."""
    monkeypatch.setattr(reproduction_parts, "PIECES", 8)
    monkeypatch.setattr(reproduction_parts, "train_or_resume", None)
    number, run = request.param
    part = Part(MODELS[number].name, MODELS[number], 3)
    folder = shutil.copytree(small_runs[run], part.folder(config))
    directory = RunDirectory.open(folder)
    write_json(folder / "config.json", {"config": as_json(config.training(part.model, part.seed))})
    torch.manual_seed(9)
    agent = algorithm_class(part.model.algo).load(directory.newest_checkpoint())
    with torch.no_grad():
        for weights in agent.policy.parameters():
            weights.mul_(3.0)
    SavedPolicy.of(agent).save(directory.checkpoints / "model_000000000256.safetensors")
    return part


def test_an_agent_composes_with_its_seed(trained, config):
    make(trained, config)
    agent = load_run(trained.folder(config))
    pieces = compose_pieces(agent.player(), SIZE, 3, agent.environment, retained=1)
    sample = read_sample(trained, config)
    assert sample.melodies.tolist() == pieces.melodies.tolist()
    np.testing.assert_allclose(sample.probabilities, pieces.steps.probabilities[0], atol=1e-6)
    assert value(sample, "kl") == pytest.approx(pieces.kl.mean(), rel=1e-4)
    assert "human_overlap" in sample.metrics


def test_a_curve_has_the_note_rnn_at_0_and_then_each_checkpoint(trained, config):
    make(trained, config)
    folder = trained.folder(config)
    environment = load_run(folder).environment
    rows = read_curve(trained, config)
    checkpoints = RunDirectory.open(folder).policies()
    assert [row["steps"] for row in rows] == [0, 256, *list(checkpoints)[1:]]
    players = [NoteRNNPlayer(), *(agent_player(SavedPolicy.read(path).policy()) for path in checkpoints.values())]
    for row, player in zip(rows, players, strict=True):
        pieces = compose_pieces(player, 8, 0, environment)
        music_theory = score_melodies(pieces.melodies).music_theory
        expected = {
            "log_prob": pieces.finished.log_prob.mean(),
            "kl": pieces.kl.mean(),
            "music_theory": music_theory.sum(axis=1).mean(),
            "last_music_theory": music_theory[:, -1].mean(),
        }
        for name, figure in expected.items():
            assert row[name] == pytest.approx(figure, rel=1e-4, abs=1e-5)
        inputs = np.concatenate([pieces.priming_tokens[:, None], pieces.melodies[:, :-1]], axis=1)
        last = environment.prior.log_probs(inputs).numpy()[:, -1]
        likely = np.take_along_axis(last, pieces.melodies[:, -1:], -1).mean()
        assert row["last_log_prob"] == pytest.approx(likely, rel=1e-4)


def test_pieces_of_other_weights_are_composed_again(trained, config):
    make(trained, config)
    before = read_sample(trained, config).melodies.tolist()
    checkpoints = RunDirectory.open(trained.folder(config)).policies()
    *_, newest = checkpoints.values()
    newest.write_bytes(checkpoints[256].read_bytes())
    make(trained, config)
    assert read_sample(trained, config).melodies.tolist() != before


def test_a_run_with_other_settings_is_not_taken_for_it(trained, config):
    path = trained.folder(config) / "config.json"
    record = json.loads(path.read_text())
    record["config"]["seed"] = 4
    write_json(path, record)
    with pytest.raises(RunError, match="holds a run with other settings"):
        make(trained, config)


def test_a_part_that_was_not_made_is_an_error(config):
    with pytest.raises(RunError, match="has no pieces: run the same command again"):
        read_sample(Part("Human", None, 0), config)


def test_what_is_printed_while_a_part_is_made_goes_to_its_log(config, monkeypatch):
    monkeypatch.setattr(human_reference, "held_out_melodies", lambda setting: print("read") or TUNES)
    made("Human", config)
    assert (config.folder / "human" / "log.txt").read_text() == "read\n"
