"""Rung 3: a card's contact bit by bit on an emulated pin, against the firmware's PIO line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chip_bench import ChipBench
from dianka.bench.models.board_pins import find_line_port
from dianka.bench.models.contacts import T0Socket
from dianka.cardos import pps
from dianka.cardos.t0 import Behaviour

BOARD = """
CARD_IO = 4
CARD_POWER = 6
CARD_RESET = 7
CARD_CLOCK = 8
"""
READ = """
    import asyncio, time
    from machine import PWM, Pin
    from line import Channel, LineError
    from line_pio import PioLine

    async def main():
        clock = PWM(Pin(8), freq=3_571_200, duty_u16=0)
        line = PioLine(Pin(4), Pin(6, Pin.OUT, value=0), Pin(7, Pin.OUT, value=0), clock, 0)
        channel = Channel(line)
        try:
            atr = await channel.reset()
            print("atr", bytes(atr.raw).hex())
            data, sw = await channel.command(0, 0x84, 0, 0, le=8)
            print(len(data), hex(sw))
        except LineError as error:
            print("LineError", error)
        print(line.errors_signalled, line.errors_seen)
        print("characters", line.characters, "PPS failures", channel.pps_failures)
        await asyncio.sleep(60)

    asyncio.run(main())
"""


class EightBytes:
    """The smallest chip there is: it answers every command with eight bytes."""

    def power_on(self) -> bytes:
        return bytes.fromhex("3b690000410102030405060708")

    def power_off(self) -> None: ...

    def find_refusal(self, cla: int, ins: int) -> int:
        return 0

    def takes_data(self, cla: int, ins: int) -> bool:
        return False

    def process(self, tpdu: bytes) -> tuple[bytes, int]:
        return bytes(range(8)), 0x9000


class Socket:
    def __init__(self, bench: ChipBench) -> None:
        self.bench = bench
        mcu = bench.mcu
        self.socket = T0Socket(
            bench.clock,
            mcu.get_uart(find_line_port({"CARD_IO": 4}, "CARD")),
            mcu.get_pin(6),
            mcu.get_pin(7),
        )
        self.put()
        self.socket.on_rate = lambda rate: (
            self.line.agree(rate) if "CARD" in bench.runner.lines else None
        )
        mcu.on_pwm = lambda pin, frequency: self.socket.set_clock(frequency)

    def put(self, behaviour: Behaviour | None = None) -> None:
        self.socket.put(EightBytes(), behaviour)

    def read(self, *faults: tuple[str, int, int], source: str = READ) -> list[str]:
        self.bench.boot(source)
        for fault in faults:
            self.line.spoil(*fault)
        self.bench.runner.run_until(1_500_000)
        return self.bench.lines

    @property
    def line(self) -> Any:
        return self.bench.runner.lines["CARD"]


@pytest.fixture
def socket(tmp_path: Path) -> Iterator[Socket]:
    with ChipBench(
        tmp_path, "line", "iso7816_pps", "line_pio", "pio_programs", "iso7816", board=BOARD
    ) as bench:
        yield Socket(bench)


def test_an_answer_to_reset_and_a_command_pass_bit_by_bit(socket: Socket) -> None:
    lines = socket.read()
    assert lines[0] == "atr 3b690000410102030405060708", lines
    assert lines[1:3] == ["8 0x9000", "0 0"]
    assert socket.line.violations == []
    assert socket.socket.violations == []
    assert socket.line.counts["in"] == 5


@pytest.mark.parametrize("times", [1, 3])
def test_a_character_that_comes_with_wrong_parity_is_asked_for_again(
    socket: Socket, times: int
) -> None:
    lines = socket.read(("out", 2, times))
    assert lines[1:3] == ["8 0x9000", f"{times} 0"], lines
    assert socket.line.repeated == {"in": 0, "out": times}
    assert socket.line.violations == []


def test_every_character_in_either_direction_may_come_with_wrong_parity(socket: Socket) -> None:
    lines = socket.read(
        *(("out", index, 1) for index in range(24)), *(("in", index, 1) for index in range(5))
    )
    assert lines[1:3] == ["8 0x9000", "24 5"], lines
    assert socket.line.repeated == {"in": 5, "out": 24}
    assert socket.line.violations == []


@pytest.mark.parametrize("times", [1, 3])
def test_a_character_that_the_card_objects_to_is_sent_again(socket: Socket, times: int) -> None:
    lines = socket.read(("in", 3, times))
    assert lines[1:3] == ["8 0x9000", f"0 {times}"], lines
    assert socket.line.repeated == {"in": times, "out": 0}
    assert socket.line.violations == []


def test_a_card_that_refuses_a_character_for_good_ends_the_command(socket: Socket) -> None:
    lines = socket.read(("in", 0, 100))
    assert lines[1:2] == ["LineError chip refuses a character"], lines
    assert socket.line.repeated["in"] == 4


def test_metal_on_the_contact_between_answer_and_command_is_a_short(socket: Socket) -> None:
    socket.bench.boot(
        READ.replace(
            "            data, sw =",
            "            await asyncio.sleep_ms(200)\n            data, sw =",
        )
    )
    for ms in range(100, 1_500, 50):
        socket.bench.runner.run_until(ms * 1000)
        if socket.bench.lines:
            break
    assert socket.bench.lines == ["atr 3b690000410102030405060708"]
    socket.line.hold_low(True)
    socket.bench.runner.run_until((ms + 400) * 1000)
    assert socket.bench.lines[1:3] == ["LineError line shorted", "0 0"]
    assert socket.line.counts["in"] == 0


def test_a_card_that_wants_more_guard_time_gets_it(socket: Socket) -> None:
    """TC1 = 5: 17 etu from edge to edge, and not much more."""
    socket.put(Behaviour(atr=bytes.fromhex("3b690005410102030405060708")))
    lines = socket.read()
    assert lines[:2] == ["atr 3b690005410102030405060708", "8 0x9000"], lines
    gaps_etu = list(socket.line.gaps_etu)
    assert len(gaps_etu) == 4, "between the five characters of the header"
    assert min(gaps_etu) >= 17 and max(gaps_etu) < 22, gaps_etu
    assert socket.line.violations == []


def test_four_times_the_rate_after_pps_bit_by_bit(socket: Socket) -> None:
    socket.put(Behaviour(ta1=0x13))
    lines = socket.read()
    assert lines == [
        "atr 3b79130000410102030405060708",
        "8 0x9000",
        "0 0",
        "characters 38 PPS failures 0",
    ]
    assert socket.line.clocks_per_etu == (372, 4)
    assert socket.line.violations == []
    assert socket.socket.violations == []
    assert socket.line.counts == {"in": 9, "out": 29}


@pytest.mark.parametrize(("ta1", "factor"), [(0x12, 2), (0x14, 8)])
def test_twice_and_eight_times_the_rate(socket: Socket, ta1: int, factor: int) -> None:
    """Eight times is more than PPS asks for by itself; the line can do it.

    At the new rate one character each way is spoilt.
    """
    socket.put(Behaviour(ta1=ta1))
    source = READ.replace(
        "        channel = Channel(line)",
        "        line.fastest = 8\n        channel = Channel(line)",
    )
    lines = socket.read(("out", 20, 1), ("in", 6, 1), source=source)
    assert lines == [
        f"atr 3b79{ta1:02x}0000410102030405060708",
        "8 0x9000",
        "1 1",
        "characters 38 PPS failures 0",
    ]
    assert socket.line.clocks_per_etu == (372, factor)
    assert socket.line.counts == {"in": 9, "out": 29}
    assert socket.line.violations == []
    assert socket.socket.violations == []


def test_so_it_may_through_pps_and_at_four_times_the_rate(socket: Socket) -> None:
    socket.put(Behaviour(ta1=0x13))
    lines = socket.read(
        *(("out", index, 1) for index in range(29)), *(("in", index, 1) for index in range(9))
    )
    assert lines[1:4] == ["8 0x9000", "29 9", "characters 38 PPS failures 0"], lines
    assert socket.line.repeated == {"in": 9, "out": 29}
    assert socket.line.clocks_per_etu == (372, 4)
    assert socket.line.violations == []


def test_a_card_that_answers_pps_wrongly_is_reset_and_served_at_the_first_rate(
    socket: Socket,
) -> None:
    socket.put(Behaviour(ta1=0x13, pps=pps.WRONG))
    lines = socket.read()
    assert lines[:3] == ["atr 3b79130000410102030405060708", "8 0x9000", "0 0"], lines
    assert lines[3].endswith("PPS failures 1")
    assert socket.line.clocks_per_etu == (372, 1)
    assert socket.line.violations == []
