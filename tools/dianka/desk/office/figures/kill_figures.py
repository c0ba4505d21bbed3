"""Sales ended by force: the desk killed, the card pulled, the database killed, at any moment.

Several counters sell at once in one office, each sale in a process of its own with real chips in
card files, and most of them are ended before their end. Who stands at a counter knows no more than
a clerk would: the lines that were printed, or that there were none (docs/operations.md). The till
is kept by that alone. It is compared with the books when everything has been completed; what the
meters were credited comes from the chips of their ESAMs.
"""

import json
import os
import random
import select
import tempfile
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from django.db import connections

from dianka.cardos import visits
from dianka.cardos.image import CardFile
from dianka.desk.office import checking
from dianka.desk.office.figures.ends import (
    End,
    EndedPort,
    die,
    kill_at_statement,
    run_apart,
    say,
)
from dianka.desk.office.figures.measured import Figure, Size
from dianka.desk.office.figures.small_estate import Resident, found_system, make_resident
from dianka.desk.office.ledger import proof
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.vending import counter, shifts
from dianka.desk.office.vending.counting import Count
from dianka.desk.office.vending.models import Sale
from dianka.desk.sell import SaleBroken
from dianka.readers import find_reader
from dianka.readers.base import Held

COUNTERS, RESIDENTS = 4, 3  # residents of each counter
_AMOUNTS_FEN = (100, 4999, 5000, 12_345)
# How a sale ends: some of them more often, as few moments of a sale are theirs.
_ENDS = ("time", "time", "pull", "pull", "command", "command", "statement", "statement", "said")
_STEPS = {"pull": 18, "command": 18, "statement": 50}  # of a sale, about
_KILL_WITHIN_S = 0.3  # later than most sales end
_RESTART_EVERY_S = 3
_PATIENCE_S = 0.25  # with a database that starts again
_LONGEST_S = 60
_TRIES = 20
Restart = Callable[[], None]


def measure(size: Size, restart: Restart | None = None) -> Iterator[Figure]:
    """Break `size.kills` sales off, complete everything, and yield what was lost or doubled.

    `restart` kills the database and starts it again, if it is a server.
    """
    with tempfile.TemporaryDirectory(prefix="dianka-kills-") as name:
        folder = Path(name)
        controls = found_system(folder, COUNTERS)
        residents = [
            make_resident(folder, controls[0], number)
            for number in range(1, COUNTERS * RESIDENTS + 1)
        ]
        clerks = [
            _Clerk(control, residents[at::COUNTERS], random.Random(size.seed + at))
            for at, control in enumerate(controls)
        ]
        for number in range(1, COUNTERS + 1):
            shifts.open_shift(_make_actor(f"desk{number}"), Count())
        told = _work_at_once(clerks, size.kills, restart)
        credited_fen = sum(_read_meter(resident) for resident in residents)
    for what in ("sales begun", "desks killed", "cards pulled"):
        yield Figure(what, sum(one["did"].get(what, 0) for one in told), "")
    yield from _compare(told, credited_fen)


@dataclass(frozen=True)
class _Form:
    key: uuid.UUID
    amount_fen: int


