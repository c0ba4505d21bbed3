"""Two replacement cards for one lost card: what the meter can't tell apart, and what it never does.

A replacement carries the count of the last purchase and nothing that says which replacement it is.
So one that has never been in the meter stays good until the next purchase is in the meter
(docs/cards/sessions.md). Money is credited once all the same.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dianka.cardos import kinds
from dianka.cardos.image import CardFile
from dianka.desk import replace
from meter_kit import USER, USER_DATA, MeterKit, in_use

FIRST, SECOND, THIRD = Path("first.card"), Path("second.card"), Path("third.card")
TAKEN, SERIAL_ERROR = 0, 13


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    """A meter with purchase 1; purchase 2 of 3 yuan is on the card that is lost."""
    kit = MeterKit.new(tmp_path)
    in_use(kit, 1000)
    kit.sell(300)
    yield kit
    kit.close()


def replacement(kit: MeterKit, card: Path, last: replace.LastPurchase) -> None:
    with CardFile.create(kit.folder / card, kinds.USER, rng=kit.rng) as new:
        replace.make_replacement(kit.control.chip, new.chip, USER_DATA, last)


def replacements(kit: MeterKit, amount_fen: int) -> None:
    last = replace.LastPurchase(2, amount_fen, in_meter=not amount_fen)
    for card in (FIRST, SECOND, THIRD):
        replacement(kit, card, last)


def money(kit: MeterKit) -> tuple[int, int]:
    return kit.state.bought_fen, kit.state.count


@pytest.mark.slow
@pytest.mark.parametrize(
    "order", [(FIRST, SECOND, THIRD), (SECOND, FIRST, THIRD), (THIRD, SECOND, FIRST)]
)
def test_each_unused_replacement_is_taken_and_the_money_once(
    kit: MeterKit, order: tuple[Path, ...]
) -> None:
    replacements(kit, 300)
    for at, card in enumerate(order):
        assert kit.run_session(card).code == TAKEN
        assert money(kit) == (1300, 2)
        # Used once, a replacement is good only as long as no other has been in the meter since.
        assert kit.run_session(card).code == TAKEN
        assert [kit.run_session(former).code for former in (USER, *order[:at])] == [
            SERIAL_ERROR
        ] * (at + 1)
    assert money(kit) == (1300, 2)


def test_the_money_is_credited_once_where_the_lost_card_had_brought_it(kit: MeterKit) -> None:
    assert kit.run_session(USER).code == TAKEN and money(kit) == (1300, 2)
    replacements(kit, 300)
    for card in (FIRST, SECOND):
        assert kit.run_session(card).code == TAKEN and money(kit) == (1300, 2)
    assert [kit.run_session(card).code for card in (USER, FIRST)] == [SERIAL_ERROR] * 2


def test_the_first_one_in_decides_whether_the_money_is_credited(kit: MeterKit) -> None:
    """One with the money and one without: once or not at all, never twice."""
    replacement(kit, FIRST, replace.LastPurchase(2, 0, in_meter=True))
    replacement(kit, SECOND, replace.LastPurchase(2, 300, in_meter=False))
    assert kit.run_session(FIRST).code == TAKEN and money(kit) == (1000, 2)
    assert kit.run_session(SECOND).code == TAKEN and money(kit) == (1000, 2)
    assert kit.run_session(FIRST).code == SERIAL_ERROR


@pytest.mark.parametrize("amount_fen", [300, 0])
def test_the_next_purchase_in_the_meter_closes_it(kit: MeterKit, amount_fen: int) -> None:
    replacements(kit, amount_fen)
    bought = 1000 + amount_fen
    assert kit.run_session(FIRST).code == TAKEN
    kit.sell(500, FIRST)
    assert kit.run_session(FIRST).code == TAKEN and money(kit) == (bought + 500, 3)
    assert [kit.run_session(card).code for card in (SECOND, THIRD, USER)] == [SERIAL_ERROR] * 3
    assert money(kit) == (bought + 500, 3)
    assert kit.run_session(FIRST).code == TAKEN


def test_a_purchase_that_is_only_sold_closes_nothing(kit: MeterKit) -> None:
    """The found card gets in between: the card in use is refused with the purchase on it.

    A replacement brings that purchase.
    """
    replacements(kit, 300)
    assert kit.run_session(FIRST).code == TAKEN
    kit.sell(500, FIRST)
    assert kit.run_session(SECOND).code == TAKEN
    assert kit.run_session(FIRST).code == SERIAL_ERROR and money(kit) == (1300, 2)
    replacement(kit, Path("fourth.card"), replace.LastPurchase(3, 500, in_meter=False))
    assert kit.run_session(Path("fourth.card")).code == TAKEN and money(kit) == (1800, 3)
    assert [kit.run_session(card).code for card in (FIRST, SECOND, THIRD)] == [SERIAL_ERROR] * 3
