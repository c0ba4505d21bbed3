"""The desks of the town: a clerk sells, looks and pays back, and keeps his till by what he is told.

The functions are those that the counter's page and commands call. A desk that is killed is a
process of its own that ends by SIGKILL at its nth command to the card or statement to the database.
The clerk knows the lines that were said, or that there were none: then he keeps the money and its
form. Imported when the office is open.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from django.db import connections

from dianka.bench.stage.stand import S
from dianka.bench.town.residents import Kept, Resident
from dianka.bench.town.times import TownTime
from dianka.card_port import CardError, CardPort
from dianka.cardos.chip import CardTorn
from dianka.cardos.image import CardFile
from dianka.desk.office.figures import ends
from dianka.desk.office.figures.ends import End, EndedPort, Lines
from dianka.desk.office.people.consent import give_consent
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.vending import counter, refund_counter, refunds, shifts
from dianka.desk.office.vending.counting import PIECES_FEN, Count
from dianka.desk.sell import SaleBroken

MANAGER, PASSWORD = "manager", "four lanterns on a quay"
FLOAT_FEN = 50_000  # what stays in the drawer after a hand-over
_LONGEST_S = 60
_VISIT_US = 30 * S
Say = Callable[..., object]


@dataclass(frozen=True)
class Outcome:
    """What a visit to a desk came to: sold, kept, refused, looked or paid back; and why."""

    what: str
    told: str = ""


class TownDesk:
    """One desk: the file of its control card, its clerk, its till."""

    def __init__(self, number: int, control: Path, time: TownTime, rng: Random) -> None:
        self.name = f"desk{number}"
        self.actor = Actor(f"clerk{number}", self.name, frozenset({"clerk"}))
        self.till_fen = 0
        self.safe_fen = 0
        self.count_end: Callable[[str], object] = lambda how: None  # of a visit that ended early
        self._control = control
        self._time = time
        self._rng = rng
        self._shift = 0

    # ****** Shifts ******

    def open_shift(self) -> None:
        self._shift = shifts.open_shift(self.actor, count_notes(self.till_fen)).number

    def close_shift(self, hand_over: bool) -> None:
        """Count blind, and hand over what is above the float if that is to be done now."""
        handed_fen = max(self.till_fen - FLOAT_FEN, 0) if hand_over else 0
        consent = self.ask_consent(shifts.HAND_OVER, self.name, handed_fen) if handed_fen else None
        count = count_notes(self.till_fen)
        shifts.close_shift(self.actor, self._shift, count, handed_fen, consent)
        self.till_fen -= handed_fen
        self.safe_fen += handed_fen

    def ask_consent(self, kind: str, subject: str, amount_fen: int = 0) -> int:
        """Return the number of the manager's consent to this clerk's act."""
        return give_consent(self.actor, MANAGER, PASSWORD, kind, subject, amount_fen)

    # ****** Residents ******

    def sell(self, resident: Resident, amount_fen: int, end: End | None = None) -> Outcome:
        """Sell once, ended early if `end` says so; money that was kept here completes its sale."""
        again = resident.kept
        assert again is None or again.desk is self, "its money lies at another desk"
        key = again.key if again else uuid.UUID(int=self._rng.getrandbits(128))
        amount_fen = again.amount_fen if again else amount_fen

        def act(port: CardPort, control: CardPort, say: Say) -> None:
            told = _make_tell(say)
            try:
                sale = counter.sell(self.actor, control, port, amount_fen, key=key, tell=told)
            except SaleBroken as error:
                say(kept=str(error))
            else:
                if end and end.how == "said":
                    ends.die()
                say(sold=sale.amount_fen, desk=sale.desk.name, number=sale.number)

        last = self._work(resident, act, end)
        if "sold" in last:
            kept = resident.take_kept()
            self._take(resident, last["sold"] - (kept.amount_fen if kept else 0))
            resident.sale = last["desk"], last["number"]
            return Outcome("sold")
        if "refused" in last:
            return Outcome("refused", last["refused"])
        if again is None and resident.kept is None:
            resident.kept = Kept(self, key, amount_fen)
            self._take(resident, amount_fen)
        return Outcome("kept", str(last.get("kept", "")))

    def look(self, resident: Resident, end: End | None = None) -> Outcome:
        """Look at the resident's card."""

        def act(port: CardPort, control: CardPort, say: Say) -> None:
            counter.look(self.actor, control, port, tell=_make_tell(say))
            say(looked=True)

        last = self._work(resident, act, end)
        return (
            Outcome("looked") if "looked" in last else Outcome("refused", last.get("refused", ""))
        )

    def refund(self, resident: Resident, end: End | None = None) -> Outcome:
        """Take the last purchase off the card and pay it back; again after a break."""
        assert resident.sale
        desk, number = resident.sale
        sale = refunds.find_sale(self.actor, number, desk)
        resident.refunding_fen, resident.refunds_at = sale.amount_fen, self
        consent = self.ask_consent(refunds.CONSENT, refunds.name_sale(sale), sale.amount_fen)
        order = refunds.Order("the customer moves out", "notes", consent)

        def act(port: CardPort, control: CardPort, say: Say) -> None:
            told = _make_tell(say)
            try:
                paid = refund_counter.refund(self.actor, control, port, sale, order, told)
            except refund_counter.RefundBroken as error:
                say(broken=str(error))
            else:
                say(paid=sale.amount_fen, reversal=paid.reversal)

        last = self._work(resident, act, end)
        if "paid" in last:
            self.pay_back(resident)
            return Outcome("reversed" if last["reversal"] else "paid back")
        return Outcome("refused" if "refused" in last else "broken", str(last.get("refused", "")))

    def pay_back(self, resident: Resident) -> None:
        """Pay a refund that is posted, once."""
        if resident.refunding_fen:
            self._take(resident, -resident.refunding_fen)
            resident.refunding_fen, resident.sale, resident.refunds_at = 0, None, None

    def open_cards(self, resident: Resident) -> tuple[CardFile, CardFile]:
        """Return the resident's card and the control card, open; the caller closes both."""
        path = resident.house.stand.folder / resident.house.card
        control = CardFile.open(self._control, self._rng.randbytes)
        try:
            return CardFile.open(path, self._rng.randbytes), control
        except BaseException:
            control.close()
            raise

    def _work(
        self,
        resident: Resident,
        act: Callable[[CardPort, CardPort, Say], None],
        end: End | None,
    ) -> dict[str, Any]:
        """Do something with the resident's card; return the last line that was said of it."""
        lines: Lines = []
        ported: list[EndedPort] = []

        def run(say: Say) -> None:
            if end and end.how == "statement":
                ends.kill_at_statement(end.at)
            card, control = self.open_cards(resident)
            with card, control:
                port: CardPort = card
                if end and end.how in ("pull", "command"):
                    port = EndedPort(card, end)
                    ported.append(port)
                act(port, control, say)

        if end and end.how != "pull":
            connections.close_all()  # or the processes would share one
            lines, struck = ends.run_apart(lambda: run(ends.say), _LONGEST_S)
        else:
            try:
                run(lambda **line: lines.append(line))
            except (CardError, CardTorn) as error:
                lines.append({"refused": str(error)})
            struck = any(port.struck for port in ported)
        if end and struck:
            self.count_end(end.how)
        self._time.move_to(self._time.now_us + _VISIT_US)
        for line in lines:
            self._hear(resident, str(line.get("told") or line.get("refused") or ""))
        return lines[-1] if lines and "told" not in lines[-1] else {}

    def _hear(self, resident: Resident, told: str) -> None:
        """Do what a line asks for: give money back, or pay a refund."""
        if told.startswith("refund"):
            if "posted now" in told:
                self.pay_back(resident)
            elif "is void" in told:
                resident.refunding_fen, resident.refunds_at = 0, None
        elif "posted now" in told:
            resident.take_kept()
        elif "is void" in told:
            kept = resident.take_kept()
            if kept:
                giver = self if "give its money back" in told else kept.desk
                giver.give_back(resident, kept.amount_fen)

    def give_back(self, resident: Resident, amount_fen: int) -> None:
        """Give back money that was kept for a sale which is void."""
        self._take(resident, -amount_fen)

    def take(self, resident: Resident, amount_fen: int) -> None:
        """Take money from a resident, or pay it if it is below zero."""
        self._take(resident, amount_fen)

    def _take(self, resident: Resident, amount_fen: int) -> None:
        self.till_fen += amount_fen
        resident.paid_fen += amount_fen


def _make_tell(say: Say) -> Callable[[str], None]:
    def tell(line: str) -> None:
        say(told=line)

    return tell


def count_notes(fen: int) -> Count:
    """Return this sum in as few notes and coins as there can be."""
    pieces = {}
    for piece_fen in PIECES_FEN:
        pieces[piece_fen], fen = divmod(fen, piece_fen)
    return Count(pieces)
