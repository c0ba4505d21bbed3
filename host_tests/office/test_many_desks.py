"""Several desks at once, some of them killed: every sale is whole, pending or not there."""

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
from estate_kit import make_contract

DESKS, SALES = 4, 25

# Each desk has meters of its own; every other sale is proved by a receipt. A pause between sales,
# as SQLite's waiting is a poll each 100 ms: beside desks that leave none, one got no turn in 20 s.
PAUSE_S = 0.02
SELLING = f"""
import os, sys, time, uuid
from pathlib import Path
from dianka.desk.office.opening import open_office
open_office(Path(os.environ["DIANKA_OFFICE"]))
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.vending import readings, sales, shifts
from dianka.desk.office.vending.counting import Count
desk, count, first = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
actor = Actor("lin", desk, frozenset(["clerk"]))
shifts.open_shift(actor, Count())
contracts = [Contract.objects.get(meter__number=first + number) for number in range(3)]
print("open", flush=True)
for number in range(count):
    contract, purchase = contracts[number % 3], number // 3 + 1
    form = sales.Form(uuid.uuid4(), "00" * 8, 100 + number)
    sale, _ = sales.begin(actor, form, contract, purchase, contract.price)
    sales.post(actor, sale)
    if number % 2:
        receipt = dict(count=purchase, balance_fen=50, overdraft_fen=0, time=0)
        readings.take_receipt(actor, contract, receipt | dict(illegal_cards=0), True)
    print(number, flush=True)
    time.sleep({PAUSE_S})
"""
FIRST_METER = {False: 910_000, True: 920_000}
FIRST_OF_NIGHTS = 930_000


def begin(folder: Path, desk: str, count: int, first: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SELLING, desk, str(count), str(first)],
        env=os.environ | {FOLDER: str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("killed", [False, True], ids=["to the end", "killed"])
def test_desks_at_once(
    office_folder: Path, killed: bool, record_property: Callable[[str, object], None]
) -> None:
    from dianka.desk.office import checking
    from dianka.desk.office.vending.models import Desk, Sale

    rng, said = random.Random(7), []
    desks = [f"{'killed' if killed else 'whole'}{number}" for number in range(DESKS)]
    sellers = []
    for number, desk in enumerate(desks):
        first = FIRST_METER[killed] + 10 * number
        for meter_no in range(first, first + 3):
            make_contract(meter_no)
        sellers.append(begin(office_folder, desk, 10_000 if killed else SALES, first))
    for seller in sellers:
        assert seller.stdout and seller.stderr
        if seller.stdout.readline() != "open\n":
            pytest.fail(f"a desk did not open: {seller.stderr.read()}")
    for seller in sellers:
        if killed:
            time.sleep(rng.random())
            seller.send_signal(signal.SIGKILL)
        assert seller.stdout and seller.stderr
        said.append(len(seller.stdout.read().split()))  # communicate() loses what readline has read
        errors = seller.stderr.read()
        assert not errors, errors
        seller.wait(timeout=60)
    if not killed:
        assert said == [SALES] * DESKS
    for name, count in zip(desks, said, strict=True):
        desk = Desk.objects.get_or_create(name=name)[0]  # one killed at once has none
        made = Sale.objects.filter(desk=desk)
        # A desk that was killed may have posted one more sale and not said so.
        posted = made.exclude(state="pending").count()
        assert count <= posted <= count + 1 and posted == desk.receipts
        assert made.count() == desk.sales <= posted + 1
    assert list(checking.find_faults()) == []
    record_property(
        "figure",
        f"{DESKS} desks at once, {'killed' if killed else 'to the end'}: "
        f"{sum(said)} sales said, each whole",
    )


def test_nights_while_desks_sell(
    office_folder: Path, record_property: Callable[[str, object], None]
) -> None:
    """Proofs again and again while desks post: none fails, and none leaves an entry out."""
    from dianka.desk.office import nightly

    sellers = []
    for number in range(DESKS):
        first = FIRST_OF_NIGHTS + 10 * number
        for meter_no in range(first, first + 3):
            make_contract(meter_no)
        sellers.append(begin(office_folder, f"night{number}", SALES, first))
    nights = 0
    until_s = time.monotonic() + 60
    while any(seller.poll() is None for seller in sellers):
        assert time.monotonic() < until_s
        proof = nightly.prove(whole=nights % 3 == 2)
        assert proof.faults == [] and proof.night
        nights += 1
    for seller in sellers:
        assert seller.communicate()[1] == ""
    daily = nightly.prove()
    whole = nightly.prove(whole=True)  # compares what the nights have kept with all entries
    assert daily.faults == whole.faults == []
    assert daily.night and whole.night and daily.night.proved == whole.night.proved
    record_property("figure", f"{nights} nights while {DESKS} desks sold")
