"""The town: the same seed gives the same run, and a fen that goes elsewhere is found."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

from dianka.bench.models.clock import Clock
from dianka.bench.models.hlw8032 import Hlw8032Model
from dianka.bench.models.mains import Mains
from dianka.bench.models.wires import SerialPort
from dianka.bench.stage.stand import FEN
from dianka.bench.town.ledger import MeterLedger
from pulled_kit import PROMISE, bench, planted, read_figures

SMALL = ("--meters", "2", "--desks", "2", "--days", "2")
S, HOUR_S, PRICE_E4 = 1_000_000, 3600, 5000


def test_the_same_seed_gives_the_same_run(tmp_path: Path) -> None:
    def play(number: int) -> tuple[int, str, Path]:
        path = tmp_path / f"{number}.json"
        return (*bench("town", *SMALL, "--seed", "3", "--json", str(path)), path)

    with ThreadPoolExecutor(2) as both:
        runs = list(both.map(play, range(2)))
    found = []
    for code, said, path in runs:
        assert code == 0, said
        figures = json.loads(path.read_text(encoding="utf-8"))
        del figures["seconds"]
        found.append(figures)
    assert found[0] == found[1]
    assert found[0]["sales"] and found[0]["sessions"] and found[0]["differences"] == []
    fen = found[0]["fen"]
    beside = ("sold", "used and lost in power cuts")
    where = sum(Fraction(fen[name]) for name in fen if name not in beside)
    assert abs(where - fen["sold"]) < Fraction(1, 1000)  # each is cut off after four places
    published = read_figures(PROMISE, "town")
    assert published["differences, of all meters, desks and customers"] == "0"
    assert published.keys() >= {f"fen {name}" for name in fen}


def test_a_meter_that_charges_wrongly_is_named_with_its_command(tmp_path: Path) -> None:
    half = "state.balance_fen -= fen // 2"
    wrong = planted(tmp_path, "account", "state.balance_fen -= fen", half)
    code, said = bench("town", *SMALL, "--seed", "3", firmware=wrong)
    assert code == 1 and len(said.strip().splitlines()) == 1
    assert re.search(r"meter [12]: charged .* used .*; again: dianka bench town --meters 2", said)


class _Meter:
    """A metering chip with a load, its ledger, and a firmware's state that is kept by hand."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.mains = Mains(self.clock)
        self.chip = Hlw8032Model(self.clock, self.mains, SerialPort(self.clock))
        self.ledger = MeterLedger(self.chip, PRICE_E4)
        self.ledger.credited[1] = 1000
        self.mains.set_load(1_000_000)

    def find_fault(self, used_units: int, bought_fen: int = 1000) -> str:
        fen, remainder = divmod(used_units, FEN)
        balance_fen = bought_fen - fen
        state = SimpleNamespace(
            bought_fen=bought_fen, balance_fen=balance_fen, remainder=remainder, price_e4=PRICE_E4
        )
        return self.ledger.find_fault(state)


def test_the_ledger_finds_what_no_cut_explains() -> None:
    meter = _Meter()
    meter.clock.skip(HOUR_S * S)
    meter.ledger.count()
    right = int(meter.ledger.owed_fen * FEN)
    wh = FEN // 100 // 1000 * PRICE_E4  # what 1 Wh costs
    assert meter.find_fault(right) == meter.find_fault(right - wh // 2) == ""
    assert "charged" in meter.find_fault(right - 2 * wh)
    assert "charged" in meter.find_fault(right + 1)
    assert "the cards brought" in meter.find_fault(right, 1001)
    meter.ledger.note_cut()
    assert meter.find_fault(right - 2 * wh) == ""
    assert "charged" in meter.find_fault(right - 3 * wh)


def test_the_ledger_charges_each_price_for_its_own_energy() -> None:
    meter = _Meter()
    meter.clock.skip(HOUR_S * S)
    meter.ledger.change_price(2 * PRICE_E4)
    first_pj = meter.ledger.energy_pj
    meter.clock.skip(HOUR_S * S)
    meter.ledger.count()
    second_pj = meter.ledger.energy_pj - first_pj
    owed = first_pj * PRICE_E4 + second_pj * 2 * PRICE_E4
    assert meter.ledger.owed_fen == Fraction(owed, FEN)
    assert abs(second_pj - first_pj) <= meter.chip.params.pulse_pj


def test_a_skip_puts_off_what_is_due_and_lets_energy_flow() -> None:
    clock, done = Clock(), []
    mains = Mains(clock)
    mains.set_load(1_000_000)
    clock.call_at(5 * S, lambda: done.append(clock.now_us))
    clock.skip(HOUR_S * S)
    assert clock.now_us == HOUR_S * S and not done
    assert mains.energy_nj == 1_000_000 * HOUR_S * S
    clock.advance(HOUR_S * S + 5 * S)
    assert done == [HOUR_S * S + 5 * S]
