"""The engine of the studio's page in Node."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from agents.composing.composers import Agent
from agents.studio_page.content import studio
from agents.studio_page.page import engine_script

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
