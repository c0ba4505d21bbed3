"""Several desks at once, some of them killed: every act is whole or not there."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dianka.desk.office.opening import FOLDER

DESKS, SALES = 4, 25

SELLING = """
import os, sys
from pathlib import Path
from dianka.desk.office.opening import open_office
open_office(Path(os.environ["DIANKA_OFFICE"]))
from dianka.desk.office.ledger import posting
desk, count = sys.argv[1], int(sys.argv[2])
print("open", flush=True)
for number in range(count):
    meter = number % 3 + 1
    sold = posting.Move(posting.cash(desk), posting.of_meter("transit", meter), 100 + number)
    loaded = posting.Move(posting.of_meter("transit", meter), posting.of_meter("meter", meter), 50)
    posting.post(desk, "lin", "sale", str(meter), [sold])
    posting.post(desk, "lin", "receipt", str(meter), [loaded])
    print(number, flush=True)
"""


def begin(folder: Path, desk: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SELLING, desk, str(count)],
        env=os.environ | {FOLDER: str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def sum_kinds() -> dict[str, int]:
    from dianka.desk.office.ledger import proof

    return proof.sum_by_kind()


@pytest.mark.parametrize("killed", [False, True], ids=["to the end", "killed"])
def test_desks_at_once(
    office_folder: Path, killed: bool, record_property: Callable[[str, object], None]
) -> None:
    from dianka.desk.office import checking
    from dianka.desk.office.audit.models import Act, Chain

    before, rng, said = sum_kinds().get("cash", 0), random.Random(7), 0
    desks = [f"{'killed' if killed else 'whole'}{number}" for number in range(DESKS)]
    sellers = [begin(office_folder, desk, 10_000 if killed else SALES) for desk in desks]
    for seller in sellers:
        assert seller.stdout and seller.stdout.readline() == "open\n"
    for seller in sellers:
        if killed:
            time.sleep(rng.random())
            seller.send_signal(signal.SIGKILL)
        assert seller.stdout and seller.stderr
        said += len(seller.stdout.read().split())  # communicate() would lose what readline has read
        errors = seller.stderr.read()
        assert not errors, errors
        seller.wait(timeout=60)
    if not killed:
        assert said == DESKS * SALES
        assert sum_kinds()["cash"] - before == DESKS * sum(100 + number for number in range(SALES))
    made = Act.objects.filter(chain__desk__in=desks)
    # A desk that was killed may have made the next two acts and not said so.
    assert 2 * said <= made.count() <= 2 * said + 2 * DESKS
    for chain in Chain.objects.filter(desk__in=desks):
        numbers = list(made.filter(chain=chain).order_by("number").values_list("number", flat=True))
        assert numbers == list(range(1, chain.length + 1)), "no gap"
    assert list(checking.find_faults()) == []
    record_property(
        "figure",
        f"{DESKS} desks at once, {'killed' if killed else 'to the end'}: "
        f"{made.count()} acts, each whole",
    )
