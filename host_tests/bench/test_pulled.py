"""A purchase broken off while electricity flows.

Credited once, never lost, and not a fraction of a fen goes astray.

One meter lives through it all, under load at the highest price: for each point the desk sells, the
session is broken off there, the card goes in again, and then everything must be as if nothing had
happened. Every point of every kind of card, without load, is test_pulled_kinds.py's and `dianka
bench pulled`'s.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from dianka.desk.issue import InitData, UserData
from ledger import FEN, PJ_PER_WH, compute_used_fen
from meter_kit import CUSTOMER_NO, METER_NO, USER, MeterKit, S, tell

AMOUNT_FEN = 307
# At 99.9999 yuan a kWh and 4.4 kW some fen go by between the steps of one session: no restored
# balance can pass for a true one.
DEAR = (
    InitData(METER_NO, 100, 50, 50, 0, 0, [999_999]),
    UserData(METER_NO, CUSTOMER_NO, 100, 50, [999_999]),
)
Break = Callable[[MeterKit], None]


class Breaker:
    """Does something once, before a character counts.

    The `point`th on the slot, the ESAM or both since `arm`.
    """

    def __init__(self, kit: MeterKit, sockets: str) -> None:
        self.kit, self.passed, self.point, self.struck = kit, 0, -1, False
        self.in_session = False  # else it struck what the meter writes to the ESAM afterwards
        self.act: Break = lambda kit: None
        bench = kit.rig.bench
        for name in sockets.split():
            getattr(bench, name).on_character = self._hear

    def arm(self, point: int, act: Break) -> None:
        self.passed, self.point, self.struck, self.act = 0, point, False, act

    def _hear(self, direction: str, index: int) -> None:
        if self.passed == self.point and not self.struck:
            self.struck, self.in_session = True, self.kit.meter.card_slot.busy
            self.act(self.kit)
        self.passed += 1


def pull(kit: MeterKit) -> None:
    kit.rig.pull()


def cut(kit: MeterKit) -> None:
    kit.cut_now()


def silence(kit: MeterKit) -> None:
    """The ESAM hears and says nothing more until it is reset.

    The character under way is the first that is lost.
    """
    esam, heard = kit.rig.bench.esam, kit.rig.bench.esam.characters - 1

    def lost(direction: str, index: int, value: int) -> int | None:
        return None if index >= heard else value

    esam.tamper = lost


def put_in(kit: MeterKit, breaker: Breaker, point: int, act: Break) -> int:
    """A session that is broken off at this point; its error code."""
    breaker.arm(point, act)
    session = kit.run_session(USER)
    assert breaker.struck or point < 0, f"no character {point}"
    breaker.point = -1
    kit.rig.bench.esam.tamper = None
    return session.code


def recover(kit: MeterKit) -> None:
    """The power back if it is gone, and the card in once more: all must be well."""
    if not kit.rig.take_view().powered:
        kit.restart(1 * S)
        # Else the relay would open: so many cuts in a row look deliberate.
        kit.wait(10 * S)
    session = kit.run_session(USER)
    assert session.code == 0, session.log


def whole(kit: MeterKit, count: int, point: int) -> None:
    """Credited exactly once, in meter and ESAM, and to the last fraction."""
    state, bought_fen = kit.state, kit.ledger.bought_fen
    assert (state.bought_fen, state.count, state.intent) == (bought_fen, count, 0), (
        point,
        kit.lines[-8:],
    )
    assert compute_used_fen(state) == Fraction(state.energy_pj * state.price_e4, FEN), point
    money_fen, esam_count = kit.get_esam_wallet()
    assert esam_count == count and money_fen >= state.wallet_fen, point
    card = kit.on_card()
    assert card.write_back is not None and card.write_back["count"] == count, point
    assert kit.may_sell(), point


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    kit = MeterKit.new(tmp_path, *DEAR)
    yield kit
    kit.close()


def opened(kit: MeterKit) -> int:
    kit.ledger.bought_fen += 1000
    kit.sell(1000)
    assert kit.run_session(USER).code == 0
    kit.rig.set_load(4_400_000)
    return 1


def points_of(kit: MeterKit, breaker: Breaker) -> int:
    """Characters of an unbroken purchase."""
    kit.ledger.bought_fen += AMOUNT_FEN
    kit.sell(AMOUNT_FEN)
    assert put_in(kit, breaker, -1, pull) == 0
    return breaker.passed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sockets", "act", "codes", "share"),
    [("slot", pull, {20}, 5), ("slot esam", cut, {0}, 13), ("esam", silence, {2, 3}, 7)],
    ids=["card pulled", "power cut", "ESAM silent"],
)
def test_broken_off_before_every_character(
    kit: MeterKit, sockets: str, act: Break, codes: set[int], share: int
) -> None:
    count = opened(kit)
    breaker = Breaker(kit, sockets)
    points, count = points_of(kit, breaker), count + 1
    for point in range(0, points, share):
        kit.ledger.bought_fen += AMOUNT_FEN
        assert kit.sell(AMOUNT_FEN) == count + 1
        count += 1
        code = put_in(kit, breaker, point, act)
        # Behind the session comes the mirror in the ESAM (docs/journal.md).
        assert code in (codes if breaker.in_session else {0}), (point, code, kit.lines[-5:])
        recover(kit)
        whole(kit, count, point)
    kit.rig.set_load(0)
    kit.wait(1 * S)
    lost_pj = kit.ledger.energy_pj - kit.state.energy_pj
    assert 0 <= lost_pj <= (points // share + 1) * PJ_PER_WH * (act is cut)
    tell(
        f"{act.__name__}: 1 in {share} of {points} points of a purchase, "
        f"{count} purchases credited once each"
    )
