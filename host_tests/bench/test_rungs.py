"""A rung that can't run says what to do, in one line; it does not pass, nor stop `make test`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHIP_MODULES = sorted(str(path) for path in (ROOT / "host_tests" / "chip").glob("test_*.py"))


def ended(command: list[str], **environment: str) -> tuple[int, str]:
    """Return exit code and output, run without the variables that pytest or make set."""
    ours = {
        "MAKEFLAGS",
        "MAKELEVEL",
        "MFLAGS",
        "RP2040_UF2",
        "PYTEST_ADDOPTS",
        "PYTEST_XDIST_WORKER",
        "PYTEST_CURRENT_TEST",
    }
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=kept | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout


def chip_target() -> list[str]:
    """`make test-chip` as it is, but with the virtual environment that runs this."""
    return [
        "make",
        f"BIN={Path(sys.executable).parent}",
        "-o",
        ".venv/test.stamp",
        "JOBS=1",
        "test-chip",
    ]


def said_once(code: int, output: str) -> str:
    """The one line that says what is not run, of a target that has not failed."""
    assert code == 0, output
    (line,) = [line for line in output.splitlines() if "not run" in line]
    assert line.startswith("rung 3 not run: "), output
    assert "passed" not in output and "tests not run" not in output
    return line


@pytest.mark.slow
def test_without_an_image_the_chip_rung_is_not_run_and_says_why() -> None:
    line = said_once(*ended(chip_target(), RP2040_UF2="/nonexistent"))
    assert "RP2040_UF2 names /nonexistent, which is not a file" in line


@pytest.mark.slow
def test_in_an_empty_home_it_says_how_to_get_the_image(tmp_path: Path) -> None:
    line = said_once(*ended(chip_target(), HOME=str(tmp_path)))
    assert "make uf2" in line and "RP2040_UF2" in line


def test_the_reason_comes_once_in_one_process_too() -> None:
    said_once(
        *ended(
            [sys.executable, "-m", "pytest", "-p", "no:xdist", *CHIP_MODULES],
            RP2040_UF2="/nonexistent",
        )
    )


def test_what_finds_no_test_for_another_reason_stays_a_failure() -> None:
    name = str(ROOT / "host_tests" / "bench" / "test_rungs.py")
    code, output = ended(
        [sys.executable, "-m", "pytest", "-n", "0", "-k", "no_test_of_this_name", name]
    )
    assert code == pytest.ExitCode.NO_TESTS_COLLECTED, output


def test_the_target_that_is_named_for_the_image_fetches_it(tmp_path: Path) -> None:
    """With a file named there is nothing to fetch.

    It says which it is, or what is wrong with it.
    """
    make = ["make", f"BIN={Path(sys.executable).parent}", "-o", ".venv/chip.stamp", "uf2"]
    (tmp_path / "half.uf2").write_bytes(b"UF2\n" * 100)
    code, output = ended(make, RP2040_UF2=str(tmp_path / "half.uf2"))
    assert code == 2 and "is not a whole UF2 file" in output
