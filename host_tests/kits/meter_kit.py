"""A whole meter on rung 1 for system tests: the bench's stand, a ledger, common assertions."""

import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from dianka.bench.stage.session import Session
from dianka.bench.stage.stand import (
    CONTROL,
    CUSTOMER_NO,
    FEN,
    INIT,
    INIT_DATA,
    KEYS,
    METER_NO,
    MS,
    PRICE_E4,
    USER,
    USER_DATA,
    S,
    Stand,
    compute_used_fen,
)
from dianka.card_port import CardError, select_card
from dianka.cardos.files import card_files
from dianka.desk import issue
from dianka.desk.sell import read_user_card
from dianka.desk.session import Desk
from ledger import Ledger

__all__ = [
    "CONTROL", "CUSTOMER_NO", "INIT", "INIT_DATA", "KEYS", "METER_NO", "MS", "PRICE_E4", "USER",
    "USER_DATA", "MeterKit", "S", "Session", "dip", "exact", "in_use", "tell",
]  # fmt: skip


def tell(text: str) -> None:
    """Print a figure that a test measured."""
    sys.stdout.write(text + "\n")


class MeterKit(Stand):
    """A folder with a meter and its cards.

    `new` makes a meter that is set up, keyed and switched on.
    """

    look_us = 2500 * MS

    def __init__(self, folder: Path, seed: int = 1, clock_set: bool = True) -> None:
        super().__init__(folder, seed=seed, clock_set=clock_set)
        self.ledger = Ledger(self.rig.bench.chip)

    @classmethod
    def before_cards(
        cls,
        folder: Path,
        init: issue.InitData = INIT_DATA,
        user: issue.UserData = USER_DATA,
        seed: int = 1,
    ) -> Self:
        """Return a powered meter before its first card; the cards that `new` uses are made."""
        kit = cls(folder, seed)
        kit.make_first_cards(init, user)
        kit.switch_mains_on()
        return kit

    @classmethod
    def new(
        cls,
        folder: Path,
        init: issue.InitData = INIT_DATA,
        user: issue.UserData = USER_DATA,
        seed: int = 1,
    ) -> Self:
        kit = cls(folder, seed)
        kit.set_up(init, user)
        kit.ledger.price_e4 = init.rates_e4[0]
        kit.ledger.reset()
        return kit

    def restart(self, dark_us: int = 5 * S) -> None:
        """Restore the mains after a cut, when `dark_us` have passed without it."""
        self.wait(dark_us)
        self.ledger.count()
        self.switch_mains_on()

    # ****** Cards that no honest desk makes ******

    def may_sell(self, card: Path = USER) -> bool:
        """Return whether the desk would sell now; the card stays as it is."""
        before = (self.folder / card).read_bytes()
        try:
            self.sell(1, card)
        except CardError:
            return False
        (self.folder / card).write_bytes(before)
        return True

    def on_card(self, card: Path = USER) -> Any:
        with self.open(card) as file:
            return read_user_card(file.chip)

    def write(self, card: Path, changes: dict[str, Any] | None = None, **files: bytes) -> None:
        """Write to a card what no honest desk writes.

        `changes` are parameters in file 01; `files` are whole files by their names in card_files.
        """
        with self.open(card) as file:
            params = read_user_card(file.chip).params | (changes or {})
            desk = Desk(self.control.chip, file.chip, select_card(file.chip))
            desk.authenticate()
            if changes:
                desk.update(
                    card_files.CARD_INFO,
                    card_files.frame(
                        card_files.CMD_USER, card_files.pack(card_files.PARAMS, params)
                    ),
                )
            for name, content in files.items():
                desk.update(getattr(card_files, name), content)

    def set_wallet(self, card: Path, money_fen: int, count: int, blank: bool | None = None) -> None:
        files = {
            "CARD_WALLET": card_files.pack(
                card_files.WALLET, {"money_fen": money_fen, "count": count}
            )
        }
        if blank is not None:
            files["CARD_WRITE_BACK"] = (
                bytes(49) if blank else card_files.frame(card_files.CMD_WRITE_BACK, bytes(43))
            )
        self.write(card, **files)


def in_use(kit: MeterKit, amount_fen: int) -> None:
    """Open the account with this amount."""
    kit.sell(amount_fen)
    kit.ledger.bought_fen = amount_fen
    assert kit.run_session(USER).code == 0


def exact(kit: MeterKit) -> None:
    """Assert bought = used + balance, to the last fraction."""
    state = kit.state
    assert state.bought_fen == kit.ledger.bought_fen
    assert compute_used_fen(state) == Fraction(state.energy_pj * state.price_e4, FEN)
    assert kit.get_esam_wallet()[0] >= state.wallet_fen and kit.get_esam_wallet()[1] == state.count


def dip(kit: MeterKit) -> None:
    """Let the mains fail for 50 ms: the meter commits and settles, and runs on unless it is cut."""
    kit.rig.switch_mains_off()
    kit.wait(50 * MS)
    if kit.rig.take_view().powered:
        kit.rig.switch_mains_on()
    kit.wait(2 * S)
