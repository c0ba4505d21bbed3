"""A price that a card brings and the clock brings into force.

Exact money through the change, whatever happens around it.
"""

import shutil
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dianka.bench.models.fram import Cut
from dianka.cardos.files import card_files
from dianka.cardos.image import CardFile
from dianka.desk.issue import pack_user_tariff
from ledger import FEN, compute_used_fen
from meter_kit import MS, PRICE_E4, USER, MeterKit, S, in_use, tell
from parts import Parts
from tariff_kit import at_least_pj, at_the_old_price, local, planned, sell_new, wait_until

PARTS = Parts()
account, tariff, records = (PARTS.module(name) for name in ("account", "tariff", "state"))

# ****** The arithmetic alone ******

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("use"), st.integers(0, 1 << 70)),
        st.tuples(st.just("pass"), st.integers(0, 100 * 86_400)),
        st.tuples(
            st.just("plan"),
            st.tuples(st.integers(-86_400, 40 * 86_400), st.integers(1, 99_999_999)),
        ),
        st.tuples(st.just("blind"), st.booleans()),
        st.tuples(st.sampled_from(("commit", "cut")), st.none()),
    ),
    max_size=40,
)


@given(st.integers(0, 99_999_999), st.integers(0, 3_000_000_000), STEPS)
def test_bought_is_used_and_balance_through_any_changes(
    price_e4: int, now_s: int, steps: list
) -> None:
    """An oracle with dates and fractions, which charges each use by the price of its moment."""
    state = records.State()
    state.price_e4 = price_e4
    plan, owed, blind = None, Fraction(0), False
    kept = records.pack(state), plan, price_e4, owed
    for what, value in steps:
        if what == "use":
            account.switch_price(state, 0 if blind else local(now_s))
            if plan and not blind and local(now_s) >= local(plan[0]):
                price_e4, plan = plan[1], None
            account.debit(state, value)
            owed += Fraction(value, account.PJ_PER_KWH) * price_e4 / 100
            state.balance_fen = max(state.balance_fen, -(1 << 38))
        elif what == "pass":
            now_s = min(now_s + value, 3_100_000_000)
        elif what == "plan":
            plan = now_s + max(value[0], -now_s), value[1]
            tariff.plan_price(state, local(plan[0]), pack_user_tariff([plan[1]]))
        elif what == "blind":
            blind = value
        elif what == "commit":
            kept = records.pack(state), plan, price_e4, owed
        else:
            state, (_, plan, price_e4, owed) = records.unpack(kept[0]), kept
        if state.balance_fen > -(1 << 38):
            assert compute_used_fen(state) == owed
        if blind:
            assert not account.switch_price(state, 0)


def test_zeros_plan_nothing_and_forget_what_was_planned() -> None:
    state = records.State()
    tariff.plan_price(state, 2601010000, pack_user_tariff([6000]))
    assert (state.next_price_e4, state.switch_time) == (6000, 2601010000)
    assert not account.switch_price(state, 2512312359) and not account.switch_price(state, 0)
    tariff.plan_price(state, 0, pack_user_tariff([6000]))
    assert (state.next_price_e4, state.switch_time, state.price_e4) == (0, 0, 0)
    assert not account.switch_price(state, 9912312359)


# ****** A whole meter ******


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    kit = MeterKit.new(tmp_path)
    in_use(kit, 60_000)
    yield kit
    kit.close()


@pytest.mark.slow
@settings(max_examples=16, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    load_mw=st.sampled_from([0, 40_000, 2_200_000, 6_600_000]),
    new_e4=st.integers(1, 99_999).filter(lambda price: price != PRICE_E4),
    minutes=st.integers(1, 3),
    how=st.sampled_from(("lit", "dark", "cut in the commit", "bitten")),
    byte=st.integers(1, 232),
    cut=st.sampled_from(Cut),
)
def test_a_change_is_exact(
    load_mw: int, new_e4: int, minutes: int, how: str, byte: int, cut: Cut
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="dianka-"))
    kit = MeterKit.new(folder)
    in_use(kit, 60_000)
    kit.rig.set_load(load_mw)
    begin_us = planned(kit, new_e4, minutes)
    wait_until(kit, begin_us - (2 * S if how == "dark" else 0))
    counted_pj, losses = kit.ledger.energy_pj, 0
    if how == "dark":
        kit.rig.cut_power()
        kit.restart(10 * S)
        losses = 1
    elif how == "cut in the commit":
        kit.rig.bench.fram.cut_after(byte, kit.cut_now, cut)
        kit.wait(2 * S)
        kit.rig.bench.fram.cut_after_bytes = None
        if not kit.rig.take_view().powered:
            kit.restart()
            losses = 1
    elif how == "bitten":
        kit.bite()
        losses = 1
    kit.wait(30 * S)
    state = kit.state
    assert (state.price_e4, state.next_price_e4, state.switch_time) == (new_e4, 0, 0)
    assert (
        at_least_pj(kit, counted_pj, load_mw, losses)
        <= at_the_old_price(kit, PRICE_E4, new_e4)
        <= counted_pj
    )
    assert (state.bought_fen, state.count) == (60_100, 2)
    assert not kit.list_violations()
    kit.close()
    shutil.rmtree(folder)


