"""A test that CI skips without an expected reason fails it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CI = Path(__file__).parents[1] / ".ci"


def finished(folder: Path, tests: str) -> subprocess.CompletedProcess[str]:
    """Run a file of `tests` with the plugin of CI."""
    (folder / "test_one.py").write_text(tests)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "unexpected_skips", "-p", "no:cacheprovider", "test_one.py"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(CI)},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("reason", "status"), [("the reference is not at hand", 0), ("there is no Chromium on this machine", 1)]
)
def test_only_an_expected_skip_passes(reason, status, tmp_path):
    run = finished(tmp_path, f"import pytest\ndef test_passes(): pass\ndef test_skips(): pytest.skip({reason!r})\n")
    assert run.returncode == status, run.stdout
    assert (f"skipped, which CI does not expect: {reason}" in run.stdout) == bool(status)


def test_a_failure_stays_one(tmp_path):
    assert finished(tmp_path, "def test_fails(): assert False\n").returncode == 1
