"""Cuts inside the memory, and parts that are broken, missing or new.

What the meter shows, keeps and gets back.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dianka.bench.models.fram import SIZE, Cut
from dianka.bench.models.relay import ContactFault
from dianka.desk.issue import InitData, UserData
from ledger import PJ_PER_WH
from meter_kit import CUSTOMER_NO, METER_NO, PRICE_E4, USER, MeterKit, S, dip, exact, in_use, tell
from sweeps import sweep

MANY = 1_000_000
CUTS = (Cut.AFTER, Cut.TORN, Cut.BEFORE)


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    """A meter in use with 10 yuan, under load for a while."""
    kit = MeterKit.new(tmp_path)
    in_use(kit, 1000)
    kit.rig.set_load(4_400_000)
    kit.wait(60 * S)
    yield kit
    kit.close()


@pytest.fixture
def dear(tmp_path: Path) -> Iterator[MeterKit]:
    """At 99.9999 yuan/kWh a fen lasts 0.1 Wh, so that there is something to settle each second."""
    init = InitData(METER_NO, 100, 50, 50, 0, 0, [999_999])
    kit = MeterKit.new(tmp_path, init, UserData(METER_NO, CUSTOMER_NO, 100, 50, [999_999]))
    in_use(kit, 20_000)
    kit.rig.set_load(400_000)
    kit.wait(60 * S)
    yield kit
    kit.close()


def purchase(kit: MeterKit) -> None:
    kit.run_session(USER)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "share"),
    [
        (purchase, 23),
        (dip, 11),
        pytest.param(purchase, 2, marks=pytest.mark.campaign),
        pytest.param(dip, 1, marks=pytest.mark.campaign),
    ],
)
def test_a_cut_at_the_bytes_of_every_commit(
    dear: MeterKit, act: Callable[[MeterKit], None], share: int
) -> None:
    kit = dear
    fram, count, cuts = kit.rig.bench.fram, 1, 0
    most = 0
    for point in (0, *range(1, MANY, share)):
        if act is purchase:
            kit.sell(100)
            kit.ledger.bought_fen, count = kit.ledger.bought_fen + 100, count + 1
            assert kit.get_esam_wallet()[0] > kit.state.wallet_fen  # there is something to settle
        before = fram.writes
        if point:
            fram.cut_after(point, kit.cut_now, CUTS[cuts % 3])
        act(kit)
        fram.cut_after_bytes = None
        if not point:
            most = fram.writes - before
        if not kit.rig.take_view().powered:
            cuts += 1
            kit.restart(1 * S)
            # Else the relay would open: so many cuts in a row look deliberate.
            kit.wait(10 * S)
        if act is purchase:
            assert kit.run_session(USER).code == 0, (point, kit.lines[-5:])
        assert kit.state.count == count, point
        exact(kit)
        if point > most:
            break
    assert cuts * share > most * 3 // 4 > 300
    lost_pj = kit.ledger.energy_pj - kit.state.energy_pj
    assert 0 <= lost_pj <= cuts * PJ_PER_WH
    tell(
        f"{act.__name__}: {most} bytes, cut at 1 in {share}; "
        f"{lost_pj // (PJ_PER_WH // 1000)} mWh lost in {cuts} cuts"
    )


@pytest.mark.parametrize("start", [0, SIZE // 2])
def test_one_ring_destroyed(kit: MeterKit, start: int) -> None:
    kit.rig.cut_power()
    kit.rig.bench.fram.destroy(start, SIZE // 2)
    before = kit.ledger.energy_pj
    kit.restart()
    assert before - PJ_PER_WH <= kit.state.energy_pj <= kit.ledger.energy_pj
    assert kit.state.count == 1 and kit.state.meter_no == METER_NO and kit.relay_closed
    exact(kit)


def restored(kit: MeterKit, least_fen: int) -> None:
    state = kit.state
    assert (state.meter_no, state.customer_no, state.count, state.price_e4) == (
        METER_NO,
        CUSTOMER_NO,
        1,
        PRICE_E4,
    )
    assert (state.alarm1_fen, state.alarm2_fen, state.overdraft_limit_fen) == (100, 50, 50)
    assert least_fen - 2 <= state.balance_fen <= 1000
    kit.wait(METER_NO * S + 3 * S)  # its turn after an outage
    assert kit.relay_closed
    kit.sell(300)
    assert kit.run_session(USER).code == 0
    assert kit.state.count == 2 and least_fen + 290 < kit.state.balance_fen <= 1300


def test_blank_memory_is_restored_from_the_esam(kit: MeterKit) -> None:
    dip(kit)  # settled: the ESAM knows the balance of now
    left_fen = kit.state.balance_fen
    kit.rig.cut_power()
    kit.rig.bench.fram.load(bytes(SIZE))
    kit.restart()
    assert kit.state.balance_fen == left_fen
    restored(kit, left_fen)


@pytest.mark.slow
@pytest.mark.parametrize("point", [1, 60, 116, 117, 150, 232, 233, 300])
def test_a_cut_while_the_memory_is_restored(kit: MeterKit, point: int) -> None:
    dip(kit)
    left_fen = kit.state.balance_fen
    kit.rig.cut_power()
    kit.rig.bench.fram.load(bytes(SIZE))
    kit.rig.bench.fram.cut_after(point, kit.cut_now, CUTS[point % 3])
    kit.restart()
    kit.rig.bench.fram.cut_after_bytes = None
    if not kit.rig.take_view().powered:
        kit.restart()
    restored(kit, left_fen)


@pytest.mark.slow
@pytest.mark.parametrize("point", range(0, 700, 70))
def test_a_cut_while_the_esam_tells(kit: MeterKit, point: int) -> None:
    """Nothing of a half-told state may stay in the journal."""
    dip(kit)
    left_fen = kit.state.balance_fen
    kit.rig.cut_power()
    kit.rig.bench.fram.load(bytes(SIZE))
    kit.rig.bench.esam.on_character = lambda direction, index: (
        kit.cut_now() if index == point else None
    )
    kit.restart()
    kit.rig.bench.esam.on_character = None
    if not kit.rig.take_view().powered:
        kit.restart()
    restored(kit, left_fen)


@sweep(37)
def test_a_cut_at_a_character_while_it_is_settled_and_the_memory_lost(
    dear: MeterKit, every: int
) -> None:
    """The mirror is the former one or the new one: no fen more, and at most what was used."""
    kit, whole, point = dear, False, 1 - every
    while not whole:
        point += every
        rest(kit)
        settled_fen, settled_pj = kit.state.balance_fen, kit.state.energy_pj
        kit.rig.set_load(400_000)
        kit.wait(20 * S)
        kit.rig.set_load(0)
        kit.wait(2 * S)
        whole = dip_cut_at(kit, point)
        if not kit.rig.take_view().powered:
            kit.restart()
        right_fen, right_pj = kit.state.balance_fen, kit.state.energy_pj
        kit.rig.cut_power()
        kit.rig.bench.fram.load(bytes(SIZE))
        kit.restart()
        found_fen, found_pj = kit.state.balance_fen, kit.state.energy_pj
        assert right_fen <= found_fen <= settled_fen, point
        assert settled_pj <= found_pj <= right_pj, point
        if whole:
            assert (found_fen, found_pj) == (right_fen, right_pj)
        assert kit.state.count == 1 and kit.state.bought_fen == 20_000
    assert point > 300


def dip_cut_at(kit: MeterKit, point: int) -> bool:
    """Let the mains dip, with a cut at this character of the ESAM's. Whether it had fewer."""
    esam, passed = kit.rig.bench.esam, 0

    def hear(direction: str, index: int) -> None:
        nonlocal passed
        passed += 1
        if passed == point:
            kit.cut_now()

    esam.on_character = hear
    dip(kit)
    esam.on_character = None
    return passed < point


