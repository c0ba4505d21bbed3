"""The register of all cards: what is made of a chip, from the intent to the end of the card.

A card is entered as MAKING before its keys are loaded, and as USED when it is complete. What is
broken off between the two leaves a row that the next look at the chip resolves (recognising.py).
Rows are locked in one order: the contract, as by a sale, then cards by their numbers, then the
desk's chain.
"""

from dataclasses import dataclass

from django.db import IntegrityError, transaction

from dianka.card_port import CardError
from dianka.cardos import kinds
from dianka.desk.office.audit import chain
from dianka.desk.office.cards.models import Card
from dianka.desk.office.cards.purchases import (
    check_carried,
    has_last_sale,
    raise_if_refunding,
    read_last_purchase,
)
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.customers.search import refresh
from dianka.desk.office.estate.models import Meter
from dianka.desk.office.people.consent import use_consent
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.state.told import tell
from dianka.money import yuan

State = Card.State
WITH_MONEY = "replacement with money"
WITHOUT_MONEY = "replacement without money"  # that is on its way to the meter: it is waived
_OF_CONTRACT = ("customer", "meter", "premise__area", "tariff", "price")
_MAY_BE_MADE = (State.STOCK, State.CLEARED, State.MAKING)


class RegisterError(CardError):
    """The register does not allow that. Nothing is done."""


@dataclass(frozen=True)
class Making:
    """The card that a chip is to become. The fields are those of Card."""

    kind: str
    contract: Contract | None = None
    meter_no: int | None = None
    again: bool = False
    holder: str = ""
    replaces: Card | None = None
    count: int = 0
    money_fen: int = 0


def find_card(serial: bytes) -> Card | None:
    """Return the row of the card with this serial, if there is one."""
    return _all_cards().filter(serial=serial.hex()).first()


def find_card_of(contract: Contract) -> Card | None:
    """Return the card that is in use at this contract, if there is one."""
    return _all_cards().filter(contract=contract, kind=kinds.USER, state=State.USED).first()


def find_former(contract: Contract) -> Card | None:
    """Return the card that a replacement stands in place of, if there is one.

    That is the card in use or, if it was reported lost, the newest one that is replaced.
    """
    replaced = _all_cards().filter(contract=contract, kind=kinds.USER, state=State.REPLACED)
    return find_card_of(contract) or replaced.order_by("pk").last()


def find_successor(card: Card) -> Card | None:
    """Return the card in use that stands in the place of this one, if there is one."""
    if card.state != State.REPLACED:
        return None
    return _all_cards().filter(replaces=card, state=State.USED).first()


def is_given(meter_no: int | None, serial: bytes) -> bool:
    """Return whether another initialisation card has this meter number."""
    given = Card.objects.filter(kind=kinds.INIT, meter_no=meter_no).exclude(serial=serial.hex())
    return meter_no is not None and given.exists()


def is_begun(serial: bytes, making: Making) -> bool:
    """Return whether this chip's making was begun, as just this card, and is not known complete."""
    card = find_card(serial)
    return bool(
        card
        and card.state == State.MAKING
        and (card.kind, card.meter_no) == (making.kind, making.meter_no)
        and (card.contract, card.replaces) == (making.contract, making.replaces)
        and (card.count, card.money_fen) == (making.count, making.money_fen)
    )


@needs("make cards")
def begin_making(actor: Actor, serial: bytes, making: Making) -> None:
    """Enter a chip whose keys are loaded next. RegisterError if it may not become that card."""
    if making.replaces or making.money_fen or making.count:
        raise ValueError("a replacement is begun by begin_replacement")
    with transaction.atomic():
        lock_contract(making.contract)
        if making.contract and (used := find_card_of(making.contract)):
            raise RegisterError(
                f"contract {making.contract.pk} has card {used.serial} already: make another in "
                "its place with dianka card replace"
            )
        if making.contract and read_last_purchase(making.contract).count:
            raise RegisterError(
                f"contract {making.contract.pk} has bought before: make its card with dianka card "
                "replace"
            )
        _begin(actor, serial, making, "")


@needs("replace a card")
def begin_replacement(
    actor: Actor, serial: bytes, making: Making, consent: int | None = None
) -> None:
    """Enter a chip that takes the place of the contract's card, with or without its last purchase.

    A purchase that is on the card once more takes a second person's consent, and so does one whose
    money is left out (`name_consent`). The same chip, whose making was broken off, needs no second
    one for the same purchase.
    """
    contract = making.contract
    if contract is None:
        raise ValueError("a replacement has a contract")
    with transaction.atomic():
        lock_contract(contract)
        former = find_former(contract)
        if former != making.replaces:
            raise RegisterError(
                f"the card of contract {contract.pk} is {former.serial if former else 'none'}: "
                "look at the contract again"
            )
        raise_if_refunding(contract)
        asked, given_by = name_consent(making), ""
        if asked and not _is_begun_with_last(serial, making):
            given_by = use_consent(actor, consent, *asked)
        _begin(actor, serial, making, given_by)
        if asked and given_by and not making.money_fen:
            _note_waived(actor, serial, making, asked[2], given_by)


