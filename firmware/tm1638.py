"""Drive the TM1638 display: eight seven-segment digits and eight lamps on SPI.

Source: Titan Micro TM1638 datasheet. The chip takes bits LSB first on one data wire, clock idle
high, sampled on the rising edge: SPI mode 3, with the bits of each byte reversed because the RP2040
sends MSB first. Commands: 40H write with counting address, C0H + address, 80H + 8 + brightness.
Even addresses are digits (bit 0 = segment a ... bit 6 = g, bit 7 = dot), odd ones lamps.
"""

from micropython import const

DIGITS = const(8)
_WRITE = const(0x40)
_ADDRESS = const(0xC0)
_ON = const(0x88)
_DOT = const(0x80)

# The meter's characters as far as seven segments can show them.
_GLYPHS = {
    "0": 0x3F, "1": 0x06, "2": 0x5B, "3": 0x4F, "4": 0x66, "5": 0x6D, "6": 0x7D, "7": 0x07,
    "8": 0x7F, "9": 0x6F, " ": 0x00, "-": 0x40, "_": 0x08, "A": 0x77, "b": 0x7C, "C": 0x39,
    "c": 0x58, "d": 0x5E, "E": 0x79, "F": 0x71, "G": 0x3D, "H": 0x76, "h": 0x74, "J": 0x1E,
    "L": 0x38, "n": 0x54, "o": 0x5C, "P": 0x73, "q": 0x67, "r": 0x50, "t": 0x78, "U": 0x3E,
    "u": 0x1C, "y": 0x6E,
}  # fmt: skip


class Tm1638:
    """The display; `show` sends only changes, `refresh` sends all, in case the chip has lost it."""

    def __init__(self, spi, strobe, brightness: int = 4) -> None:
        self._spi = spi
        self._strobe = strobe
        self._brightness = brightness & 7
        self._frame = bytearray(2 * DIGITS + 1)
        self._wanted = bytearray(2 * DIGITS + 1)
        self._frame[0] = 0xFF  # unlike any wanted frame: the first `show` sends
        strobe.on()

    def show(self, text: str, lamps: int) -> None:
        """Show text right-aligned on eight digits, a dot joining the digit before it.

        Bit n of `lamps` is lamp n.
        """
        frame = self._wanted
        for i in range(DIGITS):
            frame[1 + 2 * i] = 0
            frame[2 + 2 * i] = lamps >> i & 1
        at = DIGITS
        dot = 0
        for i in range(len(text) - 1, -1, -1):
            if text[i] == "." and not dot:
                dot = _DOT
                continue
            at -= 1
            if at < 0:
                break
            frame[1 + 2 * at] = _GLYPHS.get(text[i], 0) | dot
            dot = 0
        if frame != self._frame:
            self._frame[:] = frame
            self.refresh()

    def refresh(self) -> None:
        """Send everything again."""
        self._frame[0] = _ADDRESS
        self._send(bytes((_WRITE,)))
        self._send(self._frame)
        self._send(bytes((_ON | self._brightness,)))
        self._frame[0] = 0

    def _send(self, data: "bytes | bytearray") -> None:
        out = bytearray(len(data))
        for i, value in enumerate(data):
            value = (value & 0xF0) >> 4 | (value & 0x0F) << 4
            value = (value & 0xCC) >> 2 | (value & 0x33) << 2
            out[i] = (value & 0xAA) >> 1 | (value & 0x55) << 1
        self._strobe.off()
        self._spi.write(out)
        self._strobe.on()
