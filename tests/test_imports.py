"""What is imported, and when: nothing that takes seconds before it is used."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SLOW = ("torch", "stable_baselines3", "sb3_contrib", "sklearn", "scipy", "matplotlib", "music21", "tensorboard", "mido")


def imported_by(code: str) -> set[str]:
    """Return the top-level modules that Python has imported after running `code`."""
    report = "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", code + report], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(ran.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import note_rnn",
        "import melody_env",
        "import agents",
        "from melody_env import Setting, load_profile; load_profile('paper')",
        "import agents.train\ntry: agents.train.main(['--help'])\nexcept SystemExit: pass",
        "import agents.train\ntry: agents.train.main(['--algo', 'psi', '--nonsense'])\nexcept ValueError: pass",
    ],
)
def test_what_takes_seconds_is_not_imported_before_it_is_used(code):
    assert imported_by(code) & {*SLOW} == set()


def test_an_environment_needs_neither_classifiers_nor_agents():
    code = "import gymnasium, melody_env; gymnasium.make('MelodyComposition-v0').reset()"
    assert imported_by(code) & {"sklearn", "scipy", "stable_baselines3", "music21", "agents"} == set()


@pytest.mark.parametrize("package", ["note_rnn", "melody_env", "agents", "agents.algorithms"])
def test_every_public_name_is_there_and_listed(package):
    module = importlib.import_module(package)
    assert module.__all__ == sorted(set(module.__all__)) == sorted(dir(module))
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError):
        module.nonsense  # noqa: B018
