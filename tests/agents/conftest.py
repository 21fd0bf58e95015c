"""A parser for the pages, visits to them in a browser, their scripts in Node, and small agents of every kind."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
import torch

from agents import PPOKL, RecurrentDQN
from agents.composing.composers import Agent
from melody_env import EnvironmentSpec, MelodyVecEnv
from note_rnn import NoteRNN


class Page(HTMLParser):
    """A parsed page: its elements, the cells of its tables of statistics, and its data."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.is_of_statistics = True
        self.data = {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "table":
            self.is_of_statistics = ("class", "findings") not in attrs
        if tag == "tr" and self.is_of_statistics:
            self.rows.append([])

    def handle_data(self, data):
        tag, attributes = self.elements[-1] if self.elements else ("", {})
        if tag in ("td", "th") and data.strip() and self.is_of_statistics:
            self.rows[-1].append(data.strip())
        elif attributes.get("id") == "data" and data.strip():
            self.data = json.loads(data)

    def all(self, tag, **attributes):
        return [own for name, own in self.elements if name == tag and attributes.items() <= own.items()]


@pytest.fixture(scope="session")
def parsed() -> type[Page]:
    """The parser of pages."""
    return Page


class Visit:
    """An open page, with its console messages and errors, and the URLs it requested."""

    def __init__(self, browser: Any, path: Any, fragment: str = "", **options: Any):
        self.context = browser.new_context(accept_downloads=True, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(f"{path.as_uri()}{fragment}")

    def close(self) -> None:
        self.context.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Any]:
    """Open the file `path` in a browser; at the end, require no messages or errors, and no request but the page."""
    visits: list[Visit] = []

    def opened(path: Any, fragment: str = "", **options: Any) -> Any:
        visits.append(Visit(browser, path, fragment, **options))
        return visits[-1].page

    yield opened
    for one in visits:
        outside = [url for url in one.requests if not url.startswith(("file:", "data:", "blob:"))]
        messages = one.messages
        files = [url for url in one.requests if url.startswith("file:")]
        one.close()
        assert (messages, outside, len(files)) == ([], [], 1)


@pytest.fixture(scope="session")
def in_node(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Run a script in Node with `data`, and return what its function `main(data)` returns."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("There is no Node on this machine; on Debian: apt install nodejs")
    program = tmp_path_factory.mktemp("node") / "program.js"
    result = "Promise.resolve(main(JSON.parse(require('fs').readFileSync(0))))"
    print_result = f"{result}.then((r) => console.log(JSON.stringify(r)));"

    def run(script: str, data: Any = None) -> Any:
        program.write_text(f"{script}\n{print_result}", encoding="utf-8")
        done = subprocess.run([node, program], input=json.dumps(data), capture_output=True, text=True, check=False)
        assert not done.stderr, done.stderr
        return json.loads(done.stdout)

    return run


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
