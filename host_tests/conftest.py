"""Shared by all tests: the hypothesis profile, the deadline, lines at the end, two card readers.

Hypothesis has no deadlines, since computers differ, and its failures can be repeated elsewhere. A
test that hangs is ended by pytest-timeout (`timeout` in pyproject.toml), a run by `run_limit_s`, so
that neither can last for ever. A test that measures or counts something reports it with
`record_property("figure", text)`; these lines, and the reasons of skipped tests, are printed after
the run, even if it was spread over several processes.
"""

import faulthandler
import os
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from pcsc_kit import Readers, serving

settings.register_profile("ci", deadline=None, max_examples=100, derandomize=False, print_blob=True)
settings.load_profile("ci")

CONTROLLER_S = 10  # the process above the workers waits longer, so that they can report first
MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 << 30  # free there, of which a whole run takes a tenth


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "run_limit_s",
        "seconds after which a run is ended, with a report of where it stands",
        default="2400",
    )
    parser.addoption(
        "--share", metavar="K/N", help="run one test in N of those selected, beginning with test K"
    )
    parser.addoption(
        "--slow", metavar="K/N", help="run one in N of those selected that are marked as slow"
    )


@pytest.hookimpl(trylast=True)  # after the marks have selected
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep this run's share, the same in each worker."""
    every = set(items)
    for option, candidates in (
        ("--share", items),
        ("--slow", [item for item in items if item.get_closest_marker("slow")]),
    ):
        if share := config.getoption(option):
            first, count = map(int, share.split("/"))
            every -= set(candidates) - set(candidates[first % count :: count])
    config.hook.pytest_deselected(items=[item for item in items if item not in every])
    items[:] = [item for item in items if item in every]


def pytest_configure(config: pytest.Config) -> None:
    """Give the tests a folder in memory, and the run its limit."""
    # Each command that changes a card is written to the disk: a fifth of the time of rung 1. That
    # it is kept after a power cut of this computer is not what a test can show.
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    _limit_run(config)


def _limit_run(config: pytest.Config) -> None:
    """End this process, a worker or the one above them, when the run has exceeded its limit."""
    # A shell starts what it does not wait for with the interrupt ignored, and the programs that
    # tests interrupt would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    limit_s = int(config.getini("run_limit_s")) + (
        0 if hasattr(config, "workerinput") else CONTROLLER_S
    )
    stderr = os.dup(2)  # pytest captures the original one later
    timer = threading.Timer(limit_s, _give_up, (stderr, limit_s))
    timer.daemon = True
    timer.start()
    config.add_cleanup(timer.cancel)
    # The timer needs the interpreter's lock; this works even if a native call holds it.
    faulthandler.dump_traceback_later(limit_s + CONTROLLER_S, exit=True, file=stderr)
    config.add_cleanup(faulthandler.cancel_dump_traceback_later)


def _give_up(stderr: int, limit_s: int) -> None:
    where = os.environ.get("PYTEST_CURRENT_TEST", "no test in this process")
    os.write(
        stderr,
        f"\nthe run is not over after {limit_s} s and is ended; it stands at: {where}\n".encode(),
    )
    faulthandler.dump_traceback(stderr)
    os._exit(1)


@pytest.fixture
def pcsc() -> Iterator[Readers]:
    """Provide two virtual readers on a pcscd of this test's own."""
    with serving() as readers:
        yield readers


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = _reports(terminalreporter, pytest.TestReport)
    for report in reports:
        for name, text in report.user_properties if report.when == "call" else ():
            if name == "figure":
                terminalreporter.write_line(f"figure: {text}")
    for reason, count in Counter(_reasons(reports)).items():
        terminalreporter.write_line(f"{count} test{'s' if count > 1 else ''} not run: {reason}")
    # The number of tests in such modules is unknown: their reason says what is not run.
    for reason in dict.fromkeys(_reasons(_reports(terminalreporter, pytest.CollectReport))):
        terminalreporter.write_line(
            reason if "not run" in reason else f"whole modules not run: {reason}"
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Exit with success if a rung can't run here and said why, so that `make test` goes on."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and reporter:
        if _reasons(_reports(reporter, pytest.CollectReport)):
            session.exitstatus = pytest.ExitCode.OK


def _reports(terminalreporter: Any, kind: type) -> list[Any]:
    return [
        report
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, kind)
    ]


def _reasons(reports: list[Any]) -> list[str]:
    """Return the reason of each skipped test among these."""
    skipped = [
        report.longrepr
        for report in reports
        if report.skipped and isinstance(report.longrepr, tuple)
    ]
    return [where[2].removeprefix("Skipped: ") for where in skipped]
