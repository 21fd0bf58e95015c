"""A test that CI skips without an expected reason fails it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CI = Path(__file__).parents[1] / ".ci"


@pytest.mark.parametrize(
    ("reason", "status"), [("the reference is not at hand", 0), ("there is no Chromium on this machine", 1)]
)
def test_only_an_expected_skip_passes(reason, status, tmp_path):
    (tmp_path / "test_one.py").write_text(
        f"import pytest\ndef test_passes(): pass\ndef test_skips(): pytest.skip({reason!r})\n"
    )
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "unexpected_skips", "-p", "no:cacheprovider", "test_one.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(CI)},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == status, finished.stdout
    assert (f"skipped, which CI does not expect: {reason}" in finished.stdout) == bool(status)


def test_a_failure_stays_one(tmp_path):
    (tmp_path / "test_one.py").write_text("def test_fails(): assert False\n")
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "unexpected_skips", "-p", "no:cacheprovider", "test_one.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(CI)},
        capture_output=True,
    )
    assert finished.returncode == 1
