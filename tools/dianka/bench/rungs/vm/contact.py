"""The contacts of T=0 lines that the virtual board's PIO moves bit by bit."""

from collections.abc import Callable
from typing import Any

from dianka.bench.models.bitline import BitLine
from dianka.bench.models.clock import Clock, Timer
from dianka.bench.models.contact_lines import make_lines
from dianka.bench.models.mcu import Mcu


class _Alarm:
    """An alarm on the bench's clock, to the nearest microsecond."""

    def __init__(self, clock: Clock, action: Callable[[], None]) -> None:
        self._clock = clock
        self._action = action
        self._timer: Timer | None = None

    def schedule(self, delay_ns: float) -> None:
        self.cancel()
        self._timer = self._clock.call_after(round(delay_ns / 1000), self._action)

    def cancel(self) -> None:
        if self._timer:
            self._timer.cancel()


class _Pad:
    """The wire of one pin."""

    def __init__(self, mcu: Mcu, pin: int) -> None:
        self._clock = mcu.clock
        self.wire = mcu.make_contact_pin(pin)

    @property
    def now_ns(self) -> int:
        return self._clock.now_us * 1000

    def set_level(self, high: bool) -> None:
        self.wire.hold(not high)

    def create_alarm(self, action: Callable[[], None]) -> _Alarm:
        return _Alarm(self._clock, action)


def connect_lines(mcu: Mcu, constants: dict[str, int]) -> dict[str, BitLine]:
    """Make the lines of a board on PIO, and connect them for good; none on a board with UARTs."""

    def make_pad(pin: int) -> _Pad:
        pads.append(_Pad(mcu, pin))
        return pads[-1]

    pads: list[_Pad] = []
    lines = make_lines(mcu, constants, make_pad)
    for pad, line in zip(pads, lines.values(), strict=True):
        pad.wire.on_drive = line.follow_chip
        line.connect(_call)
    return lines


def _call(action: Callable[..., Any], *arguments: object) -> Any:
    return action(*arguments)
