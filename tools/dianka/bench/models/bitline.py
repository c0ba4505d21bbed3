"""A card's contact C7 bit by bit, for controllers that move bits: PIO, real or modelled.

On one side are the edges on a pin of the controller ("the chip"), on the other a `SerialPort` with
a `T0Socket`. Rungs 2 and 3 drive it; each brings its pin as a `Pad`, and its own clock.

ISO 7816-3, 7.2 and 7.3, direct convention: start bit low, eight bits LSB first, even parity; bit n
is sampled n + 0.5 etu after the leading edge, the next character starts 12 etu after it. A receiver
that finds the parity wrong pulls the contact low at 10.5 etu for 1 to 2 etu. The sender looks at 11
etu and sends again, not before 2 etu more, at most three times. One etu is F/D clocks of CLK, 372/1
until another rate is agreed.

The line is open drain with a pull-up: it is high unless somebody pulls. A model's character starts
when the model delivers it; `heard_etu` is 0 here so that this is the edge the T0Socket computed.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from dianka.bench.models.bitrules import judge_gap, judge_signal
from dianka.bench.models.wires import Format, SerialPort

REPEATS = 3
_FORMAT_STOP = 2
_ERROR_ETU, _ERROR_LONG_ETU = 10.5, 1.5
_LOOK_ETU, _AGAIN_ETU, _CHAR_ETU = 11, 13.5, 12
_KEPT = 100  # violations, gaps


class Alarm(Protocol):
    """Calls its function once, so long from now; a new schedule replaces the former."""

    def schedule(self, delay_ns: float, /) -> object: ...
    def cancel(self) -> object: ...


class Pad(Protocol):
    """The controller's pin, and the time on its side of the wire."""

    @property
    def now_ns(self) -> float: ...
    def set_level(self, high: bool) -> None: ...
    def create_alarm(self, action: Callable[[], None]) -> Alarm: ...


