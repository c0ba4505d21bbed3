"""Sales, refunds and shifts edited by hand: the whole proof names each row that its acts deny.

Also run on PostgreSQL, by test_postgresql.py.
"""

from pathlib import Path
from typing import Any

import pytest

import shift_kit
from estate_kit import make_contract
from office_kit import drop_guards, make_guards

SALE = "sale 1 of desk desk1: its act posted something else"
REFUND = "refund {} of desk desk1: its act tells something else"
SHIFT = "desk desk1, shift 1: its acts tell something else"


def live() -> dict[str, Any]:
    """A sale in the meter, one that is void, one paid back, a refund that is void, two shifts."""
    from dianka.desk.office.vending import refunds, sales, shifts

    seller, kept, other = shift_kit.find_seller(), make_contract(7), make_contract(8)
    sold = shift_kit.sell(seller, kept, 5000, "card")
    shift_kit.read_meter(kept, 100)
    void = shift_kit.begin_sale(seller, other, 300)
    sales.void(seller, void.pk, "nothing was sent")
    back = shift_kit.sell(seller, other, 700)
    ended = []
    for number in range(2):
        named = refunds.name_sale(back)
        given = shift_kit.give_consent(seller, refunds.CONSENT, named, back.amount_fen)
        order = refunds.Order("typed 7 for 70", "notes", given)
        ended.append(refunds.begin(seller, back, back.card_serial, order))
        if number:
            refunds.post(seller, ended[-1].pk)
        else:
            refunds.void(seller, ended[-1].pk, "the card has it")
    shifts.close_shift(seller, 1, shift_kit.count_notes(5050))
    shifts.open_shift(seller, shift_kit.count_notes(5050))
    return {"sale": sold.pk, "void": void.pk, "refund": ended[1].pk, "void refund": ended[0].pk}


def find_faults() -> list[str]:
    from dianka.desk.office import checking

    return checking.find_faults()


def edit(statement: str) -> None:
    """Somebody who owns the database, and puts the guards back afterwards."""
    from django.db import connection

    drop_guards("vending")
    with connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.rowcount == 1
    make_guards("vending")


def test_nobody_has_edited_anything(office: Path) -> None:
    live()
    assert find_faults() == []


EDITS = [
    ("vending_sale", "sale", "method = 'notes'", SALE),
    ("vending_sale", "sale", "card_serial = '0000000000000001'", SALE),
    ("vending_sale", "sale", "card_serial = ''", SALE),
    ("vending_sale", "sale", "written_at = '2026-01-01 00:00:00'", SALE),
    (
        "vending_sale",
        "sale",
        "contract_id = (SELECT contract_id FROM vending_sale WHERE state = 'void')",
        SALE,
    ),
    ("vending_refund", "refund", "method = 'card'", REFUND.format(2)),
    ("vending_refund", "refund", "reason = 'he asked for it'", REFUND.format(2)),
    ("vending_refund", "refund", "consent_by = 'wu'", REFUND.format(2)),
    ("vending_refund", "refund", "reversal = NOT reversal", REFUND.format(2)),
    ("vending_refund", "void refund", "void_reason = 'no reason'", REFUND.format(1)),
]


@pytest.mark.parametrize(
    ("table", "name", "change", "said"), EDITS, ids=[f"{edit[1]} {edit[2]}" for edit in EDITS]
)
def test_a_row_that_its_act_denies_is_named(
    office: Path, table: str, name: str, change: str, said: str
) -> None:
    keys = live()
    edit(f"UPDATE {table} SET {change} WHERE id = {keys[name]}")
    assert find_faults() == [said]


def test_a_sale_made_void_without_an_act_is_named(office: Path) -> None:
    """No guard refuses it: its cash is in no book, and the card has the purchase."""
    from django.db import connection

    seller = shift_kit.find_seller()
    sale = shift_kit.begin_sale(seller, make_contract(7), 5000)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE vending_sale SET state = 'void' WHERE id = {sale.pk}")
    assert find_faults() == ["sale 1 of desk desk1: it is void, and no act tells so"]


def test_a_void_sale_with_another_reason_is_named(office: Path) -> None:
    keys = live()
    edit(f"UPDATE vending_sale SET reason = 'it rained' WHERE id = {keys['void']}")
    assert find_faults() == ["sale 2 of desk desk1: it is void, and no act tells so"]


def test_a_night_names_a_void_sale_of_its_day(office: Path) -> None:
    from django.db import connection

    from dianka.desk.office import nightly

    live()
    nightly.prove()
    sale = shift_kit.begin_sale(shift_kit.find_seller(), make_contract(9), 5000)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE vending_sale SET state = 'void' WHERE id = {sale.pk}")
    assert nightly.prove().faults == ["sale 4 of desk desk1: it is void, and no act tells so"]


SHIFTS = [
    "UPDATE vending_shift SET operator = 'wu' WHERE number = 1",
    "UPDATE vending_shift SET float_fen = 1 WHERE number = 1",
    "UPDATE vending_shift SET counted_fen = 1 WHERE number = 1",
    "UPDATE vending_shift SET expected_fen = 1 WHERE number = 1",
    "UPDATE vending_shift SET report = replace(report, '50.50', '49.50') WHERE number = 1",
    *(
        f"UPDATE vending_shiftcount SET {change} WHERE method = 'notes' AND closing {{closing}} "
        "AND shift_id = (SELECT id FROM vending_shift WHERE number = 1)"
        for change in ("counted_fen = 9", "pieces = '100.00x3'", "handed_fen = 7")
    ),
]


@pytest.mark.parametrize("statement", SHIFTS)
def test_a_shift_that_its_acts_deny_is_named(office: Path, statement: str) -> None:
    """Also one that is older than those whose sums a whole proof makes anew."""
    live()
    edit(statement.format(closing="= true"))
    assert SHIFT in find_faults()


@pytest.mark.parametrize("change", ["counted_fen = 9", "pieces = '100.00x3'"])
def test_an_opening_count_that_its_act_denies_is_named(office: Path, change: str) -> None:
    live()
    edit(
        f"UPDATE vending_shiftcount SET {change} WHERE NOT closing "
        "AND shift_id = (SELECT id FROM vending_shift WHERE number = 1)"
    )
    assert find_faults() == [SHIFT]
