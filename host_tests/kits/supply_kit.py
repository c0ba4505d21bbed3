"""Meters in use under rules of the supply."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from dianka.desk.supply import parse_supply
from meter_kit import INIT_DATA, MS, MeterKit, S, exact, in_use

OVERLOAD, HEATING = "3000W,10s,2x60s", "300-2000W,0.95,1x60s"
VOLTAGE, FRIENDLY = "180-250V,5V,4s", "22-06h"


def make_ruled(
    folder: Path,
    overload: str = "",
    heating: str = "",
    voltage: str = "",
    friendly: str = "",
    overdraft_fen: int = 1000,
) -> MeterKit:
    rules = parse_supply(overload, heating, voltage, friendly, overdraft_fen)
    init = replace(INIT_DATA, overdraft_limit_fen=overdraft_fen, supply=rules, desk_time=2601050800)
    kit = MeterKit.new(folder, init)
    in_use(kit, 10_000)
    kit.wait(6 * S)
    assert kit.relay_closed
    return kit


@contextmanager
def every_rule(folder: Path) -> Iterator[MeterKit]:
    """In use at 08:00, with every rule that there is; exact at the end, and nothing violated."""
    kit = make_ruled(folder, OVERLOAD, HEATING, VOLTAGE, FRIENDLY)
    yield kit
    assert not kit.list_violations()
    kit.ledger.bought_fen = kit.state.bought_fen
    exact(kit)
    kit.close()


def wait_until_open(kit: MeterKit, limit_us: int) -> int:
    """Return how long it took in us."""
    begun_us = kit.now_us
    while kit.relay_closed:
        assert kit.now_us - begun_us < limit_us, kit.lines[-3:]
        kit.wait(10 * MS)
    return kit.now_us - begun_us
