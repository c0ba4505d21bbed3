"""Prints the steps of a story, and below each what a person at the meter would see."""

import re
import textwrap
import time
from datetime import datetime
from itertools import zip_longest

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.text import Text

from dianka.bench.stage.digits import draw_digits
from dianka.bench.stage.view import View

_GUTTER = "     │"


def format_mains(view: View) -> str:
    """Return volts, amperes and watts as text.

    The figures are truncated, not rounded: they must not round up to a limit.
    """
    amperes = f"{view.current_ma // 1000}.{view.current_ma % 1000:03d}"
    return f"{_format_tenths(view.volts_mv)} V  {amperes} A  {_format_tenths(view.power_mw)} W"


def format_lamps(view: View) -> str:
    """Return the relay's position, then every lamp, as rich markup. Lit lamps are filled."""
    relay = "[bold green]relay closed[/]" if view.relay_closed else "[bold red]relay open[/]"
    return "  ".join([relay] + [_format_lamp(name, lit) for name, lit in view.lamps.items()])


def format_time(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%S")


def format_span(us: int) -> str:
    """Return a duration in the two units that matter at its length."""
    seconds = us // 1_000_000
    if seconds < 60:
        return f"{seconds}.{us % 1_000_000 // 100_000} s"
    minutes, hours = seconds // 60, seconds // 3600
    return f"{minutes} min {seconds % 60} s" if minutes < 60 else f"{hours} h {minutes % 60} min"


def format_slot(view: View) -> str:
    return f"slot {escape(view.slot)}" + ("" if view.powered else "  [dim]no supply[/]")


def fold(markup: str, width: int) -> list[str]:
    """Fold a row of rich markup to rows of at most this width, where its parts allow it.

    Parts are separated by two blanks or more. A part is never broken.
    """
    first, *rest = re.split("( {2,})", markup)
    rows = [first]
    for gap, part in zip(rest[::2], rest[1::2], strict=True):
        if _count_cells(f"{rows[-1]}{gap}{part}") <= width:
            rows[-1] += gap + part
        else:
            rows.append(part)
    return rows


class Printer:
    """The Watcher (player.py) that prints.

    If the output is not a terminal, there are no colours, and nothing is overwritten or folded.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: View | None = None
        self._waiting: Status | None = None
        self._began_ns = 0
        self.steps = 0

    def begin_step(self, line: int, text: str) -> None:
        self.steps += 1
        self._began_ns = time.monotonic_ns()
        if not text.startswith("say "):
            self._print_line(f"{line:4} │", text, "bold")

    def show_progress(self, view: View, passed_us: int, longest_us: int) -> None:
        """Show the progress of a long wait, if the output is a terminal.

        The remaining time is what it takes on this computer, at most.
        """
        if not self._console.is_terminal:
            return
        if self._waiting is None:
            self._waiting = self._console.status("")
            self._waiting.start()
        left_us = (
            (time.monotonic_ns() - self._began_ns) // 1000 * (longest_us - passed_us) // passed_us
        )
        far = (
            f"{100 * passed_us // longest_us} % of {format_span(longest_us)}, "
            f"{format_span(left_us)} left here"
        )
        self._waiting.update(
            f"{far}  {format_time(view.when)}  {escape(view.display.strip())}  {format_mains(view)}"
        )

    def end_step(self, view: View) -> None:
        if self._waiting:
            self._waiting.stop()
            self._waiting = None
        if view != self._shown:
            self._shown = view
            self.print_view(view)

    def show_text(self, text: str) -> None:
        self._console.print(
            f"\n[italic cyan]{escape(text)}[/]\n", soft_wrap=not self._console.is_terminal
        )

    def show_desk_output(self, text: str) -> None:
        for line in text.rstrip().splitlines():
            self._console.print(f"[dim]{_GUTTER}[/] {escape(line)}", soft_wrap=True)

    def print_log_line(self, line: str) -> None:
        """Print a line that the firmware printed."""
        self._print_line(_GUTTER, f"meter: {line}", "dim")

    def print_view(self, view: View) -> None:
        digits = draw_digits(view.display)
        room = self._measure_room(f"{_GUTTER} {digits[0]}  ")
        when = f"{format_time(view.when)}   {format_mains(view)}"
        first = (
            [when]
            if not room or _count_cells(when) <= room
            else [format_time(view.when), format_mains(view)]
        )
        beside = [*first, format_lamps(view), format_slot(view)]
        rows = [row for text in beside for row in (fold(text, room) if room else [text])]
        for drawn, row in zip_longest(digits, rows, fillvalue=" " * len(digits[0])):
            self._console.print(f"[dim]{_GUTTER}[/] [red]{drawn}[/]  {row}", soft_wrap=True)

    def _print_line(self, gutter: str, text: str, style: str) -> None:
        """Print one line; on a narrow terminal, as rows of whole words beside the gutter."""
        room = self._measure_room(f"{gutter} ")
        rows = (
            textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
            if room
            else []
        )
        for row in rows or [text]:
            self._console.print(f"[dim]{gutter}[/] [{style}]{escape(row)}[/]", soft_wrap=True)
            gutter = _GUTTER

    def _measure_room(self, before: str) -> int:
        """Return the columns left after `before`; 0 if the output is not a terminal: no folding."""
        return max(self._console.width - len(before), 1) if self._console.is_terminal else 0


def _count_cells(markup: str) -> int:
    return Text.from_markup(markup, emoji=False).cell_len


def _format_tenths(milli: int) -> str:
    return f"{milli // 1000}.{milli % 1000 // 100}"


def _format_lamp(name: str, lit: bool) -> str:
    return f"[bold yellow]● {escape(name)}[/]" if lit else f"[dim]○ {escape(name)}[/]"
