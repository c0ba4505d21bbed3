"""Final statements in the books: from the desk's order through the whole meter to the last fen."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from closing_kit import consent, open_shift
from closing_order_kit import order, statement
from counter_kit import Clerk
from dianka.card_port import CardError
from dianka.desk.closing_order import Statement
from estate_kit import make_actor, make_contract
from meter_kit import CUSTOMER_NO, METER_NO, USER, MeterKit, S
from service_kit import INSPECTION, make_inspection


@pytest.fixture
def kit(office: Path, tmp_path: Path) -> Iterator[MeterKit]:
    """A meter with an account in the books, some of whose first purchase is used."""
    from dianka.desk.office.vending import counter

    with MeterKit.new(tmp_path) as kit:
        make_contract(METER_NO, CUSTOMER_NO)
        clerk = Clerk(kit.control.chip)
        with kit.open(USER) as card:
            counter.sell(clerk.actor, kit.control.chip, card, 5000)
        assert kit.run_session(USER).code == 0
        kit.rig.set_load(6_000_000)
        kit.wait(90 * S)
        kit.rig.set_load(0)
        kit.wait(2 * S)
        yield kit


def close(kit: MeterKit) -> Statement:
    order(kit)
    assert kit.run_session(USER).code == 0
    return statement(kit)


def take(said: Statement) -> tuple[Any, Any]:
    from dianka.desk.office.vending.statement_cards import take_statement

    return take_statement(make_actor("manager", "counter"), said)


def open_again(contract: Any) -> None:
    """Open an account of the same customer at the same meter."""
    from dianka.desk.office.audit import chain
    from dianka.desk.office.customers.own_readings import find_last_keys
    from dianka.desk.office.state.told import tell

    contract.pk, contract.state, contract.closed_at = None, "active", None
    contract.opened_at = chain.read_time()
    contract.readings_before = find_last_keys([contract.meter])[contract.meter.pk]
    contract.save(force_insert=True)
    chain.append("desk1", "lin", "account opened", str(contract.meter), rows=tell(contract))


def balances() -> dict[str, int]:
    from dianka.desk.office.ledger.models import Account

    return {str(each): each.balance_fen for each in Account.objects.all() if each.balance_fen}


def test_a_closed_account_is_paid_back_once(kit: MeterKit) -> None:
    from dianka.desk.office import checking
    from dianka.desk.office.customers.closing import close_account

    said = close(kit)
    left_fen = said.amount_fen
    assert 0 < left_fen < 5000
    contract, reading = take(said)
    told = reading.source, reading.balance_fen, reading.used_fen, reading.loaded_fen
    assert told == ("statement", left_fen, 5000 - left_fen, 5000)
    assert reading.energy_wh == said.energy_mwh // 1000 and reading.proved
    assert take(said)[1] == reading, "before it is used it is the same reading"
    actor = make_actor("manager")
    open_shift(actor)
    yes = consent(actor, "closing", contract.meter, left_fen)
    assert close_account(actor, METER_NO, reading.pk, yes) == left_fen
    assert not [name for name in balances() if name.startswith(("meter:", "transit:"))]
    with pytest.raises(CardError, match="ended an account already"):
        take(said)
    open_again(contract)
    with pytest.raises(CardError, match="ended an account already"):
        take(said)
    assert list(checking.find_faults()) == []


def test_it_does_not_get_old(kit: MeterKit, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receipt does after two days, and then takes a consent to an old statement."""
    from dianka.desk.office.customers import statements

    contract, reading = take(close(kit))
    for name in ("GOOD_FOR", "RECEIPT_GOOD_FOR"):
        monkeypatch.setattr(statements, name, -getattr(statements, name))
    found = statements.read_statement(contract, reading.pk)
    assert not found.is_old and found.balance_fen == reading.balance_fen


def test_a_new_meter_takes_it_over(kit: MeterKit) -> None:
    """The balance is the opening purchase of the next meter, to the fen."""
    from dianka.desk.office.customers.closing import exchange_meter
    from dianka.desk.office.estate.meters import add_meters

    said = close(kit)
    contract, reading = take(said)
    add_meters(make_actor("technician"), 8)
    actor = make_actor("manager")
    yes = consent(actor, "exchange", f"{contract.meter} for {8:012d}", said.amount_fen)
    following = exchange_meter(actor, METER_NO, 8, reading.pk, "dark display", yes)
    assert following.brought_fen == said.amount_fen
    assert balances()[f"transit:{8:012d}"] == -said.amount_fen
    with pytest.raises(CardError, match="ended an account already"):
        take(said)


def test_it_is_not_of_these_books(kit: MeterKit) -> None:
    from dataclasses import replace

    said = close(kit)
    with pytest.raises(CardError, match="no account of customer"):
        take(replace(said, customer_no=CUSTOMER_NO + 1))
    with pytest.raises(CardError, match="may not close an account"):
        from dianka.desk.office.vending.statement_cards import take_statement

        take_statement(make_actor("technician", "counter"), said)
    take(said)
    with pytest.raises(CardError, match="behind this statement"):
        take(replace(said, balance_fen=said.balance_fen + 1))


def test_an_inspection_card_brings_it_in(kit: MeterKit) -> None:
    """Where the resident's card is lost behind the closing."""
    from dianka.desk.office.vending.inspection_cards import take_inspection

    said = close(kit)
    make_inspection(kit)
    assert kit.run_session(INSPECTION).code == 0
    with kit.open(INSPECTION) as file:
        _, reading = take_inspection(make_actor("technician", "counter"), kit.control.chip, file)
    assert reading and (reading.source, reading.balance_fen) == ("statement", said.amount_fen)
    assert take(said)[1] == reading