@dataclass
class _Clerk:
    """One counter: its desks, its residents, and the till as the clerk keeps it."""

    control: Path
    residents: list[Resident]
    rng: random.Random
    till_fen: int = 0
    kept: dict[int, _Form] = field(default_factory=dict)  # by meter: money of a sale broken off
    did: dict[str, int] = field(default_factory=dict)

    def work(self, kills: int) -> None:
        """Sell until so many sales were broken off, then complete everything."""
        broken = 0
        while broken < kills:
            resident = self.rng.choice(self.residents)
            broken += self._sell(resident, self.rng.choice(_ENDS))
            if self.rng.random() < 0.5:
                _visit(resident)
        for resident in self.residents:
            self._complete(resident)

    def _complete(self, resident: Resident) -> None:
        """Sell what was paid for, look, and put the card into the meter once more.

        A form whose sale was never begun may have to wait for the meter's receipt of the one
        before.
        """
        for _ in range(_TRIES):
            if resident.meter_no in self.kept:
                self._sell(resident, "")
            if resident.meter_no not in self.kept and self._look(resident):
                break
            _visit(resident)
            time.sleep(_PATIENCE_S)
        _visit(resident)
        for _ in range(_TRIES):
            if self._look(resident):
                return
            time.sleep(_PATIENCE_S)
        self._count("refused")

    def _sell(self, resident: Resident, how: str) -> bool:
        """Sell once, ended by force if `how` says so; return whether it was.

        The form of a sale that was broken off is used again.
        """
        self._count("sales begun")
        again = self.kept.get(resident.meter_no)
        form = again or _Form(
            uuid.UUID(int=self.rng.getrandbits(128)), self.rng.choice(_AMOUNTS_FEN)
        )
        end = End(how, self.rng.randint(1, _STEPS.get(how, 1)), self.rng.random() < 0.5)
        delay_s = self.rng.random() ** 2 * _KILL_WITHIN_S if how == "time" else _LONGEST_S
        desk = f"desk{self.rng.randint(1, COUNTERS)}"
        lines, killed = run_apart(lambda: _sell(self.control, resident, desk, form, end), delay_s)
        self._hear(resident, lines)
        last = lines[-1] if lines else {}
        if "sold" in last:
            kept = self.kept.pop(resident.meter_no, None)
            self.till_fen += last["sold"] - (kept.amount_fen if kept else 0)
        elif "refused" not in last and not again:  # nobody pays for the same form twice
            self.kept[resident.meter_no] = form  # "keep the money", or no line at all
            self.till_fen += form.amount_fen
        if killed:
            self._count("desks killed")
        pulled = how == "pull" and "sold" not in last
        if pulled:
            self._count("cards pulled")
        return killed or pulled

    def _look(self, resident: Resident) -> bool:
        """Look at the card; return whether the books could be reached."""
        lines, _ = run_apart(lambda: _look(self.control, resident), _LONGEST_S)
        self._hear(resident, lines)
        return not any("refused" in line for line in lines)

    def _hear(self, resident: Resident, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            told = str(line.get("told") or line.get("refused") or "")
            kept = self.kept.get(resident.meter_no)
            if kept and ("posted now" in told or "is void" in told):
                del self.kept[resident.meter_no]
                if "is void" in told:  # give its money back
                    self.till_fen -= kept.amount_fen

    def _count(self, what: str) -> None:
        self.did[what] = self.did.get(what, 0) + 1


def _sell(control: Path, resident: Resident, desk: str, form: _Form, end: End) -> None:
    actor = _make_actor(desk)
    if end.how == "statement":
        kill_at_statement(end.at)
    with _hold(resident.card) as card, _hold(control) as sealing:
        port = EndedPort(card.port, end) if end.how in ("pull", "command") else card.port
        try:
            sale = counter.sell(
                actor, sealing.port, port, form.amount_fen, key=form.key, tell=_tell
            )
        except SaleBroken as error:
            say(kept=str(error))
        else:
            if end.how == "said":
                die()
            say(sold=sale.amount_fen)


def _look(control: Path, resident: Resident) -> None:
    actor = _make_actor("desk1")
    with _hold(resident.card) as card, _hold(control) as sealing:
        counter.look(actor, sealing.port, card.port, tell=_tell)


def _make_actor(desk: str) -> Actor:
    return Actor("figures", desk, frozenset({"clerk"}))


def _visit(resident: Resident) -> None:
    """Put the card into its meter until the receipt is on it."""
    with CardFile.open(resident.esam) as esam, CardFile.open(resident.card) as card:
        esam.power_on()
        visits.visit(esam, card, resident.meter_no, resident.meter_no)


def _read_meter(resident: Resident) -> int:
    """Return what the meter was credited, in fen; none of it is used here."""
    with CardFile.open(resident.esam) as esam:
        esam.power_on()
        return visits.wallet(esam)[0]


def _hold(card: Path) -> Held:
    return find_reader(str(card)).connect()


def _tell(line: str) -> None:
    say(told=line)


def _work_at_once(clerks: list[_Clerk], kills: int, restart: Restart | None) -> list[dict]:
    """Let each clerk work in a process of his own; return what each of them tells at the end."""
    connections.close_all()  # or the processes would share one
    working = []
    for clerk in clerks:
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reading)
            _work_apart(clerk, kills // len(clerks), writing)
        os.close(writing)
        working.append((pid, reading))
    told = []
    for pid, reading in working:
        while restart and not select.select([reading], [], [], _RESTART_EVERY_S)[0]:
            restart()
        with os.fdopen(reading, "rb") as stream:
            told.append(json.loads(stream.read()))
        os.waitpid(pid, 0)
    return told


def _work_apart(clerk: _Clerk, kills: int, end: int) -> NoReturn:
    try:
        clerk.work(kills)
        told = {"till": clerk.till_fen, "kept": len(clerk.kept), "did": clerk.did}
        os.write(end, json.dumps(told).encode())
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _compare(told: list[dict], credited_fen: int) -> Iterator[Figure]:
    """Compare what clerks and chips say with the books."""
    sums = proof.sum_by_kind()
    tills_fen = sum(one["till"] for one in told)
    yield Figure("fen lost or doubled", abs(tills_fen - sums.get("cash", 0)), "fen", 0)
    yield Figure("fen not credited", abs(tills_fen - credited_fen), "fen", 0)
    in_meters_fen = -sums.get("meter", 0)
    yield Figure("fen not proved to be in meters", abs(tills_fen - in_meters_fen), "fen", 0)
    pending = Sale.objects.filter(state=Sale.State.PENDING).count()
    refused = sum(one["did"].get("refused", 0) for one in told)
    yield Figure("cards refused at the end", refused, "", 0)
    yield Figure("unfinished at the end", pending + sum(one["kept"] for one in told), "", 0)
    yield Figure("faults that check finds", len(list(checking.find_faults())), "", 0)