def rest(kit: MeterKit) -> None:
    """Let nothing flow, and settle."""
    kit.rig.set_load(0)
    kit.wait(2 * S)
    dip(kit)


def test_overdraft_granted_is_not_used_up_by_a_blank_memory(tmp_path: Path) -> None:
    """50.00 yuan granted, 0.01 used: debt, energy and the card's release come from the ESAM."""
    kit = MeterKit.new(tmp_path, InitData(METER_NO, 0, 0, 5000, 0, 0, [PRICE_E4]))
    in_use(kit, 10)
    kit.rig.set_load(6_600_000)
    while kit.state.balance_fen > -1:
        kit.wait(5 * S)
        if kit.state.balance_fen <= 0 and not kit.relay_closed:
            kit.run_session(USER)
    kit.rig.set_load(0)
    kit.wait(2 * S)  # until the chip has told all of it
    dip(kit)
    before = dict(vars(kit.state))
    assert kit.relay_closed and before["balance_fen"] < 0 and kit.get_esam_wallet()[0] == 0
    kit.rig.cut_power()
    kit.rig.bench.fram.load(bytes(SIZE))
    kit.restart()
    kit.wait(8 * S)
    state = kit.state
    assert state.overdraft_limit_fen == 5000
    for name in ("balance_fen", "energy_pj", "remainder", "bought_fen", "card_serial", "flags"):
        assert getattr(state, name) == before[name], name
    exact(kit)
    kit.wait(METER_NO * S)  # its turn after an outage
    assert kit.relay_closed, kit.lines[-5:]
    kit.sell(100)
    assert kit.run_session(USER).code == 0 and kit.state.balance_fen == before["balance_fen"] + 100
    kit.close()


def test_blank_memory_and_an_esam_that_comes_late(kit: MeterKit) -> None:
    """The journal has records of a meter that is not set up already when the ESAM answers."""
    esam = kit.rig.bench.esam
    chip = esam.engine.chip
    dip(kit)
    left_fen = kit.state.balance_fen
    kit.rig.cut_power()
    kit.rig.bench.fram.load(bytes(SIZE))
    kit.rig.bench.relay.fault = ContactFault.WELDED  # energy flows and is counted
    esam.put(None)
    kit.restart()
    kit.wait(20 * S)
    assert kit.rig.bench.fram.content != bytes(SIZE) and not kit.state.meter_no
    kit.rig.cut_power()
    kit.rig.bench.relay.fault = ContactFault.NONE
    esam.put(chip)
    kit.restart()
    restored(kit, left_fen)
