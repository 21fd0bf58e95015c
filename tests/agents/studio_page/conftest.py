"""The engine of the studio's page in Node."""

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
def engine(in_node: Callable[..., Any]) -> Engine:
    """Run a script after the engine's, with `data`, and return what its async function `main(data)` returns."""
    return lambda script, data=None: in_node(f"{engine_script()}\n{script}", data)


@pytest.fixture(scope="session")
def page_data() -> Callable[..., Any]:
    """The data of the page of agents."""

    def data(*agents: Agent, names: tuple[str, ...] = ()) -> dict[str, Any]:
        labels = names or tuple(f"agent {number}" for number in range(len(agents)))
        return asdict(studio(labels, [Path(label) for label in labels], agents))

    return data
