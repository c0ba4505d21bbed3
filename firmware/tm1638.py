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

# The meter's characters as far as seven segments can show them, and the segments of each. One text
# and not a dictionary: of a dictionary each character would take room in the heap by itself.
_CHARACTERS = "0123456789 -_AbCcdEFGHhJLnoPqrtUuy"
_SEGMENTS = (
    b"\x3f\x06\x5b\x4f\x66\x6d\x7d\x07\x7f\x6f\x00\x40\x08\x77\x7c\x39\x58\x5e"
    b"\x79\x71\x3d\x76\x74\x1e\x38\x54\x5c\x73\x67\x50\x78\x3e\x1c\x6e"
)


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
            glyph = _CHARACTERS.find(text[i])
            frame[1 + 2 * at] = (_SEGMENTS[glyph] if glyph >= 0 else 0) | dot
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
