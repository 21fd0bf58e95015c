"""The command compose: all kinds of files, a record that gives them again, strength, and bad input in a sentence."""

import json
import runpy
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import PPOKL, RecurrentDQN, compose, compose_pieces
from agents.composing.composers import Agent
from agents.composing.files import melody_writers as melody_files
from agents.composing.files.export import ComposeConfig, compose_files
from agents.composing.players import NoteRNNPlayer, _ScaledPlayer, agent_player
from melody_env import EnvironmentSpec, MelodyVecEnv, load_profile, score_melodies
from melody_env.setting import PAPER_SETTING
from note_rnn import InputError, read_midi, transposed, write_midi

LENGTH = 16
KINDS = [".abc", ".json", ".mid", ".musicxml", ".png", ".svg", ".wav"]


@pytest.fixture(scope="module")
def agent(small_prior) -> PPOKL:
    """An agent that prefers E4 to what its Note RNN prefers, and remembers more of what came before."""
    env = MelodyVecEnv(2, prior=small_prior, length=LENGTH)
    model = PPOKL(env=env, prior=small_prior, seed=0, device="cpu")
    with torch.no_grad():
        model.policy.network.head.logits.bias[18] += 1.5
        model.policy.network.head.logits.weight *= 6.0
    return model


@pytest.fixture(autouse=True)
def tunes(monkeypatch):
    """Two short tunes in the place of those that the shipped Note RNN has learned from."""
    monkeypatch.setattr(melody_files, "training_tunes", lambda: [np.array([14, 16, 18]), np.array([2] * 40)])


@pytest.fixture
def in_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def composed_by(player, small_prior):
    return compose_pieces(player, 40, 3, EnvironmentSpec.of(prior=small_prior, length=LENGTH))


@pytest.mark.parametrize("objective", ["psi", "g"])
def test_strength_0_is_the_prior_and_1_the_agent(objective, small_prior):
    env = MelodyVecEnv(2, prior=small_prior, length=LENGTH)
    policy = RecurrentDQN(env=env, objective=objective, prior=small_prior, seed=0, device="cpu").policy
    with torch.no_grad():
        policy.network.head.logits.bias[18] += 1.5
    prior = composed_by(NoteRNNPlayer(), small_prior)
    none, whole = (composed_by(agent_player(policy, strength=strength), small_prior) for strength in (0.0, 1.0))
    np.testing.assert_array_equal(none.melodies, prior.melodies)
    np.testing.assert_array_equal(none.kl, prior.kl)
    plain = composed_by(agent_player(policy), small_prior)
    np.testing.assert_array_equal(whole.melodies, plain.melodies)
    np.testing.assert_array_equal(whole.kl, plain.kl)
    assert (whole.melodies != prior.melodies).any()


def test_what_was_learned_is_scaled(agent, small_prior):
    players = [agent_player(agent.policy, strength=strength) for strength in (0.0, 0.5, 1.0, 2.0)]
    rows = [composed_by(player, small_prior) for player in players]
    learned = [(pieces.melodies == 18).mean() for pieces in rows]
    assert learned == sorted(learned)
    distances = [pieces.kl.mean() for pieces in rows]
    assert distances[0] == pytest.approx(0.0, abs=1e-6)
    assert distances == sorted(distances)


class Fixed:
    """A player that always says the same."""

    def __init__(self, logits):
        self.logits = logits

    def begin(self, num_pieces, pickup=0):
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
        assert len(again) == 7
        for path, original in zip(again, originals, strict=True):
            assert path.read_bytes() == original.read_bytes(), path


@pytest.mark.parametrize(
    ("options", "meant"),
    [
        ({"n": 3}, {"n": 3}),
        ({"seed": 4}, {"seed": 4}),
        ({"temperature": 0.5}, {"temperature": 0.5}),
        ({"strength": 0.2}, {"strength": 0.2}),
        ({"best_of": 8}, {"best_of": 8}),
        ({"n": 4, "best_of": 8, "diverse": True}, {"n": 4, "best_of": 8, "diverse": True}),
        ({"key": "G"}, {"key": "G"}),
        ({"meter": "2/4", "length": "1 bar"}, {"length": 8}),
        ({"pitch_range": (60, 66)}, {"pitch_range": (60, 66)}),
        ({"fixed": ("2=C5", "4=-")}, {"fixed": {2: 26, 4: 1}}),
        ({"priming": "none"}, {"priming": "none"}),
        ({"primer": "C4 - E4"}, {"primer": [14, 1, 18]}),
        ({"primer": "14 1 30", "primer_length": 1}, {"primer": [14]}),
    ],
    ids=lambda options: "-".join(options),
)
def test_all_that_the_command_is_given_decides_what_it_writes_and_is_recorded(options, meant, agent, in_folder):
    agent.save("agent.zip")
    files = compose_files(ComposeConfig("agent.zip", Path("new.abc"), **options))
    records = [json.loads(path.read_text()) for path in files if path.suffix == ".json"]
    melodies = compose("agent.zip", **{"n": 1, **meant})
    assert [record["tokens"] for record in records] == melodies.tolist()
    assert melodies.tolist() != compose("agent.zip", 1).tolist()
    again = compose_files(ComposeConfig(sidecar=files[-1], out=Path("again")))
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in files[-2:]]


