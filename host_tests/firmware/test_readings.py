"""What the data port tells: every identifier against the state, the chip and the log."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dianka.bench.stage.stand import Stand
from dianka.cardos.files import pack_tariff
from dianka.reading.items import BY_NAME, ITEMS
from meter_kit import INIT_DATA, USER, USER_DATA, MeterKit, S, in_use
from port_kit import Master
from tariff_kit import planned

PJ_PER_KWH = 3_600_000_000_000_000_000
NO_DATA, NOT_NOW = 2, 1


def say(master: Master, text: str, number: int = 1) -> str | int:
    """Read an item by its name: what it says, or the error word."""
    item = BY_NAME[text]
    found = master.read(item.find_identifier(number))
    return found if isinstance(found, int) else item.decode(found)


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeterKit]:
    """In use: two purchases, a power failure, a load of 2.2 kW at a power factor of 0.9."""
    init = replace(INIT_DATA, overdraft_limit_fen=4_000, hoard_limit_fen=90_000, close_above_fen=50)
    with MeterKit.new(tmp_path_factory.mktemp("readings"), init) as made:
        in_use(made, 2_000)
        made.pull()
        made.rig.switch_mains_off()
        made.restart(150 * S)
        made.sell(500)
        made.serve(USER)
        made.rig.set_load(2_200_000, 900)
        made.wait(70 * S)
        yield made


@pytest.fixture
def master(kit: MeterKit) -> Master:
    return Master(kit)


def test_totals_and_parameters_are_the_state_s(kit: MeterKit, master: Master) -> None:
    state = kit.state
    found = {item.name: say(master, item.name) for item in ITEMS}
    assert say(master, "energy") == f"{state.energy_pj * 100 // PJ_PER_KWH / 100:.2f}" != "0.00"
    assert say(master, "balance") == f"{state.balance_fen / 100:.2f}" != "25.00"
    fixed = {
        "overdraft": "0.00", "energy-backwards": "0.00", "purchases": "2", "bought": "25.00",
        "price": "0.5000",
        "alarm1": "1.00", "alarm2": "0.50", "overdraft-limit": "40.00", "hoard-limit": "900.00",
        "close-above": "0.50", "meter-number": f"{12:012}", "customer-number": f"{34:012}",
        "switch-time": "unknown", "rates": "1", "steps": "0", "rate": "0.5000",
        "planned-rate": NO_DATA, "step-limit": "0.00", "step-price": "0.0000",
        "status": "nothing to report", "directions": "nothing to report",
        "supply": "nothing to report", "faults": "nothing to report", "case": "nothing to report",
        "purchase-amount": "5.00", "purchase-count": "2", "clock-sets": "0", "clock-set": NO_DATA,
    }  # fmt: skip
    assert {name: found[name] for name in fixed} == fixed


def test_the_mains_is_the_metering_chip_s(kit: MeterKit, master: Master) -> None:
    chip = kit.meter.chip
    assert say(master, "volts") == f"{chip.voltage_mv // 100 / 10:.1f}"
    assert say(master, "amperes") == f"{chip.current_ma / 1000:.3f}"
    assert say(master, "power") == say(master, "phase-power") == f"{chip.power_mw // 100 / 1e4:.4f}"
    assert say(master, "power-factor") in ("0.899", "0.900")
    assert master.read(0x0201FF00) == master.read(0x02010100)
    assert master.read(0x0203FF00) == 2 * bytes(master.read(0x02030000))
    for identifier in (0x02010000, 0x02010200, 0x02010101, 0x02040000, 0x02800002, 0x02070100):
        assert master.read(identifier) == NO_DATA


def test_date_and_time_are_the_clock_s_in_local_time(kit: MeterKit, master: Master) -> None:
    text = say(master, "clock")
    now = kit.rig.take_view().when
    assert isinstance(text, str) and text.startswith(f"{now:%Y-%m-%d %A} ")
    seconds = [int(part) for part in text.split()[-1].split(":")]
    told_s = seconds[0] * 3600 + seconds[1] * 60 + seconds[2]
    assert 0 <= now.hour * 3600 + now.minute * 60 + now.second - told_s <= 2
    assert say(master, "date") == " ".join(text.split()[:2])


def test_the_last_records_are_the_log_s(kit: MeterKit, master: Master) -> None:
    assert [say(master, "purchase-count", n) for n in (1, 2, 3)] == ["2", "1", NO_DATA]
    assert [say(master, "purchase-amount", n) for n in (1, 2, 3)] == ["5.00", "20.00", NO_DATA]
    assert [say(master, "purchase-after", n) for n in (1, 2)] == ["25.00", "20.00"]
    assert [say(master, "purchase-before", n) for n in (1, 2)] == ["20.00", "0.00"]
    times = [str(say(master, "purchase-time", n)) for n in (2, 1)]
    began, _, ended = str(say(master, "power-failure")).partition(" to ")
    assert times[0] <= began[:16] < ended[:16] <= times[1]
    for identifier in (0x03330100, 0x0333010B, 0x03330701, 0x03330602, 0x03110002, 0x0330040B):
        assert master.read(identifier) == NO_DATA


def test_all_status_words_at_once(master: Master) -> None:
    found = master.read(0x040005FF)
    assert isinstance(found, bytes)
    assert found == b"".join(bytes(master.read(0x04000500 + n)) for n in range(1, 8))
    assert int.from_bytes(found[4:6], "little") == 0x200
    assert master.read(0x04000508) == master.read(0x04000500) == NO_DATA


def test_numbers_come_round_or_are_refused_where_their_field_is_too_small(
    kit: MeterKit, master: Master
) -> None:
    state = kit.state
    kept = vars(state).copy()
    kit.rig.set_load(0)
    kit.wait(1 * S)
    state.energy_pj = 1_000_000 * PJ_PER_KWH + 7 * PJ_PER_KWH
    state.bought_fen, state.count = 100_000_000, 10_000
    assert say(master, "energy") == "7.00"
    assert say(master, "bought") == say(master, "purchases") == NO_DATA
    for name, value in kept.items():
        setattr(state, name, value)


def test_what_can_not_be_read_now_is_an_error_of_its_own(tmp_path: Path) -> None:
    with MeterKit.new(tmp_path) as kit:
        in_use(kit, 1_000)
        master = Master(kit)
        assert say(master, "purchase-amount") == "10.00"
        kit.rig.bench.fram.mute = True
        assert say(master, "purchase-amount") == NOT_NOW
        assert say(master, "balance") == "10.00"
        kit.rig.bench.clock_chip.mute = True
        assert say(master, "clock") == NOT_NOW
        kit.rig.bench.chip.power_off()
        kit.wait(5 * S)
        assert say(master, "volts") == say(master, "power") == NO_DATA
        kit.meter.store.keep()
        assert "memory fault" in str(say(master, "status"))
        assert "clock fault" in str(say(master, "status"))


def test_a_debt_and_an_empty_account_show_in_words_and_numbers(tmp_path: Path) -> None:
    init = replace(INIT_DATA, overdraft_limit_fen=500)
    with MeterKit.new(tmp_path, init) as kit:
        master = Master(kit)
        assert (
            say(master, "supply") == "supply is off, supply has to be off, low balance, not opened"
        )
        in_use(kit, 100)
        kit.pull()
        kit.state.balance_fen = -250
        assert (say(master, "balance"), say(master, "overdraft")) == ("0.00", "2.50")
        assert say(master, "status") == "in debt"
        assert "supply has to be off" in str(say(master, "supply"))
        kit.meter.store.keep()
        kit.sell(300)
        kit.serve(USER)
        assert say(master, "purchase-amount") == "3.00"
        assert say(master, "purchase-before") == NO_DATA, "it was below zero"
        assert say(master, "purchase-after") == "0.50"


def test_three_phases_and_a_direction(tmp_path: Path) -> None:
    with Stand(tmp_path, metering="att7022") as stand:
        stand.set_up()
        stand.sell(1_000)
        stand.serve(USER)
        stand.wait(15 * S)
        master, chip = Master(stand), stand.meter.chip
        for number in (1, 2, 3):
            assert say(master, "volts", number) == f"{chip.phases[number - 1][0] // 100 / 10:.1f}"
        assert len(bytes(master.read(0x0201FF00))) == 3 * 2
        assert len(bytes(master.read(0x0206FF00))) == 4 * 2
        stand.rig.bench.phases[1].set_load(1_000_000)
        stand.rig.bench.chip.turn(1)
        stand.wait(5 * S)
        backwards = str(say(master, "phase-power", 2))
        assert backwards.startswith("-") and say(master, "power") == backwards
        assert say(master, "directions") == "phase B backwards"
        assert say(master, "status") == "power flows backwards"
        assert say(master, "power-factor") == "-1.000"
        stand.wait(40 * S)  # 10 Wh are kept, the tens of a Wh are not told
        assert say(master, "energy-backwards") == "0.01"


def test_the_prices_of_a_set_with_rates_and_steps(tmp_path: Path) -> None:
    tariff = pack_tariff(
        [3000, 5000, 8000, 9000], {"slots": [1, 3302, 4003], "limits": [10_000, 25_050],
                             "steps_e4": [0, 1000, 3000]},
    )  # fmt: skip
    with MeterKit(tmp_path) as kit:
        kit.set_up(replace(INIT_DATA, tariff=tariff), replace(USER_DATA, tariff=tariff))
        master = Master(kit)
        assert say(master, "rates") == "4" and say(master, "steps") == "2"
        assert [say(master, "rate", n) for n in (1, 2, 3, 4)] == [
            "0.3000", "0.5000", "0.8000", "0.9000",
        ]  # fmt: skip
        assert [say(master, "step-limit", n) for n in (1, 2, 3)] == ["100.00", "250.50", "0.00"]
        assert [say(master, "step-price", n) for n in (1, 2, 3)] == ["0.0000", "0.1000", "0.3000"]
        kit.rig.bench.fram.mute = True
        assert say(master, "rate") == NOT_NOW


def test_a_plan_has_its_time_and_its_rate(tmp_path: Path) -> None:
    with MeterKit.new(tmp_path) as kit:
        in_use(kit, 1_000)
        kit.pull()
        planned(kit, 6000, 60)
        master = Master(kit)
        assert say(master, "rate") == "0.5000" and say(master, "planned-rate") == "0.6000"
        assert say(master, "planned-rate", 2) == "0.0000"
        minute = kit.state.switch_time
        assert str(say(master, "switch-time")).translate({ord(c): None for c in "- :"}) == (
            f"20{minute:010}"
        )
