"""The command compose: all kinds of files, a record that gives them again, strength, and bad input in a sentence."""

import json
import runpy
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import PPOKL, RecurrentDQN, compose_pieces, melody_files
from agents.compose_command import ComposeConfig, compose_files
from agents.players import _ScaledPlayer
from melody_env import MelodyVecEnv, score_melodies
from melody_env.setting import PAPER_SETTING
from note_rnn import InputError, read_midi, write_midi

LENGTH = 16
KINDS = [".abc", ".json", ".mid", ".musicxml", ".png", ".wav"]


@pytest.fixture(scope="module")
def agent(small_prior) -> PPOKL:
    """An agent that prefers E4 to what its Note RNN prefers."""
    env = MelodyVecEnv(2, prior=small_prior, length=LENGTH)
    model = PPOKL(env=env, prior=small_prior, seed=0, device="cpu")
    with torch.no_grad():
        model.policy.network.head.logits.bias[18] += 1.5
    return model


@pytest.fixture(autouse=True)
def tunes(monkeypatch):
    """Two short tunes in the place of those that the shipped Note RNN has learned from."""
    monkeypatch.setattr(melody_files, "learned_tunes", lambda setting: [np.array([14, 16, 18]), np.array([2] * 40)])


@pytest.fixture
def in_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def of_pieces(policy, small_prior, strength):
    return compose_pieces(policy, 40, 3, {"prior": small_prior, "length": LENGTH}, strength=strength)


@pytest.mark.parametrize("objective", ["psi", "g"])
def test_strength_0_is_the_prior_and_1_the_agent(objective, small_prior):
    env = MelodyVecEnv(2, prior=small_prior, length=LENGTH)
    policy = RecurrentDQN(env=env, objective=objective, prior=small_prior, seed=0, device="cpu").policy
    with torch.no_grad():
        policy.network.head.logits.bias[18] += 1.5
    prior = of_pieces(None, small_prior, 1.0)
    none, whole = of_pieces(policy, small_prior, 0.0), of_pieces(policy, small_prior, 1.0)
    np.testing.assert_array_equal(none.melodies, prior.melodies)
    np.testing.assert_array_equal(none.kl, prior.kl)
    plain = compose_pieces(policy, 40, 3, {"prior": small_prior, "length": LENGTH})
    np.testing.assert_array_equal(whole.melodies, plain.melodies)
    np.testing.assert_array_equal(whole.kl, plain.kl)
    assert (whole.melodies != prior.melodies).any()


def test_what_was_learned_is_scaled(agent, small_prior):
    rows = {strength: of_pieces(agent.policy, small_prior, strength) for strength in (0.0, 0.5, 1.0, 2.0)}
    learned = [(pieces.melodies == 18).mean() for pieces in rows.values()]
    assert learned == sorted(learned)
    distances = [pieces.kl.mean() for pieces in rows.values()]
    assert distances[0] == pytest.approx(0.0, abs=1e-6)
    assert distances == sorted(distances)


class Fixed:
    """A player that always says the same."""

    def __init__(self, logits):
        self.logits = logits

    def begin(self, num_pieces):
        pass

    def scores(self, observations, prior_log_probs):
        return self.logits


@given(st.floats(0.0, 4.0))
@settings(max_examples=20, deadline=None)
def test_the_log_ratio_to_the_prior_is_proportional_to_strength(strength):
    rng = np.random.default_rng(0)
    log_prior, log_policy = np.log(rng.dirichlet(np.ones(38), (2, 5)))
    scores = _ScaledPlayer(Fixed(log_policy + 3.0), strength).scores(np.zeros((5, 2), np.int64), log_prior)
    np.testing.assert_allclose(scores - log_prior, strength * (log_policy - log_prior), atol=1e-9)


def test_every_melody_comes_as_all_kinds_of_file(small_prior_file, in_folder, capsys):
    files = compose_files(ComposeConfig(str(small_prior_file), n=2, seed=3, key="D", length=LENGTH))
    assert sorted(path.name for path in files) == [f"melody_{number}{kind}" for number in (1, 2) for kind in KINDS]
    assert all((in_folder / path).stat().st_size > 60 for path in files)
    record = json.loads(Path("melody_2.json").read_text())
    assert read_midi("melody_2.mid").tolist()[:4] == record["tokens"][:4]
    assert ET.parse("melody_2.musicxml").findtext(".//work-title") == "Melody 2, seed 3" == record["title"]
    assert "K:Dmaj" in Path("melody_2.abc").read_text()
    assert "melody_2.json" in capsys.readouterr().out


