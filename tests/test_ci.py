"""A test that CI skips without an expected reason fails it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CI = Path(__file__).parents[1] / ".ci"


def finished(folder: Path, tests: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a file of `tests` with the plugin of CI."""
    (folder / "test_one.py").write_text(tests)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "unexpected_skips", "-p", "no:cacheprovider", *options, "test_one.py"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(CI)},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("reason", "status"), [("the reference is not at hand", 0), ("there is no Chromium on this machine", 1)]
)
@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["alone", "with a worker"])
def test_only_an_expected_skip_passes(options, reason, status, tmp_path):
    tests = f"import pytest\ndef test_passes(): pass\ndef test_skips(): pytest.skip({reason!r})\n"
    run = finished(tmp_path, tests, *options)
    assert run.returncode == status, run.stdout
    assert (f"skipped, which CI does not expect: {reason}" in run.stdout) == bool(status)


def test_a_failure_stays_one(tmp_path):
    assert finished(tmp_path, "def test_fails(): assert False\n").returncode == 1
