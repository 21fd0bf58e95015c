"""What a benchmark prints."""

import sys
from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.fixture
def output_of(monkeypatch, capsys) -> Callable[..., str]:
    """A function that runs a benchmark with arguments, and returns what it prints."""

    def output(module: ModuleType, arguments: list[object]) -> str:
        monkeypatch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
        module.main()
        return capsys.readouterr().out

    return output
