"""The live screen: one virtual meter as it would hang on the wall, with keys for everything that can happen to it.

Virtual time is paced by the wall clock times the chosen speed. A machine that can't keep up loses time on the wall, never in
the meter: what is owed is dropped and the true speed is shown.
"""

import time
from collections import deque
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.text import Text

from dianka.bench.console import lamps_text, mains_text, slot_text, when_text
from dianka.bench.digits import draw
from dianka.bench.player import Desk, DeskError, Meter
from dianka.bench.rig import RigError
from dianka.bench.terminal import Keyboard

SPEEDS = (1, 10, 60, 300, 900, 3600)
LOADS_MW = (0, 40_000, 100_000, 500_000, 1_000_000, 2_200_000, 4_400_000, 6_600_000)
FRAME_MS = 100
BUSY_MS = 80  # of a frame, at most, may go into the bench: keys must be answered
LOG_LINES = 8
PRICE_OF_S = "10.00"
HELP = "↑ ↓ load   c card in/out   n next card   k key   m mains   x cut power   s sell 10 yuan   < > speed   q quit"


class Screen:
    """What is shown and what the keys do. Knows no terminal."""

    def __init__(self, rig: Meter, folder: Path, desk: Desk) -> None:
        self._rig = rig
        self._folder = folder
        self._desk = desk
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._card = ""
        self._load_mw: int | None = None  # None: as it was before the screen
        self._mains_on = rig.view().volts_mv > 0
        self._speed = 0
        self._owed_us = 0
        self._true_speed: int | None = None
        self._choose_card(0)

    def logged(self, line: str) -> None:
        self._log.append(line)

    def key(self, key: str) -> bool:
        """Do what the key stands for. False if it was the one that ends the screen."""
        action = {
            "up": lambda: self._step_load(1), "+": lambda: self._step_load(1), "=": lambda: self._step_load(1),
            "down": lambda: self._step_load(-1), "-": lambda: self._step_load(-1),
            "c": self._card_in_or_out, "n": lambda: self._choose_card(1), "k": self._rig.press_key, "m": self._mains,
            "x": self._cut, "s": self._sell, "<": lambda: self._step_speed(-1), "[": lambda: self._step_speed(-1),
            ">": lambda: self._step_speed(1), "]": lambda: self._step_speed(1),
        }.get(key)  # fmt: skip
        if action:
            try:
                action()
            except (RigError, DeskError) as refused:
                self.logged(f"! {refused}")
        return key != "q"

    def tick(self, wall_us: int) -> None:
        """Let as much virtual time pass as this much time on the wall is worth, or as much as the machine can do."""
        speed = SPEEDS[self._speed]
        self._owed_us += wall_us * speed
        slice_us = speed * 10_000
        until_ns = time.monotonic_ns() + BUSY_MS * 1_000_000
        done_us = 0
        while self._owed_us > 0 and time.monotonic_ns() < until_ns:
            step_us = min(self._owed_us, slice_us)
            self._rig.wait(step_us)
            self._owed_us -= step_us
            done_us += step_us
        self._true_speed = done_us // wall_us if self._owed_us > 0 and wall_us else None
        self._owed_us = 0

    def render(self) -> Group:
        view = self._rig.view()
        face = Text("\n".join(draw(view.display, width=3, height=2)), style="bold red", no_wrap=True)
        speed = f"speed {SPEEDS[self._speed]}x"
        if self._true_speed is not None:
            speed += f" (this machine: {self._true_speed}x)"
        load = "as before" if self._load_mw is None else f"{self._load_mw // 1000} W"
        rows = [
            lamps_text(view),
            f"{mains_text(view)}   load {load}   mains {'on' if self._mains_on else 'off'}",
            f"{slot_text(view)}   card in hand {escape(self._card) or 'none'}",
            f"{when_text(view.when)}   {speed}",
        ]
        return Group(
            Panel(face, title="Dianka", expand=False),
            *(Text.from_markup(row, emoji=False) for row in rows),
            Text(""),
            *(Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in self._log),
            Text(HELP, style="cyan"),
        )

    def _step_load(self, direction: int) -> None:
        now_mw = self._rig.view().power_mw if self._load_mw is None else self._load_mw
        above = [mw for mw in LOADS_MW if mw > now_mw]
        below = [mw for mw in LOADS_MW if mw < now_mw]
        self._load_mw = (above[0] if above else now_mw) if direction > 0 else (below[-1] if below else now_mw)
        self._rig.set_load(self._load_mw)

    def _step_speed(self, direction: int) -> None:
        self._speed = min(max(self._speed + direction, 0), len(SPEEDS) - 1)
        self._owed_us = 0

    def _choose_card(self, direction: int) -> None:
        cards = sorted(path.name for path in self._folder.glob("*.card"))
        if not cards:
            self._card = ""
        elif self._card in cards:
            self._card = cards[(cards.index(self._card) + direction) % len(cards)]
        else:
            # The resident's card is the one that is put in most often; "control" never is.
            self._card = next((card for card in cards if card.startswith(("resident", "user"))), cards[0])

    def _card_in_or_out(self) -> None:
        if self._rig.view().slot != "empty":
            self._rig.pull()
            return
        self._choose_card(0)
        if not self._card:
            raise RigError("there is no card here: make one with dianka card issue")
        self._rig.insert(self._folder / self._card)

    def _mains(self) -> None:
        self._mains_on = not self._mains_on
        if self._mains_on:
            self._rig.mains_on()
        else:
            self._rig.mains_off()

    def _cut(self) -> None:
        self._rig.cut_power()
        self._mains_on = False

    def _sell(self) -> None:
        self._choose_card(0)
        if not self._card:
            raise DeskError("there is no card here: make one with dianka card issue")
        self._desk.run(["sell", self._card, PRICE_OF_S], self._folder)
        self.logged(f"desk: {PRICE_OF_S} yuan sold on {self._card}")


def run(screen: Screen, console: Console) -> None:
    """Show the screen until q, or until somebody ends the program; the terminal is left as it was."""
    with Keyboard() as keyboard, Live(console=console, screen=True, auto_refresh=False) as live:
        last_ns = time.monotonic_ns()
        while True:
            now_ns = time.monotonic_ns()
            screen.tick((now_ns - last_ns) // 1000)
            last_ns = now_ns
            live.update(screen.render(), refresh=True)
            spent_ms = (time.monotonic_ns() - now_ns) // 1_000_000
            if not all(screen.key(key) for key in keyboard.wait(max(FRAME_MS - spent_ms, 1))):
                return
