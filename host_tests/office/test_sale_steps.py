"""The steps of a sale in the books, without a card: intent, posted, void, and the form's key.

Also run on PostgreSQL, by test_postgresql.py.
"""

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

import shift_kit
from dianka.card_port import CardError
from estate_kit import make_actor, make_contract
from office_kit import drop_guards

SERIAL = "01" * 8
LOW, MIDDLE, HIGH = (uuid.UUID(int=number << 120 | 7) for number in (1, 8, 15))
STATES = ("pending", "written", "loaded", "void", "refunded")


def form(amount_fen: int = 5000, key: uuid.UUID | None = None, **more: Any) -> Any:
    from dianka.desk.office.vending import sales

    words = {"card_serial": SERIAL, "method": "notes", "tendered_fen": None} | more
    return sales.Form(key or uuid.uuid4(), amount_fen=amount_fen, **words)


def begin(contract: Any, count: int, asked: Any = None, price: Any = None) -> tuple[Any, bool]:
    from dianka.desk.office.vending import sales

    seller = shift_kit.find_seller()
    return sales.begin(seller, asked or form(), contract, count, price or contract.price)


def post(sale: Any) -> Any:
    from dianka.desk.office.vending import sales

    return sales.post(shift_kit.find_seller(), sale)


def set_state(sale: Any, state: str) -> None:
    """Bring a sale into a state as it was reached: one that was posted has a receipt."""
    from dianka.desk.office.vending import sales
    from dianka.desk.office.vending.models import Sale

    if state in ("written", "loaded", "refunded"):
        post(sale)
    if state in ("loaded", "refunded"):
        Sale.objects.filter(pk=sale.pk).update(state=state)
    if state == "void":
        sales.void(shift_kit.find_seller(), sale.pk, "nothing was sent")


def read_books() -> tuple[Any, ...]:
    """All that a step may change."""
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.office.ledger.models import Account
    from dianka.desk.office.vending.models import Desk, Sale

    return (
        list(Sale.objects.order_by("pk").values()),
        sorted((str(each), each.balance_fen) for each in Account.objects.all()),
        list(Desk.objects.order_by("pk").values()),
        list(Contract.objects.order_by("pk").values()),
        Act.objects.count(),
    )


def check_refused(match: str, act: Callable[[], Any], error: type[Exception] = CardError) -> None:
    """The act is refused in these words, and nothing has changed."""
    shift_kit.find_seller()  # whose shift the first act would open
    before = read_books()
    with pytest.raises(error, match=match):
        act()
    assert read_books() == before


# ****** Intent ******


def test_a_sale_s_life_from_intent_to_receipt(office: Path) -> None:
    from dianka.desk.office.vending.models import Desk, Sale

    contract = make_contract(7)
    asked = form(5000, tendered_fen=6000)
    sale, now = begin(contract, 1, asked)
    stored = Sale.objects.get(pk=sale.pk)
    assert now and (stored.state, stored.receipt, stored.act) == ("pending", None, None)
    assert stored.written_at is None
    assert (stored.desk.name, stored.number, stored.count) == ("desk1", 1, 1)
    assert (stored.key, bytes(stored.key_hash)) == (asked.key, asked.hash())
    assert stored.completing_key is None
    assert (stored.card_serial, stored.amount_fen) == (SERIAL, 5000)
    assert (stored.method, stored.tendered_fen) == ("notes", 6000)
    assert (stored.price, stored.operator, stored.reason) == (contract.price, "a-clerk", "")
    posted = post(sale)
    stored = Sale.objects.get(pk=sale.pk)
    for each in (posted, stored):
        assert (each.state, each.receipt, each.act) == ("written", 1, posted.act)
        assert each.written_at == posted.act.time
    act = posted.act
    assert (act.kind, act.subject, act.operator) == ("sale", "000000000007", "a-clerk")
    assert act.moves == "cash:desk1:notes > transit:000000000007 5000"
    assert act.detail == (f"sale 1 receipt 1 purchase 1 of 5000 fen by notes card {SERIAL}"), (
        "an act's words are fixed for ever"
    )
    desk = Desk.objects.get(name="desk1")
    assert (desk.sales, desk.receipts) == (1, 1)
    after = read_books()
    assert post(sale).receipt == 1 and read_books() == after, "once more changes nothing"


