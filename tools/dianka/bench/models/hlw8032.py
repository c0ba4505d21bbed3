"""The HLW8032 metering chip: its reports on the serial pin and its pulses, from the mains.

Owns the chip's registers, its 24-byte report and its pulse counter. Facts, from the user manual REV
1.5 unless noted:
- Report: State, 0x5A, then 24-bit big-endian pairs (parameter, register) for V, I, P, then Data
  Updata, PF (16 bits), sum of bytes 2 to 22. Sent as 4800 baud 8E1, so 11 bits a byte and 55 ms a
  report.
- A new report about every 105 ms (measured on the pin-compatible CSE7766; captures of a HLW8032
  step by 104.5 ms).
- U = Vparam/Vreg * Kv, I = Iparam/Ireg * Ki, P = Pparam/Preg * Kv * Ki. Preg is the pulse period in
  microseconds, so one pulse is Pparam * Kv * Ki microjoules: with both factors in thousandths
  exactly Pparam * kv_milli * ki_milli picojoules.
- A quantity near zero never finishes its period: State is 0xFx with its bit set (3 V, 2 I, 1 P),
  its update bit is clear and its register shows the running count. Captures show that this count
  ends at 0xFEFF01. Bit 0 of Data Updata reads 1 in captures.
- PF starts at 0 with the chip; bit 7 of Data Updata toggles each time the 16 bits wrap.

Not modelled: the time that a register needs to follow a change (it follows at once), creep
threshold, oscillator tolerance.

A report's bytes are delivered together when its last bit has passed. `settle` delivers those that
have arrived by now, for a controller that looks, or opens its port, in between. No byte is ever
early.
"""

from collections.abc import Callable
from random import Random

from dianka.bench.models.clock import Clock, Timer
from dianka.bench.models.hlw8032_frame import CAPTURED, LIMIT, Fault, Params, build, spoil
from dianka.bench.models.mains import Mains
from dianka.bench.models.wires import Format, SerialPort, Wire

LINE = Format(4800, 8, 0, 1)
FIRST_US = 100_000  # from power-up to the first report
PERIOD_US = 105_000
NOISE_US = 10_000  # from the end of a report to the noise in the gap
V_OVER, I_OVER, P_OVER = 0x08, 0x04, 0x02


