"""Eight contacts with a T=0 chip behind them: the card slot, and the place of the soldered ESAM.

Speaks characters with their times (ISO 7816-3):
- A cold reset is VCC, then CLK, then RST going high at least 400 clocks later. The ATR starts 400
  to 40,000 clocks after that.
- The chip answers 16 etu or more after the last character's edge and sends one every 12 etu.
- The controller hears its own characters as an echo, because both directions share contact C7.
- At another rate than the chip's, both sides receive rubbish.

Every breach of these rules by the controller is recorded in `violations`.
"""

from collections.abc import Callable

from dianka.bench.models.clock import Clock, Timer
from dianka.bench.models.wires import Format, SerialPort, Wire, garble
from dianka.cardos.chip import Chip
from dianka.cardos.pps import FIRST
from dianka.cardos.t0 import Behaviour, T0Card

_MIN_RESET_CLOCKS = 400
_ATR_CLOCKS = 20_000
_THINK_ETU = 20  # from the last character's edge to the answer's
_CHAR_ETU = 12
_FORMAT_STOP = 2

Tamper = Callable[[str, int, int], int | None]
"""(direction "in" or "out" of the chip, how manyth character since reset, value) to the value \
that arrives, or None."""


class T0Socket:
    """One set of contacts.

    `port` is the controller's serial port, `power` and `reset` are its pins. `set_clock` sets the
    frequency at CLK.
    """

    def __init__(self, clock: Clock, port: SerialPort, power: Wire, reset: Wire) -> None:
        self.clock = clock
        self.port = port
        self.engine: T0Card | None = None
        self.shorted = False  # a piece of metal holds the line low
        self.tamper: Tamper | None = None
        self.violations: list[str] = []
        self.characters = 0  # in both directions, since the last reset
        self.character_etu_ns = 0  # of the newest one, at its sender's rate
        # Called with (direction, index); they must not change anything.
        self.listeners: list[Callable[[str, int], None]] = []
        # Called before a character takes effect.
        self.on_character: Callable[[str, int], None] | None = None
        # Called with the (F, D) that the chip has changed to.
        self.on_rate: Callable[[tuple[int, int]], None] | None = None
        self._power = power
        self._reset = reset
        self._frequency = 0
        self._clocked_us = 0
        self._active = False
        self._timers: list[Timer] = []
        self._last_edge_us = 0  # of the newest character from either side
        self._last_from_chip = False
        self._busy_us = 0  # the time until which the chip is sending
        port.sink = self._take_character
        power.listeners.append(lambda level: self._check())
        reset.listeners.append(lambda level: self._check())

    # ****** Operated from outside ******

    @property
    def chip(self) -> Chip | None:
        """Return the chip on the contacts, or None."""
        return self.engine.chip if self.engine else None

    def put(self, chip: Chip | None, behaviour: Behaviour | None = None) -> None:
        """Put a chip on the contacts, in its present state.

        None removes the chip at this very instant.
        """
        self._stop()
        self.engine = T0Card(chip, behaviour) if chip else None
        if self.engine:
            self._check()

    def set_clock(self, frequency: int) -> None:
        """Run CLK at this frequency in Hz; 0 stops it."""
        if frequency and not self._frequency:
            self._clocked_us = self.clock.now_us
        self._frequency = frequency
        self._check()

    @property
    def etu_ns(self) -> int:
        """Return the chip's etu, F / D clocks, in ns; 0 while CLK is stopped."""
        f, d = self.engine.rate if self.engine else FIRST
        return f * 1_000_000_000 // (d * self._frequency) if self._frequency else 0

    # ****** Contacts ******

    def _check(self) -> None:
        """Start the chip when supply, CLK and RST are all there; stop it when one is gone."""
        supplied = bool(self._power.level and self._frequency)
        if not supplied or not self._reset.level:
            if self._active:
                self._stop()
            return
        if self._active or self.engine is None:
            return
        if not 1_000_000 <= self._frequency <= 5_000_000:
            self.violations.append(f"CLK at {self._frequency} Hz")
        clocks = (self.clock.now_us - self._clocked_us) * self._frequency // 1_000_000
        if clocks < _MIN_RESET_CLOCKS:
            self.violations.append(f"RST high after {clocks} clocks")
        self._active = True
        self.characters = 0
        self._timers.clear()
        delay_us = _ATR_CLOCKS * 1_000_000 // self._frequency
        atr = self.engine.reset()
        self._tell_rate()
        self._say(atr, self.clock.now_us + delay_us, self.etu_ns)
        self._timers.append(self.clock.call_at(self._busy_us, self._end_atr))

    def _end_atr(self) -> None:
        if self.engine:
            self.engine.end_atr()
            self._tell_rate()

    def _tell_rate(self) -> None:
        if self.engine and self.on_rate:
            self.on_rate(self.engine.rate)

    def _stop(self) -> None:
        """Stop the chip: supply or reset is gone, or the chip is pulled.

        It loses its volatile state, and the characters that it was still to send are not sent.
        """
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._active and self.engine:
            self.engine.power_off()
        self._active = False
        self._busy_us = 0

    # ****** Characters ******

    def _take_character(self, value: int, start_us: int, form: Format) -> None:
        """Take a character from the controller, which starts it now."""
        end_us = start_us + form.char_bits * 1_000_000 // form.baud
        self.clock.call_at(
            end_us - 1_000_000 // form.baud, lambda: self._receive(value, start_us, form)
        )

    def _receive(self, value: int, start_us: int, form: Format) -> None:
        if self.shorted:
            return  # a break; the UART drops it
        self.port.deliver(value, form)
        if not self._active or self.engine is None:
            return
        self._judge_timing(start_us, form)
        self._last_edge_us, self._last_from_chip = start_us, False
        heard = self._pass_character("in", value, form)
        if heard is None or self.engine is None:
            return
        rate, etu_ns = self.engine.rate, self.etu_ns
        answer = self.engine.receive(heard if self._has_chip_format(form) else garble(heard))
        if answer:
            self._say(answer, start_us + _THINK_ETU * etu_ns // 1000, etu_ns)
        elif self.engine.torn:
            self._stop()
        if self.engine.rate != rate:
            self._timers.append(self.clock.call_at(self._busy_us, self._tell_rate))

    def _say(self, characters: bytes, first_us: int, etu_ns: int) -> None:
        """Send these characters from the chip, one every 12 etu."""
        form = Format(1_000_000_000 // etu_ns, 8, 0, _FORMAT_STOP)
        when_ns = max(first_us, self.clock.now_us) * 1000
        self._timers = [timer for timer in self._timers if timer.when_us >= self.clock.now_us]
        for value in characters:
            edge_us = when_ns // 1000
            seen_us = (when_ns + self.port.heard_etu * etu_ns) // 1000
            self._timers.append(
                self.clock.call_at(seen_us, lambda v=value, e=edge_us: self._deliver(v, e, form))
            )
            when_ns += _CHAR_ETU * etu_ns
        self._busy_us = when_ns // 1000
        if self.engine and characters:
            self._timers.append(self.clock.call_at(self._busy_us, self._send_more))

    def _send_more(self) -> None:
        more = self.engine.get_more() if self.engine and self._active else b""
        if more:
            self._say(more, self.clock.now_us + 1_000_000, self.etu_ns)

    def _deliver(self, value: int, edge_us: int, form: Format) -> None:
        self._last_edge_us, self._last_from_chip = edge_us, True
        passed = self._pass_character("out", value, form)
        if passed is not None and not self.shorted:
            self.port.deliver(passed, form)

    def _pass_character(self, direction: str, value: int, form: Format) -> int | None:
        """Count the character and let a test spoil it. Return None if it does not arrive.

        A listener may cut the power or pull the card here.
        """
        index = self.characters
        self.characters += 1
        self.character_etu_ns = 1_000_000_000 // form.baud
        for listener in self.listeners:
            listener(direction, index)
        if self.on_character:
            self.on_character(direction, index)
            if not self._active:
                return None  # pulled before the character was through
        return self.tamper(direction, index, value) if self.tamper else value

    def _has_chip_format(self, form: Format) -> bool:
        """Return whether the controller's format is the chip's, within 4 % of its rate."""
        baud = 1_000_000_000 // max(self.etu_ns, 1)
        return form.parity == 0 and abs(form.baud - baud) * 100 <= 4 * form.baud

    def _judge_timing(self, start_us: int, form: Format) -> None:
        """Record a breach of the timing rules by the controller's character."""
        etu_us = self.etu_ns / 1000
        gap_etu = (start_us - self._last_edge_us) / etu_us
        if start_us < self._busy_us - 2:
            self.violations.append("both sides sent at once")
        elif self._last_from_chip and gap_etu < 15.5:
            self.violations.append(f"turned round after {gap_etu:.1f} etu, 16 are needed")
        elif not self._last_from_chip and self._last_edge_us and gap_etu < 11.8:
            self.violations.append(f"characters {gap_etu:.1f} etu apart, 12 are needed")
        if form.bits != 8 or form.parity != 0:
            self.violations.append("characters are not 8 bits with even parity")
