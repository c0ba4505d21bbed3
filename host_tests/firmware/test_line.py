"""T=0 at the contacts with good cards: the times that the line keeps, and other tasks beside it.

Guard and turnaround times, the contacts' order, tick wraps; no task waits long while the line is
busy, and few run when a commit would delay it.
"""

import pytest

from dianka.cardos import kinds
from dianka.cardos.t0 import Behaviour
from line_rig import ATR, CHALLENGE, CLOCK_HZ, READ, SELECT, LineRig

ETU_US = 1_000_000 / 9600
GOOD = [
    Behaviour(),
    Behaviour(nulls=1),
    Behaviour(nulls=20),
    Behaviour(one_by_one=True),
    Behaviour(one_by_one=True, nulls=2),
]


@pytest.mark.parametrize("behaviour", GOOD)
def test_good_cards_are_served_by_the_rules(behaviour: Behaviour) -> None:
    rig = LineRig(behaviour)
    assert bytes(rig.reset().raw) == ATR
    assert rig.command(*SELECT) == (b"", 0x9000)
    assert len(rig.command(*CHALLENGE)[0]) == 8
    assert rig.command(*READ, within_ms=4000) == (bytes(199), 0x9000)
    assert rig.command(0x00, 0xB0, 0x81, 0, b"", 256) == (bytes(45), 0x9000)
    assert rig.command(0x00, 0x12, 0, 0) == (b"", 0x6D00)
    assert (rig.channel.sw, rig.channel.last) == (0x6D00, bytes.fromhex("0012000000"))
    assert rig.socket.violations == []
    assert rig.port.lost == 0


@pytest.mark.parametrize("behaviour", GOOD[:2] + GOOD[3:4])
def test_an_answer_to_data_is_fetched(behaviour: Behaviour) -> None:
    rig = LineRig(behaviour, kinds.CONTROL)
    rig.reset()
    assert rig.command(0x80, 0xFA, 0, 0x81, bytes(8)) == (b"", 0x9000)
    data, sw = rig.command(0x80, 0xFA, 0, 0, bytes(8))
    assert (len(data), sw, rig.socket.violations) == (8, 0x9000, [])


def test_contacts_come_and_go_in_their_order() -> None:
    rig = LineRig()
    rig.reset()
    up = [event for event in rig.events if event[1]]
    assert [(name, level) for name, level, _ in up] == [("VCC", 1), ("CLK", CLOCK_HZ), ("RST", 1)]
    low_us = up[2][2] - up[1][2]
    # Commercial meters leave RST low for so many clocks.
    assert 40_000 <= low_us * CLOCK_HZ // 1_000_000 <= 46_500
    assert up[1][2] - up[0][2] >= 10_000
    rig.events.clear()
    rig.channel.power_off()
    assert [(name, level) for name, level, _ in rig.events] == [("RST", 0), ("CLK", 0), ("VCC", 0)]
    rig.works_again()


def test_the_contacts_would_tell_who_breaks_the_rules() -> None:
    rig = LineRig()
    rig.reset()
    rig.uart.write(b"\0")
    rig.parts.clock.advance(rig.parts.clock.now_us + 100_000)
    assert len(rig.socket.violations) == 1


@pytest.mark.parametrize("extra", [1, 7, 20, 254])
def test_extra_guard_time_is_given(extra: int) -> None:
    rig = LineRig(Behaviour(atr=bytes((0x3B, 0x40, extra))))
    assert rig.reset().extra_guard_etu == extra
    rig.starts.clear()
    assert rig.command(*SELECT) == (b"", 0x9000)
    gaps = [after - before for before, after in zip(rig.starts, rig.starts[1:], strict=False)]
    assert len(gaps) == 6
    assert min(gaps) >= (12 + extra) * ETU_US
    assert max(gaps) <= (12 + extra) * ETU_US + 9000
    rig.works_again()
    assert rig.line.extra_guard_etu == 0  # another card, another guard time


def test_without_extra_guard_characters_follow_at_12_etu() -> None:
    rig = LineRig()
    rig.reset()
    rig.starts.clear()
    rig.command(*CHALLENGE)
    assert {
        round((after - before) / ETU_US, 1)
        for before, after in zip(rig.starts, rig.starts[1:], strict=False)
    } == {12.0}


@pytest.mark.parametrize("at_ms", [29_900, 29_960, 29_990, 30_000])
def test_the_ticks_may_wrap_in_the_middle_of_it(at_ms: int) -> None:
    rig = LineRig()
    rig.parts.clock.advance(at_ms * 1000)
    rig.works_again()


# ****** Other tasks beside a busy line ******

COMMIT_US = 14_000  # a debit and a commit on the chip
LATE_US = 50_000  # no task waits longer
ROUNDS = 40


class Others:
    """A task that wants its turn every 100 ms, and then holds the CPU as long as a commit does."""

    def __init__(self, rig: LineRig, takes_us: int) -> None:
        self.late_us: list[int] = []
        self._rig = rig
        self._takes_us = takes_us
        self._module = rig.parts.module("line")

    async def run(self) -> None:
        clock, module = self._rig.parts.clock, self._module
        while True:
            due_us = clock.now_us + 100_000
            await module.asyncio.sleep_ms(100)
            self.late_us.append(clock.now_us - due_us)
            if self._takes_us:
                module.time.sleep_us(self._takes_us)


def played(takes_us: int) -> tuple[Others, int]:
    """The task's lateness, and what many short commands and a long one took with it beside them."""
    rig = LineRig()
    rig.reset()
    others = Others(rig, takes_us)

    async def commands() -> None:
        others._module.asyncio.create_task(others.run())
        await rig.channel.command(*SELECT)
        for _ in range(ROUNDS):
            await rig.channel.command(*CHALLENGE)
            await rig.channel.command(*READ[:5], 16)
        await rig.channel.command(*READ)

    began_us = rig.parts.clock.now_us
    rig.parts.run(commands(), 10_000_000)
    assert rig.socket.violations == []
    return others, rig.parts.clock.now_us - began_us


@pytest.mark.parametrize("takes_us", [0, COMMIT_US])
def test_no_task_is_kept_waiting_for_long(takes_us: int) -> None:
    others, _ = played(takes_us)
    assert len(others.late_us) > 10
    assert max(others.late_us) < LATE_US - COMMIT_US


def test_commits_beside_the_line_cost_it_less_than_a_quarter_of_their_time() -> None:
    _, alone_us = played(0)
    others, beside_us = played(COMMIT_US)
    assert 0 <= beside_us - alone_us < len(others.late_us) * COMMIT_US // 4
