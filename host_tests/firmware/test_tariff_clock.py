"""A tariff whose clock falls silent, tells nonsense or comes late, and sets that are not at hand.

What the whole meter makes of it is in host_tests/meter/test_tariff_timed.py.
"""

from datetime import datetime
from fractions import Fraction

import pytest

from tariff_rig import FLAT_E4, NOON_S, OTHER_E4, RATES_E4, EsamFiles, TariffRig, make_several

LOW, HIGH = (Fraction(price_e4, 100) for price_e4 in RATES_E4)  # fen of 1 kWh
WAITS = "price: the planned one waits for a clock that tells the time"
HIGHEST = "price: the highest rate holds until the clock tells the time"
NOBODY = "price: neither memory nor ESAM has the set in force"
MINUTE = 1_010_801  # 08:01, when the rig begins at 08:00


def make_rig() -> TariffRig:
    """A meter at 08:00 in the slot of its lower price, which it has charged by."""
    rig = TariffRig()
    rig.enter_several()
    rig.tariff.charge(rig.state, 0)
    assert rig.state.price_e4 == RATES_E4[0]
    return rig


def charge_kwh(rig: TariffRig) -> Fraction:
    """Return what one kWh costs now."""
    before_fen = rig.cost_fen()
    rig.tariff.charge(rig.state, rig.kwh_pj)
    return rig.cost_fen() - before_fen


# ****** Without the time ******


@pytest.mark.parametrize("without_energy", [False, True])
def test_a_silent_clock_keeps_the_slot_to_its_end_and_then_the_highest_rate_holds(
    without_energy: bool,
) -> None:
    rig = make_rig()
    rig.chip.mute = True
    rig.wait(NOON_S - 1)
    assert (charge_kwh(rig), rig.tariff.mark) == (LOW, "1")
    rig.wait(1)  # the end of the slot, by the controller's own count
    if without_energy:
        rig.tariff.follow_clock()
        assert (rig.state.price_e4, rig.tariff.mark) == (RATES_E4[1], "H")
    assert (charge_kwh(rig), rig.tariff.mark) == (HIGH, "H")
    rig.wait(12 * 3600)  # the lower slot of the next day has come: not known
    assert charge_kwh(rig) == HIGH
    assert [line for line in rig.lines if line.startswith("price")] == [HIGHEST]
    rig.chip.mute = False
    assert (charge_kwh(rig), rig.tariff.mark) == (LOW, "1")
    rig.chip.mute = True
    rig.wait(12 * 3600)
    charge_kwh(rig)
    assert rig.lines.count(HIGHEST) == 2  # it was heard in between


def test_a_planned_minute_ends_the_slot_of_a_silent_clock() -> None:
    rig = make_rig()
    rig.module.plan_price(rig.state, MINUTE, rig.flat(OTHER_E4))
    rig.chip.mute = True
    rig.wait(59)
    assert charge_kwh(rig) == LOW
    rig.wait(1)
    assert charge_kwh(rig) == HIGH  # which is more than the plan
    assert rig.lines[-2:] == [WAITS, HIGHEST] and rig.state.switch_time == MINUTE
    rig.chip.mute = False
    charge_kwh(rig)
    assert (rig.state.price_e4, rig.state.switch_time) == (OTHER_E4, 0)


def test_a_flat_price_goes_on_without_the_time_and_its_plan_waits() -> None:
    rig = TariffRig()
    rig.chip.mute = True
    rig.module.set_price(rig.state, rig.flat())
    rig.module.plan_price(rig.state, MINUTE, rig.flat(OTHER_E4))
    rig.wait(600)
    assert [charge_kwh(rig) for _ in range(2)] == [Fraction(FLAT_E4, 100)] * 2
    rig.tariff.follow_clock()
    assert rig.lines[1:] == [WAITS] and rig.tariff.mark == ""
    assert rig.state.switch_time == MINUTE


