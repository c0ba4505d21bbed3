"""Check a card against its profile, and against the register and the sales."""

from collections.abc import Iterator

from dianka.card_port import CardError, CardPort
from dianka.cardos import kinds
from dianka.desk import verify
from dianka.desk.office.cards import agreement, register
from dianka.desk.office.cards.models import Card
from dianka.desk.office.cards.words import format_day
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.proofs import Finding
from dianka.desk.reading import read_kind
from dianka.desk.sell import read_user_card


@needs("look things up")
def verify_in_office(actor: Actor, port: CardPort, control: CardPort | None) -> list[Finding]:
    """Return all findings: those of `dianka card verify`, then those of the register.

    Neither card nor register are changed.
    """
    findings = verify.verify(port, control)
    kind, serial = read_kind(port)
    return [*findings, *_check_register(port, kind, serial)] if kind else findings


def _check_register(port: CardPort, kind: str, serial: bytes) -> Iterator[Finding]:
    card = register.find_card(serial)
    if card is None:
        yield Finding(False, "register: not there, read it with dianka office card read")
        return
    yield Finding(card.kind == kind, f"register: {card.kind} card of {card.made_by or 'outside'}")
    fault = agreement.find_state_fault(card)
    known = f"{card.state} since {format_day(card.state_at)}"
    yield Finding(card.state == Card.State.USED, f"register: {fault or known}")
    if kind == kinds.USER:
        yield from _check_contract(port, card)


def _check_contract(port: CardPort, card: Card) -> Iterator[Finding]:
    """Check that a user card says what its contract and the sales do."""
    if card.contract is None:
        yield Finding(False, "contract: none, open the account")
        return
    try:
        found = read_user_card(port)
    except CardError:  # a file is damaged: the checks of the card say it
        return
    faults = list(agreement.find_faults(card.contract, card, found))
    if outside := agreement.find_outside(card.contract, card, found):
        faults.append(outside)
    for fault in faults:
        yield Finding(False, f"contract {card.contract.pk}: {fault}")
    if not faults:
        yield Finding(
            True,
            f"contract {card.contract.pk} of {card.contract.customer}: numbers as on the card, "
            f"purchase {found.count} as sold",
        )
