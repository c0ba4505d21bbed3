"""Compare the energy charged with each chip model's own integral, over weeks of random load.

Run the driver and `Metering` on rung 1, without the rest of the meter. Time is stretched: the
HLW8032 reports, and the controller polls, once in many seconds, which leaves every count as it is.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from dianka.bench.measure.figure import Figure
from dianka.bench.models.att7022_link import Att7022Model
from dianka.bench.models.clock import Clock
from dianka.bench.models.hlw8032 import Hlw8032Model
from dianka.bench.models.mains import NOMINAL_MV, Mains
from dianka.bench.models.mcu import Mcu
from dianka.bench.models.pulse_source import PulseSource
from dianka.bench.rungs.host.runner import HostRunner
from dianka.firmware import BOARDS, FIRMWARE

HOURS = 1_000
S = 1_000_000
STEP_US = 20 * S
POLL_US = {"hlw8032": STEP_US, "att7022": STEP_US, "pulse_meter": 5 * S}
IMP_PER_KWH = 400
MAX_MW = 9_000_000
SELECT, PULSE = 2, 3
SETTLE_US = 3 * STEP_US  # without load, before the direction changes and at the end
LOADS_MW = (0, 5_000, 40_000, 150_000, 800_000, 2_200_000, 6_600_000, 9_000_000)
TITLES = {
    "hlw8032": "HLW8032, difference of pulses charged and counted",
    "att7022": "ATT7022, difference of counts charged and counted",
    "pulse_meter": f"pulses at {IMP_PER_KWH} imp/kWh, difference of pulses charged and counted",
}
REVERSE_TITLE = "ATT7022, difference of counts withheld and counted backwards"


def measure_energy(
    hours: int = HOURS, tell: Callable[[str], None] = lambda _: None
) -> list[Figure]:
    """Run each chip for so many hours of random load; return the differences, of pulses."""
    figures = []
    for name in TITLES:
        tell(f"energy: {name}, {hours} h")
        figures += Comparison(name).run(hours)
    return figures


class Comparison:
    """One chip's model, its driver and `Metering`, and the loads in front of them."""

    def __init__(self, name: str, seed: int = 1) -> None:
        self.name = name
        self.clock = Clock()
        self.phases = [Mains(self.clock) for _ in range(3 if name == "att7022" else 1)]
        self._random = Random(seed)
        mcu = Mcu(self.clock)
        self._runner = HostRunner(mcu, FIRMWARE, BOARDS / "rp2_pico", lambda line: None)
        self._runner.prepare()
        self.model, self.chip = getattr(self, f"_make_{name}")(mcu)
        most_mw = MAX_MW * len(self.phases)
        self.metering = self._import("metering").Metering(self.chip, 0, most_mw, False)
        self.charged_pj = 0

    def run(self, hours: int) -> list[Figure]:
        """Change the load again and again for so many hours; return the differences."""
        self._pass(S)
        end_us = self.clock.now_us + hours * 3600 * S
        for lasts_us in self._change_loads():
            self._pass(min(lasts_us, max(end_us - self.clock.now_us, 0)))
            if self.clock.now_us >= end_us:
                break
        self._set_loads(0)
        self._pass(SETTLE_US)
        pulses, rest = divmod(self.charged_pj, self.chip.pulse_pj)
        forward, backward = self._count()
        unit = f"of {forward:,} in {hours:,} h"
        figures = [Figure(TITLES[self.name], abs(pulses - forward) + bool(rest), unit, "exactly 0")]
        if self.name == "att7022":
            unit = f"of {backward:,} in {hours:,} h"
            away = abs(self.chip.reverse - backward)
            figures.append(Figure(REVERSE_TITLE, away, unit, "exactly 0"))
        return figures

    def _count(self) -> tuple[int, int]:
        """Return the pulses of the model's own integral, forwards and backwards."""
        if isinstance(self.model, Att7022Model):
            self.model.settle()
            return sum(self.model.forward), sum(self.model.backward)
        return self.model.pulses, 0

    def _pass(self, us: int) -> None:
        until_us, step_us = self.clock.now_us + us, POLL_US[self.name]
        while self.clock.now_us < until_us:
            self.clock.advance(min(self.clock.now_us + step_us, until_us))
            self.charged_pj += self.metering.take_pj()

    def _change_loads(self) -> Iterator[int]:
        """Change the loads, and yield how long they last. Now and then a phase turns round."""
        random = self._random
        while True:
            if self.name == "att7022" and not random.randrange(20):
                self._set_loads(0)
                yield SETTLE_US
                self.model.turn(*random.sample(range(3), random.randrange(3)))
                yield SETTLE_US
            for mains in self.phases:
                mains.set_voltage(random.randint(170_000, NOMINAL_MV))
                most_mw = random.choice(LOADS_MW)
                mains.set_load(random.randint(most_mw // 2, most_mw), random.randint(500, 1000))
            # Whole steps, so that polls and stretched reports keep their distance.
            yield random.randint(3, 90) * STEP_US

    def _set_loads(self, power_mw: int) -> None:
        for mains in self.phases:
            mains.set_load(power_mw)

    # ****** The chips ******

    def _import(self, name: str) -> Any:
        return self._runner.import_module(name)

    def _make_hlw8032(self, mcu: Mcu) -> tuple[Any, Any]:
        port, machine = mcu.get_uart(0), self._import("machine")
        model = Hlw8032Model(self.clock, self.phases[0], port, period_us=POLL_US[self.name])
        port.settle = model.settle
        uart = machine.UART(0, baudrate=4800, bits=8, parity=0, stop=1, rx=machine.Pin(1))
        params = model.params
        chip = self._import("hlw8032").Hlw8032(uart, params.kv_milli, params.ki_milli)
        chip.expect(params.pulse_pj)
        return model, chip

    def _make_att7022(self, mcu: Mcu) -> tuple[Any, Any]:
        machine, parts = self._import("machine"), self._import("att7022_parts")
        select = machine.Pin(SELECT, machine.Pin.OUT, value=1)
        model = Att7022Model(self.clock, self.phases, mcu.get_pin(SELECT))
        mcu.get_spi_bus(0).devices.append(model)
        spi = machine.SPI(0, baudrate=500_000, polarity=0, phase=1)
        bus = self._import("spi_guest").SpiGuest(spi, (500_000, 0, 1), (500_000, 1, 1))
        driver = self._import("att7022").Att7022
        return model, driver(bus, select, parts.CONSTANTS, parts.IMP_PER_KWH, parts.N_MILLI)

    def _make_pulse_meter(self, mcu: Mcu) -> tuple[Any, Any]:
        model = PulseSource(self.clock, self.phases[0], mcu.get_pin(PULSE), IMP_PER_KWH)
        pin = self._import("machine").Pin(PULSE)
        counter = self._import("pulse_counter").PulseCounter(pin, 0, 1_000)
        return model, self._import("pulse_meter").PulseMeter(counter, IMP_PER_KWH, MAX_MW)
