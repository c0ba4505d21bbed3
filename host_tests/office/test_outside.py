"""Purchases from outside of the books: nothing is taken in that the card does not prove.

Also run on PostgreSQL, by test_postgresql.py.
"""

from pathlib import Path
from typing import Any

import pytest

import cards_kit as kit
import shift_kit
from counter_kit import Clerk, Resident
from dianka.card_port import CardError
from dianka.cardos.files import card_files
from estate_kit import make_actor, make_contract
from set_card_kit import Altered, break_proof

BLANK = bytes(card_files.WRITE_BACK_SIZE)
DESK = "counter"


def balances() -> dict[str, int]:
    from dianka.desk.office.ledger import proof

    return {kind: fen for kind, fen in proof.sum_by_kind().items() if fen}


def consent_to(actor: Any, subject: str, amount_fen: int) -> int:
    from dianka.desk.office.vending import outside

    return shift_kit.give_consent(actor, outside.CONSENT, subject, amount_fen)


@pytest.fixture
def card(office: Path) -> tuple[Any, Resident]:
    """Return a control card, and a resident whose one purchase no book knows."""
    from dianka.desk.sell import sell

    control = kit.control_card()
    resident = Resident(control)
    sell(control, resident.card, 100)
    resident.visit_meter()
    return control, resident


@pytest.mark.parametrize(
    "lies",
    [
        {
            card_files.CARD_WALLET: card_files.pack(
                card_files.WALLET, {"money_fen": 900_000, "count": 2}
            ),
            card_files.CARD_WRITE_BACK: BLANK,
        },
        {card_files.CARD_WRITE_BACK: BLANK},
    ],
    ids=["9000.00 yuan", "no receipt"],
)
def test_what_is_read_in_plain_is_not_taken_in(
    card: tuple[Any, Resident], lies: dict[int, bytes]
) -> None:
    """A shim's money would be in transit, and a real one on the card that replaces a lost one."""
    from dianka.desk.office.vending import outside

    control, resident = card
    boss, shim = make_actor("manager", DESK), kit.Shim(resident.card, lies)
    with pytest.raises(CardError, match="does not prove its purchase"):
        outside.name_outside(boss, control, shim)
    money_fen = 900_000 if len(lies) == 2 else 100
    words = f"meter {kit.METER_NO:012d} purchase {len(lies)}", money_fen
    with pytest.raises(CardError, match="does not prove its purchase"):
        outside.take_in_purchases(boss, control, shim, consent_to(boss, *words))
    assert balances() == {}
    subject, fen = outside.name_outside(boss, control, resident.card)
    outside.take_in_purchases(boss, control, resident.card, consent_to(boss, subject, fen))
    assert balances() == {"outside": 100, "meter": -100}


def test_a_first_receipt_from_outside_is_proved_or_refused(office: Path) -> None:
    """It tells what former purchases left in the meter: money that nobody has consented to."""
    from dianka.desk.office.estate.models import Reading
    from dianka.desk.office.vending import counter, outside
    from dianka.desk.sell import sell

    control = kit.control_card()
    clerk, resident = Clerk(control), Resident(control)
    sell(control, resident.card, 100)
    boss = make_actor("manager", DESK)
    words = outside.name_outside(boss, control, resident.card)
    outside.take_in_purchases(boss, control, resident.card, consent_to(boss, *words))
    resident.visit_meter()
    rich = write_receipt(1, 900_000)
    shim = kit.Shim(resident.card, {card_files.CARD_WRITE_BACK: rich})
    for port in (shim, Altered(shim, break_proof)):
        with pytest.raises(CardError, match=r"does not prove .* first receipt"):
            counter.look(clerk.actor, control, port)
        assert "does not prove" in clerk.sell(resident, 500, port)
    assert balances() == {"outside": 100, "transit": -100} and not Reading.objects.exists()
    assert clerk.sell(resident, 500, resident.card) == "sold"
    assert balances() == {"cash": 500, "outside": 100, "transit": -500, "meter": -100}


def test_another_meter_than_the_card_s_own_is_not_taken_in(card: tuple[Any, Resident]) -> None:
    from dianka.desk.office.vending import outside

    control, resident = card
    make_contract(5, 6, area="West")
    block = resident.card.state.files[card_files.CARD_INFO]
    params = card_files.unpack(card_files.PARAMS, card_files.unframe(block)[1])
    data = card_files.pack(card_files.PARAMS, params | {"meter_no": 5, "customer_no": 6})
    theirs = card_files.frame(card_files.CMD_USER, data)
    lies = {
        card_files.CARD_INFO: theirs,
        card_files.CARD_WRITE_BACK: write_receipt(1, 100, meter_no=5, customer_no=6),
    }
    resident.card.state.files[card_files.CARD_WRITE_BACK] = lies[card_files.CARD_WRITE_BACK]
    boss, shim = make_actor("manager", DESK), kit.Shim(resident.card, lies)
    with pytest.raises(CardError, match="does not prove whose it is"):
        outside.name_outside(boss, control, shim)


def write_receipt(count: int, balance_fen: int, **other: int) -> bytes:
    record = {"meter_no": kit.METER_NO, "customer_no": kit.CUSTOMER_NO, "count": count}
    record |= {"balance_fen": balance_fen, "time": 2601020304} | other
    data = card_files.pack(card_files.WRITE_BACK, record)
    return card_files.frame(card_files.CMD_WRITE_BACK, data)
