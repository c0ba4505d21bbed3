"""One virtual meter: the bench's models, the firmware under a runner, and a folder.

The supply (models/supply.py) has a hold-up: if the mains fails, or falls too low for it, the
controller stops 100 ms later, unless the mains is back by then. `cut_power` leaves no hold-up:
mains and supply are gone at that instant. The folder keeps everything that survives a run: the
FRAM's content, the ESAM (a card file), an emulated chip's flash, the relay's position and the
clock. Cards are files in it; one of them may be in the slot.
"""

import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from dianka.bench.models import bench as benches
from dianka.bench.models import supply
from dianka.bench.models.board_pins import METERING_CHIPS, read_metering, write_board_with
from dianka.bench.models.clock import Clock, Timer
from dianka.bench.models.mains import NOMINAL_MV
from dianka.bench.rungs.runners import (
    DEFAULT_BOARD,
    POWER_ON,
    WATCHDOG,
    BitWired,
    ChipLike,
    UnknownRunner,
    make,
)
from dianka.bench.stage.view import View
from dianka.cardos.image import CardFile, CardFileError
from dianka.cardos.t0 import Behaviour
from dianka.desk.issue import issue_esam

UTC_OFFSET = timedelta(hours=8)
START = datetime(2026, 1, 5, 0, 0, 0)  # noqa: DTZ001  UTC: a Monday, 08:00 in China
EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001
ESAM_FILE = "esam.chip"
STATE_FILE = "meter.json"
FLASH_FILE = "chip.flash"
BOARD_FOLDER = "board"  # in the meter's: board.py of one with another metering chip than its board
INPUT_LIMIT_UV = 30_900  # rms, of the chip's current input (HLW8032 manual REV 1.5)
MAX_RESTARTS = 20  # of the firmware by itself, in one wait: with more it does not work at all


class RigError(Exception):
    """The meter can't do what was asked. The text is one line."""


