"""PPS on the contacts: four times the rate if both sides keep it, else the first rate, in time."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dianka.cardos import pps
from dianka.cardos.t0 import Behaviour
from line_rig import ATR, CHALLENGE, READ, SELECT, LineRig
from meter_kit import USER, MeterKit

FIRST_BAUD = 9600
GOOD = [(0, 0x9000), (8, 0x9000), (199, 0x9000)]


def sizes(answers: list[tuple[bytes, int]]) -> list[tuple[int, int]]:
    return [(len(data), sw) for data, sw in answers]


@pytest.mark.parametrize(("ta1", "factor"), [(0x11, 1), (0x12, 2), (0x13, 4), (0x18, 4), (0x95, 4)])
def test_commands_pass_at_the_rate_agreed_to(ta1: int, factor: int) -> None:
    rig = LineRig(Behaviour(ta1=ta1))
    assert bytes(rig.reset().raw) == pps.offer_rate(ATR, ta1)
    assert (rig.line.baud, rig.socket.engine.rate) == (FIRST_BAUD * factor, (372, factor))
    assert sizes([rig.command(*command) for command in (SELECT, CHALLENGE, READ)]) == GOOD
    assert rig.socket.violations == [] and rig.channel.pps_failures == 0
    rig.works_again()
    assert rig.line.baud == FIRST_BAUD


def test_four_times_the_rate_takes_a_quarter_of_the_time() -> None:
    took_us = []
    for ta1 in (0x11, 0x13):
        rig = LineRig(Behaviour(ta1=ta1))
        rig.reset()
        began_us = rig.parts.clock.now_us
        rig.command(*SELECT)
        rig.command(*READ)
        took_us.append(rig.parts.clock.now_us - began_us)
    assert took_us[0] * 24 <= took_us[1] * 100 <= took_us[0] * 27


@pytest.mark.parametrize(("way", "failures", "limit_us"), [
    (pps.DECLINE, 0, 120_000), (pps.WRONG, 1, 200_000), (pps.BAD_PCK, 1, 200_000),
    (pps.SILENT, 1, 1_200_000), (pps.CUT, 1, 1_200_000),
])  # fmt: skip
def test_where_pps_fails_the_first_rate_serves(way: str, failures: int, limit_us: int) -> None:
    rig = LineRig(Behaviour(ta1=0x13, pps=way))
    rig.reset(within_ms=2000)
    assert rig.parts.clock.now_us <= limit_us
    assert rig.line.baud == FIRST_BAUD
    assert rig.channel.pps_failures == failures
    assert sizes([rig.command(*command) for command in (SELECT, CHALLENGE, READ)]) == GOOD
    assert rig.socket.violations == []


def test_a_card_that_agrees_and_stays_slow_is_an_error_in_bounded_time() -> None:
    rig = LineRig(Behaviour(ta1=0x13, pps=pps.NOT_KEPT))
    rig.reset()
    began_us = rig.parts.clock.now_us
    assert rig.fails(lambda: rig.command(*SELECT)) in ("no answer", "no procedure byte")
    assert rig.parts.clock.now_us - began_us <= 1_100_000
    rig.works_again()


@pytest.mark.parametrize("way", [pps.ECHO, pps.NOT_KEPT])
def test_after_a_failure_at_a_rate_agreed_to_the_next_reset_stays_at_the_first(way: str) -> None:
    """A card received badly at its own rate failed for ever once, however often inserted."""
    rig = LineRig(Behaviour(ta1=0x13, pps=way))
    if way == pps.ECHO:  # worn contacts, a long cable
        rig.socket.tamper = lambda direction, index, value: (
            value ^ 0x10 if rig.line.baud > FIRST_BAUD else value
        )
    for _ in range(3):
        rig.reset()
        assert rig.line.baud == 4 * FIRST_BAUD
        rig.fails(lambda: rig.command(*SELECT))
        assert sizes(rig.session()) == GOOD
        assert rig.line.baud == FIRST_BAUD
    assert rig.channel.pps_failures == 0


def test_a_card_heard_badly_at_its_own_rate_is_served_when_put_in_again(tmp_path: Path) -> None:
    kit = MeterKit.new(tmp_path)
    slot = kit.rig.bench.slot
    slot.tamper = lambda direction, index, value: (
        value ^ 0x10 if slot.character_etu_ns * FIRST_BAUD < 900_000_000 else value
    )
    kit.sell(1000)
    quick = Behaviour(ta1=0x13)
    assert kit.run_session(USER, behaviour=quick).code == 19 and kit.state.bought_fen == 0
    assert kit.run_session(USER, behaviour=quick).code == 0 and kit.state.bought_fen == 1000
    kit.close()


def test_a_failure_at_the_first_rate_leaves_the_next_its_own() -> None:
    rig = LineRig(Behaviour(ta1=0x13, pps=pps.DECLINE))
    rig.reset()
    rig.socket.tamper = lambda direction, index, value: value ^ 0x10
    rig.fails(lambda: rig.command(*SELECT))
    rig.socket.tamper = None
    rig.put(Behaviour(ta1=0x13))
    assert sizes(rig.session()) == GOOD
    assert rig.line.baud == 4 * FIRST_BAUD


def test_at_the_wrong_rate_both_sides_hear_rubbish() -> None:
    rig = LineRig(Behaviour(ta1=0x13))
    rig.reset()
    rig.line.set_rate(1)
    assert rig.fails(lambda: rig.command(*SELECT)) in ("no answer", "no procedure byte")
    rig.works_again()


@pytest.mark.parametrize(("ta1", "ta2"), [(0x13, 0x00), (0x12, 0x80), (0x11, 0x00)])
def test_specific_mode_is_honoured(ta1: int, ta2: int) -> None:
    rig = LineRig(Behaviour(ta1=ta1, ta2=ta2))
    rig.reset()
    assert rig.line.baud == FIRST_BAUD * pps.decode_rate(ta1)[1]
    assert sizes([rig.command(*command) for command in (SELECT, CHALLENGE, READ)]) == GOOD
    assert rig.socket.violations == []
    rig.works_again()


@pytest.mark.parametrize(("ta1", "ta2"), [(0x95, 0x00), (0x14, 0x00), (0x13, 0x10), (0x13, 0x01)])
def test_specific_mode_that_this_line_cannot_do_is_refused(ta1: int, ta2: int) -> None:
    rig = LineRig(Behaviour(ta1=ta1, ta2=ta2))
    assert rig.fails(rig.reset) == "rate that this line does not have"
    assert rig.line.baud == FIRST_BAUD
    rig.works_again()


@pytest.mark.parametrize(
    "behaviour", [Behaviour(ta1=0x13), Behaviour(ta1=0x13, ta2=0), Behaviour(ta1=0x11)]
)
def test_a_command_right_behind_the_reset_waits_for_the_chip_s_last_character(
    behaviour: Behaviour,
) -> None:
    rig = LineRig(behaviour)

    async def both() -> tuple[bytes, int]:
        await rig.channel.reset()
        return await rig.channel.command(*SELECT)

    assert rig.parts.run(both(), 2_000_000) == (b"", 0x9000)
    assert rig.socket.violations == []


def test_a_deadline_bounds_pps_too() -> None:
    rig = LineRig(Behaviour(ta1=0x13, pps=pps.SILENT))
    rig.channel.end_within(300)
    assert rig.fails(lambda: rig.reset(500)) == "session took too long"
    rig.works_again()


@pytest.mark.parametrize("at", range(14, 22))
def test_a_card_pulled_in_the_middle_of_pps(at: int) -> None:
    rig = LineRig(Behaviour(ta1=0x13))
    rig.socket.on_character = lambda direction, index: rig.socket.put(None) if index == at else None
    assert rig.fails(lambda: rig.session(2500)) == "mute"
    rig.works_again()


@settings(max_examples=60)
@given(st.integers(0, 60), st.one_of(st.none(), st.integers(1, 255)), st.booleans())
def test_tampered_and_lost_characters_end_in_an_answer_or_an_error(
    at: int, flip: int | None, on: bool
) -> None:
    """As at the first rate (test_line_faults.py).

    One more reset and one more waiting time may pass.
    """
    rig = LineRig(Behaviour(ta1=0x13))

    def tamper(direction: str, index: int, value: int) -> int | None:
        hit = index >= at if on else index == at
        return value if not hit else None if flip is None else value ^ flip

    rig.socket.tamper = tamper
    try:
        answers = rig.session(5000)
        assert all(sw >> 12 in (6, 9) for _, sw in answers)
    except rig.error:
        pass
    rig.works_again()
    assert rig.line.baud == FIRST_BAUD


@pytest.mark.parametrize("one_by_one", [False, True])
def test_a_card_that_stops_after_any_character(one_by_one: bool) -> None:
    rig = LineRig()
    for count in range(55):
        rig.put(Behaviour(stops_after=count, one_by_one=one_by_one, ta1=0x13))
        why = rig.fails(lambda: rig.session(3500))
        assert why in ("mute", "ATR cut short", "no answer"), count
    rig.works_again()


@pytest.mark.parametrize("behaviour", [
    Behaviour(ta1=0x13, nulls=1), Behaviour(ta1=0x13, nulls=20),
    Behaviour(ta1=0x13, one_by_one=True),
])  # fmt: skip
def test_good_cards_of_every_kind_are_served_fast(behaviour: Behaviour) -> None:
    rig = LineRig(behaviour)
    assert sizes(rig.session()) == GOOD
    assert rig.line.baud == 4 * FIRST_BAUD
    assert rig.socket.violations == [] and rig.port.lost == 0


@pytest.mark.parametrize(("behaviour", "why"), [
    (Behaviour(ta1=0x13, wrong_procedure=0x33), "no procedure byte"),
    (Behaviour(ta1=0x13, nulls=101), "NULL for ever"),
])  # fmt: skip
def test_bad_cards_end_in_an_error_at_the_high_rate(behaviour: Behaviour, why: str) -> None:
    rig = LineRig(behaviour)
    rig.reset()
    assert rig.fails(lambda: rig.command(*SELECT)) == why
    rig.works_again()
