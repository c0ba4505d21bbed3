"""The live screen: shows one virtual meter, with a key for everything that can happen to it.

Virtual time runs at the wall clock's rate times the chosen speed. If the computer is too slow for
that speed, the meter loses no time: the backlog is dropped, and the screen shows the true speed.
"""

import textwrap
import time
from collections import deque
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.text import Text

from dianka.bench.stage.console import fold, format_lamps, format_mains, format_slot, format_time
from dianka.bench.stage.digits import draw_digits
from dianka.bench.stage.player import Desk, DeskError, Meter
from dianka.bench.stage.rig import RigError
from dianka.bench.stage.terminal import Keyboard
from dianka.bench.stage.view import View

SPEEDS = (1, 10, 60, 300, 900, 3600)
LOADS_MW = (0, 40_000, 100_000, 500_000, 1_000_000, 2_200_000, 4_400_000, 6_600_000)
FRAME_MS = 100
BUSY_MS = 80  # the most of a frame that the bench may take: keys must be answered
LOG_LINES = 8
LARGE_COLUMNS, LARGE_LINES = 52, 8  # the large digits in their frame, and the empty line below
SMALL_COLUMNS, SMALL_LINES = 32, 3
LEAST_LOG_LINES = 3  # below that the digits are drawn smaller
COLUMNS = 112  # if there is no terminal to ask
TOO_SMALL = (
    "this window is too small for the live screen: "
    "make it 80 columns wide and 14 lines high, or press q"
)
PRICE_OF_S = "10.00"
HELP = (
    "↑ ↓ load   c card in/out   n next card   k key   m mains   x cut power   s sell 10 yuan"
    "   < > speed   q quit"
)


