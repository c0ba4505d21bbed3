"""Receipts that a look refuses, as a sale does: nothing is booked, and the true one counts after.

Also run on PostgreSQL, by test_postgresql.py.
"""

from pathlib import Path
from typing import Any

import pytest

import cards_kit as kit
from counter_kit import Clerk, Resident
from dianka.card_port import CardError
from dianka.cardos.files import card_files
from estate_kit import make_actor

SOMEBODY_ELSE = "the card was in the meter of somebody else: send an inspector to the meter"
OTHER_COUNT = "the card says purchase 3, the meter purchase {}: send an inspector to the meter"


@pytest.fixture
def bought(office: Path) -> tuple[Clerk, Resident]:
    """Return a clerk and a resident whose third purchase is in the meter, as no book knows yet."""
    control = kit.control_card()
    clerk, resident = Clerk(control), Resident(control)
    for fen in (700, 800, 5700):
        assert clerk.sell(resident, fen, resident.card) == "sold"
        resident.visit_meter()
    return clerk, resident


def forge(resident: Resident, **said: int) -> kit.Shim:
    """Return the card behind a device that says something else of its receipt."""
    block = resident.card.state.files[card_files.CARD_WRITE_BACK]
    record = card_files.unpack(card_files.WRITE_BACK, card_files.unframe(block)[1]) | said
    data = card_files.pack(card_files.WRITE_BACK, record)
    forged = card_files.frame(card_files.CMD_WRITE_BACK, data)
    return kit.Shim(resident.card, {card_files.CARD_WRITE_BACK: forged})


def list_books() -> tuple[Any, ...]:
    from dianka.desk.office.estate.models import Reading
    from dianka.desk.office.ledger import proof
    from dianka.desk.office.vending.models import Sale

    states = list(Sale.objects.order_by("number").values_list("state", flat=True))
    return proof.sum_by_kind(), states, Reading.objects.count()


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"meter_no": 5, "customer_no": 6, "count": 4_000_000, "balance_fen": 0}, SOMEBODY_ELSE),
        ({"meter_no": 5}, SOMEBODY_ELSE),
        ({"customer_no": 6}, SOMEBODY_ELSE),
        ({"count": 4_000_000, "balance_fen": 0}, OTHER_COUNT.format(4_000_000)),
        ({"count": 4}, OTHER_COUNT.format(4)),
        ({"count": 1}, OTHER_COUNT.format(1)),
    ],
)
def test_a_look_refuses_what_a_sale_does(
    bought: tuple[Clerk, Resident], said: dict[str, int], line: str
) -> None:
    from dianka.desk.office.vending import counter

    clerk, resident = bought
    before = list_books()
    shim, auditor = forge(resident, **said), make_actor("auditor", "counter")
    with pytest.raises(CardError, match=f"^{line}$"):
        counter.look(auditor, clerk.control, shim)
    assert clerk.sell(resident, 100, shim) == line
    assert list_books() == before
    assert clerk.look(resident) == [] and list_books()[1] == ["loaded"] * 3
    assert clerk.sell(resident, 100, resident.card) == "sold"


def test_a_meter_s_word_on_a_purchase_that_was_never_sold(bought: tuple[Clerk, Resident]) -> None:
    """However it came: every later one would be older than this one."""
    from dianka.desk.office.vending import readings

    clerk, resident = bought
    said = {"balance_fen": 0, "overdraft_fen": 0, "illegal_cards": 0, "time": 2601020304}
    before = list_books()
    for inspected in (None, readings.Inspected(0, None)):
        said_so = r"^the meter tells of purchase 4, the books end with 3"
        with pytest.raises(CardError, match=said_so):
            receipt = said | {"count": 4}
            readings.take_receipt(clerk.actor, resident.contract, receipt, True, inspected)
    assert list_books() == before


def test_a_receipt_of_the_purchase_voids_no_sale(bought: tuple[Clerk, Resident]) -> None:
    """A wallet of before, and a meter that has the purchase: an inspector finds out, no clerk."""
    from dianka.desk.office.vending.models import Sale

    clerk, resident = bought
    clerk.look(resident)
    at = next(
        at
        for at in range(1, 40)
        if clerk.sell(resident, 5000, kit.Pulled(resident.card, at, False)) == "kept"
    )
    assert at > 1
    from dianka.desk.office.vending import counter

    with pytest.raises(CardError, match=f"^{OTHER_COUNT.format(4)}$"):
        counter.look(clerk.actor, clerk.control, forge(resident, count=4))
    assert Sale.objects.latest("pk").state == "pending"
    assert "is void" in clerk.look(resident)[0]


@pytest.mark.parametrize("said", [{"time": 9912312359}, {"time": 9912312359, "balance_fen": 7300}])
def test_what_is_not_proved_makes_nothing_old_that_is(
    bought: tuple[Clerk, Resident], said: dict[str, int]
) -> None:
    """A forged minute once made each true receipt older, for ever: nothing more was proved."""
    from dianka.desk.office.estate.models import Reading
    from dianka.desk.office.vending import counter

    clerk, resident = bought
    counter.look(clerk.actor, clerk.control, forge(resident, **said))
    assert [each.proved for each in Reading.objects.order_by("pk")][-1:] == [False]
    seen = counter.look(clerk.actor, clerk.control, resident.card)
    assert seen.reading and seen.reading.proved and seen.reading.balance_fen == 7200
    assert not counter.look(clerk.actor, clerk.control, resident.card).reading, "once"
    assert not counter.look(clerk.actor, clerk.control, forge(resident, time=1)).reading
    resident.use(100)
    resident.visit_meter()
    clerk.look(resident)
    last = Reading.objects.latest("pk")
    assert (last.proved, last.balance_fen) == (True, 7100)
    assert list_books()[0]["meter"] == -7100
