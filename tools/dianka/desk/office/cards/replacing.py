"""A card made for an account: its first one, or one in place of a card that is lost or worn out.

What it carries the register and the sales say. The chip is entered before its keys are loaded, and
as in use when it is complete; a making that was broken off in between is gone on with.
"""

from dataclasses import dataclass

from dianka.card_port import CardPort
from dianka.cardos import kinds
from dianka.desk import replace
from dianka.desk.issue import UserData, make_user
from dianka.desk.office.cards import purchases, register, terms
from dianka.desk.office.cards.making import make_entered
from dianka.desk.office.cards.models import Card
from dianka.desk.office.cards.register import Making
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.replace import LastPurchase


@dataclass(frozen=True)
class Plan:
    """The card that is made next for a contract. Without a `former` one it is the first card."""

    contract: Contract
    last: LastPurchase
    former: Card | None

    @property
    def is_first(self) -> bool:
        """Return whether nothing was ever made for, or sold to, this contract."""
        return self.former is None and not self.last.count

    @property
    def money_fen(self) -> int:
        """Return what the card carries once more."""
        return 0 if self.last.in_meter else self.last.amount_fen

    @property
    def making(self) -> Making:
        """Return what the register is told."""
        return Making(
            kinds.USER,
            contract=self.contract,
            replaces=self.former,
            count=self.last.count,
            money_fen=self.money_fen,
        )

    def ask(self) -> tuple[str, str, int] | None:
        """Return kind, subject and fen of the consent that the card takes, if it takes one.

        CardError if it may not carry what it is to carry.
        """
        return None if self.is_first else register.name_consent(self.making)

    def make_data(self) -> UserData:
        """Return what the card carries beside its purchase."""
        return terms.make_user_data(self.contract, self.last.opens)


@needs("replace a card")
def plan_card(actor: Actor, meter_no: int, waived: bool = False) -> Plan:
    """Return the card that the account at this meter gets next; `waived`: without money.

    CardError if there is no such account.
    """
    contract = terms.find_contract(meter_no=meter_no)
    last = terms.must_be_last(purchases.read_last_purchase(contract), None, 0 if waived else None)
    return Plan(contract, last, register.find_former(contract))


@needs("replace a card")
def make_planned(
    actor: Actor, control: CardPort, chip: CardPort, plan: Plan, consent: int | None = None
) -> bytes:
    """Make a blank chip the card of this plan, enter it, and return its serial.

    The same chip, whose making was broken off, is gone on with. CardError if it may not become it.
    """
    data = plan.make_data()

    def begin(serial: bytes) -> None:
        if plan.is_first:
            register.begin_making(actor, serial, plan.making)
        else:
            register.begin_replacement(actor, serial, plan.making, consent)

    def make(card: CardPort) -> None:
        if plan.is_first:
            make_user(control, card, data)
        else:
            replace.make_replacement(control, card, data, plan.last)

    return make_entered(actor, control, chip, plan.making, begin, make)