@pytest.mark.slow
def test_a_cut_at_the_bytes_of_the_change(kit: MeterKit) -> None:
    """Without load the change is the one commit that there is.

    After any cut in it the price is the new one all the same.
    """
    fram, cuts, price_e4 = kit.rig.bench.fram, 0, PRICE_E4
    slot = 2 * (6 + 2 + records.SIZE + 4)
    for point in range(1, slot + 1, 19):
        price_e4 += 1
        begin_us = planned(kit, price_e4, 1)
        wait_until(kit, begin_us - 1 * S)
        if kit.state.price_e4 == price_e4:
            continue
        fram.cut_after(point, kit.cut_now, tuple(Cut)[cuts % 3])
        kit.wait(3 * S)
        fram.cut_after_bytes = None
        if not kit.rig.take_view().powered:
            cuts += 1
            kit.restart(1 * S)
        assert (kit.state.price_e4, kit.state.switch_time) == (price_e4, 0), point
    assert cuts > slot // 19 // 2
    assert compute_used_fen(kit.state) == 0  # nothing was used
    tell(f"{cuts} cuts in the {slot} bytes of a change of price")


def test_a_purchase_with_a_price_pulled_anywhere(kit: MeterKit) -> None:
    """Old or new plan, and put in again it is the new one; the money once."""
    slot, pulled, price_e4, bought_fen = kit.rig.bench.slot, 0, PRICE_E4, 60_000
    sell_new(kit, PRICE_E4 + 1, 600)
    whole = kit.run_session(USER).slot_characters
    for point in range(5, whole, 61):
        price_e4, bought_fen = price_e4 + 1, kit.state.bought_fen + 100
        before = kit.state.switch_time, kit.state.next_price_e4
        sell_new(kit, price_e4, 600 + point)
        wanted = (card_files.from_bcd(_switch_time(kit)), price_e4)
        slot.on_character = lambda direction, index, point=point: (
            kit.rig.pull() if index == point else None
        )
        kit.run_session(USER)
        slot.on_character = None
        pulled += kit.state.switch_time != wanted[0]
        assert (kit.state.switch_time, kit.state.next_price_e4) in (before, wanted)
        assert kit.run_session(USER).code == 0, kit.lines[-5:]
        assert (kit.state.switch_time, kit.state.next_price_e4) == wanted
        assert (kit.state.price_e4, kit.state.bought_fen) == (PRICE_E4, bought_fen)
    assert pulled > 5
    tell(
        f"pulled at {len(range(5, whole, 61))} of {whole} characters, "
        f"{pulled} times before the plan was taken over"
    )


def _switch_time(kit: MeterKit) -> bytes:
    with CardFile.open(kit.folder / USER, kit.rng) as file:
        return bytes(file.chip.state.files[card_files.CARD_INFO][10:15])


def test_the_first_debit_after_the_time_is_by_the_new_price(kit: MeterKit) -> None:
    """To the pulse: nothing read from the chip after the time is charged by the old price."""
    kit.rig.set_load(6_600_000)
    for _ in range(20):
        kit.wait(7 * S + 3 * MS)
    charged_pj, state = kit.state.energy_pj, kit.state
    assert compute_used_fen(state) == Fraction(charged_pj * PRICE_E4, FEN)
    # As if the power had been off: the time has passed at the next look.
    tariff.plan_price(state, 1, pack_user_tariff([6000]))
    kit.wait(5 * S)
    assert kit.state.energy_pj > charged_pj and at_the_old_price(kit, PRICE_E4, 6000) == charged_pj
