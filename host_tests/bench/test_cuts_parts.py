"""The parts of the campaign of power cuts: keys of the memory, books, what a cut leaves, a boot."""

import ast
import random
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dianka.bench.campaign.cuts import books, operation
from dianka.bench.campaign.cuts.books import Books, compute_cost_fen, compute_used_fen
from dianka.bench.campaign.cuts.flash import Flash
from dianka.bench.campaign.cuts.memory_key import MemoryKey
from dianka.bench.campaign.cuts.player import Futures
from dianka.bench.campaign.cuts.remains import Table, take
from dianka.bench.campaign.cuts.watch import ALL, NOTHING, PART, RESET, SWAPPED, Point, Watch
from dianka.bench.campaign.trial import USER, S, Trial
from dianka.bench.models.fram import SIZE

KWH_PJ = 3_600_000_000_000_000_000
JOURNAL, RECORD = 1024, 179


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    trial = Trial(tmp_path)
    operation.make_meter(trial)
    yield trial
    trial.close()


# ****** Keys ******


def test_a_key_follows_every_byte() -> None:
    chance = random.Random(3)
    memory = bytearray(chance.randbytes(SIZE))
    key = MemoryKey(memory)
    for _ in range(300):
        at, value = chance.randrange(SIZE), chance.randrange(256)
        foreseen = key.foresee(at, value)
        memory[at] = value
        key.follow(at, value, foreseen)
        assert key.key == MemoryKey(memory).key


def test_torn_records_of_one_slot_are_the_same_and_whole_ones_are_not(trial: Trial) -> None:
    content = trial.rig.bench.fram.content
    whole = [slot for slot in range(8) if content[JOURNAL + slot * 256 + 5]]
    assert len(whole) == 8
    key, torn = MemoryKey(bytearray(content)), set()
    for byte in range(RECORD):
        at = JOURNAL + 256 + byte
        torn.add(key.foresee(at, content[at] ^ 0x10)[0])
    assert len(torn) == 1 and key.key not in torn
    behind = JOURNAL + 256 + RECORD  # no part of the record
    assert key.foresee(behind, content[behind] ^ 1)[0] == key.key
    assert key.foresee(behind, content[behind] ^ 1)[1] != key.raw


# ****** Books ******


def test_the_books_are_the_bench_s_alone() -> None:
    """Nothing of the firmware is imported, and no float is made of money."""
    tree = ast.parse(Path(books.__file__).read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules == {"dataclasses", "fractions", "typing"}
    assert not any(isinstance(node, ast.Import) for node in ast.walk(tree))
    assert "float" not in Path(books.__file__).read_text(encoding="utf-8")


def test_a_kilowatt_hour_costs_its_price() -> None:
    assert compute_cost_fen(KWH_PJ, 5000) == 50
    assert compute_cost_fen(1, 1) == Fraction(1, 100 * KWH_PJ)


def meter(energy_pj: int, used_fen: Fraction, price_e4: int) -> Any:
    """Return a meter that says that it has charged this much, of 100 yuan."""
    whole_fen = int(used_fen)
    remainder = (used_fen - whole_fen) * 100 * KWH_PJ
    assert remainder.denominator == 1
    return SimpleNamespace(
        energy_pj=energy_pj, bought_fen=10_000, balance_fen=10_000 - whole_fen, count=1,
        remainder=int(remainder), price_e4=price_e4,
    )  # fmt: skip


@pytest.mark.parametrize("error_fen", [Fraction(0), Fraction(1), Fraction(-1, 100 * KWH_PJ)])
def test_any_error_is_found_to_the_last_fraction(error_fen: Fraction) -> None:
    made = Books.begin(meter(0, Fraction(0), 5000), 0)
    used_fen = compute_cost_fen(KWH_PJ, 5000)
    assert made.find_error_fen(meter(KWH_PJ, used_fen + error_fen, 5000)) == error_fen


def test_a_price_changes_at_a_whole_pulse() -> None:
    pulse_pj = 9_458_280_000_000
    made = Books.begin(meter(0, Fraction(0), 5000), 0, changed_e4=7000, pulse_pj=pulse_pj)
    old_pj, new_pj = 1000 * pulse_pj, 70 * pulse_pj
    used_fen = compute_cost_fen(old_pj, 5000) + compute_cost_fen(new_pj, 7000)
    assert made.find_error_fen(meter(old_pj + new_pj, used_fen, 7000)) == 0
    assert compute_used_fen(meter(0, used_fen, 7000)) == used_fen
    with pytest.raises(AssertionError, match="whole pulses"):
        made.find_error_fen(meter(old_pj + new_pj, used_fen + Fraction(1, KWH_PJ), 7000))


@pytest.mark.parametrize(
    ("price_e4", "least_pj", "most_pj", "finding"),
    [
        (7000, 900, 1000, ""),
        (7000, 1001, 2000, "1000 mWh are charged at the old price"),
        (7000, 0, 999, "1000 mWh are charged at the old price"),
        (5000, 0, 2000, "the price is 5000 in the end, not 7000"),
    ],
)
def test_a_price_changes_in_name_and_in_time(
    price_e4: int, least_pj: int, most_pj: int, finding: str
) -> None:
    """The energy up to the change is in mWh; the meter had used some before the books."""
    mwh_pj, before_pj, lost_pj = books.PJ_PER_WH // 1000, 10**16, 10**12
    begun_pj = before_pj + lost_pj
    made = Books.begin(meter(before_pj, Fraction(0), 5000), begun_pj, changed_e4=7000)
    old_pj, new_pj = 1000 * mwh_pj, 500 * mwh_pj
    used_fen = compute_cost_fen(old_pj, 5000) + compute_cost_fen(new_pj, 7000)
    state = meter(before_pj + old_pj + new_pj, used_fen, price_e4)
    limits = begun_pj + least_pj * mwh_pj, begun_pj + most_pj * mwh_pj
    if not finding:
        made.check_change(state, *limits)
        return
    with pytest.raises(AssertionError, match=finding):
        made.check_change(state, *limits)


def test_steps_are_charged_by_their_own_prices() -> None:
    steps = ((10, 1000), (30, 2000), (1 << 80, 5000))
    made = Books.begin(meter(0, Fraction(0), 1000), 0, steps=steps)
    used_fen = sum(compute_cost_fen(pj, price) for pj, price in ((10, 1000), (20, 2000), (7, 5000)))
    assert made.find_error_fen(meter(37, Fraction(used_fen), 5000)) == 0


# ****** What a cut leaves ******


class Seen(Futures):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[Point, Any]] = []

    def take(self, point: Point, make: Any) -> None:
        super().take(point, make)
        self.seen.append((point, make()))