@pytest.mark.parametrize("former", [0, 3, 299])
def test_the_next_purchase_and_no_other(office: Path, former: int) -> None:
    from dianka.desk.office.vending import sales

    contract = make_contract(7)
    contract.former_count = former
    contract.save()
    assert sales.find_last_count(contract) == former
    for last in (former, former + 1, former + 2):
        for count in {0, 1, last - 1, last, last + 2, last + 3, 2 * last + 5} - {last + 1}:
            check_refused(
                f"the card is at purchase {count - 1}, the books are at {last}: read the card",
                lambda count=count: begin(contract, count),
            )
        post(begin(contract, last + 1)[0])
        assert sales.find_last_count(contract) == last + 1
    contract.former_count = former + 9
    contract.save()
    assert sales.find_last_count(contract) == former + 9
    check_refused(f"the books are at {former + 9}:", lambda: begin(contract, former + 4))
    assert begin(contract, former + 10)[1]


@pytest.mark.parametrize("state", STATES)
def test_what_the_last_sale_lets_begin(office: Path, state: str) -> None:
    from dianka.desk.office.vending import sales

    contract = make_contract(7)
    sale = begin(contract, 1)[0]
    set_state(sale, state)
    assert sales.find_unfinished(contract) == (sale if state == "pending" else None)
    assert sales.find_unfinished(make_contract(8)) is None
    live = state in ("pending", "written", "loaded")
    assert sales.find_last_count(contract) == (1 if live else 0)
    if state == "pending":
        check_refused("sale 1 at desk1 of 50.00 yuan is not finished", lambda: begin(contract, 2))
    else:
        assert begin(contract, 2 if live else 1)[0].number == 2


@pytest.mark.parametrize("state", ["closed", "suspended", "gone"])
def test_nothing_is_sold_to_an_account_that_is_not_open(office: Path, state: str) -> None:
    contract = make_contract(7)
    if state == "gone":
        contract.pk += 1000
    else:
        contract.state = state
        contract.save()
    told = "closed" if state == "gone" else state
    check_refused(f"the account is {told}: nothing is sold to it", lambda: begin(contract, 1))


@pytest.mark.parametrize("tendered_fen", [0, 1, 4999, 5000, 5001, 99_999_999])
def test_who_gives_too_little_gets_nothing(office: Path, tendered_fen: int) -> None:
    contract = make_contract(7)
    asked = form(5000, tendered_fen=tendered_fen)
    if tendered_fen >= 5000:
        assert begin(contract, 1, asked)[0].tendered_fen == tendered_fen
    else:
        said = rf"^{tendered_fen // 100}\.{tendered_fen % 100:02d} yuan do not pay 50\.00$"
        check_refused(said, lambda: begin(contract, 1, asked))


@pytest.mark.parametrize("fen", [-1, 0])
def test_the_database_refuses_a_sale_of_nothing(office: Path, fen: int) -> None:
    from django.db import IntegrityError

    contract = make_contract(7)
    check_refused("sale_above_zero", lambda: begin(contract, 1, form(fen)), IntegrityError)


def test_a_form_says_which_fields_it_had() -> None:
    """Written out by hand: what is in the database is compared with it for ever."""
    told = b"\0\0\0\x10" + SERIAL.encode() + b"\0\0\0\x045000" + b"\0\0\0\x05notes"
    assert form().hash() == hashlib.sha256(told).digest()
    changed: Any = form()
    with pytest.raises(FrozenInstanceError):
        changed.amount_fen = 1


# ****** A form's key ******


def test_a_key_makes_one_sale_whoever_uses_it(office: Path) -> None:
    one, other = make_contract(7), make_contract(8)
    begin(one, 1, form(key=MIDDLE))
    said = "^this form has made a sale already: begin a new one$"
    check_refused(said, lambda: begin(other, 1, form(key=MIDDLE)))
    check_refused(said, lambda: begin(other, 1, form(300, key=MIDDLE)))


def test_the_same_form_finds_its_sale(office: Path) -> None:
    contract, asked = make_contract(7), form(key=MIDDLE)
    sale, _ = begin(contract, 1, asked)
    before = read_books()
    again, now = begin(contract, 1, asked)
    assert (again.pk, now, again.completing_key) == (sale.pk, False, None)
    assert read_books() == before


