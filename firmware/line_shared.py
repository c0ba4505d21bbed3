"""Two T=0 lines on one UART, for a port that has fewer UARTs to give than there are lines.

The UART is turned to the pins of the line that is used; the other line's rest as inputs with
pull-up, so that its chip, which stays powered and clocked, sees an idle line. The lines share one
`lock`: whoever talks holds it for a whole command.
"""

import asyncio

from line_uart import UartLine


class SharedUart:
    """A UART, and which line it is turned to."""

    def __init__(self, uart) -> None:
        self.uart = uart
        self.lock = asyncio.Lock()
        self._line = None

    def turn_to(self, line) -> None:
        if line is self._line:
            return
        if self._line:
            self._line.rest()
        self._line = line
        self.uart.init(baudrate=line.baud, tx=line.tx, rx=line.rx)


class SharedLine(UartLine):
    """`tx` and `rx` are pins of this line alone, tied together behind the open-drain buffer."""

    def __init__(self, shared: SharedUart, tx, rx, power, reset, clock, baud: int) -> None:
        self.tx = tx
        self.rx = rx
        self._shared = shared
        super().__init__(shared.uart, power, reset, clock, baud)
        self.lock = shared.lock
        self.rest()

    async def activate(self) -> None:
        self._shared.turn_to(self)
        await super().activate()

    async def send(self, data) -> None:
        self._shared.turn_to(self)
        await super().send(data)

    def rest(self) -> None:
        """Let go of the UART: a line that idles is high."""
        self.tx.init(self.tx.IN, self.tx.PULL_UP)
        self.rx.init(self.rx.IN)
