"""Run two T=0 lines on one UART, for a port that has fewer UARTs than lines.

The UART is switched to the pins of the line in use. The other line's pins rest as inputs with
pull-up, so its chip, which stays powered and clocked, sees an idle line. The lines share one
`lock`: its holder keeps it for a whole command.
"""

import asyncio

from line_uart import UartLine


class SharedUart:
    """A UART, and the line that it is switched to."""

    def __init__(self, uart) -> None:
        self.uart = uart
        self.lock = asyncio.Lock()
        self._line = None

    def turn_to(self, line: "SharedLine") -> None:
        """Switch the UART to the pins of this line."""
        if line is self._line:
            return
        if self._line:
            self._line.rest()
        self._line = line
        self.uart.init(baudrate=line.baud, tx=line.tx, rx=line.rx)


class SharedLine(UartLine):
    """One line; `tx` and `rx` are its own pins, tied together behind the open-drain buffer."""

    def __init__(self, shared: "SharedUart", tx, rx, power, reset, clock, baud: int) -> None:
        self.tx = tx
        self.rx = rx
        self._shared = shared
        super().__init__(shared.uart, power, reset, clock, baud)
        self.lock = shared.lock
        self.rest()

    async def activate(self) -> None:
        self._shared.turn_to(self)
        await super().activate()

    async def send(self, data: bytes) -> None:
        self._shared.turn_to(self)
        await super().send(data)

    def rest(self) -> None:
        """Release the pins: an idle line is high."""
        self.tx.init(self.tx.IN, self.tx.PULL_UP)
        self.rx.init(self.rx.IN)
