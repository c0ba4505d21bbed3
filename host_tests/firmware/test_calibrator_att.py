"""The ATT7022E's calibrator on memory, chip and state alone: errors, cuts, and refusals."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from att_rig import MAX_MW, AttRig
from dianka.bench.models.att7022 import Inputs
from dianka.bench.models.fram import ADDRESS, Cut, Mb85rc256v
from dianka.bench.models.mcu import PowerCut
from sweeps import points, sweep

NOW_S = 825_000_000
OFF = (
    Inputs(voltage_ppm=12_000, current_ppm=9_000, angle_mdeg=-700, offset_mw=1_500),
    Inputs(voltage_ppm=-8_000, current_ppm=-7_000, angle_mdeg=900, offset_mw=-2_000),
    Inputs(voltage_ppm=5_000, current_ppm=-20_000, angle_mdeg=500, offset_mw=900),
)
HEATER_MW, SMALL_MW = 1_000_000, 50_000


class Desk(AttRig):
    """One start of a controller with memory, chip and loads; no tasks run."""

    def __init__(
        self,
        content: bytes | None = None,
        inputs: Sequence[Inputs] = OFF,
        generation: str = "E",
    ) -> None:
        self.fram = Mb85rc256v(content)
        super().__init__((HEATER_MW, 0, 0), generation, inputs)

    def start(self, register: int = 0, warm: bool = False) -> None:
        """Start the controller alone: what the memory holds is put in force before any poll."""
        super().start(register, warm)
        parts = self.parts
        self.fram.power_on()
        parts.mcu.get_i2c_bus(0).devices[ADDRESS] = self.fram
        memory = parts.module("board").memory()
        self.store = parts.module("state_store").StateStore(memory, parts.lines.append)
        state = self.store.state
        self.metering = parts.module("metering").Metering(
            self.chip, state.register, MAX_MW, warm, state.pulse_pj
        )
        if state.calibration_crc:
            parts.module("calibration").put_in_force(
                self.metering, memory, state.calibration_crc, parts.lines.append
            )
        self.energy_pj = 0
        self.calibrator: Any = parts.module("calibrator_att").AttCalibrator(
            self.store, self.metering, memory, self.count, parts.lines.append
        )

    def count(self) -> None:
        self.energy_pj += self.metering.take_pj()

    def load(self, phase: int, power_mw: int, pf_milli: int = 1000) -> None:
        """Put this load on this phase, and none on the others."""
        for i, mains in enumerate(self.phases):
            mains.set_load(power_mw if i == phase - 1 else 0, pf_milli)

    def read(self, phase: int) -> tuple[int, int, int]:
        """Return what the reference shows."""
        mains = self.phases[phase - 1]
        return mains.voltage_mv, mains.current_ma, mains.power_mw

    def gain(self, phase: int = 1, who: str = "lee", power_mw: int = HEATER_MW) -> Any:
        self.load(phase, power_mw)
        return self.calibrator.gain(*self.read(phase), who, NOW_S, phase)

    def turn(self, phase: int = 1, who: str = "lee") -> Any:
        self.load(phase, HEATER_MW, 500)
        return self.calibrator.phase(*self.read(phase), who, NOW_S, phase)

    def offset(self, phase: int = 1, power_mw: int = SMALL_MW, who: str = "lee") -> Any:
        self.load(phase, power_mw)
        return self.calibrator.offset(power_mw, who, NOW_S, phase)

    def find_error(self, phase: int, power_mw: int, pf_milli: int = 1000) -> float:
        """Return the error of the energy of an hour, in permille, by the chip's own count."""
        self.load(phase, power_mw, pf_milli)
        self.run(1_000)
        self.model.settle()
        pulses, mains = self.model.forward[phase - 1], self.phases[phase - 1]
        energy_nj = mains.energy_nj
        self.run(20 * 3_600_000, 60_000)
        self.model.settle()
        counted_pj = (self.model.forward[phase - 1] - pulses) * self.chip.pulse_pj
        true_pj = (mains.energy_nj - energy_nj) * 1000
        return 1000 * (counted_pj - true_pj) / true_pj

    def refuses(self, step: Callable[[], object], why: str) -> None:
        """Assert that the step is refused for this reason, and that nothing has changed."""
        before = self.fram.content, self.chip.gains, vars(self.store.state).copy()
        with pytest.raises(self.calibrator.Refused, match=why) as refusal:
            step()
        assert "\n" not in str(refusal.value)
        assert (self.fram.content, self.chip.gains, vars(self.store.state)) == before


# ****** What it is good for ******


