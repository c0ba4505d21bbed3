"""What the buzzer of a whole meter sounds: done, refused, alarm; at night nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dianka.bench.stage.stand import Stand
from dianka.firmware import BOARDS
from meter_kit import INIT_DATA, KEYS, MS, USER, MeterKit, S, in_use

LONG, SHORT = 700 * MS, 100 * MS
NIGHT_S, MORNING_S = 14 * 3600, 22 * 3600  # after 8 o'clock: 22 and 6 o'clock


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    kit = MeterKit.new(tmp_path)
    in_use(kit, 5000)
    kit.wait(1 * S)
    yield kit
    assert not kit.list_violations()
    kit.close()


def hear(kit: MeterKit, us: int = 0) -> list[int]:
    """Return how long each sound of this time was, rounded to a tick, and forget it."""
    kit.wait(us)
    buzzer = kit.rig.bench.buzzer
    assert buzzer and not buzzer.on
    lengths = [round(length / SHORT) * SHORT for _, length in buzzer.sounds]
    buzzer.sounds.clear()
    return lengths


def set_hour(kit: MeterKit, after_s: int) -> None:
    """Set the chip to this many seconds after 8 o'clock."""
    kit.rig.set_clock()
    chip = kit.rig.bench.clock_chip
    chip.set(chip.time_s // 86_400 * 86_400 + after_s)


def test_one_long_for_done_three_short_for_refused(kit: MeterKit) -> None:
    hear(kit)
    assert kit.run_session(USER).code == 0
    assert hear(kit, 2 * S) == [LONG]
    assert kit.run_session(KEYS).code == 9
    assert hear(kit, 2 * S) == [SHORT] * 3
    assert kit.run_session(None).code
    assert hear(kit, 2 * S) == [SHORT] * 3
    assert hear(kit, 600 * S) == []


def test_the_alarm_beats_once_a_minute_until_a_purchase(kit: MeterKit) -> None:
    hear(kit)
    kit.state.balance_fen = 100  # alarm 1
    assert hear(kit, 10 * 60 * S) == [SHORT] * 10
    kit.sell(1000)
    assert kit.run_session(USER).code == 0
    assert hear(kit, 10 * 60 * S) == [LONG]


@pytest.mark.parametrize(
    ("after_s", "loud"),
    [(NIGHT_S - 700, True), (NIGHT_S, False), (MORNING_S - 700, False), (MORNING_S, True)],
)
def test_at_night_it_is_silent(kit: MeterKit, after_s: int, loud: bool) -> None:
    kit.state.balance_fen = 100
    set_hour(kit, after_s)
    hear(kit)
    assert (len(hear(kit, 600 * S)) == 10) == loud
    assert kit.run_session(USER).code == 0
    assert hear(kit, 2 * S) == ([LONG] if loud else [])


def test_the_friendly_hours_are_its_night(kit: MeterKit) -> None:
    switch = kit.meter.supply_switch
    switch._rules = dict(switch._rules, friendly_from_h=8, friendly_to_h=10)
    hear(kit)
    assert kit.run_session(USER).code == 0 and hear(kit, 2 * S) == []
    set_hour(kit, NIGHT_S)
    assert kit.run_session(USER).code == 0 and hear(kit, 2 * S) == [LONG]


def test_without_the_time_a_card_is_heard_and_no_beat(kit: MeterKit) -> None:
    kit.state.balance_fen = 100
    kit.rig.bench.clock_chip.mute = True
    hear(kit)
    assert hear(kit, 300 * S) == []
    assert kit.run_session(USER).code == 0 and hear(kit, 2 * S) == [LONG]


def test_a_cut_in_a_sound_ends_it(kit: MeterKit) -> None:
    kit.run_session(USER)
    kit.meter.buzzer.sound(True)
    kit.wait(200 * MS)
    assert kit.rig.bench.buzzer and kit.rig.bench.buzzer.on
    kit.bite()
    hear(kit)
    kit.meter.buzzer.sound(True)
    kit.wait(200 * MS)
    kit.meter.stop()
    hear(kit)


def test_a_board_without_a_buzzer_goes_on(tmp_path: Path) -> None:
    text = (BOARDS / "rp2_pico" / "board.py").read_text(encoding="utf-8")
    board = tmp_path / "silent"
    board.mkdir()
    changed = text.replace("_BUZZER = const(3)\n", "").replace(
        "    return Pin(_BUZZER, Pin.OUT, value=0)\n", ""
    )
    assert "Pin(_BUZZER" not in changed
    (board / "board.py").write_text(changed, encoding="utf-8")
    (tmp_path / "meter").mkdir()
    with Stand(tmp_path / "meter", board=board) as stand:
        stand.set_up(INIT_DATA)
        stand.sell(5000)
        stand.serve(USER)
        stand.state.balance_fen = 100
        stand.wait(130 * S)
        assert stand.rig.bench.buzzer is None
        assert not [line for line in stand.lines if "restarts" in line]