def name_consent(making: Making) -> tuple[str, str, int] | None:
    """Return kind, subject and fen of the consent that a replacement takes, if it takes one.

    CardError if it may not carry what it is to carry.
    """
    contract = making.contract
    assert contract, "a replacement has a contract"
    waived_fen = check_carried(contract, making.count, making.money_fen)
    if making.money_fen:
        return WITH_MONEY, str(contract.meter), making.money_fen
    return (WITHOUT_MONEY, str(contract.meter), waived_fen) if waived_fen else None


@needs("replace a card")
def finish_making(actor: Actor, serial: bytes) -> Card:
    """Enter a card whose making is complete as in use, and return it."""
    with transaction.atomic():
        found = find_card(serial)
        lock_contract(found.contract if found else None)
        card = lock_card(serial)
        if card is None or card.state != State.MAKING:
            raise RegisterError(f"card {serial.hex()} is not being made: read it first")
        complete(actor, card)
    return card


@needs("make cards")
def receive_blank(actor: Actor, serial: bytes, kind: str) -> Card:
    """Enter a blank chip as stock. RegisterError if the register has this serial already."""
    with transaction.atomic():
        if known := lock_card(serial):
            raise RegisterError(f"card {serial.hex()} is in the register already ({known.state})")
        card = make_row(actor, serial, kind, State.STOCK, actor.operator)
        chain.append(
            actor.desk, actor.operator, "card received", card.serial, kind, rows=tell(card)
        )
    return card


@needs("make cards")
def scrap(actor: Actor, serial: bytes, reason: str) -> None:
    """Enter a card that is destroyed or useless. A card in use needs a replacement first."""
    with transaction.atomic():
        card = lock_card(serial)
        if card is None:
            raise RegisterError(f"card {serial.hex()} is not in the register: read it first")
        if card.state == State.SCRAPPED:
            raise RegisterError(f"card {serial.hex()} is scrapped already")
        if card.state == State.USED and card.contract:
            raise RegisterError(f"card {serial.hex()} is in use: replace it first")
        if not reason.strip():
            raise RegisterError("a card is scrapped for a reason: give one")
        set_state(actor, card, State.SCRAPPED, "card scrapped", reason)


@needs("replace a card")
def note_discarded(actor: Actor, serial: bytes) -> None:
    """Enter a card as scrapped whose making failed and whose file is gone."""
    with transaction.atomic():
        card = lock_card(serial)
        if card and card.state == State.MAKING:
            set_state(actor, card, State.SCRAPPED, "card scrapped", "its making failed")


@needs("replace a card")
def note_cleared(actor: Actor, serial: bytes) -> None:
    """Enter a card that was cleared at this desk."""
    with transaction.atomic():
        card = lock_card(serial)
        if card and card.state in (State.USED, State.REPLACED):
            set_state(actor, card, State.CLEARED, "card cleared")


def complete(actor: Actor, card: Card) -> None:
    """Enter a card as in use; another one of its contract is replaced from now on.

    The caller is in a transaction that has locked contract and card, and has looked at the chip or
    made it. CardError if its contract has bought since the making was begun, or has bought anew
    what the card was begun with.
    """
    if card.kind == kinds.USER and card.contract:
        last = read_last_purchase(card.contract)
        if last.count != card.count:
            raise RegisterError(
                f"contract {card.contract.pk} has bought purchase {last.count}, and card "
                f"{card.serial} was begun with {card.count}: make another card"
            )
        if not has_last_sale(card.contract, card):
            raise RegisterError(
                f"purchase {card.count} of contract {card.contract.pk} was sold anew since card "
                f"{card.serial} was begun with it: keep {card.serial}, let it into no meter, and "
                "make another card"
            )
        rest = Card.objects.select_for_update().filter(contract=card.contract, kind=kinds.USER)
        for other in rest.filter(state__in=(State.USED, State.MAKING)).order_by("pk"):
            if other.pk == card.pk:
                continue
            if other.state == State.USED and other != card.replaces:
                raise RegisterError(
                    f"contract {card.contract.pk} has card {other.serial} in use as well as "
                    f"{card.serial}: keep {card.serial}, and ask who made it"
                )
            set_state(actor, other, State.REPLACED, "card replaced", f"by {card.serial}")
    set_state(actor, card, State.USED, "card made", describe(card))


