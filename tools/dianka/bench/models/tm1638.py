"""The TM1638 display chip with eight digits and eight lamps.

Owns the display memory, and decodes what the controller sends into what people see. Facts (data
sheet of the TM1638, Titan Micro):
- STB low selects; the first byte after it falls is a command, data follows. Bits go LSB first,
  taken over on the rising clock edge, clock idle high (SPI mode 3), at most 1 MHz. The bus here
  carries MSB first, so bytes arrive mirrored.
- 0x40 writes with the address counting up, 0x44 at a fixed address, 0x42 reads four bytes of keys;
  0xC0 + address sets the address (16 bytes, wrapping); 0x80 switches the display off, 0x88 +
  brightness on.
- Even addresses are digits (segments a to g in bits 0 to 6, the dot in bit 7), odd ones lamps (bit
  0).
- At power-up the memory holds anything and the display is off.

Transfers that the real chip would not accept are recorded in `violations`, each kind once.
"""

from random import Random

from dianka.bench.models.wires import SpiBus, Wire

MAX_BAUD = 1_000_000
_MIRROR = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))

# The sign that a person reads. Where a shape is digit and letter (0 and O, 5 and S), the digit.
_SHAPES = {
    " ": "", "0": "abcdef", "1": "bc", "2": "abdeg", "3": "abcdg", "4": "bcfg", "5": "acdfg",
    "6": "acdefg", "7": "abc", "8": "abcdefg", "9": "abcdfg", "-": "g", "_": "d", "=": "dg",
    "A": "abcefg", "b": "cdefg", "C": "adef", "c": "deg", "d": "bcdeg", "E": "adefg", "F": "aefg",
    "G": "acdef", "H": "bcefg", "h": "cefg", "i": "c", "J": "bcde", "L": "def", "n": "ceg",
    "N": "abcef", "o": "cdeg", "P": "abefg", "q": "abcfg", "r": "eg", "t": "defg", "U": "bcdef",
    "u": "cde", "y": "bcdfg",
}  # fmt: skip
_GLYPHS = {
    sum(1 << "abcdefg".index(segment) for segment in shape): sign for sign, shape in _SHAPES.items()
}


class Tm1638:
    """One chip, powered from the start. Append it to the bus's devices; `stb` idles high."""

    def __init__(self, stb: Wire, seed: int = 1) -> None:
        self.stb = stb
        self.ram = bytearray(16)
        self.on = False
        self.brightness = 0
        self.keys = bytearray(4)  # the bytes that a key read returns
        self.violations: list[str] = []
        self.powered = False
        self._random = Random(seed)
        stb.listeners.append(self._follow_strobe)
        self.power_on()

    # ****** As people see it ******

    @property
    def text(self) -> str:
        """Return the eight digits as read from left to right.

        A dot follows its digit; "?" stands for an unknown shape. Display off: eight blanks.
        """
        if not self.on:
            return " " * 8
        return "".join(
            _GLYPHS.get(digit & 0x7F, "?") + ("." if digit & 0x80 else "")
            for digit in self.ram[::2]
        )

    @property
    def lamps(self) -> tuple[bool, ...]:
        """Return whether each of the eight lamps is lit, from left to right."""
        return tuple(bool(self.on and lamp & 1) for lamp in self.ram[1::2])

    # ****** Supply ******

    def power_on(self) -> None:
        if self.powered:
            return
        self.powered = True
        self.ram[:] = self._random.randbytes(16)
        self._forget()

    def power_off(self) -> None:
        self.powered = False
        self._forget()

    def _forget(self) -> None:
        """Clear everything but the display memory."""
        self.on = False
        self.brightness = 0
        self._fixed = False
        self._reading = False
        self._address: int | None = None  # set by an address command, for the data that follows it
        # True after a falling edge of STB that the chip has seen: a transfer begins with one.
        self._expects_command = False
        self._key_at = 0

    # ****** Bus ******

    def exchange(self, value: int, bus: SpiBus) -> int:
        """Take one byte of a transfer; return a key byte if keys are read, else 0xFF."""
        if self.stb.level or not self.powered:
            return 0xFF
        if (bus.polarity, bus.phase) != (1, 1):
            self._add_violation(f"SPI mode {bus.polarity * 2 + bus.phase} instead of 3")
        if bus.baud > MAX_BAUD:
            self._add_violation(f"clock of {bus.baud} Hz is faster than 1 MHz")
        value = _MIRROR[value]
        if self._expects_command:
            self._expects_command = False
            self._execute(value)
        elif self._reading:
            return self._read_key()
        elif self._address is None:
            self._add_violation("data without an address command in the same transfer")
        else:
            self._store(value)
        return 0xFF

    def _follow_strobe(self, level: int) -> None:
        """Begin a new transfer; settings of a data command stay."""
        self._expects_command = not level
        self._reading = False
        self._address = None

    def _execute(self, value: int) -> None:
        kind = value >> 6
        if kind == 3:
            self._address = value & 0x0F
        elif kind == 2:
            self.on = bool(value & 0x08)
            self.brightness = value & 0x07
        elif kind == 1 and not value & 0x39:
            self._fixed = bool(value & 0x04)
            self._reading = bool(value & 0x02)
            self._key_at = 0
        else:
            self._add_violation(f"unknown command 0x{value:02X}")

    def _store(self, value: int) -> None:
        assert self._address is not None
        self.ram[self._address] = value
        if not self._fixed:
            self._address = (self._address + 1) % 16

    def _read_key(self) -> int:
        if self._key_at >= len(self.keys):
            self._add_violation("more than four key bytes read")
            return 0xFF
        self._key_at += 1
        return _MIRROR[self.keys[self._key_at - 1]]

    def _add_violation(self, what: str) -> None:
        if what not in self.violations:
            self.violations.append(what)