class BitLine:
    """One line; `clock_hz()` is the frequency at contact CLK.

    Counters and faults count characters since the card's last reset.
    """

    def __init__(self, pad: Pad, port: SerialPort, clock_hz: Callable[[], int]) -> None:
        self.clocks_per_etu = (372, 1)  # F, D
        self._agreed = (372, 1)
        self.violations: list[str] = []
        self.counts = {"in": 0, "out": 0}  # characters received whole, into and out of the card
        self.repeated = {"in": 0, "out": 0}
        # Between the edges of the chip's characters.
        self.gaps_etu: deque[float] = deque(maxlen=_KEPT)
        self._faults: dict[tuple[str, int], int] = {}
        self._pad = pad
        self._port = port
        self._clock_hz = clock_hz
        self._now_ns = lambda: pad.now_ns
        # The character under way, in either direction.
        self._bits = pad.create_alarm(self._run_next)
        self._start = pad.create_alarm(self._send)  # the card's next character
        # (etu after the leading edge, action)
        self._steps: deque[tuple[float, Callable[[], None]]] = deque()
        self._pulled = {"chip": False, "card": False, "short": False}
        self._queue: deque[int] = deque()
        self._edge_ns = 0  # the newest leading edge
        self._edge_by = ""
        # Since when the chip signals an error on the card's character; how often it has done so.
        self._signal_ns = self._tries = 0
        self._shift: list[int] = []
        self._form: Format | None = None  # the format object that marks the socket's echo
        self._touch: Callable[..., Any] = lambda action, *arguments: None

    # ****** Operated from outside ******

    def spoil(self, direction: str, index: int, times: int = 1) -> None:
        """Send character `index` with wrong parity, so many times in a row.

        `direction`: "in" or "out" of the card.
        """
        self._faults[direction, index] = times

    def hold_low(self, low: bool) -> None:
        """Short the contact with a piece of metal, or remove it."""
        self._pull("short", low)

    def agree(self, rate: tuple[int, int]) -> None:
        """Change the card's F and D from its next character on.

        If the card is sending, the change waits until its queue is empty.
        """
        self._agreed = rate
        if not self._queue:
            self.clocks_per_etu = rate

    def restart(self) -> None:
        """Reset the card's side: it is without supply or in reset, and releases the line."""
        self._bits.cancel()
        self._start.cancel()
        self._steps.clear()
        self._queue.clear()
        self._signal_ns = self._tries = 0
        self._edge_by = ""
        self.clocks_per_etu = self._agreed = (372, 1)
        self.counts = {"in": 0, "out": 0}
        self._pull("card", False)

    def connect(self, touch: Callable[..., Any]) -> None:
        """Take the port's characters from here on; models are called through `touch`."""
        self._touch = touch
        self._port.deliver = self._queue_character
        self._port.heard_etu = 0
        self._set_level()

    def disconnect(self) -> None:
        self.restart()
        del self._port.deliver

    @property
    def etu_ns(self) -> float:
        """Return the card's etu in ns; 0 while its clock is stopped."""
        frequency = self._clock_hz()
        clocks, divider = self.clocks_per_etu
        return clocks * 1e9 / (divider * frequency) if frequency else 0.0

    # ****** The wire ******

    def follow_chip(self, level: int | None) -> None:
        """Take a change of the chip's pin: the level that it drives, or None when released."""
        if level and (self._pulled["card"] or self._pulled["short"]):
            self._add_violation("the chip drives the line high while the card pulls it low")
        self._pull("chip", level == 0)

    def _pull(self, who: str, low: bool) -> None:
        if self._pulled[who] == low:
            return
        was_low = any(self._pulled.values())
        self._pulled[who] = low
        self._set_level()
        if who != "chip" or not self.etu_ns:
            return
        if not low and self._signal_ns:
            began_ns, took_ns = self._signal_ns - self._edge_ns, self._now_ns() - self._signal_ns
            self._add_violation(judge_signal(began_ns / self.etu_ns, took_ns / self.etu_ns))
            self._signal_ns = 0
        elif low and self._steps and self._edge_by == "card":
            self._signal_ns = self._now_ns()
        elif low and not was_low and not self._steps:
            self._listen()

    def _set_level(self) -> None:
        self._pad.set_level(not any(self._pulled.values()))

    def _is_low(self) -> bool:
        return any(self._pulled.values())

    def _plan(self, *steps: tuple[float, Callable[[], None]]) -> None:
        """Call these actions so many etu after the leading edge, in order."""
        self._steps.extend(steps)
        self._wait()

    def _wait(self) -> None:
        if self._steps:
            self._bits.schedule(
                max(self._edge_ns + self._steps[0][0] * self.etu_ns - self._now_ns(), 0)
            )

    def _run_next(self) -> None:
        _, action = self._steps.popleft()
        action()
        if self._steps:
            self._wait()

    # ****** Into the card ******

    def _listen(self) -> None:
        """Begin to receive a character: the chip's leading edge is here."""
        now_ns, etu_ns = self._now_ns(), self.etu_ns
        gap_etu = (now_ns - self._edge_ns) / etu_ns
        self._add_violation(judge_gap(self._edge_by, gap_etu))
        if self._edge_by == "chip":
            self.gaps_etu.append(gap_etu)
        self._edge_ns, self._edge_by = now_ns, "chip"
        self._shift = []
        samples = ((n + 0.5, self._sample) for n in range(10))
        self._plan(*samples, (_ERROR_ETU, self._judge))

    def _sample(self) -> None:
        self._shift.append(0 if self._is_low() else 1)
        if self._shift == [1]:
            self._add_violation("a start bit shorter than half an etu")
            self._steps.clear()

    def _judge(self) -> None:
        """Deliver the received character, or signal that its parity is wrong."""
        good = sum(self._shift[1:]) % 2 == 0
        if good and not self._take_fault("in"):
            self.counts["in"] += 1
            self._plan((_LOOK_ETU, lambda: None))  # until then an edge is no start bit
            value = sum(bit << n for n, bit in enumerate(self._shift[1:9]))
            self._touch(self._hand_over, value)
            return
        if not good:
            self._add_violation("a character with wrong parity came from the chip")
        self.repeated["in"] += 1
        self._pull("card", True)
        self._plan((_ERROR_ETU + _ERROR_LONG_ETU, lambda: self._pull("card", False)))

    def _hand_over(self, value: int) -> None:
        if self._port.sink:
            start_us = self._port.clock.now_us - round(_ERROR_ETU * self.etu_ns / 1000)
            self._form = Format(round(1e9 / self.etu_ns), 8, 0, _FORMAT_STOP)
            self._port.sink(value, start_us, self._form)

    def _take_fault(self, direction: str) -> bool:
        key = direction, self.counts[direction]
        left = self._faults.get(key, 0)
        if left:
            self._faults[key] = left - 1
        return left > 0

    # ****** Out of the card ******

    def _queue_character(self, value: int, sent_as: Format) -> None:
        """Take a character from the socket.

        The socket's echo of the chip's own character was on the wire already, and is dropped.
        """
        if sent_as is self._form or not self.etu_ns:
            return
        self._queue.append(value)
        if len(self._queue) == 1:
            gap_etu = _CHAR_ETU if self._edge_by == "card" else 0
            self._start.schedule(max(self._edge_ns + gap_etu * self.etu_ns - self._now_ns(), 0))

    def _send(self) -> None:
        if not self._queue or not self.etu_ns:
            return
        if self._is_low() or self._steps:
            self._add_violation("both sides sent at once")
            self._start.schedule(self.etu_ns)
            return
        value = self._queue[0]
        parity = value.bit_count() & 1 ^ self._take_fault("out")
        self._edge_ns, self._edge_by = self._now_ns(), "card"
        bits = [0, *(value >> n & 1 for n in range(8)), parity, 1]
        spoilt = parity != value.bit_count() & 1
        edges = (
            (float(n), lambda low=not bit: self._pull("card", low)) for n, bit in enumerate(bits)
        )
        self._plan(*edges, (_LOOK_ETU, lambda: self._look(spoilt)))

    def _look(self, spoilt: bool) -> None:
        """Check whether the chip signals an error; send the character again, or the next."""
        if self._is_low():
            self._tries += 1
            self.repeated["out"] += 1
            if self._tries > REPEATS:
                self._add_violation("the chip refused a character four times")
                self._queue.clear()
                self._tries = 0
            else:
                self._start.schedule((_AGAIN_ETU - _LOOK_ETU) * self.etu_ns)
            return
        if spoilt:
            self._add_violation("the chip took a character with wrong parity")
        self._tries = 0
        self.counts["out"] += 1
        self._queue.popleft()
        if not self._queue:
            self.clocks_per_etu = self._agreed
        else:
            self._start.schedule((_CHAR_ETU - _LOOK_ETU) * self.etu_ns)

    def _add_violation(self, what: str) -> None:
        if what and len(self.violations) < _KEPT:
            self.violations.append(what)
