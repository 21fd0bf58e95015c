"""Pytest plugin of CI: a test that is skipped for no expected reason fails the run."""

from typing import Any

EXPECTED = (
    "the reference is not at hand",
    "the processor lacks such vectors",
    "MusPy is not installed: pip install muspy",
    "there is no GPU that PyTorch can use",
)
"""Reasons of tests that need what a clone of this repository does not hold, a package for nothing else, or another
processor."""


def _unexpected(terminal: Any) -> list[str]:
    if terminal is None:  # in a worker of pytest-xdist, whose reports the main process has
        return []
    reasons = {str(report.longrepr[2]).removeprefix("Skipped: ") for report in terminal.stats.get("skipped", [])}
    return sorted(reasons - set(EXPECTED))


def pytest_sessionfinish(session: Any) -> None:
    """Turn success into failure if there are unexpected skips."""
    if session.exitstatus == 0 and _unexpected(session.config.pluginmanager.get_plugin("terminalreporter")):
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the reasons that nobody expected."""
    for reason in _unexpected(terminalreporter):
        terminalreporter.write_line(f"skipped, which CI does not expect: {reason}", red=True)
