"""A test that hangs fails, a run that hangs ends and says where it stands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dianka.firmware import ROOT

HANGS = "import time\ndef test_that_hangs():\n    while True: time.sleep(0.1)\n"
PASSES = "def test_after_it():\n    pass\n"


def run(folder: Path, source: str, *options: str) -> tuple[int, str]:
    """Exit code and all output of pytest with this project's settings on these tests."""
    (folder / "test_trial.py").write_text(source, encoding="utf-8")
    settings = [
        "-c",
        str(ROOT / "pyproject.toml"),
        "--rootdir",
        str(folder),
        "-p",
        "conftest",
        "-p",
        "no:cacheprovider",
    ]
    dropped = ("PYTEST_", "COV_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *settings, *options, str(folder / "test_trial.py")],
        cwd=folder,
        env=kept | {"PYTHONPATH": os.pathsep.join((str(ROOT / "host_tests"), str(ROOT / "tools")))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout


def test_a_test_that_hangs_fails_and_the_next_one_runs(tmp_path: Path) -> None:
    code, output = run(tmp_path, HANGS + PASSES, "-n", "0", "-o", "timeout=2")
    assert code == pytest.ExitCode.TESTS_FAILED, output
    assert "Timeout (>2.0s)" in output
    assert "1 failed, 1 passed" in output


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["0", pytest.param("1", marks=pytest.mark.campaign)])
def test_a_run_that_hangs_ends_and_says_where_it_stands(tmp_path: Path, jobs: str) -> None:
    code, output = run(tmp_path, HANGS, "-n", jobs, "-o", "run_limit_s=3")
    assert code == 1, output
    assert "is ended; it stands at: test_trial.py::test_that_hangs (call)" in output
    assert 'test_trial.py", line 3 in test_that_hangs' in output, "the stack"
