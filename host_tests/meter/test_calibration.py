"""Calibration of a whole meter: what is charged by it, who may, and what it survives."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dianka.bench.stage.stand import INIT, KEYS, USER, S, Stand
from dianka.cardos import kinds
from dianka.desk import service
from dianka.flash import calibrate
from dianka.flash.build import FlashError
from dianka.flash.calibrate import Ask, make_bench_ask

OFF_PPM = (15_000, -12_000, 20_000)
TRUE = (220_000, 4_545, 1_000_000)
NOW_S = 825_000_000
CREDIT = Path("credit.card")
BOARD_PJ = 0x4CC458 * 1_880 * 1_000


def make(folder: Path, metering: str | None = None) -> Stand:
    """A meter before its first customer, switched on by test credit, with 1 kW of load."""
    stand = Stand(folder, metering=metering, off_ppm=OFF_PPM)
    stand.switch_mains_on()
    data = service.TestCreditData(1_000, 3)
    stand.make(CREDIT, kinds.TEST_CREDIT, service.make_test_credit, data)
    stand.serve(CREDIT)
    stand.rig.set_load(1_000_000)
    stand.wait(10 * S)
    assert stand.relay_closed
    return stand


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with make(tmp_path) as made:
        yield made


def gain(stand: Stand) -> list[str]:
    """Calibrate as an installer does, and let the meter start again."""
    lines = calibrate.calibrate(make_bench_ask(stand), TRUE, "lee", NOW_S)
    stand.wait(10 * S)
    return lines


def test_the_charge_is_a_tenth_of_a_percent_right_and_exact_to_the_pulse(stand: Stand) -> None:
    chip, mains = stand.rig.bench.chip, stand.rig.bench.mains

    def measure() -> tuple[int, int, int]:
        """Energy charged, pulses of the model and true energy, without load and at rest."""
        stand.rig.set_load(0)
        stand.wait(2 * S)
        return stand.state.energy_pj, chip.pulses, mains.energy_nj * 1000

    first = measure()
    assert first[0] == first[1] * BOARD_PJ
    assert abs(first[0] - first[2]) * 100 > first[2], "the model is off as it comes"
    stand.rig.set_load(1_000_000)
    stand.wait(10 * S)
    gain(stand)
    before = measure()
    pulse_pj = stand.meter.chip.pulse_pj
    # What came before the step by the former energy of a pulse, what came after it by the new one.
    former, rest = divmod(before[0] - before[1] * pulse_pj, BOARD_PJ - pulse_pj)
    assert rest == 0 and first[1] < former < before[1]
    stand.rig.set_load(1_700_000)
    stand.wait(600 * S)
    after = measure()
    charged_pj, true_pj = after[0] - before[0], after[2] - before[2]
    assert charged_pj == (after[1] - before[1]) * pulse_pj
    assert abs(charged_pj - true_pj) * 1_000 < true_pj
    assert stand.list_violations() == []


def test_a_meter_says_what_it_goes_by(stand: Stand) -> None:
    assert stand.meter.pages.compose_texts()[-1].split() == ["CAL", "0"]
    assert stand.meter.self_check.compose_line().endswith(" calibration 0")
    lines = gain(stand)
    assert lines[-1] == "calibration 1 is in force"
    assert lines[2].endswith("the reference 1000.000 W, now 1000.000 W (+0.00 %)")
    assert stand.meter.pages.compose_texts()[-1].split() == ["CAL", "1"]
    assert stand.meter.self_check.compose_line().endswith(" calibration 1")
    assert stand.meter.self_check.code[:5] == "00000" or stand.meter.self_check.code[1] == "0"


def test_it_survives_cuts_keys_and_an_initialisation_card(stand: Stand) -> None:
    gain(stand)
    gains = stand.meter.chip.gains
    stand.rig.cut_power()
    stand.restart()
    assert (stand.meter.chip.gains, stand.meter.metering.calibration) == (gains, 1)
    stand.make_first_cards()
    for card in (INIT, KEYS):
        stand.serve(card)
    stand.rig.cut_power()
    stand.restart()
    assert (stand.meter.chip.gains, stand.meter.metering.calibration) == (gains, 1)


def test_an_opened_account_seals_it(stand: Stand) -> None:
    gain(stand)
    stand.make_first_cards()
    for card in (INIT, KEYS):
        stand.serve(card)
    stand.sell(1_000)
    stand.serve(USER)
    stand.wait(10 * S)
    assert stand.relay_closed
    before = stand.rig.bench.fram.content[4_352:4_736]
    ask = make_bench_ask(stand)
    for step in (
        lambda: calibrate.calibrate(ask, TRUE, "thief", NOW_S),
        lambda: calibrate.take_back(ask, "thief", NOW_S),
    ):
        with pytest.raises(FlashError, match="belongs to a customer: its calibration is sealed"):
            step()
    assert calibrate.show(ask)[-1] == "calibration 1 is in force"
    assert stand.rig.bench.fram.content[4_352:4_736] == before


def test_a_lost_calibration_is_told_and_the_board_s_constants_count_on(stand: Stand) -> None:
    gain(stand)
    layout = stand.modules["fram_map"]
    stand.rig.cut_power()
    for half in layout.HALVES:
        stand.rig.bench.fram.destroy(half + layout.CALIBRATION_AT, 384)
    since = len(stand.lines)
    stand.restart()
    stand.wait(10 * S)
    assert any("calibration: lost, the board's constants" in line for line in stand.lines[since:])
    assert stand.meter.self_check.code[1] == "4"
    assert stand.meter.pages.compose_texts()[-1].split() == ["CAL", "Lo"]
    assert calibrate.show(make_bench_ask(stand))[-1].startswith("the calibration is lost")
    stand.wait(10 * S)
    energy_pj, register = stand.state.energy_pj, stand.state.register
    stand.wait(30 * S)
    pulses = stand.state.register - register
    assert stand.state.energy_pj - energy_pj == pulses * BOARD_PJ > 0
    gain(stand)
    assert stand.meter.self_check.code[1] == "0"


def test_a_memory_that_answers_late_brings_the_calibration_too(stand: Stand) -> None:
    gain(stand)
    gains, chip = stand.meter.chip.gains, stand.rig.bench.chip
    stand.rig.cut_power()
    stand.rig.bench.fram.mute = True
    stand.restart()
    stand.wait(5 * S)
    assert stand.meter.metering.calibration == 0
    stand.rig.bench.fram.mute = False
    stand.wait(5 * S)
    assert (stand.meter.chip.gains, stand.meter.metering.calibration) == (gains, 1)
    stand.rig.set_load(0)
    stand.wait(2 * S)
    assert stand.state.pulse_pj == stand.meter.chip.pulse_pj != BOARD_PJ
    assert chip.pulses > 0


def test_the_board_s_calibrator_is_imported_when_it_is_used(stand: Stand) -> None:
    assert not {"calibration", "calibrator"} & set(stand.modules)
    gain(stand)
    assert "calibration" in stand.modules and "calibrator" not in stand.modules


def test_a_chip_that_goes_by_its_board_is_refused(tmp_path: Path) -> None:
    with make(tmp_path, "pulse_meter") as stand:
        assert not any("CAL" in text for text in stand.meter.pages.compose_texts())
        ask: Ask = make_bench_ask(stand)
        with pytest.raises(FlashError, match="goes by its board's constants"):
            calibrate.calibrate(ask, TRUE, "lee", NOW_S)


@pytest.mark.slow
def test_an_att7022_keeps_its_calibration_and_counts_by_it(tmp_path: Path) -> None:
    with make(tmp_path, "att7022") as stand:
        assert stand.meter.pages.compose_texts()[-1].split() == ["CAL", "0"]
        lines = gain(stand)
        assert lines[-1] == "calibration 1 is in force"
        gains, chip = stand.meter.chip.gains, stand.rig.bench.chip
        constants = chip.constants.copy()
        stand.rig.cut_power()
        stand.restart()
        stand.wait(10 * S)
        assert stand.meter.pages.compose_texts()[-1].split() == ["CAL", "1"]
        assert stand.meter.self_check.compose_line().endswith(" calibration 1")
        assert stand.meter.chip.gains == gains and chip.constants == constants
        assert stand.relay_closed
        mains = stand.rig.bench.mains
        before = stand.state.energy_pj, mains.energy_nj
        stand.wait(1200 * S)
        charged_pj = stand.state.energy_pj - before[0]
        true_pj = (mains.energy_nj - before[1]) * 1000
        assert abs(charged_pj - true_pj) < true_pj // 1_000 + 2 * stand.meter.chip.pulse_pj
        assert stand.list_violations() == []
        stand.make_first_cards()
        for card in (INIT, KEYS):
            stand.serve(card)
        assert stand.meter.chip.gains == gains
        stand.sell(1_000)
        stand.serve(USER)
        stand.wait(10 * S)
        with pytest.raises(FlashError, match="its calibration is sealed"):
            calibrate.calibrate(make_bench_ask(stand), TRUE, "thief", NOW_S, "phase", 1)
