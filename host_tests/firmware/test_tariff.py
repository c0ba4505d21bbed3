"""A tariff on models of memory and clock: which set is taken, and what it charges."""

from fractions import Fraction

import pytest

from dianka.cardos.files import pack_tariff
from tariff_rig import (
    FLAT_E4,
    NOON_S,
    OTHER_E4,
    RATES_E4,
    EsamFiles,
    S,
    TariffRig,
    make_several,
)


def test_a_flat_set_is_its_first_rate() -> None:
    rig = TariffRig()
    rig.module.set_price(rig.state, rig.frame(pack_tariff([FLAT_E4, OTHER_E4, 7])))
    state = rig.state
    assert (state.price_e4, state.set_crc, state.dearest_e4) == (FLAT_E4, 0, 0)
    assert not rig.tariff.charge(state, rig.kwh_pj)
    assert rig.cost_fen() == 50 and state.energy_pj == rig.kwh_pj
    assert rig.tariff.mark == "" and not rig.tariff.lacks
    assert len(rig.flat()) == rig.module.FRAMED_BYTES  # as a session reads it


def test_a_set_of_several_prices_is_its_highest_and_its_crc() -> None:
    rig = TariffRig()
    rig.module.set_price(rig.state, rig.several())
    crc = rig.sets.compute_crc(make_several(RATES_E4))
    assert (rig.state.price_e4, rig.state.set_crc, rig.state.dearest_e4) == (9000, crc, 9000)


def test_the_set_in_force_given_again_leaves_the_present_rate() -> None:
    rig = TariffRig()
    rig.module.set_price(rig.state, rig.several())
    rig.state.price_e4 = RATES_E4[0]  # as charged in its slot
    rig.module.set_price(rig.state, rig.several())
    assert rig.state.price_e4 == RATES_E4[0]
    for highest_e4 in (8000, 9000):  # one way the CRC rises, the other way it falls
        rig.module.set_price(rig.state, rig.several([4000, highest_e4]))
        assert rig.state.price_e4 == highest_e4


def test_a_flat_set_given_again_is_entered_as_it_is() -> None:
    rig = TariffRig()
    rig.module.set_price(rig.state, rig.flat())
    rig.state.step_pj = 7
    rig.module.set_price(rig.state, rig.flat(OTHER_E4))
    assert (rig.state.price_e4, rig.state.step_pj) == (OTHER_E4, 0)


@pytest.mark.parametrize("several", [False, True])
def test_a_plan_is_price_set_and_time_and_zero_cancels_it(several: bool) -> None:
    rig = TariffRig()
    state, framed = rig.state, rig.several() if several else rig.flat()
    crc = rig.sets.compute_crc(make_several(RATES_E4)) if several else 0
    price_e4 = RATES_E4[1] if several else FLAT_E4
    rig.module.plan_price(state, 1_010_000, framed)
    assert (state.next_price_e4, state.next_set_crc, state.switch_time) == (
        price_e4,
        crc,
        1_010_000,
    )
    rig.module.plan_price(state, 0, b"no tariff at all")
    assert (state.next_price_e4, state.next_set_crc, state.switch_time) == (0, 0, 0)


def test_what_is_in_force_is_price_of_a_flat_set_and_crc_of_others() -> None:
    rig = TariffRig()
    state, in_force = rig.state, rig.module.is_in_force
    rig.module.set_price(state, rig.flat())
    assert in_force(state, rig.flat())
    assert not any(in_force(state, rig.flat(other)) for other in (OTHER_E4, FLAT_E4 - 1))
    assert not in_force(state, rig.several([FLAT_E4, FLAT_E4 - 1]))
    rig.module.set_price(state, rig.several())
    state.price_e4 = RATES_E4[0]
    assert in_force(state, rig.several()) and not in_force(state, rig.several([4000, 9001]))
    assert not in_force(state, rig.flat(RATES_E4[0]))


@pytest.mark.parametrize("price_e4", [0])
def test_a_tariff_without_a_price_is_none(price_e4: int) -> None:
    rig = TariffRig()
    empty = rig.frame(bytes(rig.files.TARIFF_SIZE))
    for check in (rig.module.check, lambda framed: rig.module.set_price(rig.state, framed)):
        with pytest.raises(ValueError, match="without a price"):
            check(empty)
    rig.module.check(rig.flat(1))
    rig.module.check(rig.several())
    with pytest.raises(ValueError):
        rig.module.check(rig.flat()[:-1])