def test_a_flat_price_with_a_plan_knows_no_slot_that_goes_on() -> None:
    """The time is lost at once: what is charged is the same, the plan waits."""
    rig = TariffRig()
    rig.module.set_price(rig.state, rig.flat())
    rig.module.plan_price(rig.state, MINUTE, rig.flat(OTHER_E4))
    charge_kwh(rig)
    rig.chip.mute = True
    rig.wait(600)
    assert charge_kwh(rig) == Fraction(FLAT_E4, 100) and rig.lines[-1] == WAITS


# ****** Readings that are garbled ******


@pytest.mark.parametrize("years", [(0x50,), (0x50, 0, 0x51), (0x50, 0x51, 0x52)])
def test_a_year_that_is_garbled_once_moves_no_price(years: tuple[int, ...]) -> None:
    """2050, and the readings that are made to be sure differ or are good."""
    rig = make_rig()
    rig.module.plan_price(rig.state, 4_901_010_000, rig.flat(OTHER_E4))  # 2049
    rig.garble_year(*years)
    assert charge_kwh(rig) == LOW
    assert (rig.state.price_e4, rig.state.switch_time) == (RATES_E4[0], 4_901_010_000)
    assert charge_kwh(rig) == LOW and rig.state.earliest_s < 3600


def test_a_start_whose_first_readings_disagree_has_no_time_yet() -> None:
    rig = TariffRig()
    rig.enter_several()
    rig.garble_year(0, 0, 0x50)
    assert (charge_kwh(rig), rig.lines[-1]) == (HIGH, HIGHEST)
    assert charge_kwh(rig) == LOW


def test_a_switch_that_a_second_look_does_not_confirm_waits() -> None:
    rig = TariffRig()
    rig.module.set_price(rig.state, rig.flat())
    rig.module.plan_price(rig.state, MINUTE, rig.flat(OTHER_E4))
    charge_kwh(rig)
    rig.wait(61)
    rig.garble_year(0, 0, 0x50)  # the first look is steady; the two of the switch differ
    assert charge_kwh(rig) == Fraction(FLAT_E4, 100) and rig.state.switch_time == MINUTE
    rig.tariff.follow_clock()
    assert (rig.state.price_e4, rig.state.switch_time) == (OTHER_E4, 0)


def test_the_last_hours_of_the_chip_have_no_local_time() -> None:
    rig = TariffRig()
    rig.enter_several()
    last_s = int((datetime(2099, 12, 31, 16) - datetime(2000, 1, 1)).total_seconds())
    rig.chip.set(last_s - 1)  # 23:59:59 of the local 31 December
    assert (charge_kwh(rig), rig.tariff.mark) == (HIGH, "2")
    rig.wait(1)
    assert (charge_kwh(rig), rig.tariff.mark) == (HIGH, "H")


def test_a_plan_for_a_minute_that_is_none_counts_as_past() -> None:
    rig = TariffRig()
    rig.module.set_price(rig.state, rig.flat())
    rig.module.plan_price(rig.state, 1_010_760, rig.flat(OTHER_E4))  # 07:60
    charge_kwh(rig)
    assert (rig.state.price_e4, rig.state.switch_time) == (OTHER_E4, 0)


# ****** What was used before a switch ******


@pytest.mark.parametrize("several", [False, True])
def test_a_switch_between_two_charges_splits_the_energy_by_time(several: bool) -> None:
    """Of 90 s a third belongs to the former set; a set of several prices comes back with it."""
    rig = TariffRig()
    rig.enter_several() if several else rig.module.set_price(rig.state, rig.flat())
    rig.module.plan_price(rig.state, MINUTE, rig.flat(OTHER_E4))
    rig.wait(30)
    rig.tariff.charge(rig.state, 0)
    rig.wait(90)
    former = LOW if several else Fraction(FLAT_E4, 100)
    assert charge_kwh(rig) == (former + 2 * Fraction(OTHER_E4, 100)) / 3
    assert (rig.state.price_e4, rig.state.set_crc, rig.state.dearest_e4) == (OTHER_E4, 0, 0)


def test_a_set_of_several_prices_that_replaces_another_begins_at_its_minute() -> None:
    """The rate of the new set is not taken for its highest price."""
    rig, new = make_rig(), [5000, 6000]
    rig.tariff.keep(rig.several(new), rig.several())
    rig.module.plan_price(rig.state, MINUTE, rig.several(new))
    rig.wait(120)
    assert charge_kwh(rig) == (LOW + 50) / 2
    assert (rig.state.price_e4, rig.state.dearest_e4) == (5000, 6000)


