"""All models of one meter, connected to the controller's pins as the board names them.

Owns the wiring and the supply of the parts: which of them lose power with the mains, and which keep
their state. It knows neither firmware nor card files; `Rig` (bench/stage/rig.py) adds a runner and
a folder.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from dianka.bench.models.att7022 import Inputs
from dianka.bench.models.att7022_link import Att7022Model
from dianka.bench.models.board_pins import (
    find_line_port,
    find_line_ports,
    read_constants,
    read_metering,
)
from dianka.bench.models.buzzer import Buzzer
from dianka.bench.models.clock import Clock
from dianka.bench.models.contacts import T0Socket
from dianka.bench.models.ds3231 import Ds3231
from dianka.bench.models.fram import Mb85rc256v
from dianka.bench.models.hlw8032 import Hlw8032Model
from dianka.bench.models.hlw8032_frame import Params
from dianka.bench.models.i2c_lines import BusLines
from dianka.bench.models.mains import Mains
from dianka.bench.models.mcu import Mcu
from dianka.bench.models.pulse_source import PulseSource
from dianka.bench.models.relay import LatchingRelay
from dianka.bench.models.tm1638 import Tm1638
from dianka.cardos.chip import Chip

FRAM_ADDRESS = 0x50
CLOCK_CHIP_ADDRESS = 0x68
LAMPS = ("alarm", "trip", "overdraft", "fault", "card", "pulse")


class MeteringModel(Protocol):
    """What the bench does to any metering chip; each model has faults of its own beside."""

    violations: list[str]

    def power_on(self) -> None: ...
    def power_off(self) -> None: ...
    def restart(self) -> None: ...


@dataclass
class Bench:
    """The hardware of one meter.

    `chip` is a MeteringModel; `mains` is its first phase, which feeds the meter, and `phases` has
    all of them. The mains starts switched off. `power_up` and `power_down` are called as it comes
    and goes.
    """

    clock: Clock
    mcu: Mcu
    mains: Mains
    chip: Any
    relay: LatchingRelay
    display: Tm1638
    fram: Mb85rc256v
    clock_chip: Ds3231
    i2c_lines: BusLines
    slot: T0Socket
    esam: T0Socket
    pins: dict[str, int]
    metering: str = "hlw8032"
    phases: list[Mains] = field(default_factory=list)
    buzzer: Buzzer | None = None  # a board may have none

    def get_wire_level(self, name: str) -> int:
        """Return the level of the wire that the board calls `name`."""
        return self.mcu.get_pin(self.pins[name]).level

    def set_wire(self, name: str, level: int) -> None:
        """Drive the wire that the board calls `name`, from outside the controller."""
        self.mcu.get_pin(self.pins[name]).set(level)

    def power_up(self) -> None:
        """Bring the supply up.

        The chips start from their power-on state, pull-ups pull, the controller is in reset.
        """
        self.mcu.reset()
        self.display.power_on()
        self.fram.power_on()
        self.clock_chip.power_on()
        self.chip.power_on()
        self.set_wire("POWER_FAIL", 1)
        self.set_wire("KEY", 1)
        self.set_wire("DISPLAY_STROBE", 1)

    def power_down(self) -> None:
        """Take the supply away: outputs float low, parts without a battery lose their state."""
        for name in (
            "RELAY_CLOSE",
            "RELAY_OPEN",
            "CARD_POWER",
            "CARD_RESET",
            "ESAM_POWER",
            "ESAM_RESET",
            "POWER_FAIL",
        ):
            self.set_wire(name, 0)
        if self.buzzer:
            self.set_wire("BUZZER", 0)
        self.slot.set_clock(0)
        self.esam.set_clock(0)
        self.mcu.reset()
        self.display.power_off()
        self.fram.power_off()
        self.clock_chip.power_off()
        self.i2c_lines.power_off()
        self.chip.power_off()

    def get_lamps(self) -> dict[str, bool]:
        """Return whether each lamp is lit, by its name in `LAMPS`."""
        return dict(zip(LAMPS, self.display.lamps, strict=False))


def build(
    board: Path,
    start_s: int | None = None,
    fram: bytes | None = None,
    esam: Chip | None = None,
    relay_closed: bool = False,
    off_ppm: tuple[int, int, int] = (0, 0, 0),
) -> Bench:
    """Build the models for this board and wire them up.

    `start_s` is the time of the clock chip, in seconds since 2000-01-01 UTC; without it the chip is
    as delivered, its oscillator stop flag on. `fram` is the content of the memory; without it, all
    zeros as delivered. `off_ppm` is how far a HLW8032's divider, shunt and energy are off, or an
    ATT7022's (`_make_inputs`).
    """
    pins = read_constants(board)
    clock = Clock()
    mcu = Mcu(clock)
    mcu.line_ports = find_line_ports(pins)
    mains = Mains(clock)
    mains.switch(False)

    def get_wire(name: str):  # noqa: ANN202
        return mcu.get_pin(pins[name])

    memory, clock_chip = Mb85rc256v(fram), Ds3231(clock, start_s)
    bus = mcu.get_i2c_bus(pins["I2C_BUS"])
    bus.devices[FRAM_ADDRESS] = memory
    bus.devices[CLOCK_CHIP_ADDRESS] = clock_chip
    lines = bus.lines = BusLines(mcu.make_shared_pin(pins["SDA"]), mcu.make_shared_pin(pins["SCL"]))
    display = Tm1638(get_wire("DISPLAY_STROBE"))
    mcu.get_spi_bus(pins["DISPLAY_SPI"]).devices.append(display)
    metering = read_metering(board)
    phases = _make_phases(mains) if metering == "att7022" else [mains]
    chip = _make_chip(metering, mcu, phases, pins, off_ppm)
    relay = LatchingRelay(
        clock,
        get_wire("RELAY_CLOSE"),
        get_wire("RELAY_OPEN"),
        get_wire("RELAY_FEEDBACK"),
        mains,
        relay_closed,
    )
    slot = T0Socket(
        clock,
        mcu.get_uart(find_line_port(pins, "CARD")),
        get_wire("CARD_POWER"),
        get_wire("CARD_RESET"),
    )
    soldered = T0Socket(
        clock,
        mcu.get_uart(find_line_port(pins, "ESAM")),
        get_wire("ESAM_POWER"),
        get_wire("ESAM_RESET"),
    )
    clocks = {pins["CARD_CLOCK"]: slot, pins["ESAM_CLOCK"]: soldered}
    mcu.on_pwm = lambda pin, frequency: clocks[pin].set_clock(frequency) if pin in clocks else None
    get_wire("SLOT_SWITCH").set(1)
    if "CASE_CONTACT" in pins:
        get_wire("CASE_CONTACT").set(0)  # closed, before any pull-up decides
    bench = Bench(
        clock, mcu, mains, chip, relay, display, memory, clock_chip, lines, slot, soldered, pins,
        metering, phases, Buzzer(clock, get_wire("BUZZER")) if "BUZZER" in pins else None,
    )  # fmt: skip
    bench.power_down()
    if esam:
        soldered.put(esam)
    return bench


def _make_phases(first: Mains) -> list[Mains]:
    """Return three phases; the others are on and off, open and closed, as the first is."""
    others = [Mains(first.clock), Mains(first.clock)]

    def follow() -> None:
        for mains in others:
            if mains.set_mv != first.set_mv:
                mains.set_voltage(first.set_mv)
            mains.switch(first.on)
            mains.move_contact(first.closed)

    first.listeners.append(follow)
    follow()
    return [first, *others]


def _make_chip(
    metering: str,
    mcu: Mcu,
    phases: list[Mains],
    pins: dict[str, int],
    off_ppm: tuple[int, int, int],
) -> MeteringModel:
    """Return the model of this metering chip, wired as the board has it."""
    clock, mains = mcu.clock, phases[0]
    if metering == "att7022":
        select = mcu.get_pin(pins["ATT7022_SELECT"])
        select.set(1)
        chip = Att7022Model(clock, phases, select, _make_inputs(off_ppm))
        mcu.get_spi_bus(pins["DISPLAY_SPI"]).devices.append(chip)
        return chip
    if metering == "pulse_meter":
        return PulseSource(clock, mains, mcu.get_pin(pins["PULSE"]), pins["IMP_PER_KWH"])
    port = mcu.get_uart(pins["METERING_UART"])
    resistors = Params(
        kv_milli=pins["KV_MILLI"] * (1_000_000 + off_ppm[0]) // 1_000_000,
        ki_milli=pins["KI_MILLI"] * (1_000_000 + off_ppm[1]) // 1_000_000,
        energy_ppm=off_ppm[2],
    )
    hlw = Hlw8032Model(clock, mains, port, params=resistors)
    port.settle = hlw.settle
    return hlw


def _make_inputs(off_ppm: tuple[int, int, int]) -> tuple[Inputs, Inputs, Inputs]:
    """Return what divider and transformer of each phase make of the mains.

    The three errors are of the first phase's voltage, current, and the transformer's angle with an
    offset of power: 20,000 ppm are 1 degree and 2 W. In the other phases they take turns.
    """

    def make(voltage: int, current: int, rest: int) -> Inputs:
        return Inputs(
            voltage_ppm=voltage, current_ppm=current, angle_mdeg=rest // 20, offset_mw=rest // 10
        )

    one, two, three = off_ppm
    return make(one, two, three), make(two, three, one), make(three, one, two)
