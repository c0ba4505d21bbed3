"""The cards of this desk, as its pages see them: what is in the readers, and jobs with it.

The pages never talk to a reader. They ask whether anything changed, which costs nothing, and let
the card process do a job when it did. The control card's PIN is kept in this process alone, until
the card is taken out or does not take it, or the desk is closed.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from dianka.card_port import CardError, serial_of
from dianka.cardos.chip import CardTorn
from dianka.desk.counter import PinWantedError
from dianka.desk.office.people.rights import Actor
from dianka.desk.pin import WrongPin
from dianka.desk.web import jobs
from dianka.desk.web.jobs import Shown, Sold, Wish, Work
from dianka.readers.changes import NO_SNAPSHOT, Snapshot
from dianka.readers.choose import is_here, see_here
from dianka.readers.pcsc import Seen
from dianka.readers.roles import Roles, find_candidates

LOOK_S = 20
# A page asks each 600 ms, and is answered at once when anything changes: so a card is seen at once,
# and a browser's few connections are free again and again.
_WAIT_S, _GLANCE_S = 0.5, 0.03
SELL_S = 120  # the books may be away for a minute (office/vending/patience.py)
Value = TypeVar("Value")


class Runner(Protocol):
    """What does jobs with cards: the card process."""

    @property
    def snapshot(self) -> Snapshot: ...
    def run(self, job: Callable[..., Value], *args: Any, deadline_s: float) -> Value: ...


@dataclass(frozen=True)
class Presence:
    """What is in the readers now. `mark` differs when anything did; `line` says what is wrong."""

    mark: str
    is_filled: bool
    line: str = ""
    serials: frozenset[str] = frozenset()  # of the cards that are in, where a resident's may be


class Station:
    """One desk's readers and its card process."""

    def __init__(self, folder: Path, roles: Roles, runner: Runner) -> None:
        self._folder, self._roles, self._runner = folder, roles, runner
        self._pin = ""
        self._last: Shown | None = None

    def see(self) -> Presence:
        """Return what is in the readers; it takes no command to any card."""
        here = [see_here(word) for word in self._list_words() if is_here(word)]
        snapshot = self._runner.snapshot if self._needs_service() else Snapshot()
        if snapshot == NO_SNAPSHOT:
            return Presence("starting", False)  # the card process begins to look
        if snapshot.trouble:
            return Presence("trouble", False, snapshot.trouble)
        seen = [each for each in here if each] + list(snapshot.seen)
        try:
            names, controls = find_candidates([each.name for each in seen], self._roles)
        except CardError as error:
            return Presence(_mark(seen, str(error)), False, str(error))
        if not any(each.present for each in seen if each.name in controls):
            self._pin = ""  # the control card is out: who puts it in again gives its PIN
        residents = [each for each in seen if each.name in names]
        if not residents:
            return Presence(_mark(seen), False, "there is no card reader: plug one in")
        filled = [each for each in residents if each.present]
        return Presence(_mark(seen), bool(filled), serials=frozenset(_list_serials(filled)))

    def await_change(self, mark: str) -> Presence:
        """Return what is in the readers as soon as its mark is another one, or after a moment."""
        until_s = time.monotonic() + _WAIT_S
        presence = self.see()
        while presence.mark == mark and time.monotonic() < until_s:
            time.sleep(_GLANCE_S)
            presence = self.see()
        return presence

    def await_other(self, known: frozenset[str]) -> bool:
        """Return whether a card is in that is none of these, as soon as it is or after a moment."""
        until_s = time.monotonic() + _WAIT_S
        while not (self.see().serials - known) and time.monotonic() < until_s:
            time.sleep(_GLANCE_S)
        return bool(self.see().serials - known)

    def look(self, actor: Actor) -> Shown:
        """Look at the resident's card. CardError if there is none, or it is not to be used."""
        self._last = self.run(jobs.look, actor, deadline_s=LOOK_S)
        return self._last

    def recall(self, serial: str) -> Shown | None:
        """Return what the last look showed, if it was at this card."""
        return self._last if self._last and self._last.serial == serial else None

    def sell(self, actor: Actor, wish: Wish) -> Sold:
        """Sell to the resident's card. CardError if nothing was sold, SaleBroken if it may be."""
        return self.run(jobs.sell, actor, wish, deadline_s=SELL_S)

    def give_pin(self, actor: Actor, pin: str) -> None:
        """Give the control card its PIN, and keep it for later jobs. WrongPin if it is another."""
        self._pin = ""
        work = replace(self._make_work(actor), pin=pin)
        self._runner.run(jobs.check_pin, work, deadline_s=LOOK_S)
        self._pin = pin

    def keep_pin(self, pin: str) -> None:
        """Keep the PIN that the control card was just given for later jobs."""
        self._pin = pin

    def warm_up(self) -> None:
        """Let the card process import all that it needs."""
        self._runner.run(jobs.warm_up, self._folder, deadline_s=SELL_S)

    def run(
        self, job: Callable[..., Value], actor: Actor, *words: Any, deadline_s: float = SELL_S
    ) -> Value:
        """Let the card process do a job; its first argument is a Work."""
        try:
            return self._runner.run(job, self._make_work(actor), *words, deadline_s=deadline_s)
        except WrongPin:
            self._pin = ""  # never twice: each wrong one costs the card a try
            raise

    def _make_work(self, actor: Actor) -> Work:
        return Work(self._folder, self._roles, actor, self._pin)

    def _list_words(self) -> list[str]:
        return list(dict.fromkeys((self._roles.resident, self._roles.control)))

    def _needs_service(self) -> bool:
        return not all(is_here(word) for word in self._list_words())


def _list_serials(filled: list[Seen]) -> Iterator[str]:
    """Yield the serials of these cards, as far as they are cards of a meter."""
    for each in filled:
        with suppress(CardError):
            yield serial_of(each.atr).hex()


def _mark(seen: list[Seen], line: str = "") -> str:
    """Return a word that differs when anything in the readers does."""
    told = [
        (each.name, each.present, each.atr, each.moves, each.mute, each.broken) for each in seen
    ]
    return hashlib.sha256(repr((told, line)).encode()).hexdigest()[:16]


_current: list[Station] = []


def set_station(station: Station | None) -> None:
    """Let the pages of this process use this station; None: they have no readers."""
    _current[:] = [station] if station else []


def get_station() -> Station:
    """Return the station of this process. CardError if it has none: pages without readers."""
    if not _current:
        raise CardError("this desk was started without readers: end its program and start it again")
    return _current[0]


def work_with_card(actor: Actor, job: Callable[..., Value], *words: Any) -> Value:
    """Let a form's job be done with the card that is in; what is wrong is CardError, a line."""
    try:
        return get_station().run(job, actor, *words)
    except (PinWantedError, WrongPin):
        raise CardError(
            "the control card wants its PIN: give it on the page Read a card, then send this again"
        ) from None
    except CardTorn as error:
        raise CardError(f"{error}: put the card in again, then send this again") from error
