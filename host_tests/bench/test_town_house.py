"""One house of the town without an office: what its meter says is exact, or the run ends."""

from contextlib import closing
from pathlib import Path

import pytest

from dianka.bench.rungs import runners
from dianka.bench.stage.stand import METER_NO, PRICE_E4, USER, Stand
from dianka.bench.town.house import House, TownError
from dianka.bench.town.times import HOUR_US
from dianka.desk import closing_order
from pulled_kit import planted

# (module, right, wrong, what is found)
FAULTS = {
    "a pulse too many is charged after a start": (
        "metering",
        "return min(new, since) if new <=",
        "return min(new, since) + (register > 9) if new <=",
        "are not counted, after 1 cuts",
    ),
    "a receipt has a fen too much": (
        "card_user",
        '"balance_fen": state.wallet_fen,',
        '"balance_fen": state.wallet_fen + 1,',
        "its receipt says",
    ),
    "a statement has a fen too much": (
        "closing",
        '"balance_fen": state.wallet_fen,',
        '"balance_fen": state.wallet_fen + 1,',
        "its statement says",
    ),
}


def live(folder: Path, broken: str = "") -> House:
    """Open an account, use electricity, lose the power, buy again, and close the account."""
    stand = Stand(folder, seed=1)
    with closing(stand):
        stand.set_up()
        house = House(stand, METER_NO, PRICE_E4, 1)
        house.card = USER
        for fen in (2_000, 1_000):
            stand.sell(fen, house.card)
            assert house.put_in() == 0
            house.live(stand.now_us + 2 * HOUR_US)
            house.lose_power(1_000_000, at_once=True)
        with stand.open(house.card) as card:
            closing_order.order_closing(stand.control.chip, card.chip, stand.rng)
        house.live(stand.now_us + HOUR_US)
        house.close_account(broken, 1_500_000)
        with stand.open(house.card) as card:
            told = closing_order.read_statement(stand.control.chip, card.chip, stand.rng)
        house.take_statement(told.amount_fen)
    return house


@pytest.mark.parametrize("broken", ["", "cut"])
def test_a_closed_account_is_exact(tmp_path: Path, broken: str) -> None:
    house = live(tmp_path, broken)
    ledger = house.ledger
    assert house.statement_fen == 3_000 - ledger.owed_fen // 1
    assert len(house.receipts) == 2 and 0 < ledger.lost_fen < 1 and not ledger.slack_fen


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_the_firmware_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    module, right, wrong, finding = FAULTS[name]
    monkeypatch.setattr(runners, "FIRMWARE", planted(tmp_path, module, right, wrong))
    with pytest.raises(TownError, match=finding):
        live(tmp_path)