@pytest.mark.parametrize("serial", [f"{number:02x}" * 8 for number in range(2, 10)])
def test_the_same_form_on_another_card_is_refused(office: Path, serial: str) -> None:
    contract = make_contract(7)
    begin(contract, 1, form(key=MIDDLE))
    other = form(key=MIDDLE, card_serial=serial)
    said = "this form was used for sale 1 on another card: begin anew"
    check_refused(said, lambda: begin(contract, 1, other))


@pytest.mark.parametrize("key", [LOW, HIGH])
def test_another_form_completes_the_same_purchase_alone(office: Path, key: uuid.UUID) -> None:
    from dianka.desk.office.vending import sales
    from dianka.desk.office.vending.models import Sale

    contract = make_contract(7)
    sale, _ = begin(contract, 1, form(key=MIDDLE))
    said = r"^sale 1 at desk1 of 50\.00 yuan is not finished: sell 50\.00 to complete it$"
    for count, fen in ((0, 5000), (2, 5000), (1, 4999), (1, 5001), (2, 1), (0, 9000)):
        check_refused(said, lambda count=count, fen=fen: begin(contract, count, form(fen, key=key)))
    other = form(key=key, method="card", card_serial="02" * 8)
    again, now = begin(contract, 1, other)
    assert (again.pk, now) == (sale.pk, False)
    stored = Sale.objects.get(pk=sale.pk)
    assert (stored.key, stored.completing_key) == (MIDDLE, key)
    assert (stored.method, stored.card_serial) == ("notes", SERIAL), "as the money was taken"
    for method in ("notes", "card", "zzz"):
        assert sales.find_by_key(key, 5000, method) == sale


@pytest.mark.parametrize("completed", [None, LOW, HIGH])
def test_a_form_s_sale_is_found_by_its_very_words(
    office: Path, completed: uuid.UUID | None
) -> None:
    from dianka.desk.office.vending import sales

    contract = make_contract(7)
    sale, _ = begin(contract, 1, form(key=MIDDLE))
    if completed:
        begin(contract, 1, form(key=completed))
    assert sales.find_by_key(MIDDLE, 5000, "notes") == sale
    assert sales.find_by_key(uuid.uuid4(), 5000, "notes") is None
    said = "^this form was used for sale 1 with other words: begin a new one$"
    for fen, method in ((4999, "notes"), (5001, "notes"), (5000, "card"), (5000, "zzz")):
        check_refused(said, lambda fen=fen, method=method: sales.find_by_key(MIDDLE, fen, method))
    if completed:
        for fen in (4999, 5001):
            check_refused(said, lambda fen=fen: sales.find_by_key(completed, fen, "notes"))


# ****** Posted, or void ******


@pytest.mark.parametrize("state", STATES)
def test_what_is_posted(office: Path, state: str) -> None:
    contract = make_contract(7)
    sale = begin(contract, 1)[0]
    set_state(sale, state)
    before = read_books()
    if state in ("void", "refunded"):
        check_refused(f"^sale 1 is {state}: sell anew$", lambda: post(sale))
    elif state == "pending":
        assert post(sale).state == "written" and read_books() != before
    else:
        again = post(sale)
        assert (again.state, again.receipt) == (state, 1) and read_books() == before
    sale.pk += 1000
    check_refused("^sale 1 is void: sell anew$", lambda: post(sale))


@pytest.mark.parametrize("state", STATES)
def test_what_is_void(office: Path, state: str) -> None:
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.vending import sales
    from dianka.desk.office.vending.models import Sale

    contract, seller = make_contract(7), shift_kit.find_seller()
    sale = begin(contract, 1)[0]
    set_state(sale, state)
    before = read_books()
    if state == "void":
        assert sales.void(seller, sale.pk, "again").reason == "nothing was sent"
        assert read_books() == before
    elif state == "pending":
        reason = "".join(str(number % 10) for number in range(300))
        done = sales.void(seller, sale.pk, reason)
        stored = Sale.objects.get(pk=sale.pk)
        assert (done.state, stored.state, stored.reason) == ("void", "void", reason[:200])
        act = Act.objects.latest("pk")
        assert (act.kind, act.subject, act.moves) == ("sale void", "000000000007", "")
        assert act.detail == (
            f"sale 1 purchase 1 of 5000 fen by notes card {SERIAL}: {reason[:200]}"
        )
        assert read_books()[1:3] == before[1:3], "no money moves, no number is taken"
    else:
        said = f"^sale 1 is {state}: it can't be void$"
        check_refused(said, lambda: sales.void(seller, sale.pk, "too late"))