@pytest.mark.slow
@pytest.mark.parametrize("phase", [1, 2, 3])
def test_an_error_of_over_a_percent_is_below_a_permille_afterwards(phase: int) -> None:
    desk = Desk()
    loads = ((HEATER_MW, 1000), (HEATER_MW, 500), (2 * HEATER_MW, 800), (SMALL_MW, 1000))
    before = [desk.find_error(phase, *load) for load in loads]
    assert all(abs(error) > 10 for error in before[:2]), before
    desk.gain(phase)
    at_half = desk.find_error(phase, HEATER_MW, 500)
    assert abs(at_half) > 10, "gains alone do not help at 0.5"
    desk.turn(phase)
    desk.offset(phase)
    after = [desk.find_error(phase, *load) for load in loads]
    assert all(abs(error) < 1 for error in after), after
    desk.load(phase, HEATER_MW)
    true = desk.read(phase)
    for value, right in zip(desk.calibrator.measure(), true, strict=True):
        assert abs(value - right) * 1_000 <= right
    assert desk.model.violations == []


@settings(max_examples=8, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(
    *[st.integers(-30_000, 30_000) for _ in range(2)],
    st.integers(-3_000, 3_000),
    st.integers(-3_000, 3_000),
)
def test_whatever_the_parts_are_off_by_the_watts_are_right(
    voltage_ppm: int, current_ppm: int, angle_mdeg: int, offset_mw: int
) -> None:
    off = Inputs(
        voltage_ppm=voltage_ppm,
        current_ppm=current_ppm,
        angle_mdeg=angle_mdeg,
        offset_mw=offset_mw,
    )
    desk = Desk(inputs=(off, off, off))
    for step in (desk.gain, desk.turn, desk.offset):
        step()
    for power_mw, pf_milli in ((HEATER_MW, 1000), (HEATER_MW, 500), (300_000, 700)):
        desk.load(1, power_mw, pf_milli)
        assert abs(desk.calibrator.measure()[2] - power_mw) * 1_000 < power_mw


def test_each_phase_is_set_by_itself_and_the_load_says_which() -> None:
    desk = Desk()
    board = desk.chip.board_gains
    desk.load(2, HEATER_MW)
    _, words = desk.calibrator.gain(*desk.read(2), "lee", NOW_S)
    changed = [i for i in range(18) if words[i] != board[i]]
    assert changed == [1, 4, 7, 16] and words[16] == 1_000
    desk.count()
    constants = desk.model.constants
    assert constants[0x05] == constants[0x08] == constants[0x0B] == words[7]
    _, words = desk.turn(2)
    desk.count()
    assert constants[0x0E] == constants[0x11] == words[10] != 0
    assert desk.metering.calibration == 2
    assert desk.model.compute_sum() == desk.chip._expected_sum


def test_without_a_load_the_offset_of_a_named_phase_is_set() -> None:
    desk = Desk()
    desk.gain(3)
    desk.load(3, 0)
    desk.refuses(lambda: desk.calibrator.offset(0, "lee", NOW_S), "name the phase")
    shown, _ = desk.calibrator.offset(0, "lee", NOW_S, 3)
    assert 800 < shown[2] < 1_000
    assert abs(desk.calibrator.measure(3)[2]) < 20


# ****** What is in force ******


def test_the_words_are_in_force_at_the_next_start_and_after_a_loss() -> None:
    desk = Desk()
    desk.gain()
    words = desk.turn()[1]
    desk.count()
    before = desk.model.constants.copy()
    desk.model.lose_calibration()
    desk.run(200)
    assert desk.model.constants == before
    desk.model.restart()
    desk.run(200)
    assert desk.model.constants == before
    again = Desk(desk.fram.content)
    again.run(200)
    assert again.chip.gains == words and again.model.constants == before
    assert again.metering.calibration == 2


def test_no_pulse_is_lost_or_charged_twice_by_a_step() -> None:
    desk = Desk()
    desk.run(1_000)
    desk.energy_pj = desk.counted * desk.chip.pulse_pj
    for step in (desk.gain, desk.turn, desk.offset):
        step()
    desk.calibrator.back("lee", NOW_S)
    desk.load(1, 0)
    desk.count()
    desk.count()
    assert desk.energy_pj == desk.forward * desk.chip.pulse_pj > 0
    assert desk.chip.rejected == desk.chip.withheld == 0


def test_words_with_the_same_sum_are_written_too() -> None:
    """The sum tells a loss; that new words wait is told by themselves."""
    desk = Desk()
    desk.count()
    words = list(desk.chip.gains)
    words[0], words[1] = words[0] + 7, words[1] - 7
    desk.chip.set_gains(tuple(words))
    desk.count()
    assert desk.model.constants[0x17] == words[0] and desk.model.constants[0x18] == words[1]


def test_a_controller_that_dies_before_it_writes_them_counts_on_by_the_former() -> None:
    desk = Desk()
    desk.run(2_000)
    desk.gain()
    stored = desk.store.state.register
    desk.clock.advance(desk.clock.now_us + 5_000_000)  # no poll: the former words count
    former = desk.forward
    desk.start(warm=True)
    desk.count()
    assert desk.energy_pj == (former - stored) * desk.chip.pulse_pj > 0
    assert desk.metering.calibration == 1


def test_back_returns_step_by_step_to_the_board_s_constants() -> None:
    desk = Desk()
    board = desk.chip.board_gains
    desk.count()
    constants = desk.model.constants.copy()
    first = desk.gain()[1]
    second = desk.turn()[1]
    assert desk.calibrator.back("li", NOW_S) == first == desk.chip.gains != second
    assert Desk(desk.fram.content).chip.gains == first
    assert desk.calibrator.back("li", NOW_S) == board == desk.chip.gains
    assert desk.metering.calibration == 0
    desk.count()
    assert desk.model.constants == constants
    desk.refuses(lambda: desk.calibrator.back("li", NOW_S), "nothing to take back")
    number, rows = desk.calibrator.show()
    assert number == 0
    assert [(row[0], row[2], row[3], row[6].decode().strip()) for row in rows] == [
        (1, 2, 5, "lee"), (2, 2, 9, "lee"), (3, 2, 0, "li"), (4, 0, 0, "li")
    ]  # fmt: skip


def test_the_newest_eight_are_kept() -> None:
    desk = Desk()
    for number in range(10):
        desk.gain(power_mw=HEATER_MW + 10_000 * number)
    number, rows = desk.calibrator.show()
    assert (number, [row[0] for row in rows]) == (10, list(range(3, 11)))


# ****** Cuts and losses ******


@pytest.mark.slow
@sweep(11)
@pytest.mark.parametrize("cut", list(Cut))
@pytest.mark.parametrize("step", ["turn", "back"])
def test_a_cut_at_any_byte_leaves_the_old_calibration_or_the_new(
    every: int, cut: Cut, step: str
) -> None:
    first = Desk()
    old = first.gain()[1]
    content = first.fram.content

    def do(desk: Desk) -> None:
        if step == "turn":
            desk.turn(who="li")
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
        assert again.metering.calibration in ((1, 2) if step == "turn" else (1, 0))
        assert not again.parts.lines
        seen.add(again.chip.gains)
        again.gain()
        numbers = [row[0] for row in again.calibrator.show()[1]]
        assert numbers == list(range(1, len(numbers) + 1))
    assert seen == {old, new}


def test_a_calibration_is_lost_only_with_both_halves() -> None:
    first = Desk()
    words = first.gain()[1]
    layout = first.parts.module("fram_map")
    size = layout.CALIBRATION_SLOTS * layout.ATT_CALIBRATION_SLOT_BYTES
    for half, kept in zip(layout.HALVES, (True, False), strict=True):
        first.fram.destroy(half + layout.ATT_CALIBRATION_AT, size)
        desk = Desk(first.fram.content)
        board = desk.chip.board_gains
        assert (desk.chip.gains, desk.metering.calibration) == ((words, 1) if kept else (board, -1))
    assert desk.parts.lines == ["calibration: lost, the board's constants hold: calibrate anew"]
    desk.gain()
    assert Desk(desk.fram.content).metering.calibration == 1


def test_a_memory_that_keeps_nothing_changes_nothing() -> None:
    desk = Desk()
    desk.gain()
    desk.fram.protected = True
    desk.refuses(desk.turn, "nothing was changed, see Err-06")
    desk.run(200)
    assert desk.metering.calibration == 1 and desk.chip.rejected == 0


# ****** Refusals ******


def test_a_load_on_another_phase_is_refused() -> None:
    desk = Desk()
    desk.phases[1].set_load(100_000)
    true = desk.read(1)
    for phase in (0, 1):
        step = lambda: desk.calibrator.gain(*true, "lee", NOW_S, phase)  # noqa: B023, E731
        desk.refuses(step, "phase 2 carries a load of 9[0-9] W")
    desk.phases[1].set_load(0)
    desk.refuses(lambda: desk.calibrator.gain(*true, "lee", NOW_S, 3), "phase 1 carries a load")
    desk.refuses(lambda: desk.calibrator.gain(*true, "lee", NOW_S, 4), "the phases are 1, 2 and 3")


def test_a_phase_that_is_wired_backwards_is_refused() -> None:
    desk = Desk()
    desk.model.turn(0)
    desk.refuses(desk.gain, "phase 1 flows backwards")


@pytest.mark.parametrize(
    ("true", "why"),
    [
        ((99_999, 4_545, 454_500), "100 to 300 V"),
        ((220_000, 454, 99_999), "100 W or more"),
        ((220_000, 4_545, 1_011_000), "volts times amperes"),
        ((250_000, 4_545, 1_136_250), "more than 10 %"),
        ((220_000, 5_200, 1_144_000), "more than 10 %"),
    ],
)
def test_a_reference_that_can_not_be_right_is_no_gain(true: tuple[int, int, int], why: str) -> None:
    desk = Desk()
    desk.refuses(lambda: desk.calibrator.gain(*true, "lee", NOW_S), why)


@pytest.mark.parametrize(
    ("true", "why"),
    [
        ((220_000, 9_090, 1_100_001), "0.45 to 0.55"),
        ((220_000, 9_090, 890_000), "0.45 to 0.55"),
        ((220_000, 4_545, 1_000_000), "0.45 to 0.55"),
        ((223_000, 9_090, 1_000_000), "gain step of this phase first"),
        ((220_000, 9_300, 1_000_000), "gain step of this phase first"),
        ((220_000, 9_090, 1_099_000), None),  # 3.3 degrees: within reach
        ((220_000, 9_090, 905_000), None),
    ],
)
def test_a_reference_that_can_not_be_right_is_no_angle(
    true: tuple[int, int, int], why: str | None
) -> None:
    desk = Desk()
    desk.gain()
    desk.load(1, HEATER_MW, 500)
    if why:
        desk.refuses(lambda: desk.calibrator.phase(*true, "lee", NOW_S), why)
    else:
        desk.calibrator.phase(*true, "lee", NOW_S)


def test_an_angle_of_more_than_5_degrees_is_refused() -> None:
    desk = Desk(inputs=(Inputs(angle_mdeg=5_100), Inputs(), Inputs()))
    desk.refuses(desk.turn, "do the gain step of phase 1 first")
    desk.gain()
    desk.refuses(desk.turn, "more than 5 degrees")
    desk = Desk(inputs=(Inputs(angle_mdeg=4_900), Inputs(), Inputs()))
    desk.gain()
    desk.turn()


def test_an_offset_that_is_none_is_refused() -> None:
    desk = Desk()
    desk.refuses(lambda: desk.offset(power_mw=111_000), "up to 110 W, or none")
    desk.refuses(desk.offset, "do the gain step of phase 1 first")
    desk.gain(power_mw=200_000)
    desk.refuses(lambda: desk.offset(power_mw=101_000), "less than half of the watts")
    desk.load(1, SMALL_MW)
    desk.refuses(lambda: desk.calibrator.offset(64_000, "lee", NOW_S), "more than 10 W off")


def test_a_load_that_is_not_steady_or_not_there_is_refused() -> None:
    desk = Desk()
    desk.parts.clock.call_after(3_000_000, lambda: desk.phases[0].set_load(1_010_000))
    desk.refuses(desk.gain, "not steady")
    desk.gain()
    desk.load(1, 0)
    desk.refuses(lambda: desk.calibrator.gain(*TRUE, "lee", NOW_S), "no phase carries a load")
    desk.refuses(lambda: desk.calibrator.gain(*TRUE, "lee", NOW_S, 1), "switch the supply on")


TRUE = (220_000, 4_545, HEATER_MW)


def test_a_chip_that_is_silent_is_refused() -> None:
    desk = Desk()
    desk.count()
    desk.model.power_off()
    desk.refuses(lambda: desk.calibrator.gain(*TRUE, "lee", NOW_S, 1), "silent: see digit 2")


def test_the_meter_of_a_customer_is_sealed_and_nobody_has_no_name() -> None:
    desk = Desk()
    desk.refuses(lambda: desk.gain(who=" "), "who calibrates")
    desk.gain()
    desk.store.state.count = 1
    for step in (desk.gain, desk.turn, desk.offset):
        desk.refuses(step, "sealed")
    desk.refuses(lambda: desk.calibrator.back("lee", NOW_S), "sealed")


def test_generation_b_takes_none() -> None:
    desk = Desk(generation="B")
    desk.refuses(desk.gain, "goes by its board's constants")


def test_the_root_and_the_turn_are_those_of_the_manual() -> None:
    module: Any = Desk().parts.module("calibrator_att")
    for square in (0, 1, 2, 3, 4, 24, 25, 26, 10**24 - 1, 10**24):
        root = module._root(square)
        assert root * root <= square < (root + 1) ** 2
    # -error / 1.732 = 0.0057737
    assert module._compute_turn(2_000_000, 1_000_000, 1_010_000) == round(-0.0057737 * 2**15)
    assert module._compute_turn(2_000_000, 1_000_000, 990_000) == round(0.0057737 * 2**15)
