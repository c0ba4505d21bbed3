"""Plays the steps of a story on one virtual meter and holds what people would see against what the
story expects.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dianka.bench.stage.rig import RigError, View

POLL_US = 100_000  # how often an expectation with a time limit looks at the meter
PRESS_MS = 300  # as long as people press a key
SLICE_US = 60_000_000  # how often somebody who watches a long wait is told


class Meter(Protocol):
    """What a story does to a meter. `Rig` in rig.py is the real one."""

    def mains_on(self) -> None: ...
    def mains_off(self) -> None: ...
    def cut_power(self) -> None: ...
    def set_load(self, power_mw: int, pf_milli: int = 1000) -> None: ...
    def set_volts(self, mv: int) -> None: ...
    def insert(self, card: Path, how: str = "right") -> None: ...
    def insert_plate(self) -> None: ...
    def pull(self) -> None: ...
    def press_key(self, ms: int = PRESS_MS) -> None: ...
    def set_clock(self) -> None: ...
    def wait(self, us: int) -> None: ...
    def view(self) -> View: ...


class DeskError(Exception):
    """The desk refused: its own one line."""


class Desk(Protocol):
    def unknown(self, args: Sequence[str]) -> str:
        """One line if there is no such command at the desk, else nothing."""
        ...

    def run(self, args: Sequence[str], folder: Path) -> str:
        """Run a command in this folder and return what it prints. DeskError if it refuses."""
        ...


class Watcher(Protocol):
    """Who looks on while a story is played."""

    def begins(self, line: int, text: str) -> None: ...
    def passes(self, view: View, passed_us: int, longest_us: int) -> None: ...
    def ends(self, view: View) -> None: ...
    def says(self, text: str) -> None: ...
    def desk_prints(self, text: str) -> None: ...


@dataclass(frozen=True)
class Condition:
    """What a story expects to see. `lamp` names the lamp when `subject` is "lamp"."""

    subject: str  # display, relay, lamp
    wanted: str
    contains: bool = False
    lamp: str = ""

    def met(self, view: View) -> bool:
        seen = self._seen(view)
        return self.wanted in seen if self.contains else seen == self.wanted

    def seen(self, view: View) -> str:
        """What is there instead, as a person at the meter would say it."""
        if self.subject == "display":
            return (
                f'the display shows "{view.display}"'
                if view.display.strip()
                else "the display is dark"
            )
        return f"the {self.subject} {self.lamp}".rstrip() + f" is {self._seen(view)}"

    def _seen(self, view: View) -> str:
        if self.subject == "display":
            return view.display.strip()
        if self.subject == "relay":
            return "closed" if view.relay_closed else "open"
        return "on" if view.lamps[self.lamp] else "off"


class StepFailed(Exception):
    """What is there instead of what a step expected."""


class Player:
    def __init__(self, rig: Meter, folder: Path, desk: Desk, watcher: Watcher) -> None:
        self.rig = rig
        self.folder = folder
        self.at_desk = desk
        self._watcher = watcher

    def play(self, line: int, text: str, act: Callable[["Player"], None]) -> str:
        """Play one step. Nothing, or one line that says why it failed."""
        self._watcher.begins(line, text)
        problem = ""
        try:
            act(self)
        except (RigError, DeskError, StepFailed) as error:
            problem = str(error)
        self._watcher.ends(self.rig.view())
        return problem

    def wait(self, us: int) -> None:
        passed_us = 0
        while passed_us < us:
            slice_us = min(us - passed_us, SLICE_US)
            self.rig.wait(slice_us)
            passed_us += slice_us
            self._watcher.passes(self.rig.view(), passed_us, us)

    def expect(self, condition: Condition, limit_us: int) -> None:
        """Look now, and then every 100 ms of virtual time until the limit has passed."""
        passed_us = 0
        view = self.rig.view()
        while not condition.met(view):
            if passed_us >= limit_us:
                when = "now" if not limit_us else "when the time is over"
                raise StepFailed(f"{condition.seen(view)} {when}")
            poll_us = min(POLL_US, limit_us - passed_us)
            self.rig.wait(poll_us)
            passed_us += poll_us
            view = self.rig.view()
            if passed_us % SLICE_US == 0:
                self._watcher.passes(view, passed_us, limit_us)

    def press_key(self, ms: int) -> None:
        """Press, and go on when the key is up again."""
        self.rig.press_key(ms)
        self.wait((ms + PRESS_MS) * 1000)

    def say(self, text: str) -> None:
        self._watcher.says(text)

    def desk(self, args: Sequence[str]) -> None:
        self._watcher.desk_prints(self.at_desk.run(args, self.folder))
