"""Years of a household's life: a sample of it, faults that it must report, and what it rests on.

`make soak` lives ten years with each meter; here it is some days.
"""

import ast
import json
import re
import shlex
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dianka.bench.campaign.soak import acts, ledger, tariffs, trouble, twins, utility
from dianka.bench.campaign.soak.life import UNHEARD_US, Act, Life, PlanDay
from dianka.bench.campaign.soak.stages import Stages
from dianka.bench.campaign.soak.tariffs import FEN, PJ_PER_KWH, Tariff
from dianka.bench.models.clock import Clock
from dianka.bench.models.mcu import Mcu
from dianka.bench.models.wires import Format
from dianka.bench.rungs import runners
from pulled_kit import PROMISE, SPOTLESS, bench, planted, read_figures
from sweeps import sweep

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
LATE_S = int((datetime(2026, 1, 12, 23, 44, 30, tzinfo=UTC) - _EPOCH).total_seconds())
LIVED_S, WEEK_S = 1_020, 7 * 86_400
# Midnight itself changes no price: the household rests there, and energy after a rest counts as
# used evenly in it (firmware/tariff_table.py).
BY_HOUR = Tariff(
    (4_000, 6_000, 8_000), ((0, 2), (900, 1), (85_500, 2)), (PJ_PER_KWH // 25,), (0, 1_000)
)
STEPPED = Tariff((5_000,), (), (PJ_PER_KWH, 2 * PJ_PER_KWH), (0, 1_000, 3_000))
CHARGED_SINCE = (
    "metering",
    "return min(new, since) if new <= self._compute_limit(longest_ms)",
)
# (module, right, wrong, what is found)
FAULTS = {
    "the part of a fen is dropped": (
        "account",
        "fen, state.remainder = divmod(state.remainder + energy_pj * state.price_e4, FEN)",
        "fen, state.remainder = divmod(energy_pj * state.price_e4, FEN)",
        "are charged than were used",
    ),
    "a purchase is credited twice": (
        "account",
        "state.balance_fen += amount_fen\n    state.bought_fen += amount_fen",
        "state.balance_fen += 2 * amount_fen\n    state.bought_fen += 2 * amount_fen",
        "fen are bought with count",
    ),
    "the count kept is charged again after a start": (
        *CHARGED_SINCE,
        "return min(new, since) + register if new <= self._compute_limit(longest_ms)",
        "were charged again after a cut",
    ),
    "a pulse too many is charged after a start": (
        *CHARGED_SINCE,
        "return min(new, since) + 1 if new <= self._compute_limit(longest_ms)",
        "were charged again after a cut",
    ),
}


# ****** The campaign ******


def test_some_days_of_two_meters(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    path, page = tmp_path / "soak.json", tmp_path / "promise.md"
    page.write_text(PROMISE.read_text(encoding="utf-8"), encoding="utf-8")
    options = ("--json", str(path), "--page", str(page), "--jobs", "2")
    code, said = bench("soak", "--days", "12", "--meters", "2", *options)
    assert code == 0, said
    found = json.loads(path.read_text(encoding="utf-8"))
    assert [row["days"] for row in found["meters"]] == [12, 12]
    assert all(row["checks"] > row["stretches"] > 100 for row in found["meters"])
    assert (found["lost_fen"], found["doubled_fen"], found["seed"]) == ("0", "0", 1)
    written, published = read_figures(page, "soak"), read_figures(PROMISE, "soak")
    assert written.keys() == published.keys()
    assert [published[name] for name in SPOTLESS] == ["0"] * len(SPOTLESS)
    for name, least in (("FRAM", 20), ("wallet", 20)):
        years = next(figure for what, figure in written.items() if name in what and "until" in what)
        assert all(int(each.replace(",", "")) > least for each in years.split(" and ")), years
    mirror = written["writes a year of each record of the ESAM's mirror, at most"]
    assert 4_300 < int(mirror.replace(",", "")) < 4_500, "not written each quarter of an hour"
    record_property("figure", said.splitlines()[-1])


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_the_firmware_is_found_and_lived_again(tmp_path: Path, name: str) -> None:
    """The command that the campaign prints finds it again."""
    module, right, wrong, finding = FAULTS[name]
    copy = planted(tmp_path, module, right, wrong)
    options = ("--json", str(tmp_path / "soak.json"))
    code, said = bench("soak", "--days", "2", "--meter", "1", *options, firmware=copy)
    assert code == 1 and finding in said, said
    command = re.search(r"dianka bench (soak --days \d+ --meter 1 .*)", said)
    assert command, said
    code, said = bench(*shlex.split(command[1]), *options, firmware=copy)
    assert code == 1 and finding in said, said


# ****** Stretches ******


def _plan(life: Life, day: int) -> list[tuple[int, Act]]:
    """Return what happens to the twins on each day: all comes around midnight."""
    draw = life.household.draw(day, "twins")
    found: list[tuple[int, Act]] = [
        (85_600, partial(acts.buy, life, draw, 1_000)),
        (85_800, partial(trouble.cut_power, life, draw)),
        (86_200, partial(trouble.bite, life, draw)),
    ]
    return found if life.when.hour == 23 else [(20, partial(trouble.dip, life, draw)), *found]


@sweep(2)
def test_stretched_and_played_lives_end_in_the_same_state(tmp_path: Path, every: int) -> None:
    """The same fen, energy, records and events: a week in the campaign, else a quarter."""
    end_s = LATE_S + (WEEK_S if every == 1 else LIVED_S)
    stretched, played = twins.live_twice(tmp_path, 1, 1, BY_HOUR, LATE_S, end_s, _plan)
    assert played["step_pj"] > PJ_PER_KWH // 25 and played["happened"]["power cuts"]
    assert stretched == played


def _plan_with(act: Callable[[Life, Random], None]) -> PlanDay:
    """Return the plan of a week whose second day has this as well, at noon."""

    def plan(life: Life, day: int) -> list[tuple[int, Act]]:
        found = _plan(life, day)
        if day == LATE_S // 86_400 + 1:
            found.append((43_000, partial(act, life, life.household.draw(day, "noon"))))
        return found

    return plan


# (seed, what happens in it)
WEEKS = {
    "a price list": (2, lambda life, draw: utility.change_tariff(life, STEPPED, 200, 500)),
    "a clock that is lost": (3, trouble.lose_clock),
    "a clock that is wrong": (4, trouble.set_clock_off),
    "a meter swap": (5, lambda life, draw: utility.swap_meter(life)),
}


@pytest.mark.campaign
@pytest.mark.parametrize("name", WEEKS)
def test_any_week_ends_in_the_same_state(tmp_path: Path, name: str) -> None:
    seed, act = WEEKS[name]
    week = LATE_S, LATE_S + WEEK_S
    stretched, played = twins.live_twice(tmp_path, seed, 1, BY_HOUR, *week, _plan_with(act))
    assert stretched == played


def test_skipped_time_makes_everything_due_later() -> None:
    clock, calls = Clock(), []
    clock.call_at(10, lambda: calls.append(clock.now_us))
    clock.call_at(5, lambda: calls.append(-clock.now_us)).cancel()
    clock.skip(1_000)
    assert (clock.now_us, clock.next_due_us, calls) == (1_000, 1_010, [])
    clock.advance(2_000)
    assert calls == [1_010]


def test_a_controller_that_is_reset_sends_no_more_characters() -> None:
    """Else a mains that comes back soon meets a chip that two controllers talk to."""
    mcu, heard = Mcu(Clock()), []
    port = mcu.get_uart(1)
    port.sink = lambda value, start_us, form: heard.append(value)
    port.configure(Format(9600))
    port.send(b"\1\2\3")
    mcu.wait(1_500)
    mcu.reset()
    mcu.wait(10_000)
    assert heard == [1, 2]
    port.configure(Format(9600))
    port.send(b"\4")
    mcu.wait(10_001)
    assert heard == [1, 2, 4]


# ****** The books ******


@pytest.mark.parametrize("module", [ledger, tariffs])
def test_the_ledger_is_the_bench_s_alone(module: object) -> None:
    """Nothing of the firmware is imported, and no money is a float."""
    source = Path(str(vars(module)["__file__"])).read_text(encoding="utf-8")
    modules = {
        node.module for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)
    }
    assert modules <= {
        "collections.abc", "dataclasses", "datetime", "fractions", "typing",
        "dianka.bench.campaign.soak.tariffs",
    }  # fmt: skip


def test_energy_costs_its_price_by_steps_and_hours() -> None:
    assert STEPPED.compute_cost(5_000, 0, PJ_PER_KWH) == 50 * FEN
    assert STEPPED.compute_cost(5_000, 0, 3 * PJ_PER_KWH) == (50 + 60 + 80) * FEN
    assert STEPPED.compute_cost(5_000, PJ_PER_KWH // 2, PJ_PER_KWH) == 55 * FEN
    hours = [
        BY_HOUR.find_rate_e4(LATE_S // 86_400 * 86_400 + second) for second in (0, 900, 85_500)
    ]
    assert hours == [8_000, 6_000, 8_000] and BY_HOUR.dearest_e4 == 8_000
    assert BY_HOUR.find_change(LATE_S + 60) == (LATE_S // 86_400 + 1) * 86_400


@given(st.integers(0, 5 * PJ_PER_KWH), st.integers(0, 4 * PJ_PER_KWH))
def test_what_energy_costs_buys_that_energy(energy_pj: int, used_pj: int) -> None:
    cost = STEPPED.compute_cost(5_000, used_pj, energy_pj)
    assert STEPPED.compute_energy(5_000, used_pj, cost) == energy_pj


def test_a_price_changes_in_the_dark_of_a_cut() -> None:
    """What the cut took was charged at the former price, what came since at the new one."""
    books = ledger.Ledger(Tariff((5_000,)), pulse_pj=10, bought_fen=1)
    books.follow_time(0)
    books.check(_make_state(1_000, 1_000 * 5_000), 1_000, 10, 0)
    books.plan = 1_000, Tariff((9_000,))
    books.note_change(1_000, 0)
    state = _make_state(1_300, 800 * 5_000 + 500 * 9_000)
    books.check_cut(state, 1_500, 0, 2_000)
    assert (books.lost_pj, books.cuts, books.energy_pj) == (200, 1, 1_300)
    with pytest.raises(ledger.WrongBooks):
        books.check(_make_state(1_310, state.remainder), 1_510, 2_010, 0)


@pytest.mark.parametrize(("old_pj", "right"), [(50, False), (60, True), (100, True), (110, False)])
def test_a_report_gets_the_price_of_its_time(old_pj: int, right: bool) -> None:
    """100 pJ are delivered before the price changes, of which 30 may be told late, and a pulse."""
    books = ledger.Ledger(Tariff((5_000,)), pulse_pj=10, bought_fen=1)
    books.follow_time(0)
    books.plan = 1_000, Tariff((9_000,))
    books.note_change(100, 30)
    state = _make_state(200, old_pj * 5_000 + (200 - old_pj) * 9_000)
    if right:
        books.check(state, 200, 1_001, 0)
        return
    with pytest.raises(ledger.WrongBooks, match="no number of pulses"):
        books.check(state, 200, 1_001, 0)


@pytest.mark.parametrize("late_s", [0, 2, -2])
def test_a_price_that_comes_late_or_early_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late_s: int
) -> None:
    """Nobody looks within ten seconds of the change, as when a session lasts over it."""
    right = "at_s = seconds + self._clock.offset_s\n        if"
    wrong = right.replace("offset_s", f"offset_s - {late_s}")
    monkeypatch.setattr(runners, "FIRMWARE", planted(tmp_path, "tariff_timed", right, wrong))
    change_s = LATE_S // 86_400 * 86_400 + 85_500
    life = Life(tmp_path, 1, 1, tariff=BY_HOUR, start_s=change_s - 120)
    with closing(life):
        acts.open_account(life, 2_000)
        life.set_load(2_000_000)
        life.pass_until((change_s - 10) * 1_000_000)
        life.play(20_000_000)
        if not late_s:
            life.check(UNHEARD_US)
            return
        with pytest.raises(ledger.WrongBooks, match="at a change of price"):
            life.check(UNHEARD_US)


@pytest.mark.parametrize("keeps_time", [True, False])
def test_clocks_are_lost_and_wrong_under_any_price(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keeps_time: bool
) -> None:
    """Also while another price is planned. A meter that lets a clock go back is found."""
    right = "if state.set_crc:\n            state.earliest_s ="
    wrong = right if keeps_time else right.replace("state.set_crc", "not state.set_crc")
    monkeypatch.setattr(runners, "FIRMWARE", planted(tmp_path, "tariff_timed", right, wrong))
    life, draw = Life(tmp_path, 1, 1, tariff=BY_HOUR, start_s=LATE_S), Random(2)

    def go_wrong() -> None:
        for number in range(6):
            life.set_load(700_000)
            (trouble.lose_clock if number == 1 else trouble.set_clock_off)(life, draw)
            life.pass_until(life.now_us + 7 * 3_600 * 1_000_000)

    with closing(life):
        acts.open_account(life, 20_000)
        utility.change_tariff(life, STEPPED, 1_700, 100)
        if keeps_time:
            go_wrong()
            assert life.happened["clock faults"] == 6 and life.ledger.tariff is STEPPED
            return
        with pytest.raises(ledger.WrongBooks):
            go_wrong()


def test_no_cut_gives_back_less_than_it_has_taken() -> None:
    """5 of 1,000 pJ were in a pulse that had begun, 90 not yet in the memory when it went dark."""

    def come_back(energy_pj: int) -> ledger.Ledger:
        books = ledger.Ledger(Tariff((5_000,)), pulse_pj=10, bought_fen=1)
        books.follow_time(0)
        books.check(_make_state(990, 990 * 5_000), 1_000, 10, 10)
        gone_pj = books.compute_gone(900, 1_000)
        state = _make_state(energy_pj, energy_pj * 5_000)
        books.check_cut(state, 1_503, 3, 20, least_pj=gone_pj)
        return books

    assert come_back(1_400).lost_pj == 100  # what the chip has counted since: 500
    assert come_back(1_380).lost_pj == 120  # not all of it
    with pytest.raises(ledger.WrongBooks, match="10 pJ were charged again after a cut"):
        come_back(1_410)
    with pytest.raises(ledger.WrongBooks, match="510 pJ were charged again after a cut"):
        come_back(1_910)


def test_steps_go_on_over_prices_by_the_hour_alone() -> None:
    """Only a flat price begins the steps anew (docs/operations.md, "Several prices")."""
    limits_pj, hours = (500, 1_000), Tariff((5_000,), ((0, 0),))
    steps = Tariff((5_000,), (), limits_pj, (0, 1_000, 3_000))
    for between, upto_pj in ((hours, 600), (Tariff((5_000,)), 200)):
        books = ledger.Ledger(steps, pulse_pj=10, bought_fen=1)
        books.follow_time(0)
        books.check(_make_state(400, 400 * 5_000, 400), 400, 10, 0)
        books.plan = 20, between
        books.note_change(400, 0)
        parts = 400 * 5_000 + 100 * 5_000
        books.check(_make_state(500, parts, 400 if between is hours else 0), 500, 30, 0)
        books.plan = 40, steps
        books.note_change(500, 0)
        parts += 200 * 5_000 + (100 * 1_000 if between is hours else 0)
        books.check(_make_state(700, parts, upto_pj), 700, 50, 0)


def _make_state(energy_pj: int, remainder: int, step_pj: int = 0) -> SimpleNamespace:
    money = {"bought_fen": 1, "balance_fen": 1, "remainder": remainder, "difference_fen": 0}
    return SimpleNamespace(energy_pj=energy_pj, count=0, step_pj=step_pj, **money)


def test_the_stages_of_a_falling_balance() -> None:
    stages = Stages(300, 500, 0)
    assert stages.is_on(301) and not stages.is_on(300)
    stages.hold_key(300)
    assert stages.is_on(1) and not stages.is_on(0)
    stages.hold_key(0)
    assert not stages.is_on(0)
    stages.put_card_in(0)
    assert stages.is_on(-499) and not stages.is_on(-500)
    stages.put_card_in(-500)
    assert not stages.is_on(-500) and not stages.is_on(0)
    stages.put_card_in(1)
    assert stages.is_on(1)
    assert [stages.find_next(fen) for fen in (301, 300, 1, 0, -500)] == [300, 0, 0, -500, None]