def test_the_record_says_what_the_melody_earned(small_prior_file, small_prior, in_folder):
    compose_files(ComposeConfig(str(small_prior_file), Path("one.abc"), seed=5))
    assert sorted(path.name for path in in_folder.iterdir()) == ["one.abc", "one.json"]
    record = json.loads(Path("one.json").read_text())
    scores = score_melodies([record["tokens"]])
    assert record["rules"] == pytest.approx({name: values.sum() for name, values in scores.rules.items()})
    assert record["music_theory"] == pytest.approx(scores.music_theory.sum())
    expected = small_prior.log_prob([record["tokens"]], [record["priming_token"]]).sum().item()
    assert record["log_prob"] == pytest.approx(expected, rel=1e-5)
    assert record["reward"] == pytest.approx(record["log_prob"] + record["music_theory"] / 0.5, rel=1e-5)
    assert record["kl"] == pytest.approx(0.0, abs=1e-6)
    assert record["longest_shared_run"] == melody_files.longest_shared_run(np.array(record["tokens"]), PAPER_SETTING)
    assert record["config"]["seed"] == 5
    assert len(record["checksum"]) == 64


def test_the_best_is_written(small_prior_file, in_folder):
    for best_of in (1, 20):
        compose_files(ComposeConfig(str(small_prior_file), Path(f"best_of_{best_of}.mid"), best_of=best_of))
    one, twenty = (json.loads(Path(f"best_of_{best_of}.json").read_text())["reward"] for best_of in (1, 20))
    assert one < twenty


def test_a_record_gives_the_identical_files(agent, in_folder):
    agent.save("agent.zip")
    write_midi([14, 1, 18, 1], "primer.mid")
    config = ComposeConfig(
        "agent.zip",
        n=2,
        seed=4,
        temperature=0.9,
        strength=1.4,
        best_of=3,
        diverse=True,
        primer="primer.mid",
        keep_primer=True,
        fixed=("0=C4",),
        key="A",
        pitch_range=(50, 80),
        tempo=90.0,
    )
    first = compose_files(config)
    Path("primer.mid").unlink()
    for number in (1, 2):
        again = compose_files(ComposeConfig(sidecar=Path(f"melody_{number}.json"), out=Path(f"again/{number}")))
        originals = [path for path in first if path.stem == f"melody_{number}"]
        assert [path.suffix for path in again] == [path.suffix for path in originals]
        assert len(again) == 6
        for path, original in zip(again, originals, strict=True):
            assert path.read_bytes() == original.read_bytes(), path


def test_a_moved_agent_is_named_and_another_one_refused(agent, small_prior_file, in_folder):
    agent.save("agent.zip")
    files = compose_files(ComposeConfig("agent.zip", Path("one.mid"), length=8))
    before = [path.read_bytes() for path in files]
    Path("agent.zip").rename("moved.zip")
    with pytest.raises(InputError, match=r"agent\.zip"):
        compose_files(ComposeConfig(sidecar=Path("one.json")))
    with pytest.raises(InputError, match=r"is not the agent that composed one\.json"):
        compose_files(ComposeConfig(str(small_prior_file), sidecar=Path("one.json")))
    compose_files(ComposeConfig("moved.zip", sidecar=Path("one.json")))
    assert [path.read_bytes() for path in files] == before


def test_a_melody_that_would_come_out_otherwise_is_not_written(small_prior_file, in_folder):
    compose_files(ComposeConfig(str(small_prior_file), Path("one.mid")))
    record = json.loads(Path("one.json").read_text())
    Path("one.json").write_text(json.dumps(record | {"tokens": [1, *record["tokens"]]}))
    with pytest.raises(InputError, match="comes out otherwise"):
        compose_files(ComposeConfig(sidecar=Path("one.json"), out=Path("two")))
    assert not Path("two.mid").exists()


def test_runs_shared_with_the_tunes_are_counted(monkeypatch):
    assert melody_files.longest_shared_run(np.array([14, 16, 18, 20, 2, 2]), PAPER_SETTING) == 3
    assert melody_files.longest_shared_run(np.array([5, 6, 7]), PAPER_SETTING) == 0
    monkeypatch.setattr(melody_files, "learned_tunes", lambda setting: None)
    assert melody_files.longest_shared_run(np.array([14]), PAPER_SETTING) is None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Name the folder of a run"),
        (["default", "--strength", "0.5"], "--strength is for agents"),
        (["default", "--strength", "-1"], "--strength must be a number from 0 on, not -1.0."),
        (["default", "--diverse"], "--diverse needs pieces to choose from"),
        (["default", "--best-of", "0"], "--n and --best-of must be at least 1"),
        (["default", "--out", "melody.mp3"], "--out must end in .mid, .musicxml, .abc, .wav, .png or have no suffix"),
        (["--from", "nowhere.json"], "nowhere.json is no record of a melody"),
    ],
)
def test_bad_input_is_told_in_a_sentence(arguments, told, in_folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["compose", *arguments])
    with pytest.raises(SystemExit) as exit_info:
        runpy.run_module("agents.compose", run_name="__main__")
    assert exit_info.value.code == 2
    assert told in capsys.readouterr().err
    assert not list(in_folder.iterdir())