class Hlw8032Model:
    """One chip, powered from the start.

    `pf_wire` costs two events a pulse; leave it None where nobody counts its edges. `period_us` is
    the time from one report to the next, which runs over weeks stretch.
    """

    def __init__(
        self,
        clock: Clock,
        mains: Mains,
        port: SerialPort,
        pf_wire: Wire | None = None,
        params: Params = CAPTURED,
        seed: int = 1,
        period_us: int = PERIOD_US,
    ) -> None:
        self.clock = clock
        self.mains = mains
        self.port = port
        self.pf_wire = pf_wire
        self.params = params
        self.faults: dict[Fault, int] = {}  # reports that each fault will still spoil
        self.violations: list[str] = []  # it only sends: nobody can do anything wrong to it
        self.powered = False
        self.frames_sent = 0
        self._period_us = period_us
        self._random = Random(seed)
        self._timers: dict[str, Timer] = {}
        # The report on the wire, from _line_us on; _handed bytes of it have arrived.
        self._line = b""
        self._line_us = 0
        self._handed = 0
        self.up_us = 0  # when the chip came up; its count began at 0 then
        self._up_nj = 0
        # State, update bits, V, I and P registers; follows the mains.
        self._measured = (0, 0, 0, 0, 0)
        mains.listeners.append(self._follow)
        self.power_on()

    # ****** Supply ******

    def power_on(self) -> None:
        if self.powered:
            return
        self.powered = True
        self.up_us = self.clock.now_us
        self._up_nj = self.mains.energy_nj
        self._follow()
        self._schedule("frame", FIRST_US, self._begin)

    def power_off(self) -> None:
        """Remove the supply: the rest of the present report and the pulse count are lost."""
        if not self.powered:
            return
        self.settle()
        self._line = b""
        self.powered = False
        for timer in self._timers.values():
            timer.cancel()
        if self.pf_wire:
            self.pf_wire.set(0)

    def restart(self) -> None:
        """Reset the chip alone, as after a dip of its supply.

        PF begins at 0, and no report comes for a while.
        """
        self.power_off()
        self.power_on()

    def set_pulses(self, pulses: int) -> None:
        """Set the pulse count, as late in the chip's life.

        Energy that passes from now on is added.
        """
        self._up_nj = self.mains.energy_nj - -(-pulses * self.params.pulse_pj // 1000)

    @property
    def counted_nj(self) -> int:
        """Return the energy since power-up, of the pulse that has begun too."""
        return self.mains.energy_nj - self._up_nj

    @property
    def next_us(self) -> int:
        """Return the time until the next report begins."""
        return self._timers["frame"].when_us - self.clock.now_us

    def go_on(self, counted_nj: int, next_us: int) -> None:
        """Be a chip that has counted this much already, and reports next in this time."""
        self._up_nj = self.mains.energy_nj - counted_nj
        self._timers["frame"].cancel()
        self._schedule("frame", next_us, self._begin)

    # ****** Faults ******

    def inject(self, fault: Fault, frames: int = 1) -> None:
        """Spoil the next `frames` reports in this way; 0 withdraws the fault.

        Several faults may meet in one report.
        """
        self.faults.pop(fault, None)
        if frames > 0:
            self.faults[fault] = frames

    # ****** What the chip knows ******

    @property
    def quiet(self) -> bool:
        """Return whether no report is on the wire, and none waits in the port to be read."""
        return not self._line and not self.port.received

    @property
    def pulses(self) -> int:
        """Return the pulses since power-up, without the wrap."""
        return (self.mains.energy_nj - self._up_nj) * 1000 // self.params.pulse_pj

    @property
    def begun_pj(self) -> int:
        """Return the energy of the pulse that has begun; it goes with the supply."""
        if not self.powered:
            return 0
        return (self.mains.energy_nj - self._up_nj) * 1000 % self.params.pulse_pj

    def build_frame_now(self) -> bytes:
        """Return the report that a sound chip would begin at this moment."""
        state, updated, *registers = self._measured
        running = (self.clock.now_us - self.up_us) % (LIMIT + 1)
        pulses = self.pulses
        values = [running if register < 0 else register for register in registers]
        return build(state, self.params, values, updated | (pulses >> 9 & 0x80), pulses & 0xFFFF)

    def settle(self) -> None:
        """Deliver the bytes whose last bit has passed by now."""
        line = self._line
        if not line:
            return
        # 11 bits at 4800 baud are 6875/3 us.
        arrived = min((self.clock.now_us - self._line_us) * 3 // 6875, len(line))
        handed, self._handed = self._handed, arrived
        if arrived == len(line):
            self._line = b""
        if arrived > handed:
            self.port.deliver_all(line[handed:arrived], LINE)

    # ****** Reports ******

    def _begin(self) -> None:
        self._schedule("frame", self._period_us, self._begin)
        line = self.build_frame_now()
        if self.faults:
            line = spoil(line, self._take_faults(), self._random)
        if line:
            self._send(line, self._end_report)

    def _send(self, line: bytes, then: Callable[[], None]) -> None:
        """Put characters on the wire from now on; call `then` when the last has passed."""
        self._line, self._line_us, self._handed = line, self.clock.now_us, 0
        self._schedule("line", -(-len(line) * 6875 // 3), then)

    def _end_report(self) -> None:
        self.settle()
        self.frames_sent += 1
        if self.faults and Fault.NOISE in self._take_faults(Fault.NOISE):
            self._schedule("line", NOISE_US, self._send_noise)

    def _send_noise(self) -> None:
        """Send a few random characters in the gap between reports."""
        self._send(self._random.randbytes(self._random.randint(1, 8)), self.settle)

    def _take_faults(self, only: Fault | None = None) -> set[Fault]:
        """Return the faults of the report that begins now, and count them down.

        Noise belongs to the gap after the report and is taken there.
        """
        hit = {
            fault for fault in self.faults if (fault is only if only else fault is not Fault.NOISE)
        }
        for fault in hit:
            self.faults[fault] -= 1
            if not self.faults[fault]:
                del self.faults[fault]
        return hit

    # ****** Following the mains ******

    def _follow(self) -> None:
        """Compute State, update bits and registers anew after a change of the mains."""
        if not self.powered:
            return
        p, mains = self.params, self.mains
        volts = _compute_period(p.voltage * p.kv_milli, mains.voltage_mv)
        # Divided by U and pf in thousandths: the current in mA, without current_ma's rounding.
        volt_amps = mains.power_mw * 1_000_000
        amps = _compute_period(
            p.current * p.ki_milli * mains.voltage_mv * mains.pf_milli, volt_amps
        )
        power = _compute_period(p.pulse_pj, mains.power_mw * 1000)
        over = (volts < 0) * V_OVER | (amps < 0) * I_OVER | (power < 0) * P_OVER
        updated = 0x01 | (volts >= 0) << 6 | (amps >= 0) << 5 | (power >= 0) << 4
        self._measured = (0xF0 | over if over else 0x55, updated, volts, amps, power)
        if self.pf_wire:
            self._make_edge()

    def _make_edge(self) -> None:
        """Set the pulse pin, and come back when the next half of a pulse begins.

        Half a pulse is low, half is high: the pin falls when the count steps.
        """
        assert self.pf_wire
        timer = self._timers.get("pulse")
        if timer:
            timer.cancel()
        half_pj = (self.mains.energy_nj - self._up_nj) * 2000
        halves, into_pj = divmod(half_pj, self.params.pulse_pj)
        self.pf_wire.set(halves & 1)
        rate_pj = self.mains.power_mw * 2000  # doubled energy per microsecond, as half_pj
        if rate_pj:
            self._schedule("pulse", -((into_pj - self.params.pulse_pj) // rate_pj), self._make_edge)

    def _schedule(self, name: str, delay_us: int, action: Callable[[], None]) -> None:
        self._timers[name] = self.clock.call_after(delay_us, action)


def _compute_period(scaled: int, value: int) -> int:
    """Return a period register, or -1 if the counter ran out before the period ended."""
    if value <= 0:
        return -1
    register = scaled // value
    return register if register <= LIMIT else -1