def set_state(actor: Actor, card: Card, state: str, kind: str, detail: str = "") -> None:
    """Bring a locked card to this state, with its act."""
    card.state = state
    card.state_at = card.seen_at = chain.read_time()
    card.save()
    if card.contract:
        refresh([card.contract.customer.pk])
    chain.append(actor.desk, actor.operator, kind, card.serial, detail, rows=tell(card))


def make_row(actor: Actor, serial: bytes, kind: str, state: str, made_by: str) -> Card:
    """Return a new row of the register, made now at the actor's desk."""
    now = chain.read_time()
    return Card.objects.create(
        serial=serial.hex(),
        kind=kind,
        state=state,
        state_at=now,
        desk=actor.desk,
        made_by=made_by,
        made_at=now,
        seen_at=now,
    )


def describe(card: Card) -> str:
    """Return what a card is, in words, for its act."""
    words = [card.kind]
    if card.contract:
        words.append(f"of contract {card.contract.pk}")
    if card.meter_no is not None:
        words.append(f"meter {card.meter_no:012d}{' again' if card.again else ''}")
    if card.replaces:
        words.append(f"in place of {card.replaces.serial}")
    if card.count:
        words.append(f"with purchase {card.count} and {yuan(card.money_fen)} yuan")
    return ", ".join([*words, f"for {card.holder}"] if card.holder else words)


def _begin(actor: Actor, serial: bytes, making: Making, given_by: str) -> None:
    contract = making.contract
    if contract and contract.state != Contract.State.OPEN:
        raise RegisterError(f"contract {contract.pk} is {contract.state}: no card is made for it")
    card = lock_card(serial)
    if card and (card.state not in _MAY_BE_MADE or card.kind != making.kind):
        raise RegisterError(
            f"card {serial.hex()} is a {card.kind} card ({card.state}) in the register: read it "
            "first, or take another"
        )
    if making.meter_no is not None:
        _must_be_new_number(making.meter_no, serial, making.again)
    card = card or make_row(actor, serial, making.kind, State.MAKING, actor.operator)
    card.contract, card.meter_no, card.holder = contract, making.meter_no, making.holder
    card.again = making.again and is_given(making.meter_no, serial)
    card.replaces, card.count, card.money_fen = making.replaces, making.count, making.money_fen
    card.made_by, card.desk, card.made_at = actor.operator, actor.desk, chain.read_time()
    consented = f", {given_by} consents" if given_by else ""
    try:
        with transaction.atomic():
            set_state(actor, card, State.MAKING, "card begun", f"{describe(card)}{consented}")
    except IntegrityError as error:  # another desk, just now
        if "meter_no" not in str(error) and "meter_number" not in str(error):
            raise
        raise _refuse_number(making.meter_no or 0) from None


def _is_begun_with_last(serial: bytes, making: Making) -> bool:
    """Return whether this chip was begun as just this card, with the purchase that is the last."""
    card = find_card(serial)
    contract = making.contract
    return bool(card and contract and is_begun(serial, making) and has_last_sale(contract, card))


def _note_waived(actor: Actor, serial: bytes, making: Making, fen: int, given_by: str) -> None:
    """Enter by name that a card has the count of a purchase, and not its money."""
    assert making.contract
    detail = (
        f"purchase {making.count} of {fen} fen is not on card {serial.hex()}, {given_by} consents"
    )
    subject = f"{making.contract.meter.number:012d}"
    chain.append(actor.desk, actor.operator, "purchase waived", subject, detail)


def _must_be_new_number(meter_no: int, serial: bytes, again: bool) -> None:
    """Raise RegisterError if a meter has this number already, as cards or the estate tell."""
    in_estate = Meter.objects.filter(number=meter_no).exclude(state=Meter.State.STOCK).exists()
    if not again and (in_estate or is_given(meter_no, serial)):
        raise _refuse_number(meter_no)


def _refuse_number(meter_no: int) -> RegisterError:
    return RegisterError(
        f"meter number {meter_no:012d} was given out, as the office knows: two meters of one "
        "number credit one purchase each; take another number, or --again if it is for that very "
        "meter"
    )


def lock_contract(contract: Contract | None) -> None:
    """Lock the contract, as a sale does, and read it once more, with what belongs to it."""
    if contract:
        related = Contract.objects.select_related(*_OF_CONTRACT)
        contract.refresh_from_db(from_queryset=related.select_for_update(of=("self",)))


def read_locked(number: int) -> Contract:
    """Return the contract with this primary key, locked, with what belongs to it."""
    related = Contract.objects.select_related(*_OF_CONTRACT)
    return related.select_for_update(of=("self",)).get(pk=number)


def lock_card(serial: bytes) -> Card | None:
    rows = Card.objects.select_for_update(of=("self",)).select_related("contract", "replaces")
    return rows.filter(serial=serial.hex()).first()


def _all_cards():  # noqa: ANN202  a QuerySet of Card
    return Card.objects.select_related("contract__customer", "contract__meter", "replaces")
