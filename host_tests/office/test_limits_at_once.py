"""Limits of a day while two desks sell at once: the second sale waits for the first one's sum.

Where it matters is PostgreSQL, by test_postgresql.py; on SQLite one transaction waits for another.
"""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import shift_kit
from dianka.card_port import CardError
from estate_kit import make_actor, make_contract

DESKS = ("limits1", "limits2")
METERS = {"customer-day": (940_001, 940_002), "operator-day": (940_003, 940_004)}
CUSTOMERS = {"customer-day": (940_001, 940_001), "operator-day": (940_003, 940_004)}
CLERKS = {"customer-day": ("li", "wu"), "operator-day": ("zheng", "zheng")}
WITHIN_S, LOOK_S = 20, 0.01


@pytest.fixture(params=sorted(METERS))
def limit(request: pytest.FixtureRequest, office_folder: Path) -> Iterator[str]:
    """Set one limit of 10.00 yuan, as all desks see it, and take it away."""
    from dianka.desk.office.vending.limits import set_limit

    boss = make_actor("manager", name="lin")
    set_limit(boss, request.param, 1000)
    yield request.param
    set_limit(boss, request.param, None)


def test_two_desks_do_not_pass_a_limit_together(limit: str) -> None:
    from django.db import transaction

    from dianka.desk.office.vending import sales, shifts
    from dianka.desk.office.vending.models import Sale

    actors = [make_actor("clerk", *who) for who in zip(DESKS, CLERKS[limit], strict=True)]
    numbers = zip(METERS[limit], CUSTOMERS[limit], strict=True)
    contracts = [make_contract(*number) for number in numbers]
    opened = [shifts.open_shift(actor, shift_kit.count_notes(0)) for actor in actors]
    said: list[str] = []
    other = threading.Thread(target=begin, args=(actors[1], contracts[1], said))
    with transaction.atomic():
        shift_kit.begin_sale(actors[0], contracts[0], 600)
        other.start()
        wait_until_it_waits(other)
    other.join(timeout=WITHIN_S)
    assert not other.is_alive()
    assert len(said) == 1 and said[0].endswith("in a day at most 10.00 yuan"), said
    for sale in Sale.objects.filter(contract__in=contracts):
        sales.void(actors[0], sale.pk, "never reached the card")
    for actor, shift in zip(actors, opened, strict=True):
        shifts.close_shift(actor, shift.number, shift_kit.count_notes(0))


def begin(actor: Any, contract: Any, said: list[str]) -> None:
    """Begin a sale over a connection of this thread's own, and tell what became of it."""
    from django.db import connection

    try:
        shift_kit.begin_sale(actor, contract, 600)
        said.append("begun")
    except CardError as error:
        said.append(str(error))
    finally:
        connection.close()


def wait_until_it_waits(other: threading.Thread) -> None:
    """Return when a connection waits for a lock, or when the other thread has ended."""
    from django.db import connection

    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    until_s = time.monotonic() + WITHIN_S
    while connection.vendor == "postgresql" and other.is_alive():
        with connection.cursor() as cursor:
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
        assert time.monotonic() < until_s, "the other desk neither waits nor ends"
        time.sleep(LOOK_S)
