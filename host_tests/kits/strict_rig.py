"""A fake meter and desk for story tests, which refuse everything that can't happen at real ones."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from dianka.bench.stage.player import DeskError
from dianka.bench.stage.rig import RigError
from dianka.bench.stage.view import View

LAMPS = ("alarm", "trip", "overdraft")


@dataclass
class StrictRig:
    """A fake meter. `shows` lists (microseconds after the mains came on, the display's text).

    The relay closes when a card has been in for a second.
    """

    shows: list[tuple[int, str]] = field(default_factory=lambda: [(0, "0.00")])
    now_us: int = 0
    mains_since_us: int | None = None
    volts_mv: int = 220_000
    power_mw: int = 0
    pf_milli: int = 1000
    slot: str = "empty"
    inserted_us: int = 0
    relay_closed: bool = False
    waits_us: list[int] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def switch_mains_on(self) -> None:
        if self.mains_since_us is not None:
            raise RigError("the mains are on already")
        self.mains_since_us = self.now_us

    def switch_mains_off(self) -> None:
        if self.mains_since_us is None:
            raise RigError("the mains are off already")
        self.mains_since_us = None

    def cut_power(self) -> None:
        self.mains_since_us = None
        self.done.append("cut power")

    def set_load(self, power_mw: int, pf_milli: int = 1000) -> None:
        assert (
            type(power_mw) is int
            and type(pf_milli) is int
            and power_mw >= 0
            and 0 < pf_milli <= 1000
        )
        self.power_mw, self.pf_milli = power_mw, pf_milli

    def set_volts(self, mv: int) -> None:
        assert type(mv) is int
        self.volts_mv = mv

    def insert(self, card: Path, how: str = "right") -> None:
        if how not in ("right", "upside-down"):
            raise ValueError(how)
        if self.slot != "empty":
            raise RigError(f"{self.slot} is in the slot: pull it first")
        if not card.is_file():
            raise RigError(f"there is no card {card.name}: make it with dianka card issue")
        self.slot, self.inserted_us = card.name, self.now_us
        self.done.append(f"insert {card.name} {how}")

    def insert_plate(self) -> None:
        if self.slot != "empty":
            raise RigError(f"{self.slot} is in the slot: pull it first")
        self.slot = "metal plate"

    def pull(self) -> None:
        if self.slot == "empty":
            raise RigError("the slot is empty: insert a card first")
        self.slot = "empty"

    def open_case(self, opened: bool = True) -> None:
        self.done.append("open case" if opened else "close case")

    def press_key(self, ms: int = 300) -> None:
        self.done.append(f"key {ms}")

    def set_clock(self) -> None:
        self.done.append("set clock")

    def wait(self, us: int) -> None:
        assert type(us) is int and us > 0
        self.waits_us.append(us)
        self.now_us += us
        if (
            self.mains_since_us is not None
            and self.slot.endswith(".card")
            and self.now_us - self.inserted_us >= 1_000_000
        ):
            self.relay_closed = True

    def take_view(self) -> View:
        on = self.mains_since_us is not None
        passed_us = self.now_us - (self.mains_since_us or 0)
        shown = [text for at_us, text in self.shows if at_us <= passed_us]
        power_mw = self.power_mw if on and self.relay_closed else 0
        return View(
            at_us=self.now_us,
            when=datetime(2026, 3, 1, 8) + timedelta(microseconds=self.now_us),
            display=(shown[-1] if on and shown else "").rjust(8),
            lamps=dict.fromkeys(LAMPS, False) | {"alarm": on and not self.relay_closed},
            relay_closed=self.relay_closed,
            volts_mv=self.volts_mv if on else 0,
            current_ma=power_mw * 1000 // self.volts_mv,
            power_mw=power_mw,
            slot=self.slot,
            powered=on,
        )


class StrictDesk:
    """A fake desk with the commands `card new` and `sell`.

    It makes empty card files, and sells on those that exist and are not in the slot.
    """

    def __init__(self, rig: StrictRig) -> None:
        self.rig = rig
        self.sold: list[tuple[str, str]] = []

    def find_mistake(self, args: list[str] | tuple[str, ...]) -> str:
        return (
            ""
            if args[0] in ("card", "sell")
            else f'"{args[0]}" is no command of the desk: expected card, sell'
        )

    def run(self, args: list[str] | tuple[str, ...], folder: Path) -> str:
        if args[0] == "card":
            (folder / args[3]).touch()
            return f"{args[3]} made\n"
        if args[1] == self.rig.slot:
            raise DeskError(f"{args[1]} is in use: pull it there first")
        if not (folder / args[1]).is_file():
            raise DeskError(f"there is no card {args[1]}")
        self.sold.append((args[1], args[2]))
        return f"sold {args[2]} on {args[1]}\n"
