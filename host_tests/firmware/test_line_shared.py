"""Two lines on one UART, each at its own rate.

The UART is turned to a line's pins and to its rate together.
"""

import pytest

from parts import Parts


class Uart:
    """What the lines use of a UART that can be turned to other pins; anything else is an error."""

    def __init__(self) -> None:
        self.baud, self.pins = 9600, ("none", "none")

    def init(self, *, baudrate: int | None = None, tx: object = None, rx: object = None) -> None:
        self.baud = self.baud if baudrate is None else baudrate
        self.pins = self.pins if tx is None else (tx, rx)


class Pin:
    IN, PULL_UP = 0, 1

    def init(self, mode: int, pull: int = -1) -> None: ...
    def off(self) -> None: ...


class Clock:
    def duty_u16(self, duty: int) -> None: ...


def test_each_line_keeps_its_rate() -> None:
    module = Parts().module("line_shared")
    uart = Uart()
    shared = module.SharedUart(uart)
    pins = [(Pin(), Pin()), (Pin(), Pin())]
    card, esam = (module.SharedLine(shared, tx, rx, Pin(), Pin(), Clock(), 9600) for tx, rx in pins)
    shared.turn_to(card)
    card.set_rate(4)
    assert (uart.baud, uart.pins) == (38_400, pins[0])
    shared.turn_to(esam)
    assert (uart.baud, uart.pins) == (9600, pins[1])
    shared.turn_to(card)
    assert (uart.baud, uart.pins) == (38_400, pins[0])
    with pytest.raises(ValueError, match="factor"):
        card.set_rate(3)
