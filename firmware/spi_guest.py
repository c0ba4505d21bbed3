"""Let a chip use the display's SPI bus, in its own mode.

The metering chip takes data in mode 1 and the TM1638 in mode 3, on the same clock and data wires.
Mode and rate are changed while both are deselected, before each transfer, and back after it: the
display then needs to know nothing of its guest. Nothing here waits, so no other task comes between.
"""


class SpiGuest:
    """The bus for a guest: between `begin` and `end` it has the guest's mode and rate.

    Each is (baudrate, polarity, phase); `host` is the display's.
    """

    def __init__(self, spi, guest: tuple, host: tuple) -> None:
        self._spi = spi
        self._guest = guest
        self._host = host
        self.write_readinto = spi.write_readinto

    def begin(self) -> None:
        baudrate, polarity, phase = self._guest
        self._spi.init(baudrate=baudrate, polarity=polarity, phase=phase)

    def end(self) -> None:
        baudrate, polarity, phase = self._host
        self._spi.init(baudrate=baudrate, polarity=polarity, phase=phase)