class Rig:
    """The meter itself. `Stand` (stand.py) adds the utility's desk and the people.

    `runner`: host, vm or chip. `board`: the folder of board.py, or None for the Pico's.
    `rng`: source of random bytes of the chips in ESAM and slot. `metering`: the metering chip
    (models/board_pins.py) of a new meter, or None for the board's own; a folder's meter keeps its
    chip. `off_ppm`: how far the HLW8032 of a new meter measures wrong (models/bench.py). `start`:
    the time (UTC) at a new meter. RigError if there is no such runner or chip, or if the folder
    holds something damaged.
    """

    def __init__(
        self,
        folder: Path,
        runner: str = "vm",
        board: Path | None = None,
        rng: Callable[[int], bytes] = os.urandom,
        metering: str | None = None,
        off_ppm: tuple[int, int, int] = (0, 0, 0),
        start: datetime = START,
    ) -> None:
        self.folder = folder
        self._rng = rng
        board = self._choose_board(board or DEFAULT_BOARD, metering)
        self.on_log: Callable[[str], None] = lambda line: None
        self.esam_file = self._open_esam()
        kept = self._load_kept(start)
        self._off_ppm = kept.get("off_ppm", off_ppm)
        self.bench = benches.build(
            board,
            kept["clock"],
            kept["fram"],
            self.esam_file.chip,
            kept["relay_closed"],
            self._off_ppm,
        )
        self.clock: Clock = self.bench.clock
        self._started = EPOCH + timedelta(seconds=kept["seconds"])
        self._case_open = kept.get("case_open", False)
        if self._case_open:
            self.open_case()
        try:
            self.runner = make(runner, self.bench.mcu, board, lambda line: self.on_log(line))
        except UnknownRunner as error:
            raise RigError(str(error)) from None
        self._chip = self.runner if isinstance(self.runner, ChipLike) else None
        if self._chip:
            self._chip.load_flash(folder / FLASH_FILE)
        self._bits = self.runner if isinstance(self.runner, BitWired) else None
        if self._bits:
            self.bench.slot.on_rate = partial(self._bits.agree, "CARD")
            self.bench.esam.on_rate = partial(self._bits.agree, "ESAM")
        self._powered = False
        self._supply_runs = False
        self._hold_up: Timer | None = None
        self.card: CardFile | None = None  # the one in the slot
        self._slot = "empty"

    # ****** Mains ******

    def switch_mains_on(self) -> None:
        self.bench.mains.switch(True)
        self._follow_mains()

    def switch_mains_off(self) -> None:
        """Let the mains fail: the firmware is warned, and stops when the hold-up is spent."""
        self.bench.mains.switch(False)
        self._follow_mains()

    def cut_power(self) -> None:
        """Take mains and supply away at this instant."""
        self.bench.mains.switch(False)
        self._die()

    def set_load(self, power_mw: int, pf_milli: int = 1000) -> None:
        """Connect a load of this power at 220 V.

        RigError if the metering chip can't measure its current.
        """
        self.refuse_current(power_mw, pf_milli, self.bench.mains.set_mv)
        self.bench.mains.set_load(power_mw, pf_milli)

    def set_volts(self, mv: int) -> None:
        """Change the mains' voltage. RigError beyond the supply's range or the chip's current."""
        if not 0 <= mv <= supply.MAX_MV:
            limit = _format_decimal(supply.MAX_MV)
            raise RigError(
                f"the voltage is out of range: expected 0 to {limit} V, "
                "the most that the supply takes"
            )
        mains = self.bench.mains
        self.refuse_current(mains.load_mw, mains.pf_milli, mv)
        mains.set_voltage(mv)
        self._follow_mains()

    def refuse_current(self, power_mw: int, pf_milli: int, mv: int) -> None:
        """Raise RigError if the metering chip, behind the board's shunt, can't measure the current.

        The limit is `INPUT_LIMIT_UV` at the chip's input.
        """
        limit_ma = INPUT_LIMIT_UV * self.bench.pins["KI_MILLI"] // 1000
        drawn_ma = self.bench.mains.compute_drawn_ma(power_mw, pf_milli, mv)
        if drawn_ma > limit_ma:
            most_w = limit_ma * NOMINAL_MV**2 * pf_milli // (mv * 1_000_000) // 1000
            where = f"at {_format_decimal(mv)} V and power factor {_format_decimal(pf_milli)}"
            raise RigError(
                f"the load is out of range: expected 0 to {_format_decimal(most_w)} kW {where}, "
                f"as the meter measures up to {_format_decimal(limit_ma)} A "
                f"and this is {_format_decimal(drawn_ma)} A"
            )

    def _follow_mains(self) -> None:
        """Start the supply or begin its hold-up, depending on the mains' voltage."""
        mv = self.bench.mains.voltage_mv
        self._supply_runs = supply.is_running(mv, self._supply_runs)
        if self._supply_runs:
            self._stop_hold_up()
            if not self._powered:
                self._powered = True
                self.bench.power_up()
                self.runner.start(POWER_ON)
        elif self._powered and self._hold_up is None:
            self._hold_up = self.clock.call_after(supply.HOLD_UP_US, self.bench.mcu.die)
        if self._powered:
            self.bench.set_wire("POWER_FAIL", int(supply.is_sensed(mv)))

    def _stop_hold_up(self) -> None:
        if self._hold_up:
            self._hold_up.cancel()
            self._hold_up = None

    # ****** Slot and key ******

    def insert(self, card: Path, how: str = "right", behaviour: Behaviour | None = None) -> None:
        """Put a card file into the slot; `how` is "right" or "upside-down".

        RigError if the slot is not empty, or if the file is no card.
        """
        self._refuse_if_occupied()
        try:
            self.card = CardFile.open(self.folder / card, self._rng)
        except CardFileError as error:
            raise RigError(str(error)) from None
        self._slot = card.name if how == "right" else f"{card.name} upside down"
        if how == "right":
            self.bench.slot.put(self.card.chip, behaviour)
        self.bench.set_wire("SLOT_SWITCH", 0)

    def insert_plate(self) -> None:
        """Put a piece of metal into the slot: it closes the switch and shorts the contacts."""
        self._refuse_if_occupied()
        self._slot = "metal plate"
        self._short_contacts(True)
        self.bench.set_wire("SLOT_SWITCH", 0)

    def pull(self) -> None:
        if self._slot == "empty":
            raise RigError("nothing is in the slot")
        self.bench.slot.put(None)
        self._short_contacts(False)
        self.bench.set_wire("SLOT_SWITCH", 1)
        if self.card:
            self.card.close()
        self.card, self._slot = None, "empty"

    def press_key(self, ms: int = 300) -> None:
        if self._powered:
            self.bench.set_wire("KEY", 0)
            self.clock.call_after(
                ms * 1000, lambda: self.bench.set_wire("KEY", 1 if self._powered else 0)
            )

    def open_case(self, opened: bool = True) -> None:
        """Open the meter's case, or close it. RigError if the board has no contact there."""
        if "CASE_CONTACT" not in self.bench.pins:
            raise RigError("this board has no contact at its case: nothing tells an opening")
        self._case_open = opened
        self.bench.set_wire("CASE_CONTACT", int(opened))

    def _short_contacts(self, shorted: bool) -> None:
        self.bench.slot.shorted = shorted
        if self._bits:
            self._bits.short_line("CARD", shorted)

    def _refuse_if_occupied(self) -> None:
        if self._slot != "empty":
            raise RigError(f"the slot holds {self._slot}: pull it first")

    def set_clock(self) -> None:
        """Set the clock chip, as flashing does; its maker delivers it without a time."""
        self.bench.clock_chip.set(self._world_s)

    # ****** Time ******

    @property
    def _world_s(self) -> int:
        """Seconds since 2000-01-01 UTC, whatever the meter's clock says."""
        return int((self._started - EPOCH).total_seconds()) + self.clock.now_us // 1_000_000

    def wait(self, us: int) -> None:
        """Let virtual time pass. RigError at more than `MAX_RESTARTS` restarts of the firmware."""
        until_us, restarts = self.clock.now_us + us, 0
        while self.clock.now_us < until_us:
            if not self._powered:
                self.clock.advance(until_us)
                continue
            self.runner.run_until(until_us)
            if self.bench.mcu.dead:
                self._die()
            elif self.bench.mcu.bitten or self.runner.ended:
                restarts += 1
                self._restart(restarts)

    def _restart(self, restarts: int) -> None:
        why = "watchdog" if self.bench.mcu.bitten else self.runner.ended
        self.on_log(f"controller restarts: {why}")
        if restarts > MAX_RESTARTS:
            raise RigError(f"the firmware does not live: {why}")
        self.reset_controller()

    def reset_controller(self) -> None:
        """Restart the controller alone, as its watchdog does; all else goes on."""
        self.runner.kill()
        for name in (
            "RELAY_CLOSE",
            "RELAY_OPEN",
            "CARD_POWER",
            "CARD_RESET",
            "ESAM_POWER",
            "ESAM_RESET",
        ):
            self.bench.set_wire(name, 0)
        if self.bench.buzzer:
            self.bench.set_wire("BUZZER", 0)
        self.bench.slot.set_clock(0)
        self.bench.esam.set_clock(0)
        self.runner.start(WATCHDOG)

    def _die(self) -> None:
        self._stop_hold_up()
        self._supply_runs = False
        if self._powered:
            self._powered = False
            self.runner.kill()
            self.bench.power_down()

    # ****** Looking ******

    def take_view(self) -> View:
        bench = self.bench
        return View(
            at_us=self.clock.now_us,
            when=self._started + timedelta(microseconds=self.clock.now_us) + UTC_OFFSET,
            display=bench.display.text if self._powered else " " * 8,
            lamps=bench.get_lamps() if self._powered else dict.fromkeys(benches.LAMPS, False),
            relay_closed=bench.relay.closed,
            volts_mv=bench.mains.voltage_mv,
            current_ma=bench.mains.current_ma,
            power_mw=bench.mains.power_mw,
            slot=self._slot,
            powered=self._powered,
        )

    # ****** What survives ******

    def close(self) -> None:
        """End the meter, and save in its folder everything that survives a power cut."""
        if self._powered:
            self._die()
        if self._chip:
            self._chip.save_flash(self.folder / FLASH_FILE)
        self.runner.close()
        if self._slot != "empty":
            self.pull()
        self.esam_file.close()
        clock_chip = self.bench.clock_chip
        kept = {
            "fram": self.bench.fram.content.hex(),
            "relay_closed": self.bench.relay.closed,
            "seconds": self._world_s,
            "clock": None if clock_chip.osf else clock_chip.time_s,
            "off_ppm": self._off_ppm,
            "case_open": self._case_open,
        }
        (self.folder / STATE_FILE).write_text(json.dumps(kept), encoding="utf-8")

    def _choose_board(self, board: Path, metering: str | None) -> Path:
        """Return the folder of board.py, changed where this meter has another metering chip."""
        if metering not in (None, *METERING_CHIPS):
            raise RigError(
                f"no metering chip is called {metering}: there are {', '.join(METERING_CHIPS)}"
            )
        own = self.folder / BOARD_FOLDER
        if (own / "board.py").exists():
            kept = read_metering(own)
            if metering not in (None, kept):
                raise RigError(f"the meter in this folder has a {kept}: take another folder")
            metering = kept
        elif metering and (self.folder / STATE_FILE).exists() and metering != read_metering(board):
            raise RigError(
                f"the meter in this folder has a {read_metering(board)}: take another folder"
            )
        if metering in (None, read_metering(board)):
            return board
        return write_board_with(board, metering, own)

    def _open_esam(self) -> CardFile:
        path = self.folder / ESAM_FILE
        try:
            if not path.exists():
                issue_esam(path, rng=self._rng)
            return CardFile.open(path, self._rng)
        except CardFileError as error:
            raise RigError(str(error)) from None

    def _load_kept(self, start: datetime) -> dict:
        path = self.folder / STATE_FILE
        if not path.exists():
            return {
                "fram": None,
                "relay_closed": False,
                "seconds": int((start - EPOCH).total_seconds()),
                "clock": None,
            }
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            # Folders of older versions have no "clock": their clocks were always set.
            kept.setdefault("clock", kept["seconds"])
            voltage, current, energy = kept.get("off_ppm", (0, 0, 0))
            return {
                "fram": bytes.fromhex(kept["fram"]),
                "relay_closed": bool(kept["relay_closed"]),
                "seconds": int(kept["seconds"]),
                "clock": None if kept["clock"] is None else int(kept["clock"]),
                "off_ppm": (int(voltage), int(current), int(energy)),
                "case_open": bool(kept.get("case_open", False)),
            }
        except (ValueError, KeyError, TypeError):
            raise RigError(
                f"{path.name} is damaged: take another folder, "
                "or delete it to begin with a blank memory"
            ) from None


def _format_decimal(milli: int) -> str:
    """Return thousandths as a decimal number, with no more places than needed."""
    whole, rest = divmod(milli, 1000)
    return f"{whole}" + f".{rest:03d}".rstrip("0.")
