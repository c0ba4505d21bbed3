"""Recognise any card that is put in: it proves itself, then register and chip are compared.

What was broken off is resolved here, since the chip says what it is. A card that the register does
not know was made outside of the office, and is taken in. A card that must not go on being used is
refused with the reason, and the refusal is an act.
"""

import os
from dataclasses import dataclass

from django.db import transaction

from dianka.card_port import CardError, CardPort, CardRefused, select_card
from dianka.cardos import kinds
from dianka.cardos.files import card_files
from dianka.desk.content import BY_COMMAND, CONTENTS, NAMES
from dianka.desk.in_reader import is_blank
from dianka.desk.office.audit import chain
from dianka.desk.office.cards import agreement, register
from dianka.desk.office.cards.models import Card
from dianka.desk.office.cards.words import describe_card
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.proofs import check_card_keys, check_control_keys, check_esam_keys, is_private
from dianka.desk.reading import explain_no_kind, read_kind, read_whole
from dianka.desk.sell import OnCard, read_user_card
from dianka.desk.session import Desk
from dianka.desk.words import Lines

State = Card.State


class CardSuspectError(CardError):
    """This card must not go on being used. Nothing was done with it."""


@dataclass(frozen=True)
class Recognised:
    """A card that is in order. `card` is None for a blank chip that was never received.

    `told` says what is still to be done about it, or nothing.
    """

    kind: str
    serial: bytes
    card: Card | None
    told: str = ""

    def describe(self) -> Lines:
        """Return what the register knows of it, in words."""
        if self.card is None:
            return [("register", f"blank {self.kind} card, not in the register")]
        return describe_card(self.card) + ([("to do", self.told)] if self.told else [])


@needs("look things up")
def recognise(actor: Actor, control: CardPort | None, port: CardPort) -> Recognised:
    """Return what this card is, once it has proved itself, and enter that it was seen.

    CardSuspectError if it must not be used, CardError if it is no card of this system. `control`
    may be None for the system control card itself.
    """
    kind, serial = read_kind(port)
    if not kind:
        return _see_blank(actor, control, port, serial)
    prove(control, port, kind, serial)
    found = read_user_card(port) if kind == kinds.USER else None
    number = _read_number(port) if kind == kinds.INIT else None
    with transaction.atomic():
        card, reason = _see_issued(actor, kind, serial, found, number)
        if reason:
            chain.append(actor.desk, actor.operator, "card refused", serial.hex(), reason)
    if reason:
        raise CardSuspectError(f"card {serial.hex()} {reason}; keep it and ask a supervisor")
    return Recognised(kind, serial, card, _find_open(card, found))


def prove(control: CardPort | None, port: CardPort, kind: str, serial: bytes) -> None:
    """Raise CardError unless the card proves that it is of this system. It was just selected.

    Cards for meters with public keys prove no more than that they have these keys.
    """
    if control is None:
        if kind != kinds.CONTROL:
            raise CardError("a card proves itself to the control card: name it with --control")
        return
    control.power_on()
    if kind == kinds.CONTROL:
        findings = check_control_keys(port, control, os.urandom)
    elif kind == kinds.ESAM:
        findings = check_esam_keys(port, is_private(port), control, os.urandom)
    else:
        findings = check_card_keys(port, kind, serial, control, os.urandom)
    bad = next((finding.text for finding in findings if not finding.good), "")
    if bad:
        raise CardError(
            f"the {NAMES[kind]} {serial.hex()} is of another system ({bad}): take one of this "
            "system"
        )


def find_blank_kind(port: CardPort) -> str:
    """Return the kind of card that this chip can be made, empty if it is not blank."""
    return next((kind for kind in BY_COMMAND.values() if is_blank(port, kind)), "")


