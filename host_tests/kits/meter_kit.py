"""A whole meter on rung 1 for system tests: cards, desk, what people see and do, and a ledger (ledger.py) of its own."""

import random
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from dianka.bench.stage.rig import Rig
from dianka.card_port import CardError, select_card
from dianka.cardos import kinds
from dianka.cardos.chip import Chip
from dianka.cardos.files import card_files
from dianka.cardos.image import CardFile
from dianka.cardos.t0 import Behaviour
from dianka.desk import issue
from dianka.desk.prices import NewPrice
from dianka.desk.sell import read_user_card, sell
from dianka.desk.session import Desk
from ledger import FEN, Ledger, Session, used_fen

MS = 1_000
S = 1_000_000
METER_NO, CUSTOMER_NO, PRICE_E4 = 12, 34, 5000
CONTROL, INIT, KEYS, USER = (Path(f"{name}.card") for name in ("control", "init", "keys", "user"))
INIT_DATA = issue.InitData(METER_NO, 100, 50, 50, 0, 0, [PRICE_E4])
USER_DATA = issue.UserData(METER_NO, CUSTOMER_NO, 100, 50, [PRICE_E4])


def tell(text: str) -> None:
    """A figure that a test has found, for whoever reads its output."""
    sys.stdout.write(text + "\n")


