"""A sale that is broken off, by a signal or anything else, says the right one of two lines.

Before the wallet's write nothing was sent; from it on the card may have the money. Told wrong, a
clerk pays twice or a resident does. Signals go to real processes here, exceptions to the sale
itself.
"""

import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import cards_kit as kit
from dianka.card_port import CardError, CardRefused
from dianka.cardos.chip import CardTorn, Chip
from dianka.cardos.image import CardFile
from dianka.desk import issue
from dianka.desk.prices import NewPrice
from dianka.desk.sell import KEEP_MONEY, NOTHING_SENT, SaleBroken, SaleError, read_user_card, sell
from sale_stage import Stage, staged
from sweeps import sweep

WALLET_WRITE = b"\x04\xd6\x82"
LATER = 9903010000
ENDS = [
    KeyboardInterrupt(),
    SystemExit(1),
    MemoryError(),
    RuntimeError("a\nb"),
    OSError(5, "x"),
    CardTorn("gone"),
]
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


class Failing:
    """A card or control card that raises at its nth command, before or after the chip does it."""

    def __init__(self, chip: Chip, at: int, done: bool, error: BaseException | None) -> None:
        self.chip, self.at, self.done, self.error = chip, at, done, error
        self.heard, self.money = 0, False

    def power_on(self) -> bytes:
        return self.chip.power_on()

    def process(self, apdu: bytes) -> tuple[bytes, int]:
        self.heard += 1
        self.money = self.money or apdu[:3] == WALLET_WRITE
        if self.heard == self.at and not self.done and self.error:
            raise self.error
        answer = self.chip.process(apdu)
        if self.heard == self.at and self.done and self.error:
            raise self.error
        return answer


def one_of_two(line: str) -> bool:
    """Whether the line says to keep the money; it says that or that nothing was sent."""
    assert "\n" not in line
    keep = KEEP_MONEY in line
    assert keep != (NOTHING_SENT in line), line
    return keep


def prepared(sales_before: int) -> tuple[Chip, Chip, Chip]:
    control = kit.control_card()
    user, esam = kit.user_card(control), kit.private_esam(control)
    for _ in range(sales_before):
        sell(control, user, 5000)
        assert kit.use_in_meter(esam, user)
    return control, user, esam


