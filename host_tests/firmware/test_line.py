"""T=0 at the contacts with good cards: guard and turnaround times, contacts' order, tick wraps."""

import pytest

from dianka.cardos import kinds
from dianka.cardos.t0 import Behaviour
from line_rig import ATR, CHALLENGE, CLOCK_HZ, READ, SELECT
from line_rig import LineRig as Rig

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
    rig = Rig(behaviour)
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
    rig = Rig(behaviour, kinds.CONTROL)
    rig.reset()
    assert rig.command(0x80, 0xFA, 0, 0x81, bytes(8)) == (b"", 0x9000)
    data, sw = rig.command(0x80, 0xFA, 0, 0, bytes(8))
    assert (len(data), sw, rig.socket.violations) == (8, 0x9000, [])


def test_contacts_come_and_go_in_their_order() -> None:
    rig = Rig()
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
    rig = Rig()
    rig.reset()
    rig.uart.write(b"\0")
    rig.parts.clock.advance(rig.parts.clock.now_us + 100_000)
    assert len(rig.socket.violations) == 1


@pytest.mark.parametrize("extra", [1, 7, 20, 254])
def test_extra_guard_time_is_given(extra: int) -> None:
    rig = Rig(Behaviour(atr=bytes((0x3B, 0x40, extra))))
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
    rig = Rig()
    rig.reset()
    rig.starts.clear()
    rig.command(*CHALLENGE)
    assert {
        round((after - before) / ETU_US, 1)
        for before, after in zip(rig.starts, rig.starts[1:], strict=False)
    } == {12.0}


@pytest.mark.parametrize("at_ms", [29_900, 29_960, 29_990, 30_000])
def test_the_ticks_may_wrap_in_the_middle_of_it(at_ms: int) -> None:
    rig = Rig()
    rig.parts.clock.advance(at_ms * 1000)
    rig.works_again()
