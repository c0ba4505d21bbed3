"""One RP2040 with MicroPython's firmware, powered as long as the object exists.

It knows no model. Built on rp2040py's chip without its event loop: everything happens in the
emulated clock's alarms and in register accesses, so the same flash runs to the same nanosecond
every time. The system clock is 125 MHz, 8 ns a cycle; wait states of the flash cache are not
modelled, so cycle counts are lower bounds. A busy CPU runs at some 9 emulated MHz; a sleeping one
costs nothing.
"""

import math
import time
from collections.abc import Callable
from typing import Any

from rp2040py.clock.simulation_clock import SimulationClock
from rp2040py.device.bootrom import BOOTROM_B1
from rp2040py.memory_map import FLASH_START_ADDRESS
from rp2040py.rp2040 import RP2040
from rp2040py.simulator import Simulator
from rp2040py.utils.logging import ConsoleLogger, LogLevel

from dianka.bench.rungs.rp2040 import ChipError
from dianka.bench.rungs.rp2040.buses import TimedI2c, TimedSpi
from dianka.bench.rungs.rp2040.flash import FlashChip
from dianka.bench.rungs.rp2040.image import FLASH_SIZE
from dianka.bench.rungs.rp2040.pio import PacedPio
from dianka.bench.rungs.rp2040.pwm import PwmFrequencies
from dianka.bench.rungs.rp2040.uart import Pl011
from dianka.bench.rungs.rp2040.usb import Console

CYCLE_NS = 8
# MicroPython clocks UARTs and SPI from the USB's PLL (its machine.freq says so).
PERIPHERAL_HZ = 48_000_000
BUS = tuple(f"{way}_uint{bits}" for way in ("read", "write") for bits in (8, 16, 32))
TIMER = 1  # WATCHDOG.REASON: the watchdog ran out (RP2040 datasheet 4.7.6)


