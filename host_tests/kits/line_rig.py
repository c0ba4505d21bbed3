"""The bench of the line tests: the meter's line at the contacts, with a factory user card."""

from collections.abc import Callable

import pytest

import cards_kit as kit
from dianka.bench.models.contacts import T0Socket
from dianka.cardos import kinds
from dianka.cardos.chip import Chip
from dianka.cardos.t0 import Behaviour
from parts import Parts

POWER, RESET, CLOCK = 6, 7, 8
CLOCK_HZ = 3_571_200
ATR = bytes.fromhex("3b690000410001020304050607")
SELECT = (0x00, 0xA4, 0, 0, b"\xdf\x01")
CHALLENGE = (0x00, 0x84, 0, 0, b"", 8)
READ = (0x00, 0xB0, 0x83, 0, b"", 199)


class LineRig:
    """A line and a card in virtual time; `Parts.run` fails if the firmware does not end in time."""

    def __init__(self, behaviour: Behaviour | None = None, kind: str = kinds.USER) -> None:
        self.parts = Parts()
        mcu, machine = self.parts.mcu, self.parts.machine()
        self.port = mcu.get_uart(1)
        self.socket = T0Socket(self.parts.clock, self.port, mcu.get_pin(POWER), mcu.get_pin(RESET))
        self.events: list[tuple[str, int, int]] = []
        for name, pin in (("VCC", POWER), ("RST", RESET)):
            mcu.get_pin(pin).listeners.append(lambda level, name=name: self._event(name, level))
        mcu.on_pwm = lambda _, frequency: (
            self._event("CLK", frequency),
            self.socket.set_clock(frequency),
        )
        self.starts: list[int] = []  # of the controller's characters
        self.uart = machine.UART(
            1,
            baudrate=9600,
            bits=8,
            parity=0,
            stop=2,
            tx=machine.Pin(4),
            rx=machine.Pin(5),
            rxbuf=300,
        )
        pwm = machine.PWM(machine.Pin(CLOCK), freq=CLOCK_HZ, duty_u16=0)
        power, reset = (
            machine.Pin(POWER, machine.Pin.OUT, value=0),
            machine.Pin(RESET, machine.Pin.OUT, value=0),
        )
        module = self.parts.module("line")
        self.error = module.LineError
        self.line = self.parts.module("line_uart").UartLine(self.uart, power, reset, pwm, 9600)
        self.channel = module.Channel(self.line)
        self.put(behaviour, kind)
        sink = self.port.sink
        assert sink
        self.port.sink = lambda value, start_us, form: (
            self.starts.append(start_us),
            sink(value, start_us, form),
        )

    def put(self, behaviour: Behaviour | None = None, kind: str = kinds.USER) -> None:
        self.socket.put(Chip.new(kind, ATR[-8:], kit.seeded(1)), behaviour)

    def _event(self, name: str, level: int) -> None:
        self.events.append((name, level, self.parts.clock.now_us))

    def reset(self, within_ms: int = 2000) -> object:
        return self.parts.run(self.channel.reset(), within_ms * 1000)

    def command(self, *command: object, within_ms: int = 3000) -> tuple[bytes, int]:
        return self.parts.run(self.channel.command(*command), within_ms * 1000)

    def session(self, within_ms: int = 2000) -> list[tuple[bytes, int]]:
        self.reset(within_ms)
        return [
            self.command(*command, within_ms=within_ms) for command in (SELECT, CHALLENGE, READ)
        ]

    def fails(self, call: Callable[[], object]) -> str:
        with pytest.raises(self.error) as caught:
            call()
        return str(caught.value)

    def works_again(self) -> None:
        self.socket.tamper = self.socket.on_character = None
        self.put()
        self.channel._deadline_ms = None
        self.socket.violations.clear()
        answers = self.session()
        assert [(len(data), sw) for data, sw in answers] == [
            (0, 0x9000),
            (8, 0x9000),
            (199, 0x9000),
        ]
        assert self.socket.violations == []
