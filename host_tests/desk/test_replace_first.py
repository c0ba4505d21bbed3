"""The very first card is lost: the clerk can replace it by what the meter shows.

This holds whether the meter has its purchase or not.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_replace import NEW, SERIAL_ERROR, lost, replaced, run

from meter_kit import USER, MeterKit, in_use

THIRD = Path("third.card")
PRICE = ["--price", "0.5"]  # the alarms are in `lost`


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    kit = MeterKit.new(tmp_path)
    yield kit
    kit.close()


@pytest.mark.parametrize("words", [lost(1, "10.00"), lost(0)])
def test_a_card_that_opens_the_account_wants_its_price(kit: MeterKit, words: list[str]) -> None:
    """It took the price of a table that nobody had looked at."""
    status, _, err = run(kit, "card", "replace", NEW.name, *words)
    assert (status, err.count("\n")) == (1, 1) and "give --price" in err
    assert not (kit.folder / NEW).exists()


def test_the_first_purchase_was_in_the_meter_and_nobody_knew(kit: MeterKit) -> None:
    in_use(kit, 1000)
    out = replaced(kit, *lost(1, "10.00"), *PRICE)
    assert "Err-33 there: it has that purchase, make another card without --amount" in out
    session = kit.session(NEW)
    assert session.code == SERIAL_ERROR and "Err-33" in session.texts
    status, out, err = run(kit, "card", "replace", THIRD.name, *lost(1))
    assert (status, err) == (0, "") and "purchase 1 is in the meter already" in out
    assert kit.session(THIRD).code == 0
    assert (kit.state.bought_fen, kit.state.count) == (1000, 1)
    kit.sell(200, THIRD)
    assert kit.session(THIRD).code == 0
    assert (kit.state.bought_fen, kit.state.count) == (1200, 2)
    for former in (USER, NEW):
        assert kit.session(former).code == SERIAL_ERROR
    assert kit.state.bought_fen == 1200
