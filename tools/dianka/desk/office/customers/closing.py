"""Accounts end: closed with exact refund, handed to another holder, moved to another meter.

Each one stands on a final statement (statements.py). A meter that has had a customer takes no
other one's card (code 12): for its next holder it is set up anew, with restore, initialisation and
change card, and gets an opening card (docs/cards/sessions.md). That wipes its wallet, so what was
in it is paid back, or goes into transit and along with the next contract's first purchase.

Money leaves a customer's account by each of them, so each takes a second person's consent, to what
`name_closing`, `name_change` and `name_exchange` return: the act, whose account, and the amount.
"""

from django.db import transaction

from dianka.desk.office.audit import chain
from dianka.desk.office.customers.contracts import (
    Terms,
    find_contract_at,
    lock_contract,
    make_contract,
    tell_opening,
    terms_of,
)
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.customers.records import CustomerError, lock_customer, name_subject
from dianka.desk.office.customers.search import refresh
from dianka.desk.office.customers.statements import Statement, read_statement, settle
from dianka.desk.office.estate.meters import install_locked, lock_meter, take_down
from dianka.desk.office.estate.models import Meter
from dianka.desk.office.ledger.posting import METER, TRANSIT, Move, of_meter, post
from dianka.desk.office.people.consent import ConsentError, use_consent
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.state.told import tell
from dianka.money import signed_yuan

CLOSING = "closing"
HOLDER = "change of holder"
EXCHANGE = "exchange"
BY_OLD = " by an old statement"

Asked = tuple[str, str, int]  # of a consent: its kind, its subject, the amount in fen


@needs("close an account")
def name_closing(actor: Actor, meter_no: int, reading_id: int | None) -> Asked:
    """Return what a second person consents to before `close_account`."""
    contract = find_contract_at(meter_no)
    return _name(CLOSING, str(contract.meter), read_statement(contract, reading_id))


@needs("close an account")
def name_change(
    actor: Actor, meter_no: int, customer_no: int, reading_id: int | None, hand_over: bool = False
) -> Asked:
    """Return what a second person consents to before `change_holder`."""
    contract = find_contract_at(meter_no)
    statement = read_statement(contract, reading_id)
    return _name(HOLDER, _name_holder(contract, customer_no, hand_over), statement)


@needs("exchange a meter")
def name_exchange(actor: Actor, former_no: int, meter_no: int, reading_id: int | None) -> Asked:
    """Return what a second person consents to before `exchange_meter`."""
    contract = find_contract_at(former_no)
    subject = _name_exchange(contract, meter_no)
    return _name(EXCHANGE, subject, read_statement(contract, reading_id))


@needs("close an account")
def close_account(
    actor: Actor,
    meter_no: int,
    reading_id: int | None,
    consent: int | None,
    method: str = "notes",
) -> int:
    """Close the account of a meter, and pay back what is in it, or take what is owed.

    Return the fen that are paid back, below zero if they were owed.
    """
    with transaction.atomic():
        contract = lock_contract(lock_meter(meter_no))
        statement = read_statement(contract, reading_id)
        asked = _name(CLOSING, str(contract.meter), statement)
        by = _use_consent(actor, consent, asked)
        moves = settle(actor, contract.meter, statement.balance_fen, method)
        _end(actor, contract, "account closed", f"{statement.told}; consent of {by}", moves)
    return statement.balance_fen


@needs("close an account")
def change_holder(
    actor: Actor,
    meter_no: int,
    customer_no: int,
    terms: Terms,
    reading_id: int | None,
    consent: int | None,
    hand_over: bool = False,
    method: str = "notes",
) -> Contract:
    """Close the account of a meter and open another customer's at it.

    What is in the meter is paid back; with `hand_over` it is the next holder's, who gets it with
    his first purchase. What is owed is paid in either case.
    """
    actor.require("open an account")
    with transaction.atomic():
        former = lock_contract(lock_meter(meter_no))
        customer = lock_customer(customer_no)
        if customer.pk == former.customer.pk:
            raise CustomerError(f"{customer} holds this account already")
        statement = read_statement(former, reading_id)
        asked = _name(HOLDER, _name_holder(former, customer_no, hand_over), statement)
        by = _use_consent(actor, consent, asked)
        brought_fen = max(statement.balance_fen, 0) if hand_over else 0
        if brought_fen:
            moves = [_carry(former.meter, former.meter, brought_fen)]
        else:
            moves = settle(actor, former.meter, statement.balance_fen, method)
        told = f"to {name_subject(customer)}, {statement.told}; consent of {by}"
        _end(actor, former, "holder changed", told, moves)
        contract = make_contract(customer, former.meter, terms, brought_fen)
        tell_opening(actor, contract, "account opened")
    return contract