class Screen:
    """The content of the screen and the actions of its keys. It knows no terminal."""

    def __init__(self, rig: Meter, folder: Path, desk: Desk) -> None:
        self._rig = rig
        self._folder = folder
        self._desk = desk
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._card = ""
        self._load_mw: int | None = None  # None: as it was before the screen
        self._mains = "on" if rig.take_view().volts_mv > 0 else "off"
        self._speed = 0
        self._owed_us = 0
        self._true_speed: int | None = None
        self._choose_card(0)

    def add_log_line(self, line: str) -> None:
        self._log.append(line)

    def do_key(self, key: str) -> bool:
        """Do the key's action. Return False if the key ends the screen."""
        action = {
            "up": lambda: self._step_load(1),
            "+": lambda: self._step_load(1),
            "=": lambda: self._step_load(1),
            "down": lambda: self._step_load(-1),
            "-": lambda: self._step_load(-1),
            "c": self._insert_or_pull,
            "n": lambda: self._choose_card(1),
            "k": self._rig.press_key,
            "m": self._switch_mains,
            "x": self._cut,
            "s": self._sell,
            "<": lambda: self._step_speed(-1),
            "[": lambda: self._step_speed(-1),
            ">": lambda: self._step_speed(1),
            "]": lambda: self._step_speed(1),
        }.get(key)
        if action:
            try:
                action()
            except (RigError, DeskError) as refused:
                self.add_log_line(f"! {refused}")
        return key != "q"

    def tick(self, wall_us: int) -> None:
        """Let the virtual time pass that belongs to this much wall time, at the chosen speed.

        Stop after `BUSY_MS` and drop the rest.
        """
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

    def render(self, columns: int = COLUMNS, lines: int | None = None) -> Group:
        """Return the whole screen for so many columns and lines; no limit if `lines` is None.

        If there is too little room, first the log is shortened, then the digits are drawn smaller.
        """
        view = self._rig.take_view()
        rows = [
            Text.from_markup(row, emoji=False)
            for text in self._compose_rows(view)
            for row in fold(text, columns)
        ]
        keys = [Text(row, style="cyan") for row in fold(HELP, columns)]
        large = Text(
            "\n".join(draw_digits(view.display, width=3, height=2)), style="bold red", no_wrap=True
        )
        small = Text("\n".join(draw_digits(view.display)), style="bold red", no_wrap=True)
        room = LOG_LINES * 3 if lines is None else lines - len(rows) - len(keys)
        above = [Panel(large, title="Dianka", expand=False), *rows, Text("")]
        if columns < LARGE_COLUMNS or room - LARGE_LINES < LEAST_LOG_LINES:
            above = [small, *rows]
            room -= SMALL_LINES
            if columns < SMALL_COLUMNS or room < LEAST_LOG_LINES:
                return Group(Text(TOO_SMALL))
        else:
            room -= LARGE_LINES
        return Group(*above, *self._render_log(columns, room), *keys)

    def _render_log(self, columns: int, room: int) -> list[Text]:
        """Return the end of the log, in at most `room` rows.

        A refusal is shown whole, since its end says what to do; other lines are truncated.
        """
        shown: list[Text] = []
        for line in reversed(self._log):
            rows = textwrap.wrap(line, columns) if line.startswith("!") else [line]
            rows = rows[: room - len(shown)]
            shown[:0] = [Text(row, style="dim", no_wrap=True, overflow="ellipsis") for row in rows]
        return shown

    def _compose_rows(self, view: View) -> list[str]:
        speed = f"speed {SPEEDS[self._speed]}x"
        if self._true_speed is not None:
            speed += f" (this machine: {self._true_speed}x)"
        load = "as before" if self._load_mw is None else f"{self._load_mw // 1000} W"
        return [
            format_lamps(view),
            f"{format_mains(view)}   load {load}   mains {self._mains}",
            f"{format_slot(view)}   card in hand {escape(self._card) or 'none'}",
            f"{format_time(view.when)}   {speed}",
        ]

    def _step_load(self, direction: int) -> None:
        now_mw = self._rig.take_view().power_mw if self._load_mw is None else self._load_mw
        above = [mw for mw in LOADS_MW if mw > now_mw]
        below = [mw for mw in LOADS_MW if mw < now_mw]
        self._load_mw = (
            (above[0] if above else now_mw) if direction > 0 else (below[-1] if below else now_mw)
        )
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
            # The resident's card is inserted most often; the control card never is.
            self._card = next(
                (card for card in cards if card.startswith(("resident", "user"))), cards[0]
            )

    def _insert_or_pull(self) -> None:
        if self._rig.take_view().slot != "empty":
            self._rig.pull()
            return
        self._choose_card(0)
        if not self._card:
            raise RigError("there is no card here: make one with dianka card issue")
        self._rig.insert(self._folder / self._card)

    def _switch_mains(self) -> None:
        if self._mains == "on":
            self._rig.switch_mains_off()
            self._mains = "off"
            self.add_log_line("bench: mains off: the meter is warned and has 100 ms left")
        else:
            self._rig.switch_mains_on()
            self._mains = "on"
            self.add_log_line("bench: mains on")

    def _cut(self) -> None:
        """Cut mains and supply: unlike `m`, this leaves the meter no time.

        If the mains is off already, this takes away the rest of the hold-up.
        """
        if not self._rig.take_view().powered:
            raise RigError("the meter has no supply already: m switches the mains on")
        self._rig.cut_power()
        self._mains = "cut"
        self.add_log_line("bench: power cut: the meter is dead at once, unwarned")

    def _sell(self) -> None:
        self._choose_card(0)
        if not self._card:
            raise DeskError("there is no card here: make one with dianka card issue")
        self._desk.run(["sell", self._card, PRICE_OF_S], self._folder)
        self.add_log_line(f"desk: {PRICE_OF_S} yuan sold on {self._card}")


def run(screen: Screen, console: Console) -> None:
    """Show the screen until q or a signal ends it, and leave the terminal as it was."""
    with Keyboard() as keyboard, Live(console=console, screen=True, auto_refresh=False) as live:
        last_ns = time.monotonic_ns()
        while True:
            now_ns = time.monotonic_ns()
            screen.tick((now_ns - last_ns) // 1000)
            last_ns = now_ns
            live.update(screen.render(console.width, console.height), refresh=True)
            spent_ms = (time.monotonic_ns() - now_ns) // 1_000_000
            if not all(screen.do_key(key) for key in keyboard.wait(max(FRAME_MS - spent_ms, 1))):
                return
