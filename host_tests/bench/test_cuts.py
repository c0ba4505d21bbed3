"""The campaign of power cuts: a sample of it, and faults in the firmware that it must report.

`make cuts` plays every future; here it is one in many.
"""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from dianka.bench.campaign.cuts import chip_restarts
from dianka.bench.campaign.cuts.campaign import list_operations, play_all
from dianka.bench.campaign.cuts.watch import RESET, WAYS
from pulled_kit import PROMISE, SPOTLESS, bench, planted, read_figures

EVERY = 149  # a prime: no rhythm of commits hides a future from it
JOBS = ("--jobs", "2")
# (operation, module, right, wrong, what is found)
FAULTS = {
    "credit without intent": (
        "credit",
        "settlement",
        "self._intend(CREDIT, amount_fen, count)",
        "pass",
        "restored from the ESAM",
    ),
    "wallet debited before the commit": (
        "settle",
        "settlement",
        "self._intend(SETTLE, target_fen, state.count)\n            self._store.commit()",
        "pass",
        "the console says",
    ),
    "receipt before the commit": (
        "opening",
        "card_user",
        "self._store.commit()\n        if taken:",
        "if taken:",
        "the card has the receipt",
    ),
    "order before its intent": (
        "closing order at rest",
        "card_close",
        "store.commit()\n        except JournalError:",
        "pass\n        except JournalError:",
        "",
    ),
    "commit only each 2 Wh": (
        "metering, 300 W",
        "meter",
        "PJ_PER_KWH // 4000",
        "PJ_PER_KWH // 500",
        "mWh are lost",
    ),
}


@pytest.mark.slow
def test_a_sample_of_all_operations(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    path, page = tmp_path / "cuts.json", tmp_path / "promise.md"
    page.write_text(PROMISE.read_text(encoding="utf-8"), encoding="utf-8")
    options = ("--json", str(path), "--page", str(page))
    code, said = bench("cuts", "--every", str(EVERY), *options, *JOBS)
    assert code == 0, said
    found = json.loads(path.read_text(encoding="utf-8"))
    names = {operation.name for operation in list_operations()}
    assert set(found["operations"]) == names | {chip_restarts.NAME}
    assert found["points_outside_sessions"] >= 100_000
    assert all(row["played"] for row in found["operations"].values())
    assert (found["lost_fen"], found["doubled_fen"], found["seed"]) == ("0", "0", 1)
    assert 0 < found["most_lost_mwh"] <= 1000
    assert all(found["ways"][way] for way in WAYS)
    reset = [row for row in found["operations"].values() if row["resets"]]
    assert len(reset) >= 8 and all(row["resets_played"] for row in reset)
    cuts = sum(count for way, count in found["ways"].items() if way != RESET)
    assert cuts == found["points"], "restarts of controller or metering chip are no cuts"
    assert read_figures(page, "cuts").keys() == read_figures(PROMISE, "cuts").keys()
    published = read_figures(PROMISE, "cuts")
    assert [published[name] for name in SPOTLESS] == ["0"] * len(SPOTLESS)
    record_property("figure", said.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_the_firmware_is_found_and_played_again(tmp_path: Path, name: str) -> None:
    """The command that the campaign prints finds it again, and nothing in the right firmware."""
    operation, module, right, wrong, finding = FAULTS[name]
    copy = planted(tmp_path, module, right, wrong)
    options = ("--no-pairs", *JOBS, "--json", str(tmp_path / "cuts.json"))
    code, said = bench("cuts", "--only", operation, *options, firmware=copy)
    assert code == 1 and finding in said, said
    command = re.search(r"dianka bench (cuts .*--point .*)", said)
    assert command, said
    again = shlex.split(command[1])
    code, said = bench(*again, firmware=copy)
    assert code == 1 and finding in said, said
    assert said.startswith("cut: ")
    code, said = bench(*again)
    assert "old or new" in said or "no point of this number" in said, said


@pytest.mark.slow
def test_a_pulse_that_had_begun_before_the_books_is_no_energy_that_nobody_used() -> None:
    """Each cut near the end of the money: some of them lose less than a pulse."""
    (row,) = play_all(["end of the money"], 1, 1, 1, lambda done, of: None, pairs=False)
    assert row.points > 2_000 and not row.violations, row.violations[:3]


def test_a_pair_is_played_again() -> None:
    code, said = bench("cuts", "--only", "settle at rest", "--point", "1", "--then", "1")
    assert code == 0, said
    assert said.startswith("cut: ") and "\nand cut again: " in said and "old or new" in said


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--only", "tea"), "no operation is called tea: take one of metering, "),
        (("--only", "tea", "--point", "1"), "no operation is called tea: give its whole name"),
        (("--only", "settle at rest", "--point", "99999"), "there is no point of this number"),
    ],
)
def test_what_does_not_exist_is_said_in_one_line(arguments: tuple[str, ...], line: str) -> None:
    code, said = bench("cuts", *arguments)
    assert code == 1 and said.startswith(line) and said.count("\n") == 1