def test_the_watch_sees_each_way_and_changes_nothing(trial: Trial) -> None:
    twin = take(trial)
    seen = Seen()
    watch = Watch(trial, seen, USER, None, 1)
    trial.rig.set_load(operation.LOAD_MW)
    trial.wait(1 * S)
    watch.stop()
    watched = take(trial)
    assert seen.by_way[PART] == seen.by_way[ALL] >= 3 * 2 * RECORD
    assert seen.by_way[NOTHING] == seen.by_way[ALL] // RECORD
    contents = [remains.fram for _, remains in seen.seen]
    assert contents[0] == twin.fram and contents[-1] == watched.fram
    for former, (point, remains) in zip(contents, seen.seen[1:], strict=False):
        if point.way == ALL:
            changed = [at for at in range(SIZE) if former[at] != remains.fram[at]]
            assert len(changed) <= 1


def test_a_reset_is_no_cut_and_leaves_the_chip_its_count(trial: Trial) -> None:
    """The controller restarts behind each byte that is a point, and before the first of a write."""
    sinks: list[Seen] = []
    for resets in (False, True):
        seen = Seen()
        watch = Watch(trial, seen, USER, None, 1, resets=resets)
        trial.rig.set_load(operation.LOAD_MW)
        trial.wait(1 * S)
        watch.stop()
        sinks.append(seen)
    cut, both = sinks
    assert not cut.resets and not cut.raw_resets
    assert both.resets == both.by_way[RESET] == both.by_way[ALL] + both.by_way[NOTHING]
    assert both.points == sum(both.by_way.values()) - both.resets
    assert all(point.way != RESET for point in (each.point for each in both.kept.values()))
    counted_nj = [remains.alive.counted_nj for point, remains in both.seen if point.way == RESET]
    assert counted_nj == sorted(counted_nj) and counted_nj[-1] > counted_nj[0] > 0
    assert all(not remains.alive for point, remains in both.seen if point.way != RESET)


def test_a_command_without_its_answer_may_not_have_happened(trial: Trial) -> None:
    """A commit falls between the ESAM's DEBIT and its answer: the chip may not have stored it."""
    seen = Seen()
    trial.rig.set_load(operation.LOAD_MW)
    trial.wait(1 * S)
    watch = Watch(trial, seen, USER, None, 1)
    trial.rig.switch_mains_off()
    trial.wait(50_000)
    trial.rig.switch_mains_on()
    trial.wait(2 * S)
    watch.stop()
    swapped = [remains for point, remains in seen.seen if point.way == SWAPPED]
    assert swapped
    done = [remains.esam for point, remains in seen.seen if point.way == ALL]
    assert all(remains.esam in done for remains in swapped)


def test_a_table_is_laid_again(trial: Trial) -> None:
    table, before = Table(trial, USER, None), take(trial)
    trial.rig.set_load(operation.LOAD_MW)
    trial.wait(20 * S)
    trial.sell(100)
    trial.run_session(USER)
    assert trial.state.count == 2
    table.restore(before)
    trial.switch_mains_on()
    assert (trial.state.count, trial.get_esam_wallet()[1]) == (1, 1)
    assert trial.sell(100) == 2
    trial.rig.cut_power()


# ****** Flash and boot ******


def test_a_file_is_there_when_it_is_closed_and_replaced_by_its_rename() -> None:
    flash, told = Flash(slot="a"), []
    flash.on_change = told.append
    with flash.open("slot.new", "w") as file:
        file.write("b")
        assert told == []
    flash.rename("slot.new", "slot")
    assert told == ["slot.new", "slot"] and flash.contents == (("slot", "b"),)
    with pytest.raises(OSError), flash.open("none"):
        pass


def test_a_slow_boot_is_slow_and_may_be_cut(trial: Trial) -> None:
    runner: Any = trial.rig.runner
    runner.boot_us = 600_000
    for on_us in (1_000, 599_000):
        trial.rig.cut_power()
        trial.wait(1 * S)
        trial.rig.switch_mains_on()
        trial.wait(on_us)
        assert runner.meter is None
    trial.wait(10_000)
    assert runner.meter is not None and runner.ended is None