@pytest.mark.parametrize("old", [3000, 5000])
@pytest.mark.parametrize("new", [3001, 5001])
def test_a_sale_brings_its_price_to_the_contract(office: Path, old: int, new: int) -> None:
    """Whichever version is the newer row; the same one is told of no more."""
    from dianka.desk.office.customers.models import TariffVersion

    contract = make_contract(7)
    versions = {}
    for pk in (old, new):  # above the numbers that are one object in Python
        versions[pk] = TariffVersion.objects.create(
            pk=pk, tariff=contract.tariff, number=pk, price_e4=pk, begins=0, approved_by="wu"
        )
    contract.price = versions[old]
    contract.save()
    first = post(begin(contract, 1, price=TariffVersion.objects.get(pk=old))[0])
    assert "\n" not in first.act.detail
    second = post(begin(contract, 2, price=TariffVersion.objects.get(pk=new))[0])
    contract.refresh_from_db()
    assert contract.price_id == new and '\n= ["contract","' in second.act.detail
    third = post(begin(contract, 3, price=TariffVersion.objects.get(pk=new))[0])
    assert "\n" not in third.act.detail


def test_money_of_a_shift_that_was_counted_was_found_too_much_there(office: Path) -> None:
    from dianka.desk.office.vending import sales, shifts

    contract, seller = make_contract(7), shift_kit.find_seller()
    early = begin(contract, 1)[0]
    shifts.close_shift(seller, 1, shift_kit.count_notes(0))
    shifts.open_shift(seller, shift_kit.count_notes(0))
    assert post(early).act.moves == "difference:desk1 > transit:000000000007 5000"
    here = post(begin(contract, 2, form(700, method="card"))[0])
    assert here.act.moves == "cash:desk1:card > transit:000000000007 700"
    late = begin(contract, 3)[0]
    shifts.close_shift(seller, 2, shift_kit.count_notes(0))
    posted = sales.post(make_actor("supervisor", "desk2"), late)
    assert posted.act.moves == "difference:desk1 > transit:000000000007 5000"
    assert (posted.act.chain.desk, posted.receipt) == ("desk1", 3), "the sale's own desk"


def test_a_desk_without_shifts_has_the_money_in_its_cash(office: Path) -> None:
    """As an office of an early version had them."""
    from dianka.desk.office.vending.models import Desk, Sale

    contract = make_contract(7)
    sale = begin(contract, 1)[0]
    drop_guards("vending")
    Sale.objects.filter(pk=sale.pk).update(desk=Desk.objects.create(name="old"))
    sale.refresh_from_db()
    assert post(sale).act.moves == "cash:old:notes > transit:000000000007 5000"


# ****** Who, and when ******


def test_who_may_not_sell_does_none_of_it(office: Path) -> None:
    from dianka.desk.office.vending import sales

    contract, auditor = make_contract(7), make_actor("auditor")
    sale = begin(contract, 1)[0]
    for act in (
        lambda: sales.begin(auditor, form(), contract, 1, contract.price),
        lambda: sales.post(auditor, sale),
        lambda: sales.void(auditor, sale.pk, "nothing was sent"),
    ):
        check_refused("may not sell", act)


def test_nothing_is_begun_while_the_clock_is_wrong(office: Path) -> None:
    """The card would be written, and the sale could not be posted."""
    from django.db import connection

    from dianka.desk.office.audit.times import ClockError

    if connection.vendor == "postgresql":
        pytest.skip("not on PostgreSQL: its server's clock is asked when the sale is posted")
    contract = make_contract(7)
    post(begin(contract, 1)[0])
    drop_guards("audit")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_act SET time = datetime(time, '+40 days')")
    check_refused("clock", lambda: begin(contract, 2), ClockError)