class MeterKit:
    """A folder with a meter and its cards. `new` makes a meter that is set up, keyed and switched on."""

    def __init__(self, folder: Path, seed: int = 1, clock_set: bool = True) -> None:
        """Not `clock_set`: the clock chip is as delivered, or as the folder has kept it."""
        self.folder = folder
        self.rng = random.Random(seed).randbytes
        self.lines: list[str] = []
        if not (folder / CONTROL).exists():
            issue.issue_control(folder / CONTROL, rng=self.rng)
        self.control = CardFile.open(folder / CONTROL, self.rng)
        self.rig = Rig(folder, "host")
        self.rig.on_log = self.lines.append
        if clock_set:
            self.rig.set_clock()
        self.ledger = Ledger(self.rig.bench.chip)

    @classmethod
    def before_cards(
        cls, folder: Path, init: issue.InitData = INIT_DATA, user: issue.UserData = USER_DATA, seed: int = 1
    ) -> "MeterKit":
        """A meter under power that no card has been in; the cards that `new` uses lie beside it."""
        kit = cls(folder, seed)
        kit.make_init(INIT, init)
        kit.make_keys(KEYS)
        kit.make_user(USER, user)
        kit.rig.mains_on()
        kit.wait(3 * S)
        return kit

    @classmethod
    def new(cls, folder: Path, init: issue.InitData = INIT_DATA, user: issue.UserData = USER_DATA, seed: int = 1) -> "MeterKit":
        kit = cls.before_cards(folder, init, user, seed)
        for card, text in ((INIT, f"no{init.meter_no:06d}"), (KEYS, "donE")):
            texts = kit.session(card).texts
            assert any(text in seen for seen in texts), (card, texts, kit.lines)
        kit.ledger.price_e4 = init.rates_e4[0]
        kit.ledger.reset()
        return kit

    def close(self) -> None:
        self.rig.close()
        self.control.close()

    # ****** Cards and desk ******

    def make_init(self, card: Path, data: issue.InitData = INIT_DATA) -> None:
        issue.issue_init(self.control.chip, self.folder / card, data, rng=self.rng)

    def make_keys(self, card: Path, uses: int = 1) -> None:
        issue.issue_keys(self.control.chip, self.folder / card, uses, rng=self.rng)

    def make_user(self, card: Path, data: issue.UserData = USER_DATA) -> None:
        path = self.folder / card
        with CardFile.create(path, kinds.USER, rng=self.rng, profile=self.control.chip.state.profile) as file:
            issue.make_user(self.control.chip, file.chip, data)

    def sell(self, amount_fen: int, card: Path = USER, new: NewPrice | None = None) -> int:
        """As the desk sells, with all its rules; the purchase count."""
        with CardFile.open(self.folder / card, self.rng) as file:
            return sell(self.control.chip, file.chip, amount_fen, self.rng, new).count

    def may_sell(self, card: Path = USER) -> bool:
        """Whether the desk would sell now; the card is as before."""
        before = (self.folder / card).read_bytes()
        try:
            self.sell(1, card)
        except CardError:
            return False
        (self.folder / card).write_bytes(before)
        return True

    def on_card(self, card: Path = USER) -> Any:
        with CardFile.open(self.folder / card, self.rng) as file:
            return read_user_card(file.chip)

    def write(self, card: Path, changes: dict[str, Any] | None = None, **files: bytes) -> None:
        """What no honest desk writes: other parameters in file 01, and whole files by their names in card_files."""
        with CardFile.open(self.folder / card, self.rng) as file:
            params = read_user_card(file.chip).params | (changes or {})
            desk = Desk(self.control.chip, file.chip, select_card(file.chip))
            desk.authenticate()
            if changes:
                desk.update(
                    card_files.CARD_INFO, card_files.frame(card_files.CMD_USER, card_files.pack(card_files.PARAMS, params))
                )
            for name, content in files.items():
                desk.update(getattr(card_files, name), content)

    def set_wallet(self, card: Path, money_fen: int, count: int, blank: bool | None = None) -> None:
        files = {"CARD_WALLET": card_files.pack(card_files.WALLET, {"money_fen": money_fen, "count": count})}
        if blank is not None:
            files["CARD_WRITE_BACK"] = bytes(49) if blank else card_files.frame(card_files.CMD_WRITE_BACK, bytes(43))
        self.write(card, **files)

    # ****** Time and people ******

    def wait(self, us: int) -> None:
        self.rig.wait(us)

    def session(
        self,
        card: Path | None,
        how: str = "right",
        behaviour: Behaviour | None = None,
        spoil: Callable[[Chip], None] | None = None,
    ) -> Session:
        """Put a card (None: a metal plate) in, wait until the session is over, look on, pull it."""
        done, since = Session(), len(self.lines)
        slot, esam = self.rig.bench.slot, self.rig.bench.esam
        heard, begin_us = esam.characters, self.rig.clock.now_us
        before, self._last_us = slot.on_character, begin_us
        slot.on_character = lambda direction, index: self._heard(before, direction, index)
        if card is None:
            self.rig.insert_plate()
        else:
            self.rig.insert(card, how, behaviour)
        if spoil and slot.engine:
            spoil(self.rig._card.chip)  # type: ignore[union-attr]
        self._look(done.texts, lambda: self.meter.card_slot.busy or len(self.lines) > since, 5 * S)
        self._look(done.texts, lambda: not self.meter.card_slot.busy, 6 * S)
        done.over_us = self.rig.clock.now_us - begin_us
        done.took_us, slot.on_character = self._last_us - begin_us, before
        done.slot_characters, done.esam_characters = slot.characters, esam.characters - heard
        self._look(done.texts, lambda: False, 2500 * MS)
        done.log = self.lines[since:]
        self.pull()
        return done

    def _heard(self, also: Callable[[str, int], None] | None, direction: str, index: int) -> None:
        self._last_us = self.rig.clock.now_us
        if also:
            also(direction, index)

    def pull(self) -> None:
        if self.rig.view().slot != "empty":
            self.rig.pull()
        self.wait(500 * MS)

    def restart(self, dark_us: int = 5 * S) -> None:
        """After a cut: some time in the dark, then the mains comes back."""
        self.wait(dark_us)
        self.ledger.count()
        self.rig.mains_on()
        self.wait(3 * S)

    def cut_now(self) -> None:
        """From inside the bench: mains and supply are gone at this instant."""
        self.rig.bench.mains.switch(False)
        self.rig.bench.mcu.die()

    def bite(self) -> None:
        """The watchdog bites, as after a firmware that hangs."""
        self.rig.bench.mcu.bitten = True
        self.wait(3 * S)

    def looks(self, us: int) -> set[str]:
        """All that the display shows in this time."""
        texts: list[str] = []
        self._look(texts, lambda: False, us)
        return {text.strip() for text in texts}

    def _look(self, texts: list[str], until: Callable[[], bool], limit_us: int) -> None:
        end_us = self.rig.clock.now_us + limit_us
        while self.rig.clock.now_us < end_us and not until():
            self.wait(min(25 * MS, end_us - self.rig.clock.now_us))
            text = self.rig.bench.display.text.strip()
            if text not in texts[-1:]:
                texts.append(text)

    # ****** Inside ******

    @property
    def meter(self) -> Any:
        """The firmware's Meter object of this start."""
        return self.rig.runner.meter  # type: ignore[attr-defined]

    @property
    def state(self) -> Any:
        return self.meter.store.state

    @property
    def relay_closed(self) -> bool:
        return self.rig.view().relay_closed

    def esam_wallet(self) -> tuple[int, int]:
        """Money and count in the ESAM, read from the chip's own memory."""
        data = self.rig.bench.esam.engine._tpdu.chip.state.files[card_files.ESAM_WALLET]  # type: ignore[union-attr]
        return int.from_bytes(data[:4], "big"), int.from_bytes(data[4:], "big")

    def violations(self) -> list[str]:
        bench = self.rig.bench
        return [*bench.slot.violations, *bench.esam.violations, *bench.relay.violations, *bench.display.violations]


def in_use(kit: MeterKit, amount_fen: int) -> None:
    """The account is opened with this amount."""
    kit.sell(amount_fen)
    kit.ledger.bought_fen = amount_fen
    assert kit.session(USER).code == 0


def exact(kit: MeterKit) -> None:
    """Bought = used + balance to the last fraction."""
    state = kit.state
    assert state.bought_fen == kit.ledger.bought_fen
    assert used_fen(state) == Fraction(state.energy_pj * state.price_e4, FEN)
    assert kit.esam_wallet()[0] >= state.wallet_fen and kit.esam_wallet()[1] == state.count


def dip(kit: MeterKit) -> None:
    """The mains fails for 50 ms: the meter commits and settles, and lives on unless something cuts it."""
    kit.rig.mains_off()
    kit.wait(50 * MS)
    if kit.rig.view().powered:
        kit.rig.mains_on()
    kit.wait(2 * S)