@pytest.mark.parametrize("within_s", [0, 1])
def test_energy_that_comes_at_a_switch_belongs_to_the_new_price(within_s: int) -> None:
    """A start knows no last charge; one a second before is now."""
    rig = TariffRig()
    rig.module.set_price(rig.state, rig.flat())
    rig.module.plan_price(rig.state, MINUTE, rig.flat(OTHER_E4))
    rig.wait(60 - within_s)
    if within_s:
        rig.tariff.charge(rig.state, 0)
        rig.wait(within_s)
    assert charge_kwh(rig) == Fraction(OTHER_E4, 100)


def test_energy_of_more_than_a_day_is_of_the_last_day() -> None:
    """Half of a day is before the switch, however long nothing was charged."""
    rig = TariffRig()
    rig.module.set_price(rig.state, rig.flat())
    rig.module.plan_price(rig.state, 1_040_800, rig.flat(OTHER_E4))
    rig.tariff.charge(rig.state, 0)
    rig.wait((3 * 24 + 12) * 3600)
    assert charge_kwh(rig) == Fraction(FLAT_E4 + OTHER_E4, 200)


# ****** Sets that are not at hand ******


def test_the_highest_price_of_a_set_that_nobody_has_holds_and_the_step_goes_on() -> None:
    rig = TariffRig()
    rig.module.set_price(rig.state, rig.several())
    assert charge_kwh(rig) == HIGH and rig.state.step_pj == 0
    rig.state.step_since_s = 1
    assert (charge_kwh(rig), rig.tariff.mark) == (HIGH, "H")
    assert rig.state.step_pj == rig.kwh_pj and rig.tariff.lacks


def lack_set() -> TariffRig:
    """A meter whose memory has lost the set in force, and that looks for it."""
    rig = TariffRig()
    rig.module.set_price(rig.state, rig.several())
    charge_kwh(rig)
    assert rig.tariff.lacks
    return rig


def test_the_set_in_force_is_looked_for_in_both_files_and_the_planned_one_is_kept() -> None:
    rig, planned = lack_set(), make_several([1000, 2000])
    rig.state.next_set_crc = rig.sets.compute_crc(planned)
    first, second = rig.files.ESAM_TARIFF_1, rig.files.ESAM_TARIFF_2
    rig.fetch(EsamFiles({first: rig.frame(planned), second: rig.several()}))
    assert not rig.tariff.lacks and charge_kwh(rig) == LOW
    kept = rig.sets.read_all(rig.fram, rig.sets.TARIFFS)
    assert {rig.state.set_crc, rig.state.next_set_crc} <= kept.keys()


@pytest.mark.parametrize("second", [b"", b"x" * 203])
def test_an_esam_without_the_set_is_not_asked_again_in_this_start(second: bytes) -> None:
    rig = lack_set()
    other = rig.several([1000, 2000])  # neither in force nor planned
    rig.fetch(EsamFiles({rig.files.ESAM_TARIFF_1: other, rig.files.ESAM_TARIFF_2: second}))
    assert not rig.tariff.lacks and rig.lines[-1] == NOBODY and charge_kwh(rig) == HIGH
    assert rig.sets.compute_crc(make_several([1000, 2000])) not in rig.sets.read_all(
        rig.fram, rig.sets.TARIFFS
    )


def test_an_esam_that_does_not_answer_is_asked_again() -> None:
    rig = lack_set()
    rig.fetch(EsamFiles({}, rig.parts.module("esam").EsamError("no answer")))
    assert rig.tariff.lacks and rig.lines[-1] == "price: no answer"


def test_a_memory_that_keeps_nothing_charges_by_the_set_that_the_esam_has() -> None:
    rig = lack_set()
    rig.memory.protected = True
    rig.fetch(EsamFiles({rig.files.ESAM_TARIFF_1: rig.several()}))
    assert rig.lines[-1] == "price: memory does not keep the parameters"
    assert not rig.tariff.lacks and charge_kwh(rig) == LOW