def _see_blank(actor: Actor, control: CardPort | None, port: CardPort, serial: bytes) -> Recognised:
    why = explain_no_kind(port)
    kind = find_blank_kind(port)
    if not kind:
        raise CardError(f"card {serial.hex()} is {why}: take another")
    known = register.find_card(serial)
    if known and known.state in (State.USED, State.REPLACED):
        _prove_blank(control, port, serial)
    with transaction.atomic():
        card = register.lock_card(serial)
        if card is None:
            return Recognised(kind, serial, None)
        if card.state == State.MAKING:
            register.set_state(actor, card, State.STOCK, "card blank", "its making left it blank")
        elif card.state in (State.USED, State.REPLACED):
            register.set_state(actor, card, State.CLEARED, "card cleared", "outside of the office")
        _note_seen(card)
    return Recognised(kind, serial, card)


def _prove_blank(control: CardPort | None, port: CardPort, serial: bytes) -> None:
    """Raise CardError unless a blank card that was issued once still has this system's keys."""
    try:
        if control:
            control.power_on()
            Desk(control, port, serial).identify()
            return
    except CardRefused:
        pass
    raise CardError(
        f"card {serial.hex()} is blank, and does not prove that it is the one in the register: "
        "keep it and ask a supervisor"
    )


def _see_issued(
    actor: Actor, kind: str, serial: bytes, found: OnCard | None, number: int | None
) -> tuple[Card | None, str]:
    """Compare card and register. Return the row, and why the card may not be used, or nothing."""
    known = register.find_card(serial)
    contract = known.contract if known and known.contract else _match_contract(found)
    register.lock_contract(contract)
    card = register.lock_card(serial)
    if card and card.kind != kind:
        return card, f"is a {kind} card, and a {card.kind} card in the register"
    if card and (reason := agreement.find_state_fault(card)):
        _note_seen(card)
        return card, reason
    if contract and found and (reason := _judge(card, contract, found)):
        return card, reason
    if card and card.meter_no not in (None, number):
        return card, f"says meter number {number or 0:012d}, it was made for {card.meter_no:012d}"
    if card and card.state == State.MAKING:
        register.complete(actor, card)
    elif card is None or card.state == State.STOCK or (contract and not card.contract):
        card = card or register.make_row(actor, serial, kind, State.USED, "")
        _take_in(actor, card, contract, number)
    _note_seen(card)
    return card, ""


def _judge(card: Card | None, contract: Contract, found: OnCard) -> str:
    """Return why this card can't be the card of its contract, or nothing."""
    used = register.find_card_of(contract)
    if used and (card is None or card.state != State.MAKING) and used != card:
        return f"is a second card of contract {contract.pk}, beside {used.serial} which is in use"
    return next(agreement.find_faults(contract, card, found), "")


def _find_open(card: Card | None, found: OnCard | None) -> str:
    """Return which purchases of the card the books do not know yet, or nothing."""
    if card is None or card.contract is None or found is None:
        return ""
    return agreement.find_outside(card.contract, card, found)


def _match_contract(found: OnCard | None) -> Contract | None:
    """Return the contract that has this card's meter and customer, if there is one."""
    if found is None:
        return None
    return (
        Contract.objects.exclude(state=Contract.State.CLOSED)
        .select_related("customer", "meter")
        .filter(
            meter__number=found.params["meter_no"], customer__number=found.params["customer_no"]
        )
        .first()
    )


def _take_in(actor: Actor, card: Card, contract: Contract | None, number: int | None) -> None:
    """Enter a card that was made outside of the office, or link it with its contract.

    The number of an initialisation card is given out from now on, here as well.
    """
    card.contract, card.made_by, card.meter_no = contract, "", number
    card.again = register.is_given(number, bytes.fromhex(card.serial))
    register.set_state(actor, card, State.USED, "card taken in", register.describe(card))


def _read_number(port: CardPort) -> int | None:
    """Return the meter number of an initialisation card; CardError if it is damaged."""
    spec, info = kinds.ALL[kinds.INIT].files[card_files.CARD_INFO], card_files.CARD_INFO
    select_card(port)
    try:
        params = CONTENTS[kinds.INIT][info].unpack(read_whole(port, info, spec))
    except ValueError as error:
        raise CardError(f"this initialisation card is damaged ({error}): make another") from None
    return params["meter_no"] if params else None


def _note_seen(card: Card) -> None:
    card.seen_at = chain.read_time()
    card.save(update_fields=["seen_at"])
