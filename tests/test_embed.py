"""The examples of docs/embed.md run as they stand there."""

import re
from pathlib import Path
from threading import Thread
from urllib.request import urlopen

import pytest

TEXT = (Path(__file__).parents[1] / "docs" / "embed.md").read_text(encoding="utf-8")


def example(name: str, run: Path) -> str:
    (code,) = re.findall(rf"<!-- {name} -->\n```python\n(.*?)```", TEXT, re.DOTALL)
    assert '"runs/q"' in code
    return code.replace('"runs/q"', repr(str(run)))


def test_the_live_example_plays_in_turns(small_runs, monkeypatch, capsys):
    monkeypatch.setattr("builtins.input", lambda text: "16 1 1 1 18 1 0 1 " * 2)
    code = example("live", small_runs[0]).replace("SECONDS = 60 / 120 / 4", "SECONDS = 0").replace("8 bars", "4 bars")
    names = {}
    exec(compile(code, "embed.md", "exec"), names)
    melody = names["player"].melody.tolist()
    assert len(melody) == 64
    assert melody[:16] == melody[32:48] == [16, 1, 1, 1, 18, 1, 0, 1] * 2
    assert capsys.readouterr().out.startswith("play pitch ")


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_server_answers(small_runs, monkeypatch, capsys):
    code, names = example("server", small_runs[0]).replace("8000", "0").replace("server.serve_forever()", ""), {}
    exec(compile(code, "embed.md", "exec"), names)
    server = names["server"]
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    assert b'"token": 14, "remaining": 1023' in urlopen(address, data=b"14").read()
    assert b'"remaining": 1022' in urlopen(address, data=b"").read()
    server.shutdown()
    server.server_close()
