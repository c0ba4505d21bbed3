"""The calibrator on memory, chip and state alone: cut at every byte, and what it refuses."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dianka.bench.models.board_pins import read_constants
from dianka.bench.models.fram import ADDRESS, Cut, Mb85rc256v
from dianka.bench.models.hlw8032 import Hlw8032Model
from dianka.bench.models.hlw8032_frame import Params
from dianka.bench.models.mains import Mains
from dianka.bench.models.mcu import PowerCut
from dianka.firmware import BOARDS
from parts import Parts
from sweeps import points, sweep

LOAD_MW = 1_000_000
TRUE = (220_000, 4_545, LOAD_MW)
OFF = Params(kv_milli=1_900, ki_milli=990, energy_ppm=20_000)
NOW_S = 825_000_000
BOARD = (1_880_000, 1_000_000, 1_880_000)


class Desk:
    """One start of a controller with memory, chip and load; no tasks run."""

    def __init__(self, content: bytes | None = None, params: Params = OFF) -> None:
        self.parts = parts = Parts()
        self.fram = Mb85rc256v(content)
        self.fram.power_on()
        parts.mcu.get_i2c_bus(0).devices[ADDRESS] = self.fram
        self.mains = Mains(parts.clock)
        self.mains.set_load(LOAD_MW)
        board = parts.module("board")
        port = parts.mcu.get_uart(read_constants(BOARDS / "rp2_pico")["METERING_UART"])
        self.model = Hlw8032Model(parts.clock, self.mains, port, params=params)
        port.settle = self.model.settle
        self.memory = board.memory()
        self.store = parts.module("state_store").StateStore(self.memory, parts.lines.append)
        self.chip = board.metering_chip()
        state = self.store.state
        self.metering = parts.module("metering").Metering(
            self.chip, state.register, board.MAX_POWER_MW, False, state.pulse_pj
        )
        if state.calibration_crc:
            parts.module("calibration").put_in_force(
                self.metering, self.memory, state.calibration_crc, parts.lines.append
            )
        self.energy_pj = 0
        self.calibrator = parts.module("calibrator").Calibrator(
            self.store, self.metering, self.memory, self.count, parts.lines.append
        )

    def count(self) -> None:
        self.energy_pj += self.metering.take_pj()

    def gain(self, true: tuple[int, int, int] = TRUE, who: str = "lee") -> Any:
        return self.calibrator.gain(*true, who, NOW_S)

    def refuses(self, step: Callable[[], object], why: str) -> None:
        """Assert that the step is refused for this reason, and that nothing has changed."""
        before = self.fram.content, self.chip.gains, vars(self.store.state).copy()
        with pytest.raises(self.calibrator.Refused, match=why) as refusal:
            step()
        assert "\n" not in str(refusal.value)
        assert (self.fram.content, self.chip.gains, vars(self.store.state)) == before


# ****** A step, and back ******


def test_a_step_makes_the_readings_those_of_the_reference() -> None:
    desk = Desk()
    shown, gains = desk.gain()
    assert abs(shown[0] - 220_000) > 2_000 and abs(shown[2] - LOAD_MW) > 8_000
    now = desk.calibrator.measure()
    for value, true in zip(now, TRUE, strict=True):
        assert abs(value - true) * 1_000 <= true
    assert desk.chip.gains == gains != BOARD
    assert desk.metering.calibration == 1
    assert desk.store.state.pulse_pj == desk.chip.pulse_pj == desk.model.params.power * gains[2]


def test_each_pulse_is_charged_once_by_the_gain_of_its_time() -> None:
    desk = Desk()
    desk.calibrator.measure()
    before_pj = desk.chip.pulse_pj
    desk.gain()
    pulses_at_step = desk.store.state.register
    desk.calibrator.measure()
    after_pj = desk.chip.pulse_pj
    assert before_pj != after_pj
    counted = desk.metering.register
    assert desk.energy_pj == pulses_at_step * before_pj + (counted - pulses_at_step) * after_pj
    assert 0 <= desk.model.pulses - counted <= 30  # of the report that is under way


def test_back_returns_step_by_step_to_the_board_s_constants() -> None:
    desk = Desk()
    _, first = desk.gain()
    _, second = desk.gain((221_000, 4_545, 1_004_000))
    assert first != second
    assert desk.calibrator.back("li", NOW_S) == first == desk.chip.gains
    assert desk.metering.calibration == 3
    assert Desk(desk.fram.content).chip.gains == first
    assert desk.calibrator.back("li", NOW_S) == BOARD == desk.chip.gains
    assert desk.metering.calibration == 0
    assert Desk(desk.fram.content).chip.gains == BOARD
    desk.refuses(lambda: desk.calibrator.back("li", NOW_S), "nothing to take back")
    number, rows = desk.calibrator.show()
    assert number == 0
    assert [(row[0], row[7].decode().strip()) for row in rows] == [
        (1, "lee"), (2, "lee"), (3, "li"), (4, "li")
    ]  # fmt: skip
    assert desk.gain()[1] == first and desk.metering.calibration == 5


def test_the_newest_eight_are_kept_and_no_former_one_is_made_up() -> None:
    desk = Desk()
    for number in range(10):
        desk.gain((220_000 + 100 * number, 4_545, LOAD_MW))
    number, rows = desk.calibrator.show()
    assert (number, [row[0] for row in rows]) == (10, list(range(3, 11)))
    for _ in range(4):
        desk.calibrator.back("lee", NOW_S)
    # Records 3 to 6 were overwritten by those steps back; 6 is what the next would return to.
    assert desk.chip.gains[0] == next(row for row in rows if row[0] == 6)[3]
    desk.refuses(lambda: desk.calibrator.back("lee", NOW_S), "is kept no longer")


@settings(max_examples=15, deadline=None)
@given(*[st.integers(-20_000, 20_000) for _ in range(3)], st.integers(500_000, 2_000_000))
def test_a_maker_s_error_of_2_percent_is_under_a_tenth_afterwards(
    voltage: int, current: int, energy: int, load_mw: int
) -> None:
    desk = Desk(
        params=Params(
            kv_milli=1880 * (1_000_000 + voltage) // 1_000_000,
            ki_milli=1000 * (1_000_000 + current) // 1_000_000,
            energy_ppm=energy,
        )
    )
    desk.mains.set_load(load_mw)
    mains = desk.mains
    desk.gain((mains.voltage_mv, mains.current_ma, mains.power_mw))
    true_pj = desk.model.params.pulse_pj
    assert abs(desk.chip.pulse_pj - true_pj) * 1_000 < true_pj


# ****** Cuts ******


@pytest.mark.slow
@sweep(11)
@pytest.mark.parametrize("cut", list(Cut))
@pytest.mark.parametrize("step", ["gain", "back"])
def test_a_cut_at_any_byte_leaves_the_old_calibration_or_the_new(
    every: int, cut: Cut, step: str
) -> None:
    first = Desk()
    _, old = first.gain()
    content = first.fram.content

    def do(desk: Desk) -> None:
        if step == "gain":
            desk.gain((221_000, 4_545, 1_004_000), "li")
        else:
            desk.calibrator.back("li", NOW_S)

    whole = Desk(content)
    whole.count()
    writes = whole.fram.writes
    do(whole)
    new = whole.chip.gains
    assert new != old
    seen = set()
    for point in points(whole.fram.writes - writes, every):
        desk = Desk(content)
        desk.fram.cut_after(point, desk.parts.mcu.die, cut)
        with pytest.raises(PowerCut):
            do(desk)
            desk.count()
        again = Desk(desk.fram.content)
        assert again.chip.gains in (old, new), point
        assert again.metering.calibration in ((1, 2) if step == "gain" else (1, 0))
        assert not again.parts.lines
        seen.add(again.chip.gains)
        # The list says what is in force, and the next step goes on from there.
        number, _ = again.calibrator.show()
        assert number == again.metering.calibration
        again.gain()
        numbers = [row[0] for row in again.calibrator.show()[1]]
        assert numbers == list(range(1, len(numbers) + 1))
    assert seen == {old, new}


# ****** Lost ******


@pytest.mark.parametrize("halves", [1, 2])
def test_a_calibration_is_lost_only_with_both_halves(halves: int) -> None:
    first = Desk()
    _, gains = first.gain()
    layout = first.parts.module("fram_map")
    for half in layout.HALVES[:halves]:
        size = layout.CALIBRATION_SLOTS * layout.CALIBRATION_SLOT_BYTES
        first.fram.destroy(half + layout.CALIBRATION_AT, size)
    desk = Desk(first.fram.content)
    if halves == 1:
        assert (desk.chip.gains, desk.metering.calibration) == (gains, 1)
        return
    assert (desk.chip.gains, desk.metering.calibration) == (BOARD, -1)
    assert desk.parts.lines == ["calibration: lost, the board's constants hold: calibrate anew"]
    desk.refuses(lambda: desk.calibrator.back("lee", NOW_S), "nothing to take back")
    assert desk.calibrator.show() == (-1, [])
    desk.gain()
    assert desk.metering.calibration == 1
    assert Desk(desk.fram.content).metering.calibration == 1


def test_a_calibration_of_another_chip_is_none() -> None:
    first = Desk()
    first.gain()
    desk = Desk(first.fram.content)
    desk.chip.set_gains(BOARD)
    desk.chip.kind = 9
    desk.parts.module("calibration").put_in_force(
        desk.metering, desk.memory, desk.store.state.calibration_crc, desk.parts.lines.append
    )
    assert (desk.chip.gains, desk.metering.calibration) == (BOARD, -1)
    assert "another metering chip" in desk.parts.lines[-1]


def test_a_memory_that_keeps_nothing_changes_nothing() -> None:
    desk = Desk()
    desk.gain()
    desk.fram.protected = True
    desk.refuses(lambda: desk.gain((221_000, 4_545, 1_004_000)), "nothing was changed, see Err-06")
    assert desk.metering.calibration == 1


# ****** Refusals ******


@pytest.mark.parametrize(
    ("true", "why"),
    [
        ((99_999, 4_545, 454_500), "100 to 300 V"),
        ((300_001, 4_545, 1_363_000), "100 to 300 V"),
        ((220_000, 454, 99_999), "100 W or more"),
        ((220_000, 4_545, 1_011_000), "volts times amperes"),
        ((220_000, 4_500, 979_000), "volts times amperes"),
        ((243_000, 4_545, 1_104_435), "more than 10 %"),
        ((220_000, 5_100, 1_122_000), "more than 10 %"),
        ((220_000, 0, LOAD_MW), "volts times amperes"),
    ],
)
def test_a_reference_that_can_not_be_right_is_refused(true: tuple[int, int, int], why: str) -> None:
    desk = Desk()
    desk.count()
    desk.refuses(lambda: desk.gain(true), why)


@pytest.mark.parametrize("who", ["", "   ", "a" * 17, "李明", "a\nb"])
def test_nobody_calibrates_without_a_name(who: str) -> None:
    desk = Desk()
    desk.refuses(lambda: desk.gain(who=who), "who calibrates")
    desk.refuses(lambda: desk.calibrator.back(who, NOW_S), "who calibrates")


def test_a_load_that_is_not_steady_is_refused() -> None:
    desk = Desk()
    desk.parts.clock.call_after(2_000_000, lambda: desk.mains.set_load(1_010_000))
    desk.refuses(desk.gain, "not steady")
    desk.gain()


def test_a_load_that_the_chip_can_not_resolve_is_refused() -> None:
    desk = Desk()
    desk.mains.set_load(2_700_000)
    desk.refuses(lambda: desk.gain((220_000, 12_272, 2_700_000)), "take up to 2364 W")


def test_a_load_that_is_not_connected_is_refused() -> None:
    desk = Desk()
    desk.mains.set_load(0)
    desk.refuses(desk.gain, "switch the supply on")


def test_a_chip_that_is_silent_is_refused() -> None:
    desk = Desk()
    desk.model.power_off()
    desk.refuses(desk.gain, "silent: see digit 2")


@pytest.mark.parametrize("kind", ["opened", "bought"])
def test_a_meter_of_a_customer_is_sealed(kind: str) -> None:
    desk = Desk()
    desk.gain()
    if kind == "opened":
        desk.store.state.set(desk.parts.module("state").OPENED)
    else:
        desk.store.state.count = 1
    desk.refuses(desk.gain, "belongs to a customer: its calibration is sealed")
    desk.refuses(lambda: desk.calibrator.back("lee", NOW_S), "sealed")
    assert desk.calibrator.show()[0] == 1


def test_a_version_on_trial_calibrates_nothing() -> None:
    """It commits in the former version's format, which may have no such field."""
    desk = Desk()
    desk.parts.module("versions").on_trial = True
    desk.refuses(desk.gain, "on trial")


def test_a_chip_without_gains_is_refused() -> None:
    desk = Desk()
    desk.chip.kind = 0
    desk.refuses(desk.gain, "nothing to calibrate")


def test_a_memory_that_has_not_answered_is_refused() -> None:
    desk = Desk()
    desk.fram.mute = True
    silent = desk.parts.module("state_store").StateStore(desk.memory, desk.parts.lines.append)
    desk.calibrator._store = silent
    for step in (desk.gain, desk.calibrator.show):
        with pytest.raises(desk.calibrator.Refused, match="memory does not answer"):
            step()
