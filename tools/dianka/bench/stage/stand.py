"""Builds a whole meter with cards and desk, for tests, campaign and figures.

A stand is a folder with a virtual meter on any rung, the control card of its utility, and cards.
`Rig` (rig.py) is its lower half: models, firmware, and everything in the folder that survives.
`Stand` adds
- the desk: it makes cards and sells credit, by the same functions as on the command line;
- the people: they insert a card, wait for the end of its session and pull it; they cut the mains
  and restore it;
- inspection: the running `Meter` and its state (rung 1 only), the chips' memories, and violations
  of the rules of wire, relay and display.

All random numbers, of chips and desk, come from `seed`, so each run is repeatable. Functions that
only one user needs are in a subclass: `Trial` (campaign/trial.py) forks, `MeterKit`
(host_tests/kits/meter_kit.py) keeps a ledger, `ProbedMeter` (measure/meter.py) queries the chip.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any, Self, TypeVar

from dianka.bench.rungs.runners import BitWired, Inspectable
from dianka.bench.stage.rig import Rig, RigError
from dianka.bench.stage.session import Session, find_code
from dianka.bench.stage.traffic import count_traffic
from dianka.card_port import CardPort
from dianka.cardos import kinds
from dianka.cardos.chip import Chip
from dianka.cardos.files import card_files
from dianka.cardos.image import CardFile
from dianka.cardos.t0 import Behaviour
from dianka.desk import issue
from dianka.desk.prices import NewPrice, get_local_minute
from dianka.desk.sell import sell
from dianka.firmware import load_shared

MS = 1_000
S = 1_000_000
FEN = load_shared("account").FEN
METER_NO, CUSTOMER_NO, PRICE_E4 = 12, 34, 5000
CONTROL, INIT, KEYS, USER = (Path(f"{name}.card") for name in ("control", "init", "keys", "user"))
INIT_DATA = issue.InitData(METER_NO, 100, 50, 50, 0, 0, [PRICE_E4])
USER_DATA = issue.UserData(METER_NO, CUSTOMER_NO, 100, 50, [PRICE_E4])
BEGIN_US = 5 * S  # at most, from the presence switch to the session's beginning
SESSION_US = 30 * S  # at most: a production test shows every segment, which takes its time
_STEP_US = 25 * MS
_STARTED_US = 3 * S  # for a start, the ESAM's included
_SETTLED_US = 500 * MS  # after a card is pulled, until the meter looks for the next
_DARK_US = 5 * S

Data = TypeVar("Data")


class Stand:
    """A whole meter in `folder`; a context manager, whose exit closes it.

    `runner`: host, vm or chip. `board`: the folder of board.py, or None for the Pico's.
    `on_line` is called with each line that the firmware prints; `lines` keeps them. If `clock_set`
    is false, the clock chip is as delivered, or as the folder has kept it. `metering` and
    `off_ppm` are those of `Rig`.
    """

    look_us = 0  # how long to look at the display after a session, before the card is pulled

    def __init__(
        self,
        folder: Path,
        runner: str = "host",
        board: Path | None = None,
        seed: int = 1,
        on_line: Callable[[str], object] | None = None,
        clock_set: bool = True,
        metering: str | None = None,
        off_ppm: tuple[int, int, int] = (0, 0, 0),
    ) -> None:
        self.rng = random.Random(seed).randbytes
        self.lines: list[str] = []
        self._on_line = on_line
        if not (folder / CONTROL).exists():
            issue.issue_control(folder / CONTROL, rng=self.rng)
        self.control = CardFile.open(folder / CONTROL, self.rng)
        try:
            self.rig = Rig(folder, runner, board, self.rng, metering, off_ppm)
        except BaseException:
            self.control.close()
            raise
        self.rig.on_log = self._hear
        if clock_set:
            self.rig.set_clock()

    def close(self) -> None:
        self.rig.close()
        self.control.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def set_up(self, init: issue.InitData = INIT_DATA, user: issue.UserData = USER_DATA) -> None:
        """Make the first cards, switch the mains on, and give the meter its number and keys.

        RigError if a session fails.
        """
        self.make_first_cards(init, user)
        self.switch_mains_on()
        for card in (INIT, KEYS):
            self.serve(card)

    @property
    def folder(self) -> Path:
        return self.rig.folder

    # ****** Desk ******

    def make(
        self,
        card: Path,
        kind: str,
        maker: Callable[[CardPort, CardPort, Data], None],
        data: Data,
        control: Chip | None = None,
    ) -> None:
        """Make a card by one of the desk's functions; `control`: another utility's control card."""
        by = control or self.control.chip
        path, profile = self.folder / card, by.state.profile
        issue.issue_file(path, kind, None, self.rng, profile, lambda chip: maker(by, chip, data))

    def make_init(self, card: Path = INIT, data: issue.InitData = INIT_DATA) -> None:
        self.make(card, kinds.INIT, issue.make_init, data)

    def make_keys(self, card: Path = KEYS, uses: int = 1) -> None:
        self.make(card, kinds.KEYS, issue.make_keys, uses)

    def make_user(self, card: Path = USER, data: issue.UserData = USER_DATA) -> None:
        self.make(card, kinds.USER, issue.make_user, data)

    def make_replacement(self, card: Path, data: issue.UserData, fen: int, count: int) -> None:
        """Make a card that replaces a lost one, with purchase `count` of `fen`."""
        lost = card_files.REPLACEMENT
        self.make_user(card, replace(data, card_type=lost, money_fen=fen, count=count))

    def make_first_cards(
        self,
        init: issue.InitData = INIT_DATA,
        user: issue.UserData = USER_DATA,
    ) -> None:
        """Make the three cards of a new meter and its resident: INIT, KEYS and USER."""
        self.make_init(INIT, init)
        self.make_keys(KEYS)
        self.make_user(USER, user)

    def sell(
        self,
        amount_fen: int,
        card: Path = USER,
        new: NewPrice | None = None,
        now: Callable[[], int] = get_local_minute,
    ) -> int:
        """Sell as the desk does, with all its rules. Return the purchase count."""
        with self.open(card) as file:
            return sell(self.control.chip, file.chip, amount_fen, self.rng, new, now).count

    def open(self, card: Path) -> CardFile:
        """Open a card that is not in the slot. The caller closes it."""
        return CardFile.open(self.folder / card, self.rng)

    # ****** Time and people ******

    @property
    def now_us(self) -> int:
        return self.rig.clock.now_us

    def wait(self, us: int) -> None:
        self.rig.wait(us)

    def switch_mains_on(self) -> None:
        """Switch the mains on, and wait until the meter has started."""
        self.rig.switch_mains_on()
        self.wait(_STARTED_US)

    def restart(self, dark_us: int = _DARK_US) -> None:
        """Restore the mains after a cut, when `dark_us` have passed without it."""
        self.wait(dark_us)
        self.switch_mains_on()

    def cut_now(self) -> None:
        """Take mains and supply away at this instant; for calls from inside the bench."""
        self.rig.bench.mains.switch(False)
        self.rig.bench.mcu.die()

    def bite(self) -> None:
        """Let the watchdog restart the controller, as if the firmware had hung."""
        self.rig.bench.mcu.bitten = True
        self.wait(_STARTED_US)

    def run_session(
        self,
        card: Path | None,
        how: str = "right",
        behaviour: Behaviour | None = None,
        spoil: Callable[[Chip], None] | None = None,
        limit_us: int = SESSION_US,
    ) -> Session:
        """Insert a card (None: a metal plate), wait until the session is over, and pull it.

        The card stays in for `look_us` after its session. The arguments are those of `put_in`.
        """
        session = self.put_in(card, how, behaviour, spoil, limit_us)
        self._look(session.texts, lambda: False, self.look_us)
        session.log = self.lines[session.since :]
        self.pull()
        return session

    def serve(self, card: Path, behaviour: Behaviour | None = None) -> Session:
        """Run a session that must succeed. RigError on any error, or a violation of the rules."""
        broken = len(self.list_violations())
        session = self.run_session(card, behaviour=behaviour)
        against = self.list_violations()[broken:]
        if session.code or not session.begun or not session.ended or session.cut or against:
            known = " / ".join(against or session.log[-3:]) or "the meter took no notice of it"
            raise RigError(f"{card.name} was not taken as it should be: {known}")
        return session

    def put_in(
        self,
        card: Path | None,
        how: str = "right",
        behaviour: Behaviour | None = None,
        spoil: Callable[[Chip], None] | None = None,
        limit_us: int = SESSION_US,
    ) -> Session:
        """Insert a card (None: a metal plate), wait until its session is over, and leave it in.

        `how`: "right" or "upside-down". `behaviour`: how its chip talks. `spoil` may change the
        chip before the session.
        """
        session = self.make_session()
        with count_traffic(self.rig.bench, session.traffic):
            if card is None:
                self.rig.insert_plate()
            else:
                self.rig.insert(card, how, behaviour)
            chip = self.rig.bench.slot.chip
            if spoil and chip:
                spoil(chip)
            return self.watch(session, limit_us)

    def watch(self, session: Session | None = None, limit_us: int = SESSION_US) -> Session:
        """Wait until a session has begun and is over, or the supply is gone.

        If `session` is None, it is that of a card which is in the slot already.
        """
        session = session or self.make_session()
        since, texts = session.since, session.texts

        def has_noticed() -> bool:
            return self.serving or find_code(self.lines[since:]) != 0

        self._look(texts, lambda: has_noticed() or not self.powered, BEGIN_US)
        session.begun = has_noticed()
        session.ended = self._look(texts, lambda: not self.serving, limit_us)
        session.cut = not self.powered
        session.over_us = self.now_us - session.began_us
        session.log = self.lines[since:]
        return session

    def pull(self) -> None:
        """Pull the card, if one is in the slot, and give the meter time to notice."""
        if self.rig.take_view().slot != "empty":
            self.rig.pull()
        self.wait(_SETTLED_US)

    def set_esam_behaviour(self, behaviour: Behaviour) -> None:
        """Change how the ESAM talks, from its next reset on."""
        self.rig.bench.esam.put(self.esam, behaviour)

    def watch_display(self, us: int) -> set[str]:
        """Return all texts that the display shows in this time."""
        texts: list[str] = []
        self._look(texts, lambda: False, us)
        return {text.strip() for text in texts}

    def make_session(self) -> Session:
        """Return a session that begins from here on."""
        return Session(len(self.lines), self.now_us)

    def _look(self, texts: list[str], until: Callable[[], object], limit_us: int) -> bool:
        """Add the display's texts to `texts` until `until()` holds; return False at the limit."""
        end_us = self.now_us + limit_us
        while not until():
            if self.now_us >= end_us:
                return False
            self.wait(min(_STEP_US, end_us - self.now_us))
            text = self.rig.bench.display.text.strip()
            if text not in texts[-1:]:
                texts.append(text)
        return True

    def _hear(self, line: str) -> None:
        self.lines.append(line)
        if self._on_line:
            self._on_line(line)

    # ****** Inside ******

    @property
    def meter(self) -> Any:
        """The firmware's Meter of this start. RigError on rungs that can't be inspected."""
        return self._get_inspectable().meter

    @property
    def modules(self) -> dict[str, ModuleType]:
        """The firmware's modules of this start. RigError on rungs that can't be inspected."""
        return self._get_inspectable().modules

    @property
    def state(self) -> Any:
        return self.meter.store.state

    def _get_inspectable(self) -> Inspectable:
        if not isinstance(self.rig.runner, Inspectable):
            raise RigError("the firmware can't be looked into on this rung: take the runner host")
        return self.rig.runner

    @property
    def powered(self) -> bool:
        return self.rig.take_view().powered

    @property
    def serving(self) -> bool:
        """Whether a session is active: as the firmware says, else by the card's supply."""
        if not self.powered:
            return False
        if isinstance(self.rig.runner, Inspectable):
            meter = self.rig.runner.meter
            return meter is not None and meter.card_slot.busy
        return bool(self.rig.bench.get_wire_level("CARD_POWER"))

    @property
    def relay_closed(self) -> bool:
        return self.rig.bench.relay.closed

    @property
    def under_test(self) -> bool:
        """Whether a production test decides about the relay or the lamps.

        It lights all eight lamps; the meter itself has names for six (models/bench.py).
        """
        forced = self.meter.relay.forced is not None
        return forced or all(self.rig.bench.display.lamps)

    @property
    def esam(self) -> Chip:
        """The chip at the ESAM's contacts; the meter's own, if there is none."""
        return self.rig.bench.esam.chip or self.rig.esam_file.chip

    def get_esam_wallet(self) -> tuple[int, int]:
        """Return money (fen) and purchase count in the ESAM, read from the chip's memory."""
        wallet = card_files.unpack(card_files.WALLET, self.esam.state.files[card_files.ESAM_WALLET])
        return wallet["money_fen"], wallet["count"]

    def compute_used_fen(self) -> Fraction:
        return compute_used_fen(self.state)

    def read_card_state(self, card: Path) -> Any:
        """Return the memory of a card that is not in the slot."""
        with self.open(card) as file:
            return file.chip.state

    def list_violations(self) -> list[str]:
        """Return all violations of the rules of contacts, relay and display since the beginning."""
        bench = self.rig.bench
        return [
            *bench.slot.violations,
            *bench.esam.violations,
            *bench.relay.violations,
            *bench.display.violations,
            *bench.chip.violations,
            *self._list_bit_violations(),
        ]

    def _list_bit_violations(self) -> list[str]:
        """Return those that show only where the bits of a T=0 line are on the wire."""
        if not isinstance(self.rig.runner, BitWired):
            return []
        return [
            f"{name}: {violation}"
            for name, line in self.rig.runner.lines.items()
            for violation in line.violations
        ]


def compute_used_fen(state: Any) -> Fraction:
    """Return the credit that the meter has charged, to the last fraction of a fen."""
    return state.bought_fen - state.balance_fen + Fraction(state.remainder, FEN)