def test_only_sets_of_several_prices_are_kept_and_the_other_one_stays() -> None:
    rig = TariffRig()
    rig.tariff.keep(rig.flat())
    assert rig.sets.read_all(rig.fram, rig.sets.TARIFFS).keys() <= {1}
    sets = [make_several([4000, 9000 + number]) for number in range(8)]
    crcs = [rig.sets.compute_crc(data) for data in sets]
    rig.state.set_crc, rig.state.next_set_crc = crcs[0], crcs[1]
    rig.tariff.keep(rig.frame(sets[0]))
    rig.tariff.keep(rig.frame(sets[1]))
    for now, later in zip(sets[2::2], sets[3::2], strict=True):
        rig.tariff.keep(rig.frame(now))
        rig.tariff.keep(rig.frame(later), rig.frame(now))
        kept = rig.sets.read_all(rig.fram, rig.sets.TARIFFS)
        assert {crcs[0], crcs[1]} <= kept.keys()
        assert kept[rig.sets.compute_crc(now)] == now
        assert kept[rig.sets.compute_crc(later)] == later


def test_the_clock_matters_for_several_prices_and_for_a_plan_alone() -> None:
    rig = TariffRig()
    rig.chip.mute = True
    rig.module.set_price(rig.state, rig.flat())
    rig.tariff.follow_clock()
    assert rig.tariff.mark == "" and rig.lines[1:] == []  # nobody asked the clock
    rig.chip.mute = False
    rig.tariff.keep(rig.several())
    rig.module.set_price(rig.state, rig.several())
    rig.tariff.follow_clock()
    assert (rig.tariff.mark, rig.state.price_e4) == ("1", RATES_E4[0])
    rig.module.set_price(rig.state, rig.flat())
    rig.tariff.follow_clock()
    assert rig.tariff.mark == ""


def test_energy_of_a_slot_is_charged_by_its_rate() -> None:
    rig = TariffRig()
    rig.tariff.keep(rig.several())
    rig.module.set_price(rig.state, rig.several())
    assert rig.tariff.charge(rig.state, rig.kwh_pj)  # from the highest to the rate of now
    assert rig.cost_fen() == 40
    rig.parts.clock.advance(NOON_S * S)
    assert rig.tariff.charge(rig.state, 0) and rig.state.price_e4 == RATES_E4[1]
    assert rig.tariff.mark == "2"


def test_a_plan_comes_into_force_without_energy_and_is_committed() -> None:
    rig = TariffRig()
    rig.module.set_price(rig.state, rig.flat())
    rig.module.plan_price(rig.state, 1_010_801, rig.flat(OTHER_E4))
    rig.store.commit()
    rig.tariff.follow_clock()
    assert rig.state.price_e4 == FLAT_E4
    rig.parts.clock.advance(61 * S)
    rig.tariff.follow_clock()
    assert (rig.state.price_e4, rig.state.switch_time) == (OTHER_E4, 0)
    kept = TariffRig(rig.memory.content).state
    assert (kept.price_e4, kept.switch_time) == (OTHER_E4, 0)


def test_what_was_used_before_a_switch_has_the_former_price() -> None:
    """The switch is noticed without energy: the energy that comes after it is split."""
    rig = TariffRig()
    rig.module.set_price(rig.state, rig.flat())
    rig.module.plan_price(rig.state, 1_010_801, rig.flat(OTHER_E4))
    rig.tariff.charge(rig.state, 0)
    rig.parts.clock.advance(120 * S)
    rig.tariff.follow_clock()
    rig.tariff.charge(rig.state, rig.kwh_pj)
    cost_fen = rig.cost_fen()
    assert Fraction(FLAT_E4, 100) < cost_fen < Fraction(OTHER_E4, 100)
    rig.tariff.charge(rig.state, rig.kwh_pj)
    assert rig.cost_fen() - cost_fen == Fraction(OTHER_E4, 100)


def test_a_set_that_nobody_has_is_fetched_until_the_esam_has_told() -> None:
    rig = TariffRig()
    rig.module.set_price(rig.state, rig.several())
    assert not rig.tariff.lacks
    rig.parts.run(rig.tariff.fetch(None, None))  # nothing to fetch: the ESAM is not asked
    rig.tariff.follow_clock()
    assert rig.tariff.lacks
    rig.fetch(EsamFiles({rig.files.ESAM_TARIFF_1: rig.several()}))
    assert not rig.tariff.lacks
    rig.tariff.follow_clock()
    assert rig.state.price_e4 == RATES_E4[0]


def test_a_clock_set_back_begins_no_step_period_later() -> None:
    rig = TariffRig()
    rig.state.step_since_s = 5_000_000
    rig.tariff.go_back(1_000_000)
    assert rig.state.step_since_s == 1_000_000 + 8 * 3600
    rig.tariff.go_back(2_000_000)
    assert rig.state.step_since_s == 1_000_000 + 8 * 3600
