"""What all tests share: one hypothesis profile, figures and skipped tests in plain lines at the end, two card readers.

No deadlines, since machines differ, and a failure that can be repeated elsewhere. A test that measures or counts something
says so with `record_property("figure", text)`; the lines come out after the run, however it was spread over processes.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from pcsc_kit import Readers, serving

settings.register_profile("ci", deadline=None, max_examples=100, derandomize=False, print_blob=True)
settings.load_profile("ci")


@pytest.fixture
def pcsc() -> Iterator[Readers]:
    """Two virtual readers on a pcscd of this test's own."""
    with serving() as readers:
        yield readers


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [report for kind in terminalreporter.stats.values() for report in kind if isinstance(report, pytest.TestReport)]
    for report in reports:
        for name, text in report.user_properties if report.when == "call" else ():
            if name == "figure":
                terminalreporter.write_line(f"figure: {text}")
    skipped = [report.longrepr for report in reports if report.skipped and isinstance(report.longrepr, tuple)]
    for reason, count in Counter(where[2].removeprefix("Skipped: ") for where in skipped).items():
        terminalreporter.write_line(f"{count} tests not run: {reason}")
