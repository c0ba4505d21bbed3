"""Many desks sell at once against one PostgreSQL, each with its own server and card process.

What is timed are the pages of a sale: the counter with its card read, the quote, the sale with its
receipt. All clerks have signed in before, as checking a password is made to cost much. The
processor time of servers and card processes says more than the clock on a busy machine.

The virtual readers take no time for a card's characters, and these clerks none to think: what is
harsher than any day. At a card's pace, a sale begins no sooner than its characters let it, and the
clerks begin one after the other.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from desk_stage import DeskStage, Plain
from dianka.firmware import ROOT
from postgresql_kit import new_database, serving_postgresql

EACH = 10  # sales of a desk
CARD_S = 0.602 + 1.083  # a card's characters at 9600 bit/s: a look, then a sale (test_card_time.py)
_ADD = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from dianka.desk.office.opening import open_office
open_office(Path(sys.argv[2]))
import shift_kit
from dianka.desk.office.vending import shifts
from dianka.desk.office.vending.models import Desk
from estate_kit import make_actor
for number in range(2, int(sys.argv[3]) + 1):
    desk, name = f"desk{number}", f"zhao{number}"
    Desk.objects.create(name=desk)
    shift_kit.add_operator(name, "clerk")
    shifts.open_shift(make_actor("clerk", desk, name), shift_kit.count_notes(0))
"""


class Selling(threading.Thread):
    """A clerk at one desk, who sells to one customer after the other as fast as it goes."""

    def __init__(self, stage: DeskStage, name: str, customers: range, pace_s: float) -> None:
        super().__init__()
        self.stage, self.name_, self.customers, self.pace_s = stage, name, customers, pace_s
        self.took_ms: list[int] = []
        self.faults: list[str] = []

    def sign_in(self) -> None:
        self.clerk = Plain(self.stage)
        self.clerk.sign_in(self.name_)

    def run(self) -> None:
        clerk = self.clerk
        for number in self.customers:
            began_s = time.monotonic()
            self.stage.put_in(number)
            self.time(lambda: clerk.open("/counter"))
            serial = clerk.page.partition('name="serial" value="')[2][:16]
            self.time(lambda: clerk.open(f"/counter/quote?serial={serial}&amount=5"))  # noqa: B023
            clerk.open("/counter")
            self.time(lambda: clerk.send("/counter/sell", amount="5"))
            if "Sold: 5.00 yuan" not in clerk.text:
                self.faults.append(clerk.text[-300:])
            self.stage.take_out()
            time.sleep(max(0, began_s + self.pace_s - time.monotonic()))

    def time(self, ask: Callable[[], int]) -> None:
        began_ns = time.monotonic_ns()
        status = ask()
        self.took_ms.append((time.monotonic_ns() - began_ns) // 1_000_000)
        if status != 200:
            self.faults.append(f"status {status}")


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("desks", "pace_s"),
    [(4, 0), (16, 0), (16, CARD_S)],
    ids=["4", "16", "16 at a card's pace"],
)
def test_desks_sell_at_once(
    tmp_path: Path, desks: int, pace_s: float, record_property: Callable[[str, object], None]
) -> None:
    with serving_postgresql() as url:
        own = new_database(url, f"web_load_{desks}")
        stages = [DeskStage(tmp_path, desks * EACH, own)]
        first = stages[0]
        words = [str(ROOT / "host_tests" / "kits"), str(first.office), str(desks)]
        first.run(_ADD, *words)
        stages += [first.add_desk(f"desk{number}") for number in range(2, desks + 1)]
        try:
            for stage in stages:
                stage.start()
            clerks = [
                Selling(
                    stage,
                    "zhao" if not at else f"zhao{at + 1}",
                    range(at * EACH, at * EACH + EACH),
                    pace_s,
                )
                for at, stage in enumerate(stages)
            ]
            for clerk in clerks:
                clerk.sign_in()
            began_s, began_ms = time.monotonic(), sum(stage.read_cpu_ms() for stage in stages)
            for clerk in clerks:
                clerk.start()
                time.sleep(pace_s / desks)  # else all would ask in the same moment for ever
            for clerk in clerks:
                clerk.join()
            took_s = time.monotonic() - began_s
            cpu_ms = sum(stage.read_cpu_ms() for stage in stages) - began_ms
        finally:
            said = [stage.stop() for stage in stages]
    assert [fault for clerk in clerks for fault in clerk.faults] == []
    assert not [each for each in said if "Traceback" in each]
    pages = sorted(ms for clerk in clerks for ms in clerk.took_ms)
    assert len(pages) == 3 * desks * EACH
    record_property(
        "figure",
        f"{desks} desks' pages on PostgreSQL, a sale each {pace_s:.1f} s or slower: "
        f"{desks * EACH} sales in {took_s:.0f} s, page p50 "
        f"{pages[len(pages) // 2]} ms, p99 {pages[len(pages) * 99 // 100]} ms, 0 faults; "
        f"{cpu_ms // (desks * EACH)} ms of processor a sale at the desks",
    )
