"""Plays the steps of a story on a virtual meter, and checks what the story expects to see."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dianka.bench.stage.rig import RigError
from dianka.bench.stage.view import View

POLL_US = 100_000  # how often an expectation with a time limit polls the meter
PRESS_MS = 300  # as long as people press a key
SLICE_US = 60_000_000  # how often the progress of a long wait is reported


class Meter(Protocol):
    """The meter of a story, with all that a story does to it. `Rig` (rig.py) is the real one."""

    def switch_mains_on(self) -> None: ...
    def switch_mains_off(self) -> None: ...
    def cut_power(self) -> None: ...
    def set_load(self, power_mw: int, pf_milli: int = 1000) -> None: ...
    def set_volts(self, mv: int) -> None: ...
    def insert(self, card: Path, how: str = "right") -> None: ...
    def insert_plate(self) -> None: ...
    def pull(self) -> None: ...
    def press_key(self, ms: int = PRESS_MS) -> None: ...
    def open_case(self, opened: bool = True) -> None: ...
    def set_clock(self) -> None: ...
    def wait(self, us: int) -> None: ...
    def take_view(self) -> View: ...


class DeskError(Exception):
    """The desk's refusal of a command, in its own one line."""


class Desk(Protocol):
    """The desk of a story. `DeskLine` (desk_line.py) is the real one."""

    def find_mistake(self, args: Sequence[str]) -> str:
        """Return one line if the desk has no such command, else ""."""
        ...

    def run(self, args: Sequence[str], folder: Path) -> str:
        """Run a command in this folder and return its output. DeskError if it refuses."""
        ...


class Watcher(Protocol):
    """The observer of a story that is played. `Printer` (console.py) prints it."""

    def begin_step(self, line: int, text: str) -> None: ...
    def show_progress(self, view: View, passed_us: int, longest_us: int) -> None: ...
    def end_step(self, view: View) -> None: ...
    def show_text(self, text: str) -> None: ...
    def show_desk_output(self, text: str) -> None: ...


@dataclass(frozen=True)
class Condition:
    """One expectation of a story. `lamp` is the lamp's name if `subject` is "lamp"."""

    subject: str  # display, relay, lamp
    wanted: str
    contains: bool = False
    lamp: str = ""

    def is_met(self, view: View) -> bool:
        seen = self._find_shown(view)
        return self.wanted in seen if self.contains else seen == self.wanted

    def describe(self, view: View) -> str:
        """Return what is seen instead, as a person at the meter would say it."""
        if self.subject == "display":
            return (
                f'the display shows "{view.display}"'
                if view.display.strip()
                else "the display is dark"
            )
        return f"the {self.subject} {self.lamp}".rstrip() + f" is {self._find_shown(view)}"

    def _find_shown(self, view: View) -> str:
        if self.subject == "display":
            return view.display.strip()
        if self.subject == "relay":
            return "closed" if view.relay_closed else "open"
        return "on" if view.lamps[self.lamp] else "off"


class StepFailed(Exception):
    """A step's expectation was not met. The text says what was seen instead."""


class Player:
    """Plays steps on `rig` and reports to `watcher`; desk commands run in `folder`."""

    def __init__(self, rig: Meter, folder: Path, desk: Desk, watcher: Watcher) -> None:
        self.rig = rig
        self.folder = folder
        self.at_desk = desk
        self._watcher = watcher

    def play(self, line: int, text: str, act: Callable[["Player"], None]) -> str:
        """Play one step. Return "", or one line that says why it failed."""
        self._watcher.begin_step(line, text)
        problem = ""
        try:
            act(self)
        except (RigError, DeskError, StepFailed) as error:
            problem = str(error)
        self._watcher.end_step(self.rig.take_view())
        return problem

    def wait(self, us: int) -> None:
        passed_us = 0
        while passed_us < us:
            slice_us = min(us - passed_us, SLICE_US)
            self.rig.wait(slice_us)
            passed_us += slice_us
            self._watcher.show_progress(self.rig.take_view(), passed_us, us)

    def expect(self, condition: Condition, limit_us: int) -> None:
        """Check now, and then every 100 ms of virtual time. StepFailed if not met in time."""
        passed_us = 0
        view = self.rig.take_view()
        while not condition.is_met(view):
            if passed_us >= limit_us:
                when = "now" if not limit_us else "when the time is over"
                raise StepFailed(f"{condition.describe(view)} {when}")
            poll_us = min(POLL_US, limit_us - passed_us)
            self.rig.wait(poll_us)
            passed_us += poll_us
            view = self.rig.take_view()
            if passed_us % SLICE_US == 0:
                self._watcher.show_progress(view, passed_us, limit_us)

    def press_key(self, ms: int) -> None:
        """Press the key, and return when it is released."""
        self.rig.press_key(ms)
        self.wait((ms + PRESS_MS) * 1000)

    def say(self, text: str) -> None:
        self._watcher.show_text(text)

    def run_at_desk(self, args: Sequence[str]) -> None:
        self._watcher.show_desk_output(self.at_desk.run(args, self.folder))
