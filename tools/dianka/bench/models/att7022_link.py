"""The ATT7022's SPI transfers, their echoes, and every way in which they and the chip fail.

Facts, from the user manual Rev 3.4: SPI mode 1, MSB first. CS low, a command byte, 24 bits, CS
high. Command bit 7 is 1 for writing. 2DH repeats the data of the last transfer, 2EH its command
byte and, in the lower 16 bits, the sum of the four bytes; reading an echo changes none. C9H with
5AH opens the constants for writing, anything else locks them; C3H puts them to those of a reset;
D3H resets the chip. Above 500 kHz it wants 2 us between command and data, which no controller here
leaves. In generation B C9H opens with 0, reads are repeated at 28H and there is no 2EH.

What the chip would not understand is recorded in `violations`, each kind once, and not carried out.
"""

from collections.abc import Sequence
from enum import Enum, auto
from random import Random

from dianka.bench.models.att7022 import Att7022Core, Inputs
from dianka.bench.models.clock import Clock
from dianka.bench.models.mains import Mains
from dianka.bench.models.wires import SpiBus, Wire

MAX_BAUD = 500_000


class Fault(Enum):
    """One way in which the chip, or its wire, is wrong until it is healed."""

    STUCK_HIGH = auto()  # MISO
    STUCK_LOW = auto()
    NOISE = auto()  # a bit of every tenth byte that comes back is flipped: `noise_one_in`
    NOT_UPDATED = auto()  # registers stand still, echoes and sums are right
    NOT_COUNTING = auto()  # the energy registers stand still, all others are right
    ZEROS = auto()  # measured values and energy read 0 under right echoes
    FULL_SCALE = auto()  # they read FFFFFFH under right echoes
    ABSURD_POWER = auto()  # power reads 7FFFFFH under right echoes
    DEAF = auto()  # constants are echoed and not taken over; a reset ends it


class Att7022Model(Att7022Core):
    """One chip on an SPI bus, powered from the start; append it to the bus's devices."""

    def __init__(
        self,
        clock: Clock,
        phases: Sequence[Mains],
        select: Wire,
        inputs: Sequence[Inputs] = (Inputs(), Inputs(), Inputs()),
        generation: str = "E",
        seed: int = 1,
    ) -> None:
        super().__init__(clock, phases, inputs, generation)
        self.select = select
        self.violations: list[str] = []
        self.faults: set[Fault] = set()
        self.noise_one_in = 10
        self.transfers = 0
        self._random = Random(seed)
        self._came: list[int] = []
        self._answer = b""
        self._forget_link()
        select.listeners.append(self._follow_select)
        self.power_on()

    # ****** Supply ******

    def power_on(self) -> None:
        if not self.powered:
            self.powered = True
            self._forget_link()
            self.reset()

    def power_off(self) -> None:
        """Remove the supply: counts and constants are lost."""
        if self.powered:
            self.settle()
            self.powered = False
            self.follow()

    def restart(self) -> None:
        """Reset the chip alone, as after a dip of its supply."""
        self.power_off()
        self.power_on()

    def _forget_link(self) -> None:
        self._locked = True
        self._last_command = 0
        self._last_data = 0

    # ****** Faults ******

    def inject(self, fault: Fault) -> None:
        self.settle()
        self.faults.add(fault)
        self.frozen = Fault.NOT_UPDATED in self.faults
        self.counting = Fault.NOT_COUNTING not in self.faults

    def heal(self) -> None:
        """End all faults."""
        self.settle()
        self.faults.clear()
        self.frozen, self.counting = False, True

    # ****** Bus ******

    def exchange(self, value: int, bus: SpiBus) -> int:
        """Take one byte of a transfer; return the byte that comes back."""
        if self.select.level or not self.powered:
            return 0xFF
        if (bus.polarity, bus.phase) != (0, 1):
            self._add_violation(f"SPI mode {bus.polarity * 2 + bus.phase} instead of 1")
            return 0xFF
        if bus.baud > MAX_BAUD:
            self._add_violation(f"clock of {bus.baud} Hz is faster than 500 kHz")
            return 0xFF
        answer = self._take(value)
        if Fault.STUCK_HIGH in self.faults:
            return 0xFF
        if Fault.STUCK_LOW in self.faults:
            return 0x00
        if Fault.NOISE in self.faults and not self._random.randrange(self.noise_one_in):
            answer ^= 1 << self._random.randrange(8)
        return answer

    def _take(self, value: int) -> int:
        self._came.append(value)
        at = len(self._came)
        if at == 1:
            if not value & 0x80:
                self._answer = self._read(value).to_bytes(3, "big")
            return 0xFF
        if at > 4:
            self._add_violation("more than four bytes in one transfer")
            return 0xFF
        command = self._came[0]
        if at == 4:
            self._end_transfer(command)
        return 0xFF if command & 0x80 else self._answer[at - 2]

    def _end_transfer(self, command: int) -> None:
        self.transfers += 1
        if command in self._echoes:
            return
        if command & 0x80:
            self._last_command, self._last_data = command, int.from_bytes(bytes(self._came[1:]))
            if command == 0xD3:
                self.faults.discard(Fault.DEAF)
            if Fault.DEAF not in self.faults:
                self._carry_out(command, self._last_data)
        else:
            self._last_command, self._last_data = command, int.from_bytes(self._answer)

    def _carry_out(self, command: int, data: int) -> None:
        if command == 0xC9:
            self._locked = data != (0x5A if self.generation == "E" else 0)
        elif command == 0xD3:
            self.reset()
            self._locked = True
        elif self._locked:
            self._add_violation("a constant was written while they were locked")
        elif command == 0xC3:
            self.lose_calibration()
        else:
            self.set_constant(command & 0x7F, data)

    @property
    def _echoes(self) -> tuple[int, ...]:
        return (0x2D, 0x2E) if self.generation == "E" else (0x28, 0x2D, 0x2E)

    def _read(self, register: int) -> int:
        command, data = self._last_command, self._last_data
        if register == 0x2E and self.generation == "E":
            return command << 16 | command + sum(data.to_bytes(3, "big"))
        if register in self._echoes:
            return data
        value = self.read_register(register)
        if 0x01 <= register < 0x13 or 0x1E <= register < 0x21:
            if Fault.ZEROS in self.faults:
                return 0
            if Fault.FULL_SCALE in self.faults:
                return 0xFFFFFF
        if 0x01 <= register < 0x04 and Fault.ABSURD_POWER in self.faults:
            return 0x7FFFFF
        return value

    def _follow_select(self, level: int) -> None:
        if level and self._came and len(self._came) < 4:
            self._add_violation("a transfer of less than four bytes")
        self._came.clear()

    def _add_violation(self, what: str) -> None:
        if what not in self.violations:
            self.violations.append(what)
