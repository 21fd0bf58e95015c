"""README's Python runs as it stands there, only shorter."""

import re
from pathlib import Path

import pytest

from note_rnn import read_midi

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.mark.filterwarnings("ignore:.*rich is experimental")
def test_the_example_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    short = code.replace("model.learn(100_000", "model.learn(128")
    assert short != code
    exec(compile(short, "README.md", "exec"), {})
    assert "notes_in_motif" in capsys.readouterr().out
    assert len(read_midi(tmp_path / "melody.mid")) == 32


def test_both_command_blocks_are_there():
    for name in ("install and train", "install and test"):
        assert re.search(rf"<!-- {name} -->\n```bash\n.*?```", README, re.DOTALL)
