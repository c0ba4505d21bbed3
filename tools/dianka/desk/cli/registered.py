"""The office's register behind `dianka card issue` and `dianka card replace`.

Without an office the commands work as they do alone, and say so.
"""

from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dianka.card_port import CardError, CardPort
from dianka.desk.cli.office.passwords import read_password
from dianka.desk.cli.office.signed_in import open_as_actor
from dianka.desk.cli.options import parse_fen, parse_number, parse_rates
from dianka.desk.cli.plain import report_database
from dianka.desk.reading import read_kind

if TYPE_CHECKING:
    from dianka.desk.issue import UserData
    from dianka.desk.office.cards.register import Making
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.office.people.rights import Actor

NO_OFFICE = "no office: not entered in any register"

ContractOption = Annotated[
    int | None,
    typer.Option("--contract", help="Number of the contract in the office, in place of --meter."),
]
HolderOption = Annotated[
    str, typer.Option("--holder", help="Who gets this card, for the office's register.")
]
SecondOption = Annotated[
    str | None,
    typer.Option(
        "--second",
        help="With an office: who consents to money on the new card, or to leaving it out; his "
        "password is asked for.",
    ),
]


def open_register(folder: Path) -> "Actor":
    """Open the office in this folder and return who is signed in."""
    if find_spec("django") is None:
        raise CardError("the office needs Django: run make office, or leave --office out")
    return open_as_actor(folder)


class Entry:
    """What the register is told of one card: begun before its keys are loaded, finished after."""

    def __init__(self, actor: "Actor", making: "Making", consent: int | None = None) -> None:
        self.actor = actor
        self.making = making
        self._consent = consent

    def begin(self, serial: bytes) -> None:
        """Enter the chip; CardError if it may not become this card."""
        from dianka.desk.office.cards import register
        from dianka.desk.office.people.consent import ConsentError

        with report_database():
            if not self._replaces:
                register.begin_making(self.actor, serial, self.making)
                return
            try:
                register.begin_replacement(self.actor, serial, self.making, self._consent)
            except ConsentError as error:
                raise ConsentError(f"{error}; name him with --second") from None

    def finish(self, serial: bytes) -> None:
        """Enter the card as in use."""
        from dianka.desk.office.cards import register

        try:
            with report_database():
                register.finish_making(self.actor, serial)
        except CardError as error:
            raise CardError(
                f"card {serial.hex()} is made, but the register does not have it as in use "
                f"({error}): then read it with dianka office card read"
            ) from None

    def abandon(self, serial: bytes) -> None:
        """Enter a card as scrapped whose file is discarded; what else went wrong is said anyway."""
        from dianka.desk.office.cards import register

        with suppress(CardError), report_database():
            register.note_discarded(self.actor, serial)

    def note_cleared(self, serial: bytes) -> None:
        """Enter the former card as cleared."""
        from dianka.desk.office.cards import register

        with report_database():
            register.note_cleared(self.actor, serial)

    def find_made(self, control: CardPort, card: CardPort) -> bytes | None:
        """Return the serial of a card that a broken try has made, and enter it as in use."""
        from dianka.desk.office.cards import recognising, register

        with report_database():
            kind, serial = read_kind(card)
            if kind != self.making.kind or not register.is_begun(serial, self.making):
                return None
            recognising.recognise(self.actor, control, card)
            return serial

    @property
    def _replaces(self) -> bool:
        making = self.making
        return bool(making.replaces or making.count)


@dataclass(frozen=True)
class Given:
    """What was given by hand of a card whose contract the office has."""

    contract: int | None
    meter: str
    customer: str
    alarm1: str | None
    alarm2: str | None
    price: list[str] | None

    def find_contract(self, opens: bool) -> "tuple[Contract, UserData]":
        """Return the contract and what its card carries; CardError if what was given differs."""
        from dianka.desk.office.cards import terms

        contract = terms.find_contract(
            self.contract, parse_number(self.meter, "meter") if self.meter else None
        )
        return contract, self.agree(contract, opens)

    def agree(self, contract: "Contract", opens: bool) -> "UserData":
        """Return what the card of this contract carries; CardError if what was given differs."""
        from dianka.desk.office.cards import terms

        data = terms.make_user_data(contract, opens)
        words = (self.alarm1, self.alarm2)
        first, second = (None if word is None else parse_fen(word) for word in words)
        customer_no = parse_number(self.customer, "customer") if self.customer else None
        rates_e4 = parse_rates(self.price)
        terms.must_agree(contract, data, customer_no, (first, second), rates_e4)
        return data


def plan_entry(folder: Path | None, kind: str, **fields: Any) -> Entry | None:
    """Return what is entered of a new card of this kind, or None without an office."""
    if folder is None:
        return None
    actor = open_register(folder)
    from dianka.desk.office.cards.register import Making

    return Entry(actor, Making(kind, **fields))


def ask_consent(actor: "Actor", second: str | None, making: "Making") -> int | None:
    """Ask the second person for his consent to money on a replacement, or to leaving it out.

    Return its number, None if none is needed or nobody is named.
    """
    if second is None:
        return None
    from dianka.desk.office.cards.register import name_consent
    from dianka.desk.office.people.consent import give_consent

    with report_database():
        asked = name_consent(making)
        return give_consent(actor, second, read_password(second), *asked) if asked else None
