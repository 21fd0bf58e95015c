"""The engine of the studio's page in Node, and small agents of every kind."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from agents import PPOKL, RecurrentDQN
from agents.composing.composers import Agent
from agents.studio_page.content import studio
from agents.studio_page.page import engine_script
from melody_env import EnvironmentSpec, MelodyVecEnv
from note_rnn import NoteRNN

Engine = Callable[[str, Any], Any]


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Run a script after the engine's, with `input`, and return what its async function `main(input)` returns."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("There is no Node on this machine; on Debian: apt install nodejs")
    folder = tmp_path_factory.mktemp("engine")

    def run(script: str, data: Any = None) -> Any:
        program = folder / "engine.js"
        print_result = "main(JSON.parse(require('fs').readFileSync(0))).then((r) => console.log(JSON.stringify(r)));"
        program.write_text(f"{engine_script()}\n{script}\n{print_result}", encoding="utf-8")
        done = subprocess.run([node, program], input=json.dumps(data), capture_output=True, text=True, check=False)
        assert not done.stderr, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def page_data() -> Callable[..., Any]:
    """The data of the page of agents."""

    def data(*agents: Agent, names: tuple[str, ...] = ()) -> dict[str, Any]:
        labels = names or tuple(f"agent {number}" for number in range(len(agents)))
        return asdict(studio(labels, [Path(label) for label in labels], agents))

    return data


@pytest.fixture(scope="session")
def agent_of() -> Callable[..., Agent]:
    """An agent that starts as `prior`, each of its weights moved at random: no two columns, rows or gates are alike."""

    def agent(algorithm: str, prior: NoteRNN, policy: dict[str, Any] | None = None, **environment: Any) -> Agent:
        spec = EnvironmentSpec.of(prior=prior, **environment)
        shared = {"env": MelodyVecEnv(2, **spec.arguments), "prior": prior, "policy_kwargs": policy, "device": "cpu"}
        if algorithm == "ppo_kl":
            model: Any = PPOKL("MlpLstmPolicy", **shared)
        else:
            model = RecurrentDQN("MlpLstmPolicy", objective=algorithm, **shared)
        torch.manual_seed(0)
        for weights in model.policy.network.parameters():
            weights.data += 0.3 * torch.randn_like(weights)
        return Agent(model.policy, spec)

    return agent
