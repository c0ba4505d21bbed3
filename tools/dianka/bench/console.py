"""What the bench prints: each step of a story, and under it what a person at the meter would see."""

from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from dianka.bench.digits import draw
from dianka.bench.rig import View


def mains_text(view: View) -> str:
    """Volts, amperes and watts. Cut off, not rounded: figures on a bench should not round up to a limit."""
    amperes = f"{view.current_ma // 1000}.{view.current_ma % 1000:03d}"
    return f"{_tenths(view.volts_mv)} V  {amperes} A  {_tenths(view.power_mw)} W"


def lamps_text(view: View) -> str:
    """The relay, then every lamp, lit ones filled, as rich markup."""
    relay = "[bold green]relay closed[/]" if view.relay_closed else "[bold red]relay open[/]"
    return "  ".join([relay] + [_lamp(name, lit) for name, lit in view.lamps.items()])


def when_text(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%S")


def span_text(us: int) -> str:
    """A length of time in the two units that matter."""
    seconds = us // 1_000_000
    if seconds < 60:
        return f"{seconds}.{us % 1_000_000 // 100_000} s"
    minutes, hours = seconds // 60, seconds // 3600
    return f"{minutes} min {seconds % 60} s" if minutes < 60 else f"{hours} h {minutes % 60} min"


def slot_text(view: View) -> str:
    return f"slot {escape(view.slot)}" + ("" if view.powered else "  [dim]no supply[/]")


class Printer:
    """The Watcher that prints. Where output is no terminal there are no colours and nothing is overwritten."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: View | None = None
        self._waiting: Status | None = None
        self._step = ""
        self.steps = 0

    def begins(self, line: int, text: str) -> None:
        self.steps += 1
        self._step = text
        if not text.startswith("say "):
            self._console.print(f"[dim]{line:4} │[/] [bold]{escape(text)}[/]", soft_wrap=True)

    def passes(self, view: View) -> None:
        """During a long wait a terminal shows how far it is."""
        if not self._console.is_terminal:
            return
        if self._waiting is None:
            self._waiting = self._console.status("")
            self._waiting.start()
        self._waiting.update(f"{when_text(view.when)}  {escape(view.display.strip())}  {mains_text(view)}")

    def ends(self, view: View) -> None:
        if self._waiting:
            self._waiting.stop()
            self._waiting = None
        if view != self._shown:
            self._shown = view
            self.picture(view)

    def says(self, text: str) -> None:
        self._console.print(f"\n[italic cyan]{escape(text)}[/]\n", soft_wrap=True)

    def desk_prints(self, text: str) -> None:
        for line in text.rstrip().splitlines():
            self._console.print(f"[dim]     │[/] {escape(line)}", soft_wrap=True)

    def logged(self, line: str) -> None:
        """A line that the firmware printed."""
        self._console.print(f"[dim]     │ meter: {escape(line)}[/]", soft_wrap=True)

    def picture(self, view: View) -> None:
        digits = draw(view.display)
        beside = [f"{when_text(view.when)}   {mains_text(view)}", lamps_text(view), slot_text(view)]
        for drawn, text in zip(digits, beside, strict=True):
            self._console.print(f"[dim]     │[/] [red]{drawn}[/]  {text}", soft_wrap=True)


def _tenths(milli: int) -> str:
    return f"{milli // 1000}.{milli % 1000 // 100}"


def _lamp(name: str, lit: bool) -> str:
    return f"[bold yellow]● {escape(name)}[/]" if lit else f"[dim]○ {escape(name)}[/]"
