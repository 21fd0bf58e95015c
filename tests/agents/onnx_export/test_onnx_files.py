"""ONNX files play what the agents play, and their READMEs say how."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import pytest
import torch

from agents import compose_pieces
from agents.composing.composers import Agent, Composer, NoteRNNComposer
from agents.composing.players import Player
from agents.export import ExportConfig, export
from agents.onnx_export.onnx_file import greatest_difference, onnx_bytes
from agents.onnx_export.readme import readme
from agents.onnx_export.stepwise import StepwiseNetwork
from melody_env import EnvironmentSpec
from note_rnn import Bars, InputError, Lookback, NoteRNN, load_note_rnn, run_command
from note_rnn.network.lookback import COMMON_TIME


class Kind(NamedTuple):
    """An agent: its algorithm, arguments of its Note RNN, of its policy, and of its environment."""

    algorithm: str
    prior: dict[str, Any]
    policy: dict[str, Any]
    environment: dict[str, Any]


KINDS = {
    "lookback": Kind(
        "g",
        {"hidden_size": 16, "lookback": Lookback((0.5, 1))},
        {"dueling": True},
        {"meter": "3/4", "form": "ABA", "length": "9 bars", "observation": "lookback"},
    ),
    "token": Kind("q", {"hidden_size": 12}, {}, {"observation": "token"}),
    "layers": Kind("ppo_kl", {"hidden_size": [9, 7], "cell": "gru"}, {"skip_connection": True}, {"length": 16}),
}


@pytest.fixture(scope="module")
def agents(agent_of) -> dict[str, Agent]:
    torch.manual_seed(0)
    return {
        name: agent_of(kind.algorithm, NoteRNN(**kind.prior), kind.policy, **kind.environment)
        for name, kind in KINDS.items()
    }


class Exported(NamedTuple):
    """An agent, its file, and its weights before."""

    agent: Agent
    file: bytes
    before: dict[str, torch.Tensor]


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=[pytest.mark.slow] * (name != "token")) for name in KINDS]
)
def exported(request, agents) -> Exported:
    """An agent of each kind."""
    agent = agents[request.param]
    before = {name: value.clone() for name, value in agent.policy.state_dict().items()}
    return Exported(agent, onnx_bytes(StepwiseNetwork.of(agent)), before)


class OnnxPlayer:
    """A player that knows the file and what its README says, and nothing else."""

    def __init__(self, file: bytes, first_state: dict[str, np.ndarray]):
        self.session = onnxruntime.InferenceSession(file)
        self.first_state = first_state

    def begin(self, num_pieces: int, pickup: int = 0) -> None:
        self.state = {name: part.repeat(num_pieces, axis=1) for name, part in self.first_state.items()}

    def scores(self, observations: np.ndarray, prior_log_probs: np.ndarray) -> np.ndarray:
        log_probs, *after = self.session.run(None, {"observation": observations, **self.state})
        self.state = dict(zip(self.state, after, strict=True))
        return log_probs

    def select(self, rows: Any) -> None:
        raise NotImplementedError


def player_of(file: bytes, network: StepwiseNetwork, bars: Bars) -> Player:
    state = network.first_state(1, bars)
    return OnnxPlayer(file, {name: part.numpy() for name, part in zip(network.state_names, state, strict=True)})


def composed_alike(composer: Composer, file: bytes, num_pieces: int) -> bool:
    environment = composer.environment
    bars = Bars(environment.setting.staff.meter, 0)
    players = composer.player(), player_of(file, StepwiseNetwork.of(composer), bars)
    melodies = [compose_pieces(player, num_pieces, 3, environment).finished.melodies for player in players]
    return bool((melodies[0] == melodies[1]).all())


def test_a_thousand_pieces_are_the_same_to_the_token(exported):
    assert composed_alike(exported.agent, exported.file, 1_000)


def test_log_probabilities_from_a_first_bar_line_on(exported):
    agent, file, _ = exported
    assert greatest_difference(file, StepwiseNetwork.of(agent), Bars("6/8", 3), pieces=7, seed=1) < 2e-5


def test_another_agent_differs(exported):
    agent, file, before = exported
    network = StepwiseNetwork.of(agent)
    next(iter(agent.policy.network.head.parameters())).data[3, 4] += 0.1
    assert greatest_difference(file, network) > 1e-3
    agent.policy.load_state_dict(before)
    assert greatest_difference(file, network) < 2e-5


def test_exporting_leaves_the_agent_as_it_was(exported):
    assert all(value.equal(exported.before[name]) for name, value in exported.agent.policy.state_dict().items())


def test_the_program_of_the_readme_composes(exported, tmp_path, monkeypatch, capsys):
    agent, file, _ = exported
    monkeypatch.chdir(tmp_path)
    Path("tune.onnx").write_bytes(file)
    text = readme("tune.onnx", "An agent", StepwiseNetwork.of(agent), agent.environment)
    program = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    exec(program.group(1), {})
    melody = [int(token) for token in capsys.readouterr().out.strip("[]\n").split(",")]
    assert len(melody) == agent.environment.setting.steps
    assert set(melody) <= set(range(38))


def test_longer_bars_than_a_file_remembers_are_refused(agents):
    network = StepwiseNetwork.of(agents["lookback"])
    assert network.first_state(2, Bars("12/8", 0))[2].shape == (1, 2, 24)
    with pytest.raises(InputError, match="at most as long as those of 12/8"):
        network.first_state(2, Bars("3/1", 0))


def test_the_readme_of_an_agent_with_form_and_lookback(agents):
    agent = agents["lookback"]
    text = readme("tune.onnx", "An agent", StepwiseNetwork.of(agent), agent.environment)
    assert "| `observation` | int64 | [B, 12] | the columns below |" in text
    assert "| `prior_past_tokens` | uint8 | [1, B, 24] | zeros |" in text
    assert "| `past_clock` | int32 | [1, B, 3] | see below |" in text
    assert "| 1 | 108 | tokens of the melody so far, which may have 108 |" in text
    assert "| 6 | 38 | the token to be repeated exactly |" in text
    assert "| 9 | 32 | steps to the end of the section; 0 without a form |" in text
    assert "[-1, 12, 2] for 3/4, [-1, 8, 0] for 2/4" in text
    assert 'state["prior_past_clock"][0, 0] = [-1, 12, 2]  # 3/4' in text
    assert "earlier(6), earlier(12)" in text


def test_the_readme_of_an_agent_with_chords(agent_of):
    agent = agent_of("q", NoteRNN(12), chords="C | F G", observation="position")
    text = readme("tune.onnx", "An agent", StepwiseNetwork.of(agent), agent.environment)
    assert "| 2 | 12 | the root of the chord, in semitones above C; 12 for none |" in text
    assert "| 10 | 2 | whether the note 7 semitones above C is of the chord; 2 on a strong beat |" in text
    assert "| 15 | 12 | the root of the next chord; 12 for none |" in text
    assert "| 28 | 32 | steps to the next chord; 0 without chords |" in text
    columns = agent.environment.observation_space.nvec
    first = re.search(r"OTHERS = (\[.*\])", text)
    assert 2 + len(json.loads(first.group(1))) == len(columns)


def test_chords_count_from_where_the_key_moves_c(agent_of):
    agent = agent_of("q", NoteRNN(12), chords="D | A", key="D", observation="position")
    text = readme("tune.onnx", "An agent", StepwiseNetwork.of(agent), agent.environment)
    assert "| 2 | 12 | the root of the chord, in semitones above D; 12 for none |" in text


def test_the_readme_of_a_note_rnn():
    composer = NoteRNNComposer(EnvironmentSpec.of(prior=NoteRNN(8, 2, "gru")))
    text = readme("tune.onnx", "A Note RNN", StepwiseNetwork.of(composer), composer.environment)
    assert "| `observation` | int64 | [B] | the last token |" in text
    assert "| `gru_hidden_1` | float32 | [1, B, 8] | zeros |" in text
    assert "clock" not in text


def test_the_command_writes_a_note_rnn_and_its_readme(tmp_path, capsys):
    from agents.export import main

    main(["default", "--out", str(tmp_path / "note_rnn.onnx")])
    assert "of PyTorch's" in capsys.readouterr().out
    assert (tmp_path / "note_rnn.md").read_text().startswith("# default\n")
    composer = NoteRNNComposer(EnvironmentSpec.of(prior=load_note_rnn(), observation="token"))
    assert composed_alike(composer, (tmp_path / "note_rnn.onnx").read_bytes(), 50)


def test_a_file_that_differs_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr("agents.export.onnx_bytes", lambda network: b"")
    monkeypatch.setattr("agents.export.greatest_difference", lambda *arguments: float("nan"))
    with pytest.raises(InputError, match=r"would differ from PyTorch by nan .* not written"):
        export(ExportConfig("default", tmp_path / "note_rnn.onnx"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["default", "--out", "tune.pt"], "--out is the name of an ONNX file, such as melody.onnx, not tune.pt."),
        (["nowhere"], "nowhere is not a run's folder"),
    ],
)
def test_bad_input(arguments, sentence, capsys):
    from agents.export import main

    with pytest.raises(SystemExit) as end:
        run_command(lambda: main(arguments))
    assert end.value.code == 2
    assert sentence in capsys.readouterr().err


def test_an_algorithm_of_others_is_refused(tmp_path):
    from stable_baselines3 import PPO

    from melody_env import MelodyVecEnv

    with pytest.raises(InputError, match="A policy of type ActorCriticPolicy cannot be written as ONNX"):
        StepwiseNetwork.of(Agent(PPO("MlpPolicy", MelodyVecEnv(2)).policy, EnvironmentSpec.of()))


def test_without_the_packages_it_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "onnxscript", None)
    network = StepwiseNetwork.of(NoteRNNComposer(EnvironmentSpec.of(prior=NoteRNN(8))))
    with pytest.raises(InputError, match=r'pip install "melody-rl\[onnx\]"'):
        onnx_bytes(network)
    assert network.first_state(1, COMMON_TIME)
