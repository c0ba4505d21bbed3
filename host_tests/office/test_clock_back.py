"""A clock that was set back: what was done in the time to come is not fresh, and keeps its order.

What is in the books from before is dated later here, as if the clock had been set back since. Also
run on PostgreSQL, by test_postgresql.py.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import shift_kit
from closing_kit import consent, open_shift, read_meter, sell
from dianka.card_port import CardError
from estate_kit import make_actor, make_contract
from office_kit import drop_guards, make_guards

MINUTE, BY_OLD = timedelta(minutes=1), " by an old statement"


def date_later(table: str, column: str, difference: timedelta, where: str = "1 = 1") -> None:
    """Date rows of a table later than they are."""
    from django.db import connection

    set_to = f"{column} + interval '{difference.total_seconds()} s'"
    if connection.vendor == "sqlite":
        by = f"'{difference.total_seconds():+} seconds'"
        set_to = f"strftime('%Y-%m-%d %H:%M:%f', {column}, {by}) || '000'"
    app = table.partition("_")[0]
    drop_guards(app)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = {set_to} WHERE {where}")
    make_guards(app)


@pytest.mark.parametrize(
    ("later", "good"), [(-16, False), (-14, True), (0, True), (3, False), (60 * 24, False)]
)
def test_a_consent_of_the_time_to_come(office: Path, later: int, good: bool) -> None:
    from dianka.desk.office.people.consent import use_consent

    boss = make_actor("manager")
    number = shift_kit.give_consent(boss, "closing", "7", 100)
    date_later("people_consent", "given_at", later * MINUTE)
    if good:
        assert use_consent(boss, number, "closing", "7", 100) == "boss"
        return
    with pytest.raises(CardError, match="was not given in the last 15 minutes"):
        use_consent(boss, number, "closing", "7", 100)


@pytest.mark.parametrize(("later", "locked"), [(-6, False), (-4, True), (3, False)])
def test_a_lock_of_the_time_to_come(office: Path, later: int, locked: bool) -> None:
    from django.db import transaction

    from dianka.desk.office.people import passwords
    from dianka.desk.office.people.models import WrongPasswords

    with transaction.atomic():
        for _ in range(passwords.MOST_WRONG):
            passwords.count_wrong("li", "desk1")
    date_later("people_wrongpasswords", "last_at", later * MINUTE)
    if locked:
        with pytest.raises(CardError, match="li is locked at desk1"):
            passwords.check_not_locked("li", "desk1")
    else:
        passwords.check_not_locked("li", "desk1")
    passwords.count_wrong("li", "desk1")
    assert WrongPasswords.objects.get().count == (passwords.MOST_WRONG + 1 if locked else 1)


def test_a_broken_sale_is_of_the_shift_that_began_it(office: Path) -> None:
    """Its money was counted with that shift: nobody expects it of the next clerk."""
    from dianka.desk.office.ledger.models import Account
    from dianka.desk.office.vending import sales, shifts

    li, wu = make_actor("clerk", name="li"), make_actor("clerk", name="wu")
    contracts = make_contract(7), make_contract(8)
    first = shifts.open_shift(li, shift_kit.count_notes(0))
    former = shift_kit.begin_sale(li, contracts[0], 5000)
    shifts.close_shift(li, first.number, shift_kit.count_notes(5000))
    date_later("vending_sale", "begun_at", 3 * MINUTE)
    second = shifts.open_shift(wu, shift_kit.count_notes(5000))
    own = shift_kit.begin_sale(wu, contracts[1], 700)
    date_later("vending_sale", "begun_at", -60 * MINUTE, "amount_fen = 700")
    for sale in (former, own):
        sales.post(wu, sale)
    cash = Account.objects.get(kind="cash", owner="desk1", method="notes")
    assert cash.balance_fen == 5700, "5000 of float, and the sale of this shift"
    closed = shifts.close_shift(wu, second.number, shift_kit.count_notes(5700))
    assert (closed.expected_fen, closed.counted_fen) == (5700, 5700)


@pytest.mark.parametrize("later", [0, 3, 60 * 24])
def test_a_meter_s_next_holder_gets_no_reading_of_the_former(office: Path, later: int) -> None:
    """Nor loses his own, which the former one's would make old."""
    from dianka.desk.office.customers.closing import change_holder, close_account
    from dianka.desk.office.customers.contracts import Terms
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.office.customers.records import Details, add_customer
    from dianka.desk.office.vending import limits, readings

    boss, former = make_actor("manager"), make_contract(7)
    open_shift(boss)
    sell(former, 5000)
    sell_and_read(former, 300)
    reading = sell_and_read(former, 300)
    left = reading.balance_fen
    add_customer(boss, Details("next"), 9)
    date_later("estate_reading", "seen_at", later * MINUTE)
    subject = f"{former.meter} to customer 000000000009, paid back"
    old = BY_OLD * (later != 0)
    yes = consent(boss, f"change of holder{old}", subject, left)
    terms = Terms("flat 5000", 2000, 500, 10_000)
    contract = change_holder(boss, 7, 9, terms, reading.pk, yes)
    assert readings.find_last(contract) is None
    limits.check_hoard(contract, 10_000)
    sell(contract, 800)
    own = read_meter(contract, 100)
    assert own is not None and own.count == 1 and readings.find_last(contract) == own
    date_later("estate_reading", "seen_at", -later * MINUTE, f"id = {own.pk}")
    assert readings.find_last(Contract.objects.get(pk=contract.pk)) == own
    old = BY_OLD * (later == 60 * 24)
    yes = consent(boss, f"closing{old}", contract.meter, 700)
    assert close_account(boss, 7, own.pk, yes) == 700