def test_an_agent_of_another_key_composes_in_its_own_or_is_moved_to_the_one_that_is_asked_for(small_prior, in_folder):
    env = MelodyVecEnv(2, prior=small_prior, length=LENGTH, key="A")
    model = RecurrentDQN(env=env, objective="g", prior=env.engine.prior, seed=0, device="cpu").learn(2)
    with torch.no_grad():
        model.policy.network.head.logits.bias[18] += 3.0
    model.save("agent.zip")
    agent = Agent(model.policy, EnvironmentSpec.of(prior=small_prior, **env.setting.as_dict()))
    for key in (None, "D"):
        files = compose_files(ComposeConfig("agent.zip", Path("new.abc"), n=2, seed=1, key=key))
        environment = agent.environment.changed(key=key or "A")
        melodies = compose_pieces(agent.player(environment), 2, 1, environment).melodies
        assert [json.loads(path.read_text())["tokens"] for path in files[1::2]] == melodies.tolist()
        assert f"K:{key or 'A'}maj" in files[0].read_text()


def test_a_tune_is_gone_on_from_in_the_key_that_is_asked_for(small_prior_file, in_folder):
    Path("scale.abc").write_text("X:1\nT:A scale\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|dcBA|GFED|\n")
    config = ComposeConfig(str(small_prior_file), Path("new.mid"), primer="scale.abc", key="D", keep_primer=True)
    primer = json.loads(compose_files(config)[1].read_text())["primer"]
    assert primer[::4] == transposed(np.array([14, 16, 18, 19, 21, 23, 25, 26]), 2).tolist()
    assert read_midi("new.mid")[:32].tolist() == primer


def test_the_text_of_a_melody_with_its_primer_has_the_bars_of_its_files(small_prior_file, in_folder, capsys):
    config = ComposeConfig(str(small_prior_file), Path("new.abc"), length=16, primer="C4 - D4 E4 -", keep_primer=True)
    compose_files(config)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "  0 | C4 | -  D4 E4 -  |"
    assert [line[:6] for line in lines[2:]] == ["  1 | "]


def test_a_run_composes_with_its_rewards_and_in_its_setting(small_runs, in_folder):
    """The policy gradient's: profile "varied", c 1.1, and a tempo of its own."""
    record = json.loads(compose_files(ComposeConfig(str(small_runs[1]), Path("new.mid"), best_of=2))[1].read_text())
    assert record["reward"] == pytest.approx(record["log_prob"] + record["music_theory"] / 1.1, rel=1e-5)
    assert set(record["rules"]) == set(load_profile("varied").rule_names)
    assert record["setting"]["tempo"] == 480
    assert record["tokens"] == compose(small_runs[1], 1, best_of=2)[0].tolist()


def test_a_melody_again_is_written_in_the_format_that_was_asked_for(small_prior_file, in_folder):
    compose_files(ComposeConfig(str(small_prior_file), Path("one"), length=8))
    files = compose_files(ComposeConfig(sidecar=Path("one.json"), out=Path("two.mid")))
    assert sorted(map(str, files)) == ["two.json", "two.mid"]
    assert Path("two.mid").read_bytes() == Path("one.mid").read_bytes()


def test_a_moved_agent_is_named_and_another_one_refused(agent, small_prior_file, in_folder):
    agent.save("agent.zip")
    files = compose_files(ComposeConfig("agent.zip", Path("one.mid"), length=8))
    before = [path.read_bytes() for path in files]
    Path("agent.zip").rename("moved.zip")
    with pytest.raises(InputError, match=r"agent\.zip"):
        compose_files(ComposeConfig(sidecar=Path("one.json")))
    with pytest.raises(InputError, match=r"is not the agent that composed one\.json"):
        compose_files(ComposeConfig(str(small_prior_file), sidecar=Path("one.json")))
    learned = PPOKL.load("moved.zip")
    with torch.no_grad():
        learned.policy.network.head.logits.bias[0] += 1e-3
    learned.save("learned.zip")
    with pytest.raises(InputError, match="or was trained further"):
        compose_files(ComposeConfig("learned.zip", sidecar=Path("one.json")))
    compose_files(ComposeConfig("moved.zip", sidecar=Path("one.json")))
    assert [path.read_bytes() for path in files] == before