@pytest.mark.parametrize("error", ENDS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("sales_before", [0, 1])
@pytest.mark.parametrize("new", [None, NewPrice(6000, LATER)], ids=["", "price"])
def test_whatever_ends_a_sale_at_any_command_of_either_card(
    error: BaseException, sales_before: int, new: NewPrice | None
) -> None:
    control, user, esam = prepared(sales_before)
    before = user.state, esam.state
    kept = {False: 0, True: 0}
    counted = Failing(user, 0, False, None), Failing(control, 0, False, None)
    sell(counted[1], counted[0], 3000, new=new)
    for which in (0, 1):
        for at in range(1, counted[which].heard + 1):
            for done in (False, True):
                user.state, esam.state = (state.copy() for state in before)
                card = Failing(user, at if which == 0 else 0, done, error)
                desk = Failing(control, at if which == 1 else 0, done, error)
                with pytest.raises(SaleError) as caught:
                    sell(desk, card, 3000, new=new)
                keep = one_of_two(str(caught.value))
                kept[keep] += 1
                assert keep == card.money, (which, at, done)
                code = 130 if isinstance(error, KeyboardInterrupt) else 3 if keep else 1
                assert (caught.value.exit_code, isinstance(caught.value, SaleBroken)) == (
                    code,
                    keep,
                )
                paid_once(control, user, esam, 5000 * sales_before, new)
    assert kept[True] >= 2 and kept[False] >= 30


def paid_once(control: Chip, user: Chip, esam: Chip, before_fen: int, new: NewPrice | None) -> None:
    """Sold the same again the purchase is whole, or it was: it is in the meter once."""
    try:
        sell(control, user, 3000, new=new)
    except CardError as refused:
        assert "has not been in the meter yet" in str(refused)
    assert kit.use_in_meter(esam, user) and kit.wallet(esam)[0] == before_fen + 3000


def test_a_card_that_breaks_down_before_the_money_says_so() -> None:
    control, user, _ = prepared(0)
    with pytest.raises(SaleError) as caught:
        sell(control, Failing(user, 9, False, CardRefused("write file 01", 0x6581)), 3000)
    assert NOTHING_SENT in str(caught.value)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as stage:
        yield stage


@pytest.fixture
def desk(tmp_path: Path) -> tuple[Path, bytes]:
    """A folder with control.card and a resident's card after its first session, and its file."""
    issue.issue_control(tmp_path / "control.card")
    card = tmp_path / "w.card"
    with CardFile.open(tmp_path / "control.card") as control:
        control.chip.power_on()
        esam = kit.private_esam(control.chip)
        issue.issue_user(control.chip, card, kit.METER_NO, kit.CUSTOMER_NO, 2000, 500, [5000])
        with CardFile.open(card) as file:
            sell(control.chip, file.chip, 5000)
            assert kit.use_in_meter(esam, file.chip)
    return tmp_path, card.read_bytes()


def money_sent(card: Path) -> bool:
    with CardFile.open(card) as file:
        return read_user_card(file.chip).count == 2


SALE = ("sell", "w.card", "50.00")


@pytest.mark.slow
def test_a_signal_in_any_command_of_a_sale(
    stage: Stage, desk: tuple[Path, bytes], record_property: Callable[[str, object], None]
) -> None:
    folder, before = desk
    card, at, kept = folder / "w.card", 0, {False: 0, True: 0}
    while True:
        at += 1
        for after in (False, True):
            card.write_bytes(before)
            number = SIGNALS[(2 * at + after) % 3]
            ended = stage.run(folder, *SALE, signal=number, at=at, after=after)
            if not ended["status"]:
                break
            assert (ended["status"], ended["out"], ended["err"].count("\n")) == (
                128 + number,
                "",
                1,
            ), ended
            keep = one_of_two(ended["err"].strip())
            assert keep == money_sent(card), (at, after, ended)
            kept[keep] += 1
        else:
            continue
        break
    # There were more commands than the sale has: no signal came.
    assert not ended["err"] and "50.00 yuan" in ended["out"]
    assert kept[True] >= 6 and kept[False] >= 30
    record_property(
        "figure",
        f"a signal at {sum(kept.values())} points of a sale: {kept[True]} times keep the money, "
        "else nothing sent",
    )


@sweep(3)
def test_a_signal_at_any_time_of_a_sale(
    stage: Stage,
    desk: tuple[Path, bytes],
    every: int,
    record_property: Callable[[str, object], None],
) -> None:
    """By the clock, not by commands: while words are read, cards opened, the receipt written.

    Never silent.
    """
    folder, before = desk
    card, rng = folder / "w.card", random.Random(8)
    whole = stage.run(folder, *SALE)
    for _ in range(3):  # the first time it takes longer than ever again
        card.write_bytes(before)
        again = stage.run(folder, *SALE)
        whole = min(whole, again, key=lambda ended: ended["took_us"])
    assert whole["status"] == 0
    seen = {"sold": 0, "keep": 0, "nothing": 0}
    for at in range(36 // every):
        card.write_bytes(before)
        # Half of them around the end, as most of the time is Python's, which reads the words; no
        # run takes just as long as another.
        delay_us = rng.randrange(whole["took_us"])
        if at % 2:
            delay_us = whole["took_us"] * 5 // 6 + delay_us // 2
        ended = stage.run(folder, *SALE, signal=SIGNALS[at % 3], delay_us=delay_us)
        if ended["status"] == 0:
            assert ended["err"] == "" and "50.00 yuan" in ended["out"] and money_sent(card)
            seen["sold"] += 1
            continue
        assert ended["status"] == 128 + SIGNALS[at % 3], ended
        keep = one_of_two(ended["err"].strip())
        assert keep == money_sent(card) and ended["out"] == ""
        seen["keep" if keep else "nothing"] += 1
    assert seen["nothing"]
    record_property("figure", f"{36 // every} signals at any time of a sale: {seen}")