class GridClock(SimulationClock):
    """The clock of the chip's parts: every alarm falls on a cycle, as every event in the chip does.

    The emulator counts a PIO's cycles in whole ones; an alarm between two of them would make it
    lose the part. The time itself is kept by `ticking`, of the emulator's own class, which it
    advances at every instruction without looking for overrides.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ticking = SimulationClock()

    def link_alarm(self, nanos: float, alarm: Any) -> Any:
        now_ns = self.nanos
        cycle = math.ceil((now_ns + nanos - 0.001) / CYCLE_NS)
        return self.ticking.link_alarm(max(cycle * CYCLE_NS - now_ns, 0.0), alarm)

    def unlink_alarm(self, alarm: Any) -> bool:
        return self.ticking.unlink_alarm(alarm)

    def tick(self, delta_nanos: float) -> None:
        self.ticking.tick(delta_nanos)

    @property
    def nanos(self) -> float:
        return self.ticking.nanos

    @property
    def micros(self) -> float:
        return self.ticking.micros

    @property
    def nanos_to_next_alarm(self) -> float:
        return self.ticking.nanos_to_next_alarm

    @property
    def has_scheduled_alarm(self) -> bool:
        return self.ticking.has_scheduled_alarm


def bind_once(native: Any, *methods: str) -> None:
    """Keep these methods of a native object bound; binding at each use costs half of all time.

    Before each use Cython looks whether Python has overridden the method. Built for the limited
    API, as rp2040py's wheels are, it makes a bound method to find out, at every instruction's
    fetch. If the object's own dictionary holds one, it takes that as it is.
    """
    for name in methods:
        setattr(native, name, getattr(native, name))


class Emulator:
    """One chip.

    The argument `flash` is the content at power-up; the property `flash` has the firmware's own
    writes in it.
    """

    def __init__(self, flash: bytes, watchdog_bit: bool = False) -> None:
        self.clock = GridClock()
        self.chip = RP2040(self.clock)
        self.chip.clk_peri = PERIPHERAL_HZ
        self.resets: list[str] = []  # the chip's own resets since power came: "watchdog" or "reset"
        self.on_reset: Callable[[str], None] | None = None  # before the chip starts again
        self._simulator = Simulator(self.clock.ticking, self.chip)
        self._stopped = True
        self.chip.load_bootrom(BOOTROM_B1)
        self.chip.logger = ConsoleLogger(LogLevel.ERROR, False)
        self.chip.flash[: len(flash)] = flash
        self.uarts = [Pl011.install(self.chip, number) for number in (0, 1)]
        self.pios = [PacedPio.install(self.chip, number) for number in (0, 1)]
        self.i2cs = [TimedI2c.install(self.chip, number) for number in (0, 1)]
        self.spis = [TimedSpi.install(self.chip, number) for number in (0, 1)]
        self.pwm = PwmFrequencies.install(self.chip)
        self.flash_chip = FlashChip(self.chip, self._sleep)
        self.console = Console(self.chip)
        self.chip.watchdog.on_watchdog_trigger = self._reset
        if watchdog_bit:
            self.chip.watchdog._reason = TIMER
        self.chip.core.pc = FLASH_START_ADDRESS
        bind_once(self.chip, *BUS)

    @property
    def now_ns(self) -> int:
        """Return the time since power-up."""
        return round(self.clock.nanos)

    @property
    def flash(self) -> bytes:
        """Return the content that would remain if the power went now."""
        return self.flash_chip.get_content(FLASH_SIZE)

    # ****** Running ******

    def run(self, wall_limit_s: float = 120.0) -> None:
        """Run until `stop` is called.

        An alarm or a callback calls it, so that the instant does not depend on this computer.
        `wall_limit_s` is in seconds of this process's own CPU time: a crowded computer is no hang.
        ChipError when it is reached.
        """
        simulator = self._simulator
        self._stopped = simulator.stopped = False
        limit_s = time.process_time() + wall_limit_s
        while not self._stopped:
            simulator._execute_batch()
            if time.process_time() > limit_s:
                raise ChipError(
                    f"the chip is still busy after {wall_limit_s:.0f} s: "
                    "look for a loop without a sleep"
                )

    def stop(self) -> None:
        """End `run` after the instruction under way."""
        self._stopped = self._simulator.stopped = True

    @property
    def stopping(self) -> bool:
        return self._stopped

    def run_for(self, ns: int, wall_limit_s: float = 120.0) -> None:
        """Run for so many emulated ns."""
        alarm = self.clock.create_alarm(self.stop)
        alarm.schedule(ns)
        self.run(wall_limit_s)
        alarm.cancel()

    def run_until_said(self, text: bytes, wall_limit_s: float = 60.0) -> None:
        """Run until the console has received this text; ChipError at the limit."""
        heard = self.console.received
        if text in heard:
            return
        before = self.console.on_data

        def look(data: bytes) -> None:
            if before:
                before(data)
            if text in heard:
                self.stop()

        self.console.on_data = look
        try:
            self.run(wall_limit_s)
        except ChipError:
            raise ChipError(
                f"the chip did not say {text!r}; its last words: {bytes(heard[-200:])!r}"
            ) from None
        finally:
            self.console.on_data = before

    # ****** Talking to MicroPython ******

    def execute(self, code: str, wall_limit_s: float = 60.0) -> str:
        """Run this code in MicroPython's raw REPL, and return its output.

        The running program is interrupted. ChipError with the exception that the code raised.
        """
        console = self.console
        if not console.connected:
            console.on_connect = self.stop
            self.run(wall_limit_s)
            console.on_connect = None
        console.received.clear()
        console.send(b"\r\x03\x03\x01")
        self.run_until_said(b"raw REPL; CTRL-B to exit\r\n>", wall_limit_s)
        console.received.clear()
        console.send(code.encode() + b"\x04")
        self.run_until_said(b"\x04>", wall_limit_s)
        out, error = bytes(console.received).removeprefix(b"OK").split(b"\x04")[:2]
        if error:
            raise ChipError(error.decode("utf-8", "replace").strip().replace("\r\n", " / "))
        return out.decode("utf-8", "replace").replace("\r\n", "\n")

    # ****** Started by the chip ******

    def _reset(self) -> None:
        """Restart the chip, its flash as it is.

        The watchdog ran out, or machine.reset() made it do so.
        """
        why = "watchdog" if self.chip.watchdog._reason == TIMER else "reset"
        self.resets.append(why)
        self.chip.enter_reset(from_watchdog=True)
        if self.on_reset:
            self.on_reset(why)
        self.chip.leave_reset()

    def _sleep(self, ns: int) -> int:
        """Let emulated time pass in the middle of a register access.

        Return how much did pass, which is less if the emulator was stopped.
        """
        clock, left = self.clock, ns
        while left > 0 and not self._stopped:
            step = left
            if clock.has_scheduled_alarm:
                step = min(left, round(clock.nanos_to_next_alarm))
            clock.tick(step)
            left -= step
        return ns - left
