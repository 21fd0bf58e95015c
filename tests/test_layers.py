"""Imports run downward, through the layers written out here, and no folder is a drawer."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("note_rnn", "melody_env", "agents")
MOST_MODULES = 14

LAYERS = (
    {"note_rnn.common"},
    {"note_rnn.vocabulary"},
    {"note_rnn.notes"},
    {"note_rnn.chords"},
    {"note_rnn.voicings"},
    {"note_rnn.formats"},
    {"note_rnn.extraction"},
    {"note_rnn.network"},
    {"note_rnn.corpus"},
    {"note_rnn.primers", "note_rnn.markov"},
    {"note_rnn.magenta", "note_rnn.pretraining"},
    {"note_rnn.pretrain", "note_rnn.sample", "note_rnn.import_magenta"},
    {"note_rnn"},
    {"melody_env.form"},
    {"melody_env.form_steps", "melody_env.chord_steps"},
    {"melody_env.setting"},
    {"melody_env.pictures"},
    {"melody_env.reward"},
    {"melody_env.envs"},
    {"melody_env.measures"},
    {"melody_env.reward_design", "melody_env.adversary", "melody_env.judging", "melody_env.harmonising"},
    {f"melody_env.{name}" for name in ("audit", "calibrate", "judge", "match", "search")},
    {"melody_env"},
    {"agents.algorithms", "agents.infilling"},
    {"agents.runs"},
    {"agents.composing"},
    {"agents.evaluation"},
    {"agents.training"},
    {"agents.report_page"},
    {
        f"agents.{name}"
        for name in ("listening_study", "studio_page", "onnx_export", "reproduction", "whole_run", "compose_command")
    },
    {
        f"agents.{name}"
        for name in (
            "train",
            "compose",
            "evaluate",
            "report",
            "reproduce",
            "frontier",
            "study",
            "studio",
            "harmonise",
            "export",
        )
    },
    {"agents"},
    {"melody_rl", "train"},
)
"""From the lowest to the highest; folders, and the modules that stand beside them. Commands import no command."""


def modules() -> dict[str, Path]:
    """All modules of the product, by their dotted names."""
    files = [*ROOT.glob("*.py"), *(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))]
    names = {path: path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for path in files}
    return {name.removesuffix(".__init__"): path for path, name in names.items()}


MODULES = modules()


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """Yield module and name of each import of our own in a file; the name is empty where a module is imported."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                yield (module, "") if module in MODULES else (node.module, alias.name)


def layer(module: str) -> int:
    """The layer of a module: that of the longest name in LAYERS that it begins with."""
    found = {name: i for i, names in enumerate(LAYERS) for name in names if f"{module}.".startswith(f"{name}.")}
    return found[max(found, key=len)]


def area(module: str) -> str:
    """What a module shares private names with: its folder within a package, or itself."""
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downward(module):
    upward = [
        name
        for name, _ in imported(MODULES[module])
        if layer(name) > layer(module) or (layer(name) == layer(module) and area(name) != area(module))
    ]
    assert upward == []


def test_no_modules_import_each_other_in_a_circle():
    graph = {module: {name for name, _ in imported(path)} for module, path in MODULES.items()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_private_names_stay_in_their_module(module):
    assert [name for name, each in imported(MODULES[module]) if each.startswith("_") and name != module] == []


@pytest.mark.parametrize("folder", sorted({path.parent for path in MODULES.values()}), ids=lambda path: path.name)
def test_no_folder_is_a_drawer(folder):
    assert len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) <= MOST_MODULES


def test_every_layer_exists():
    assert {name for names in LAYERS for name in names} <= MODULES.keys()
