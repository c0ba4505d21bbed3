"""A form that is given again, and what ends a sale early: stops, a pulled card, database, clock."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

import cards_kit as kit
from dianka.card_port import CardError
from dianka.desk.sell import SaleBroken
from estate_kit import make_actor
from office_kit import drop_guards
from set_card_kit import DESK, FEN, Stage, list_states


@pytest.mark.parametrize("state", ["written", "loaded", "void", "refunded", "pending"])
def test_a_form_given_again(office: Path, state: str) -> None:
    from dianka.desk.office.vending import sales
    from dianka.desk.office.vending.models import Sale

    stage, key = Stage(), uuid.uuid4()
    form = sales.Form(key, stage.serial, FEN)
    sale = sales.begin(stage.actor, form, stage.contract, 1, stage.contract.price)[0]
    if state in ("written", "loaded", "refunded"):
        sales.post(stage.actor, sale)
    elif state == "void":
        sales.void(stage.actor, sale.pk, "nothing was sent")
    if state in ("loaded", "refunded"):
        Sale.objects.filter(pk=sale.pk).update(state=state)
    before = kit.snapshot(stage.card)
    if state == "pending":
        stage.put(1, FEN, 0)  # the wallet was written, the receipt of before is not blank yet
        assert stage.sell(key=key) == sale and list_states() == ["written"]
        return
    if state in ("written", "loaded"):
        assert stage.sell(key=key) == sale
    else:
        said = {
            "void": "^sale 1 of this form is void, and its money is in no book: begin a new one, "
            "or give the money back$",
            "refunded": "^sale 1 of this form is refunded: begin a new one$",
        }
        with pytest.raises(CardError, match=said[state]):
            stage.sell(key=key)
    assert kit.snapshot(stage.card) == before and list_states() == [state]


def stop_when_begun(error: BaseException) -> Callable[[], None]:
    """Return what stops a sale as soon as its intent is stored."""

    def stop() -> None:
        if "pending" in list_states():
            raise error

    return stop


def test_a_sale_that_ends_before_anything_is_sent_is_void(office: Path) -> None:
    from dianka.desk.office.vending.models import Sale

    stage = Stage()
    with pytest.raises(CardError, match=r"^enough$"):
        stage.sell(raise_if_stopped=stop_when_begun(CardError("enough")))
    sale = Sale.objects.get()
    assert (sale.state, sale.reason) == ("void", "nothing was sent: enough")
    assert stage.sell().state == "written", "and the next one is sold"


def test_a_sale_of_a_former_form_is_not_void_because_this_one_stops(office: Path) -> None:
    """Its money may be on the card: what this form has not begun, it does not void."""
    stage = Stage()
    stage.begin(1)
    stage.put(1, FEN, 0)
    with pytest.raises(CardError, match=r"^enough$"):
        stage.sell(raise_if_stopped=stop_when_completed(CardError("enough")))
    assert list_states() == ["pending"]


def stop_when_completed(error: BaseException) -> Callable[[], None]:
    from dianka.desk.office.vending.models import Sale

    def stop() -> None:
        if Sale.objects.exclude(completing_key=None).exists():
            raise error

    return stop


def test_a_sale_that_is_refused_before_its_intent_leaves_nothing(office: Path) -> None:
    stage = Stage()
    stage.put(3, FEN, 3)
    with pytest.raises(CardError, match="a manager takes it in"):
        stage.sell()
    assert list_states() == []


@contextmanager
def failing(words: str, error: BaseException, after: int = 0) -> Iterator[None]:
    """Let the database fail at a statement with these words, once `after` others have passed."""
    from django.db import connection

    left = after

    def fail(execute: Any, statement: Any, *rest: Any) -> Any:
        nonlocal left
        if words in str(statement):
            left -= 1
            if left < 0:
                raise error
        return execute(statement, *rest)

    with connection.execute_wrapper(fail):
        yield


def away() -> Exception:
    from django.db import OperationalError

    return OperationalError("server closed the connection\n\tunexpectedly")


AWAY = r"the books can't be reached \(server closed the connection unexpectedly\)"


@pytest.mark.parametrize(
    "words",
    [
        'FROM "vending_sale"',  # the form's own sale
        'FROM "customers_contract"',  # the account of the card
        'FROM "customers_tariffversion"',  # a new price
        "SELECT state, former_count FROM customers_contract",  # the intent
    ],
)
def test_without_the_database_nothing_is_sent(office: Path, words: str) -> None:
    stage = Stage()
    before = kit.snapshot(stage.card)
    with failing(words, away()), pytest.raises(CardError, match=f"^{AWAY}: nothing was sent$"):
        stage.sell()
    assert list_states() == []
    assert kit.snapshot(stage.card).files == before.files
    from dianka.desk.office.vending import counter

    look = counter.look, stage.actor, stage.control, stage.card
    if words == 'FROM "customers_contract"':
        with failing(words, away()), pytest.raises(CardError, match=f"^{AWAY}: nothing was sent$"):
            look[0](*look[1:])


def test_a_sale_that_can_not_be_void_now_stays_unfinished(office: Path) -> None:
    stage = Stage()
    with (
        failing('UPDATE "vending_sale" SET "state"', away()),
        pytest.raises(CardError, match=r"^enough$"),
    ):
        stage.sell(raise_if_stopped=stop_when_begun(CardError("enough")))
    assert list_states() == ["pending"]


ON_CARD = r"^purchase 1 of 50\.00 yuan is on the card, but"
LATER = r"keep the money; looking at the card again posts it \(sale 1\)$"
POSTING = "SELECT s.state, c.price_id FROM vending_sale"


def test_a_database_that_is_away_when_the_card_has_it(office: Path) -> None:
    stage = Stage()
    with failing(POSTING, away()), pytest.raises(SaleBroken, match=f"{ON_CARD} {AWAY}: {LATER}"):
        stage.sell()
    assert list_states() == ["pending"]
    assert stage.conclude()[0] == ["sale 1 of 50.00 yuan is on the card, and posted now"]


@pytest.mark.parametrize("code", [None, 130, 143])
def test_a_stop_when_the_card_has_it(office: Path, code: int | None) -> None:
    stop = KeyboardInterrupt()
    if code:
        stop.exit_code = code  # type: ignore[attr-defined]
    said = f"{ON_CARD} not in the books yet, as you stopped it: {LATER}"
    stage = Stage()
    with failing(POSTING, stop), pytest.raises(SaleBroken, match=said) as broken:
        stage.sell()
    assert broken.value.exit_code == (code or SaleBroken.exit_code)
    assert list_states() == ["pending"]


def test_a_clock_that_goes_wrong_when_the_card_has_it(office: Path) -> None:
    from django.db import connection

    stage = Stage()
    stage.sell()
    stage.put(1, FEN, 1)
    drop_guards("audit")

    def set_clock_back() -> None:
        if "pending" in list_states():
            with connection.cursor() as cursor:
                cursor.execute("UPDATE audit_act SET time = datetime(time, '+1 hours')")

    said = r"^purchase 2 of 50\.00 yuan is on the card, but the clock says .*: keep the money; look"
    with pytest.raises(SaleBroken, match=said):
        stage.sell(raise_if_stopped=set_clock_back)
    assert list_states() == ["loaded", "pending"]


def test_a_card_pulled_while_its_money_is_written(office: Path) -> None:
    stage = Stage()
    for at in range(1, 40):
        torn = kit.Pulled(stage.card, at, True)
        from dianka.desk.office.vending import counter

        try:
            counter.sell(stage.actor, stage.control, torn, FEN)
        except SaleBroken as error:
            assert str(error).endswith(f"complete it (sale {len(list_states())})")
            break
        except CardError:
            continue
    else:
        pytest.fail("no command was the wallet's write")
    assert list_states()[-1] == "pending"


def test_who_may_look_and_who_may_sell(office: Path) -> None:
    from dianka.desk.office.people.rights import Actor
    from dianka.desk.office.vending import counter

    stage = Stage()
    nobody, auditor = Actor("x", DESK, frozenset()), make_actor("auditor", DESK)
    assert counter.look(auditor, stage.control, stage.card).contract == stage.contract
    torn = kit.Pulled(stage.card, 1, False)  # by its first command
    with pytest.raises(CardError, match="may not look things up"):
        counter.look(nobody, torn, torn)
    with pytest.raises(CardError, match="may not sell"):
        counter.sell(auditor, torn, torn, FEN)
    assert list_states() == []
    wish: Any = counter.Wish(FEN, "notes", uuid.uuid4())
    with pytest.raises(FrozenInstanceError):
        wish.amount_fen = 1
