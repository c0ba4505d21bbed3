"""The town: the same seed gives the same run, and a fen that goes elsewhere is found."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest

from dianka.bench.models.clock import Clock
from dianka.bench.models.hlw8032 import Hlw8032Model
from dianka.bench.models.mains import Mains
from dianka.bench.models.wires import SerialPort
from dianka.bench.stage.stand import FEN
from dianka.bench.town.ledger import PJ_PER_WH, MeterLedger
from pulled_kit import PROMISE, bench, planted, read_figures

SMALL = ("--meters", "2", "--desks", "2", "--days", "2")
S, HOUR_S, PRICE_E4 = 1_000_000, 3600, 5000
WH_UNITS = PJ_PER_WH * PRICE_E4  # what 1 Wh costs, in parts of a fen


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

    def tell(self, used_units: int, bought_fen: int = 1000, lost_pj: int = 0) -> SimpleNamespace:
        """Return the state of a meter that has charged so much, and lost that energy in cuts."""
        fen, remainder = divmod(used_units, FEN)
        money = {"bought_fen": bought_fen, "balance_fen": bought_fen - fen, "remainder": remainder}
        self.ledger.count()
        return SimpleNamespace(**money, energy_pj=self.ledger.energy_pj - lost_pj)

    @property
    def owed(self) -> int:
        self.ledger.count()
        return int(self.ledger.owed_fen * FEN)


@pytest.fixture
def meter() -> _Meter:
    """A meter that has used a kilowatt for an hour, and is at rest."""
    made = _Meter()
    made.clock.skip(HOUR_S * S)
    made.mains.set_load(0)
    return made


def test_a_meter_at_rest_is_exact(meter: _Meter) -> None:
    ledger, right, pulse_pj = meter.ledger, meter.owed, meter.chip.params.pulse_pj
    assert ledger.settle(meter.tell(right)) == ledger.find_fault(meter.tell(right)) == ""
    assert "charged" in ledger.settle(meter.tell(right + 1))
    assert "charged" in ledger.settle(meter.tell(right - 1))
    assert "not counted" in ledger.settle(meter.tell(right, lost_pj=pulse_pj))
    assert "not counted" in ledger.settle(meter.tell(right, lost_pj=-pulse_pj))
    assert "the cards brought" in ledger.find_fault(meter.tell(right, 1001))


def test_under_load_the_last_reports_may_be_on_their_way(meter: _Meter) -> None:
    ledger, right = meter.ledger, meter.owed
    meter.mains.set_load(3_600_000)  # 0.4 s of it are 0.4 Wh
    assert ledger.find_fault(meter.tell(right - 4 * WH_UNITS // 10)) == ""
    assert "charged" in ledger.find_fault(meter.tell(right - WH_UNITS // 2))
    assert "charged" in ledger.find_fault(meter.tell(right + 1))


def test_what_a_cut_has_cost_is_known_when_the_power_is_back(meter: _Meter) -> None:
    """Each cut may cost 1 Wh, once, and what had not reached the memory at least."""
    ledger, right, pulse_pj = meter.ledger, meter.owed, meter.chip.params.pulse_pj
    for _ in range(2):
        ledger.note_cut()
        ledger.note_dark(ledger.energy_pj - ledger.losses_pj - 2 * pulse_pj)
        assert ledger.find_fault(meter.tell(right - WH_UNITS)) == ""
        lost_pj = ledger.losses_pj + pulse_pj
        too_little = meter.tell(right - pulse_pj * PRICE_E4, 1000, lost_pj)
        assert "not counted" in ledger.settle(too_little)
        lost_pj += pulse_pj
        right -= 2 * pulse_pj * PRICE_E4
        assert "charged" in ledger.settle(meter.tell(right + 1, 1000, lost_pj))
        assert ledger.settle(meter.tell(right, 1000, lost_pj)) == ""
        assert ledger.slack_fen == 0 and ledger.owed_fen * FEN == right
        assert "charged" in ledger.find_fault(meter.tell(right - WH_UNITS // 2))
    assert ledger.lost_fen * FEN == 4 * pulse_pj * PRICE_E4
    ledger.note_cut()
    too_much = meter.tell(right - WH_UNITS, 1000, lost_pj + 2 * PJ_PER_WH)
    assert "not counted" in ledger.settle(too_much)


def test_a_price_is_charged_for_its_own_energy(meter: _Meter) -> None:
    """Of the last look's pulses some may be of the new price, in whole pulses."""
    ledger, pulse_pj = meter.ledger, meter.chip.params.pulse_pj
    right = meter.owed
    assert ledger.settle(meter.tell(right)) == ""
    meter.mains.set_load(1_000_000)
    meter.clock.skip(S)
    ledger.change_price(2 * PRICE_E4)
    meter.mains.set_load(0)
    most = (S * 1_400_000_000 // pulse_pj + 2) * pulse_pj * PRICE_E4  # 0.4 s more may be late
    right = meter.owed
    for shift in (-pulse_pj * PRICE_E4, pulse_pj * PRICE_E4 // 2, most):
        assert "charged" in ledger.settle(meter.tell(right + shift))
    assert ledger.settle(meter.tell(right + 7 * pulse_pj * PRICE_E4)) == ""
    assert ledger.owed_fen * FEN == right + 7 * pulse_pj * PRICE_E4 and not ledger.slack_fen
    meter.mains.set_load(1_000_000)
    meter.clock.skip(HOUR_S * S)
    more = meter.owed - right - 7 * pulse_pj * PRICE_E4
    an_hour = HOUR_S * S * 1_000_000_000
    assert abs(an_hour * 2 * PRICE_E4 - more) < 2 * pulse_pj * 2 * PRICE_E4


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