@pytest.mark.parametrize("length", [LENGTH + 1, 2 * LENGTH, 12 * LENGTH])
def test_an_agent_composes_pieces_longer_than_it_was_trained_for(length, agent, in_folder):
    agent.save("agent.zip")
    compose_files(ComposeConfig("agent.zip", n=2, length=length, tokens=Path("tokens.npy")))
    np.testing.assert_array_equal(np.load("tokens.npy"), compose("agent.zip", 2, length=length))
    assert np.load("tokens.npy").shape == (2, length)


def test_a_melody_that_would_come_out_otherwise_is_not_written(small_prior_file, in_folder):
    compose_files(ComposeConfig(str(small_prior_file), Path("one.mid")))
    record = json.loads(Path("one.json").read_text())
    Path("one.json").write_text(json.dumps(record | {"tokens": [1, *record["tokens"]]}))
    with pytest.raises(InputError, match="cannot be reproduced"):
        compose_files(ComposeConfig(sidecar=Path("one.json"), out=Path("two")))
    assert not Path("two.mid").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Give a model to compose with, such as the folder of a run"),
        (["default", "--strength", "0.5"], "strength is for agents"),
        (["default", "--strength", "-1"], "--strength must be a number from 0 to 1,000, not -1.0."),
        (["default", "--diverse"], "--diverse needs candidates to select from"),
        (["default", "--priming", "none", "--primer", "C4"], "leave out --priming or --primer"),
        (["default", "--best-of", "0"], "--best-of must be at least 1, not 0."),
        (["default", "--n", "0"], "--n must be at least 1, not 0."),
        (["default", "--temperature", "0"], "--temperature must be a number from 0.000001 to 1,000,000, not 0.0."),
        (
            ["default", "--out", "melody.mp3"],
            "--out must end in .mid, .musicxml, .svg, .abc, .wav, .png or have",
        ),
        (["--from", "nowhere.json"], "nowhere.json is not the record of a composed melody"),
        (
            ["--from", "nowhere.json", "--n", "2", "--key", "D", "--keep-primer", "--tokens", "all.npy"],
            "--from composes the melody of its record again: leave out --key, --n, --keep-primer, --tokens.",
        ),
        (["--from", "nowhere.json", "--out", "melody.mp3"], "--out must end in .mid"),
    ],
)
def test_bad_input_is_reported_in_a_sentence(arguments, told, in_folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["compose", *arguments])
    with pytest.raises(SystemExit) as exit_info:
        runpy.run_module("agents.compose", run_name="__main__")
    assert exit_info.value.code == 2
    assert told in capsys.readouterr().err


def test_a_gpu_that_is_not_there_is_one_sentence(small_prior_file, in_folder, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"^--device cuda needs a GPU, and PyTorch finds none on this machine"):
        compose_files(ComposeConfig(str(small_prior_file), device="cuda"))


def test_tokens_of_all_melodies_are_one_array(agent, in_folder, capsys):
    agent.save("agent.zip")
    files = compose_files(ComposeConfig("agent.zip", n=5, seed=2, best_of=2, tokens=Path("all.npy")))
    assert [*map(str, files)] == ["all.npy"]
    np.testing.assert_array_equal(np.load("all.npy"), compose("agent.zip", 5, seed=2, best_of=2))
    assert sorted(path.name for path in in_folder.iterdir()) == ["agent.zip", "all.npy"]
    primed = ComposeConfig("agent.zip", n=2, seed=2, tokens=Path("primed.npy"), primer="14 1 16", keep_primer=True)
    compose_files(replace(primed, out=Path("tune.mid")))
    assert np.load("primed.npy").shape == (2, 3 + LENGTH)
    assert {"tune_1.mid", "tune_2.json"} < {path.name for path in in_folder.iterdir()}
    assert "tokens" not in json.loads(Path("tune_1.json").read_text())["config"]
    with pytest.raises(InputError, match=r"--tokens must end in \.npy, not '\.txt'"):
        compose_files(replace(primed, tokens=Path("all.txt")))
