"""Rules of the supply under the real MicroPython: overload, lock, card; heating load; the night."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dianka.bench.stage.stand import INIT_DATA, USER, S, Stand
from dianka.desk.supply import parse_supply

RULES = ("3000W,5s,1x20s", "300-2000W,0.95,2x10s", "180-250V,5V,4s", "22-06h,sun,date10-01")


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with Stand(tmp_path, "vm") as stand:
        rules = parse_supply(*RULES, 1000)
        stand.set_up(replace(INIT_DATA, overdraft_limit_fen=1000, supply=rules))
        stand.sell(10_000)
        stand.serve(USER)
        stand.wait(8 * S)
        assert stand.relay_closed, stand.lines
        yield stand
        assert not stand.list_violations()


def has_told(stand: Stand, cause: str) -> bool:
    return any(line.endswith("supply: " + cause) for line in stand.lines)


def test_an_overload_is_cut_locked_through_a_power_cut_and_released_by_the_card(
    stand: Stand,
) -> None:
    stand.rig.set_load(4_000_000, 700)
    stand.wait(4 * S)
    assert stand.relay_closed
    stand.wait(2 * S)
    assert not stand.relay_closed and has_told(stand, "overload")
    assert "oFF-12" in stand.watch_display(14 * S)
    stand.wait(13 * S)  # back after 20 s, and cut again
    assert not stand.relay_closed and has_told(stand, "overload, locked")
    stand.rig.cut_power()
    stand.rig.set_load(1_000_000, 700)
    stand.restart()
    stand.wait(70 * S)
    assert not stand.relay_closed and {"oFF-11", "LoAdCArd"} <= stand.watch_display(20 * S)
    stand.serve(USER)
    stand.wait(6 * S)
    assert stand.relay_closed


def test_a_heater_is_cut_and_returns_and_a_motor_stays_on(stand: Stand) -> None:
    stand.rig.set_load(1_000_000, 700)
    stand.wait(5 * S)
    assert stand.relay_closed
    stand.rig.set_load(0)
    stand.wait(5 * S)
    stand.rig.set_load(1_000_000)
    stand.wait(4 * S)
    assert not stand.relay_closed and has_told(stand, "heating load")
    stand.rig.set_load(0)
    stand.wait(12 * S)
    assert stand.relay_closed
    stand.rig.set_volts(170_000)
    stand.wait(6 * S)
    assert not stand.relay_closed and has_told(stand, "mains voltage too low")