def test_money_that_goes_along_while_the_clock_is_set_back(office: Path) -> None:
    """It is on its way until the next holder's own receipt, whatever the former one's is dated."""
    from dianka.desk.office import checking
    from dianka.desk.office.customers.closing import change_holder
    from dianka.desk.office.customers.contracts import Terms
    from dianka.desk.office.customers.records import Details, add_customer

    boss, former = make_actor("manager"), make_contract(7)
    open_shift(boss)
    reading = sell_and_read(former, 300)
    add_customer(boss, Details("next"), 9)
    subject = f"{former.meter} to customer 000000000009, handed over"
    yes = consent(boss, "change of holder", subject, 299)
    terms = Terms("flat 5000", 2000, 500, 0)
    contract = change_holder(boss, 7, 9, terms, reading.pk, yes, hand_over=True)
    date_later("estate_reading", "seen_at", 3 * MINUTE)
    assert not [line for line in checking.find_faults() if "in transit" in line]
    own = read_meter(contract, 9)
    assert own is not None
    date_later("estate_reading", "seen_at", -3 * MINUTE, f"id = {own.pk}")
    assert not [line for line in checking.find_faults() if "in transit" in line]


def test_a_contract_of_an_older_version_goes_by_the_times(office: Path) -> None:
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.office.vending import readings

    contract = make_contract(7)
    reading = sell_and_read(contract, 300)
    Contract.objects.update(readings_before=None)
    contract = Contract.objects.get()
    assert readings.find_last(contract) == reading
    date_later("estate_reading", "seen_at", -3 * MINUTE)
    assert readings.find_last(contract) is None


def sell_and_read(contract: Any, amount_fen: int) -> Any:
    sell(contract, amount_fen)
    return read_meter(contract, 1)


def test_a_receipt_that_waited_for_the_closing_comes_too_late(office: Path) -> None:
    """The desk found the account open; its reading would be the next holder's."""
    from dianka.desk.office.customers.closing import close_account
    from dianka.desk.office.estate.models import Reading

    boss, contract = make_actor("manager"), make_contract(7)
    open_shift(boss)
    reading = sell_and_read(contract, 300)
    close_account(boss, 7, reading.pk, consent(boss, "closing", contract.meter, 299))
    with pytest.raises(CardError, match="this account is closed: take the card in"):
        read_meter(contract, 0)
    assert Reading.objects.count() == 1