@needs("exchange a meter")
def exchange_meter(
    actor: Actor,
    former_no: int,
    meter_no: int,
    reading_id: int | None,
    reason: str,
    consent: int | None = None,
    method: str = "notes",
) -> Contract:
    """Take a meter down and install another one for the same customer.

    What was in the former one goes along with the first purchase of the new one. What is owed is
    paid.
    """
    if not reason.strip():
        raise CustomerError("an exchange has a reason: give one")
    with transaction.atomic():
        meters = {number: lock_meter(number) for number in sorted({former_no, meter_no})}
        meter, former = meters[meter_no], lock_contract(meters[former_no])
        if meter.state != Meter.State.STOCK:
            raise CustomerError(f"meter {meter} is {meter.state}: take one from stock")
        statement = read_statement(former, reading_id)
        asked = _name(EXCHANGE, _name_exchange(former, meter_no), statement)
        by = _use_consent(actor, consent, asked)
        brought_fen = max(statement.balance_fen, 0)
        if brought_fen:
            moves = [_carry(former.meter, meter, brought_fen)]
        else:
            moves = settle(actor, former.meter, statement.balance_fen, method)
        state, told = former.state, f"for {meter}, {statement.told}: {reason.strip()}"
        told += f"; consent of {by}"
        _end(actor, former, "meter exchanged", told, moves)
        return _move_contract(actor, former, meter, brought_fen, state)


def _move_contract(
    actor: Actor, former: Contract, meter: Meter, brought_fen: int, state: str
) -> Contract:
    """Take the meter of an ended contract down, and go on with the same terms at another one."""
    if former.premise is None:
        raise CustomerError(f"meter {former.meter} has no premise: install it first")
    take_down(actor, former.meter)
    install_locked(actor, meter, former.premise.pk)
    contract = make_contract(former.customer, meter, terms_of(former), brought_fen)
    contract.state = state
    contract.save(update_fields=["state"])
    tell_opening(actor, contract, "account opened")
    return contract


def _name_holder(contract: Contract, customer_no: int, hand_over: bool) -> str:
    way = "handed over" if hand_over else "paid back"
    return f"{contract.meter} to customer {customer_no:012d}, {way}"


def _name_exchange(contract: Contract, meter_no: int) -> str:
    return f"{contract.meter} for {meter_no:012d}"


def _name(kind: str, subject: str, statement: Statement) -> Asked:
    return kind + BY_OLD * statement.is_old, subject, statement.balance_fen


def _use_consent(actor: Actor, number: int | None, asked: Asked) -> str:
    kind, subject, amount_fen = asked
    try:
        return use_consent(actor, number, kind, subject, amount_fen)
    except ConsentError as error:
        told = f"meter {subject}, {signed_yuan(amount_fen)} yuan"
        raise ConsentError(f"{error} ({told})") from None


def _carry(former: Meter, meter: Meter, amount_fen: int) -> Move:
    return Move(of_meter(METER, former.number), of_meter(TRANSIT, meter.number), amount_fen)


def _end(actor: Actor, contract: Contract, kind: str, told: str, moves: list[Move]) -> None:
    """End a locked contract, with one act for it and its money."""
    contract.state = Contract.State.CLOSED
    contract.closed_at = chain.read_time()
    contract.save(update_fields=["state", "closed_at"])
    subject = name_subject(contract.customer)
    told = f"meter {contract.meter}, {told}"
    post(actor.desk, actor.operator, kind, subject, moves, told, tell(contract))
    refresh([contract.customer.pk])
