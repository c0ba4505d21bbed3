"""A whole meter with each metering chip: cards, relay, charge, cuts, and a chip that fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dianka.bench.models.att7022_link import Fault
from dianka.bench.stage.rig import Rig, RigError
from dianka.bench.stage.stand import USER, S, Stand
from dianka.cardos.files import card_files
from dianka.firmware import load_shared

CHIPS = ("att7022", "pulse_meter")
LOAD_MW = 2_200_000


def make(folder: Path, metering: str) -> Stand:
    """A meter in use, with 600 yuan."""
    stand = Stand(folder, metering=metering)
    stand.set_up()
    stand.sell(60_000)
    stand.serve(USER)
    stand.wait(15 * S)
    assert stand.relay_closed
    return stand


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Stand]:
    stand = make(tmp_path, "att7022")
    yield stand
    stand.close()


@pytest.fixture
def pulses(tmp_path: Path) -> Iterator[Stand]:
    stand = make(tmp_path, "pulse_meter")
    yield stand
    stand.close()


def count(stand: Stand) -> int:
    """Pulses that the model has counted forwards."""
    chip = stand.rig.bench.chip
    if stand.rig.bench.metering == "pulse_meter":
        return chip.pulses
    chip.settle()
    return sum(chip.forward)


@pytest.mark.parametrize("metering", CHIPS)
def test_a_meter_charges_every_pulse_of_its_chip_and_no_other(
    tmp_path: Path, metering: str
) -> None:
    stand = make(tmp_path, metering)
    stand.rig.set_load(LOAD_MW)
    stand.wait(150 * S)
    stand.rig.set_load(0)
    stand.wait(2 * S)
    state, pulse_pj = stand.state, stand.meter.chip.pulse_pj
    assert state.energy_pj == count(stand) * pulse_pj > 0
    assert state.energy_pj * state.price_e4 == (
        (state.bought_fen - state.balance_fen) * stand.modules["account"].FEN + state.remainder
    )
    assert stand.meter.self_check.code[:5] == "00000"
    assert stand.list_violations() == []
    stand.close()


@pytest.mark.parametrize("metering", CHIPS)
def test_only_the_chip_of_the_board_is_imported(tmp_path: Path, metering: str) -> None:
    stand = Stand(tmp_path, metering=metering)
    stand.switch_mains_on()
    drivers = {"hlw8032", "att7022", "pulse_meter"}
    assert drivers & set(stand.modules) == {metering}
    stand.close()


def test_the_board_as_it_is_imports_the_hlw8032_alone(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    stand.switch_mains_on()
    others = {"att7022", "att7022_parts", "spi_guest", "pulse_meter", "pulse_counter", "pio_filter"}
    others |= {"att7022_constants", "calibration_att", "calibrator_att"}
    assert "hlw8032" in stand.modules and not others & set(stand.modules)
    stand.close()


@pytest.mark.parametrize("metering", CHIPS)
def test_cuts_cost_at_most_what_is_not_counted_yet(tmp_path: Path, metering: str) -> None:
    stand = make(tmp_path, metering)
    stand.rig.set_load(LOAD_MW)
    for _ in range(3):
        stand.wait(30 * S)
        before = count(stand)
        stand.rig.cut_power()
        stand.restart()
        assert stand.state.energy_pj <= count(stand) * stand.meter.chip.pulse_pj
        stand.wait(20 * S)
        assert count(stand) > before
    pulse_pj = stand.meter.chip.pulse_pj
    lost = count(stand) - stand.state.energy_pj // pulse_pj
    # By cut: 0.25 Wh not committed, 0.3 s of load not told, and the seconds of the start.
    assert 0 <= lost * pulse_pj <= 3 * (LOAD_MW * 4_500 * 1_000_000 + 2 * pulse_pj)
    stand.close()


def test_a_controller_that_restarts_alone_charges_what_the_att7022_has_counted(
    three: Stand,
) -> None:
    three.rig.set_load(LOAD_MW)
    for _ in range(3):
        three.wait(30 * S)
        three.bite()
    three.rig.set_load(0)
    three.wait(3 * S)
    assert three.state.energy_pj == count(three) * three.meter.chip.pulse_pj


def test_all_three_phases_are_charged_and_none_that_flows_back(three: Stand) -> None:
    bench = three.rig.bench
    three.rig.set_load(LOAD_MW)
    bench.phases[1].set_load(1_000_000)
    bench.chip.turn(2)
    bench.phases[2].set_load(9_000_000)
    three.wait(90 * S)
    three.rig.set_load(0)
    bench.phases[1].set_load(0)
    three.wait(2 * S)
    pulse_pj = three.meter.chip.pulse_pj
    early = sum(bench.chip.backward) - three.meter.chip.reverse
    assert 0 <= early <= 10  # of the 0.57 s before the chip tells the direction
    assert three.state.energy_pj <= (count(three) + early) * pulse_pj
    assert three.state.energy_pj >= count(three) * pulse_pj
    assert any("energy backwards: 210 Wh since the start" in line for line in three.lines)
    # It is committed too: a controller that restarts takes none of it for energy.
    energy_pj, forward = three.state.energy_pj, count(three)
    bench.chip.turn()
    bench.phases[2].set_load(0)
    three.wait(2 * S)
    three.bite()
    three.wait(5 * S)
    assert three.state.energy_pj - energy_pj <= (count(three) - forward) * pulse_pj


def test_energy_backwards_is_told_though_other_phases_are_charged_at_each_poll(
    three: Stand,
) -> None:
    bench = three.rig.bench
    bench.chip.turn(2)
    for mains in bench.phases:
        mains.set_load(9_000_000)
    three.wait(50 * S)
    assert any("energy backwards: 110 Wh since the start" in line for line in three.lines)


def backwards(stand: Stand) -> tuple[int, list[tuple[int, int]]]:
    """Return the total in the memory, and (what, Wh) of what the log says of it."""
    events, chain = stand.meter.events, stand.rig.runner.modules["event_chain"]
    newest = events.newest_number(chain.FAULT)
    entries = [events.read(chain.FAULT, number) for number in range(1, newest + 1)]
    found = [card_files.unpack(card_files.LOG_ENTRY, entry) for entry in entries]
    told = [
        (entry["what"], int.from_bytes(entry["detail"][:8], "big"))
        for entry in found
        if entry["what"] & ~chain.GONE == chain.BACKWARDS
    ]
    total_wh = stand.rig.runner.modules["reverse_energy"].read_total_wh(stand.meter._memory)
    return total_wh, told


def test_energy_backwards_is_summed_over_all_starts(three: Stand) -> None:
    """In the memory within 10 Wh, in the log with each start; of a half that is lost the other."""
    bench, pj_per_wh = three.rig.bench, 3_600_000_000_000_000
    bench.chip.turn(2)
    bench.phases[2].set_load(9_000_000)
    three.wait(30 * S)
    reverse = three.meter.metering.reverse_pj
    total_wh, told = backwards(three)
    assert told == [(0x20, 10)] and 0 <= reverse // pj_per_wh - total_wh < 10 < total_wh
    bench.phases[2].set_load(0)
    three.wait(2 * S)
    first_wh = three.meter.metering.reverse_pj // pj_per_wh
    three.rig.switch_mains_off()
    three.wait(1 * S)
    three.rig.cut_power()
    fram_map = load_shared("fram_map")
    bench.fram.destroy(fram_map.HALVES[0] + fram_map.REVERSE_AT, fram_map.REVERSE_BYTES)
    bench.phases[2].set_load(9_000_000)
    three.switch_mains_on()
    three.wait(20 * S)
    total_wh, told = backwards(three)
    second_wh = three.meter.metering.reverse_pj // pj_per_wh
    assert 0 <= first_wh + second_wh - total_wh < 10 <= second_wh
    *former, (again, said_wh) = told
    assert former == [(0x20, 10), (0xA0, first_wh)] and again == 0x20
    assert 10 <= said_wh - first_wh < 13  # a look a second, at 2.5 Wh a second
    # Of the 0.57 s before the chip tells the direction, after either start.
    assert three.state.energy_pj < 3 * pj_per_wh and three.state.balance_fen == 60_000


def test_what_three_phases_take_while_the_wire_is_dead_is_charged_afterwards(
    three: Stand,
) -> None:
    bench = three.rig.bench
    for mains in bench.phases:
        mains.set_load(9_000_000)
    three.wait(5 * S)
    bench.chip.inject(Fault.STUCK_HIGH)
    three.wait(20 * S)
    bench.chip.heal()
    for mains in bench.phases:
        mains.set_load(0)
    three.wait(2 * S)
    assert three.state.energy_pj == count(three) * three.meter.chip.pulse_pj
    assert three.meter.metering.rejected_counts == 0


@pytest.mark.parametrize("fault", [Fault.STUCK_HIGH, Fault.STUCK_LOW, Fault.NOT_UPDATED])
def test_an_att7022_that_fails_opens_the_supply_and_says_so(three: Stand, fault: Fault) -> None:
    three.rig.set_load(LOAD_MW)
    three.wait(30 * S)
    energy_pj = three.state.energy_pj
    three.rig.bench.chip.inject(fault)
    three.wait(90 * S)
    assert not three.relay_closed
    assert any("supply: metering chip silent" in line for line in three.lines)
    assert three.state.energy_pj - energy_pj <= three.meter.chip.pulse_pj
    assert "Err-05" in three.watch_display(20 * S)
    three.rig.bench.chip.heal()
    three.wait(10 * S)
    assert three.relay_closed and three.list_violations() == []


def test_the_self_check_tells_a_dead_wire_of_the_att7022(tmp_path: Path) -> None:
    stand = Stand(tmp_path, metering="att7022")
    stand.rig.bench.chip.inject(Fault.STUCK_HIGH)
    stand.switch_mains_on()
    stand.wait(8 * S)
    assert stand.meter.self_check.code[1] == "2"
    stand.close()


def test_the_self_check_tells_a_chip_that_is_no_att7022(tmp_path: Path) -> None:
    stand = Stand(tmp_path, metering="att7022")
    stand.rig.bench.chip.device = 0x705301
    stand.switch_mains_on()
    stand.wait(8 * S)
    assert stand.meter.self_check.code[1] == "3"
    stand.close()


def test_registers_that_freeze_without_load_open_the_supply(three: Stand) -> None:
    three.wait(5 * S)
    three.rig.bench.chip.inject(Fault.NOT_UPDATED)
    three.rig.set_load(LOAD_MW)
    three.wait(90 * S)
    assert not three.relay_closed and "Err-05" in three.watch_display(10 * S)


def test_lost_constants_in_mid_run_charge_nothing_wrong(three: Stand) -> None:
    three.rig.set_load(LOAD_MW)
    three.wait(30 * S)
    three.rig.bench.chip.lose_calibration(x1E=2)  # it counts 27 times too fast
    forward, energy_pj = count(three), three.state.energy_pj
    three.wait(1 * S)
    rejected = three.meter.chip.rejected
    three.wait(29 * S)
    pulse_pj = three.meter.chip.pulse_pj
    right = LOAD_MW * 30_200 * 1_000_000 // pulse_pj + 2
    assert rejected == three.meter.chip.rejected == 1
    assert count(three) - forward > right, "the model has counted too much"
    assert (three.state.energy_pj - energy_pj) // pulse_pj <= right


def test_without_voltage_the_power_fail_pin_lets_the_relay_move(pulses: Stand) -> None:
    assert pulses.relay_closed and pulses.meter.metering.is_mains_at_least(154_000)
    pin = pulses.meter._power_fail
    value, pin.value = pin.value, lambda: 0
    pulses.state.balance_fen = 0
    pulses.wait(2 * S)
    assert pulses.relay_closed, "nothing drives a coil while the pin says that the mains is gone"
    pin.value = value
    pulses.wait(2 * S)
    assert not pulses.relay_closed


def test_a_card_is_served_though_no_voltage_is_known(pulses: Stand) -> None:
    pulses.sell(1_000)
    assert pulses.run_session(USER).code == 0


def test_noise_that_goes_on_opens_the_supply(pulses: Stand) -> None:
    pulses.rig.set_load(LOAD_MW)
    pulses.wait(10 * S)
    energy_pj = pulses.state.energy_pj
    pulses.rig.bench.chip.make_noise(200_000, 200, 500)
    pulses.wait(80 * S)
    assert not pulses.relay_closed
    assert pulses.state.energy_pj - energy_pj <= pulses.meter.chip.pulse_pj


# ****** The stand ******


def test_a_folder_s_meter_keeps_its_chip(tmp_path: Path) -> None:
    Rig(tmp_path, "host", metering="att7022").close()
    again = Rig(tmp_path, "host")
    assert again.bench.metering == "att7022"
    again.close()
    with pytest.raises(RigError, match="the meter in this folder has a att7022"):
        Rig(tmp_path, "host", metering="hlw8032")


def test_a_meter_that_was_made_with_its_board_s_chip_takes_no_other(tmp_path: Path) -> None:
    Rig(tmp_path, "host").close()
    with pytest.raises(RigError, match="the meter in this folder has a hlw8032"):
        Rig(tmp_path, "host", metering="att7022")


def test_an_unknown_chip_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RigError, match="no metering chip is called ade9000: there are hlw8032"):
        Rig(tmp_path, "host", metering="ade9000")
