"""A replacement card: its numbers, its money, and what a former card may still do."""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cards_kit import Shim
from dianka.card_port import CardError
from dianka.cardos import kinds
from dianka.cardos.files import card_files
from dianka.cardos.image import CardFile
from dianka.cli import app
from dianka.desk import replace
from meter_kit import CONTROL, CUSTOMER_NO, INIT_DATA, METER_NO, USER, MeterKit, in_use

# ****** Replacement cards in a real meter ******

# The last purchase is credited once, and the former card is refused. This holds whether the meter
# has that purchase or not, and in any order.


NEW = Path("new.card")
SERIAL_ERROR, FORMAT_ERROR, UNOPENED_ERROR, HOARD_ERROR = 13, 14, 16, 21


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    kit = MeterKit.new(tmp_path)
    yield kit
    kit.close()


def run(kit: MeterKit, *words: str) -> tuple[int, str, str]:
    """A command in the kit's folder, whose control card the kit has in its hand meanwhile."""
    place = [str(kit.folder / word) if word.endswith(".card") else word for word in words]
    kit.control.close()
    try:
        result = CliRunner().invoke(app, place)
    finally:
        kit.control = type(kit.control).open(kit.folder / CONTROL, kit.rng)
        kit.control.chip.power_on()
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def replaced(kit: MeterKit, *words: str) -> str:
    status, out, err = run(kit, "card", "replace", NEW.name, *words)
    assert (status, err) == (0, "")
    status, out_of_verify, _ = run(kit, "card", "verify", NEW.name)
    assert status == 0, out_of_verify
    return out


def lost(count: int, amount: str = "") -> list[str]:
    """What a clerk types when the card is gone."""
    numbers = ["--meter", str(METER_NO), "--customer", str(CUSTOMER_NO), "--count", str(count)]
    return [*numbers, *(["--amount", amount] if amount else []), "--alarm1", "1", "--alarm2", "0.5"]


@pytest.mark.parametrize("by_card", [True, False])
def test_the_last_purchase_was_in_the_meter(kit: MeterKit, by_card: bool) -> None:
    in_use(kit, 1000)
    out = replaced(kit, *(["--former", USER.name] if by_card else lost(1)))
    assert "purchase 1 is in the meter already" in out
    assert kit.run_session(NEW).code == 0
    assert (kit.state.bought_fen, kit.state.count) == (1000, 1)
    assert kit.run_session(USER).code == (FORMAT_ERROR if by_card else SERIAL_ERROR)
    kit.sell(200, NEW)
    assert kit.run_session(NEW).code == 0
    assert (kit.state.bought_fen, kit.state.count) == (1200, 2)


def by_record(
    kit: MeterKit,
    *record: int,
    lies: dict[int, bytes] | None = None,
    rates_e4: list[int] | None = None,
) -> replace.LastPurchase:
    """The former card in hand, and count and amount of the sales record if they are asked for."""
    control = kit.control.chip
    with CardFile.open(kit.folder / USER, kit.rng) as old:
        former = Shim(old.chip, lies or {})
        replace.must_be_ours(control, former)
        data, last = replace.read_former(former, *(record or (None, None)), rates_e4)
        with CardFile.create(kit.folder / NEW, kinds.USER, rng=kit.rng) as new:
            replace.make_replacement(control, new.chip, data, last)
        replace.clear_card(control, former)
    return last


NEVER = (
    r"purchase 2 over {} yuan never reached a meter: "
    r"give --count and --amount as the sales record says"
)


def test_a_card_that_lies_about_its_wallet_gets_no_money(kit: MeterKit) -> None:
    """The desk once made a real replacement with the 9999.99 yuan that a shim had told it."""
    in_use(kit, 1000)
    wallet = card_files.pack(card_files.WALLET, {"money_fen": 999_999, "count": 2})
    lies = {
        card_files.CARD_WALLET: wallet,
        card_files.CARD_WRITE_BACK: bytes(card_files.WRITE_BACK_SIZE),
    }
    with pytest.raises(CardError, match=NEVER.format(r"9999\.99")):
        by_record(kit, lies=lies)
    with pytest.raises(CardError, match=r"last purchase is 2, not 1"):
        by_record(kit, 1, 1000, lies=lies)
    with pytest.raises(CardError, match=r"says 9999\.99 yuan for purchase 2, not 10\.00"):
        by_record(kit, 2, 1000, lies=lies)
    assert not (kit.folder / NEW).exists()
    assert by_record(kit, 2, 0, lies=lies) == replace.LastPurchase(2, 0, in_meter=True)
    assert kit.run_session(NEW).code == 0
    assert (kit.state.bought_fen, kit.state.count) == (1000, 2)


def test_the_former_card_and_the_sales_record_agree(kit: MeterKit) -> None:
    in_use(kit, 1000)
    kit.sell(300)
    for record in ((), (2,)):
        with pytest.raises(CardError, match=NEVER.format(r"3\.00")):
            by_record(kit, *record)
    assert by_record(kit, 2, 300) == replace.LastPurchase(2, 300, in_meter=False)
    assert kit.run_session(NEW).code == 0 and kit.run_session(USER).code == FORMAT_ERROR
    assert (kit.state.bought_fen, kit.state.count) == (1300, 2)


def test_a_first_purchase_that_nobody_paid_opens_no_account(kit: MeterKit) -> None:
    kit.sell(500)
    assert by_record(kit, 1, 0, rates_e4=[5000]).count == 0
    kit.sell(700, NEW)
    assert kit.run_session(NEW).code == 0 and kit.state.bought_fen == 700


def test_a_purchase_above_the_hoard_limit_is_freed_by_a_smaller_one(tmp_path: Path) -> None:
    kit = MeterKit.new(tmp_path, dataclasses.replace(INIT_DATA, hoard_limit_fen=5000))
    in_use(kit, 1000)
    kit.sell(10_000)
    assert kit.run_session(USER).code == HOARD_ERROR and not kit.may_sell()
    replaced(kit, *lost(2, "40.00"))
    assert kit.run_session(NEW).code == 0 and kit.run_session(USER).code == SERIAL_ERROR
    assert (kit.state.bought_fen, kit.state.count) == (5000, 2) and kit.may_sell(NEW)
    kit.close()


@pytest.mark.parametrize("by_card", [True, False])
def test_the_last_purchase_was_not_in_the_meter_yet(kit: MeterKit, by_card: bool) -> None:
    in_use(kit, 1000)
    kit.sell(300)
    record = ["--former", USER.name, "--count", "2", "--amount", "3.00"]
    out = replaced(kit, *(record if by_card else lost(2, "3.00")))
    assert "purchase 2 of 3.00 yuan is on the card once more" in out
    assert kit.run_session(NEW).code == 0
    assert (kit.state.bought_fen, kit.state.count) == (1300, 2)
    assert kit.run_session(USER).code == (FORMAT_ERROR if by_card else SERIAL_ERROR)
    assert kit.run_session(NEW).code == 0
    assert kit.state.bought_fen == 1300


def test_the_very_first_purchase_was_lost_on_its_way(kit: MeterKit) -> None:
    kit.sell(500)
    replaced(kit, *lost(1, "5.00"), "--price", "0.5")
    assert kit.run_session(NEW).code == 0
    assert (kit.state.bought_fen, kit.state.count, kit.state.customer_no) == (500, 1, CUSTOMER_NO)
    assert kit.run_session(USER).code == SERIAL_ERROR
    assert kit.state.bought_fen == 500


def test_a_replacement_opens_no_account(kit: MeterKit) -> None:
    replaced(kit, *lost(2, "5.00"))
    assert kit.run_session(NEW).code == UNOPENED_ERROR
    assert kit.state.bought_fen == 0


@pytest.mark.slow
@pytest.mark.parametrize(("sold", "amount"), list(itertools.product((False, True), ("", "3.00"))))
@pytest.mark.parametrize("former_first", [False, True])
def test_a_lost_card_that_turns_up_again_never_credits_twice(
    kit: MeterKit, sold: bool, amount: str, former_first: bool
) -> None:
    """Whatever the clerk believed: purchase 2 is credited at most once.

    It is credited once if the amount was given or the former card came.
    """
    in_use(kit, 1000)
    kit.sell(300)
    if sold:
        assert kit.run_session(USER).code == 0
    replaced(kit, *lost(2, amount))
    for card in (USER, NEW) if former_first else (NEW, USER):
        kit.run_session(card)
    paid = sold or bool(amount) or former_first
    assert (kit.state.bought_fen, kit.state.count) == (1300 if paid else 1000, 2)
    assert kit.run_session(USER).code == SERIAL_ERROR and kit.run_session(NEW).code == 0
    kit.sell(100, NEW)
    assert kit.run_session(NEW).code == 0
    assert kit.state.bought_fen == (1400 if paid else 1100)


def test_never_bought_anything(kit: MeterKit) -> None:
    assert "nothing was bought" in replaced(kit, "--former", USER.name, "--price", "0.5000")
    kit.sell(700, NEW)
    assert kit.run_session(NEW).code == 0 and kit.state.bought_fen == 700


def test_a_broken_off_sale_is_carried_over_as_the_record_says(kit: MeterKit) -> None:
    in_use(kit, 1000)
    # The write-back is still there: the card was pulled after its wallet was written.
    kit.set_wallet(USER, 9999, 2)
    with pytest.raises(CardError, match=NEVER.format(r"99\.99")):
        by_record(kit)
    assert not (kit.folder / NEW).exists()
    by_record(kit, 2, 9999)
    assert kit.run_session(NEW).code == 0 and kit.state.bought_fen == 10_999


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--former", "none.card"], "is no file"),
        (["--former", "control.card"], "in use"),
        (["--former", "init.card"], "no user card"),
        (["--former", "user.card", "--meter", "1"], "leave out --meter and --customer"),
        (["--former", "user.card", "--count", "1"], "last purchase is 0, not 1"),
        (["--meter", "1", "--customer", "1"], "--count"),
        ([], "give --former"),
        ([*lost(2, "0")], "has a count and an amount"),
        ([*lost(0, "1"), "--price", "1"], "has a count and an amount"),
        ([*lost(1 << 33)], "count from 1"),
        ([*lost(1, "1000000"), "--price", "1"], "up to 999999.99"),
        ([*lost(1), "--price", "x"], "no price"),
    ],
)
def test_mistakes_are_one_line_and_make_no_card(kit: MeterKit, words: list[str], says: str) -> None:
    before = (kit.folder / USER).read_bytes()
    status, _, err = run(kit, "card", "replace", NEW.name, *words)
    assert (status, err.count("\n")) == (1, 1) and says in err, err
    assert not (kit.folder / NEW).exists() and (kit.folder / USER).read_bytes() == before


def test_a_card_of_another_system_is_not_replaced(
    kit: MeterKit, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = MeterKit(tmp_path_factory.mktemp("other"), seed=2)
    other.make_user(USER)
    other.close()
    (kit.folder / "other.card").write_bytes((other.folder / USER).read_bytes())
    status, _, err = run(kit, "card", "replace", NEW.name, "--former", "other.card")
    assert status == 1 and "not issued with this control card" in err
    assert not (kit.folder / NEW).exists()
    with pytest.raises(CardError):
        kit.on_card(Path("init.card"))


# ****** The very first card is lost: the clerk can replace it by what the meter shows ******

# This holds whether the meter has its purchase or not.


THIRD = Path("third.card")
PRICE = ["--price", "0.5"]  # the alarms are in `lost`


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
    session = kit.run_session(NEW)
    assert session.code == SERIAL_ERROR and "Err-33" in session.texts
    status, out, err = run(kit, "card", "replace", THIRD.name, *lost(1))
    assert (status, err) == (0, "") and "purchase 1 is in the meter already" in out
    assert kit.run_session(THIRD).code == 0
    assert (kit.state.bought_fen, kit.state.count) == (1000, 1)
    kit.sell(200, THIRD)
    assert kit.run_session(THIRD).code == 0
    assert (kit.state.bought_fen, kit.state.count) == (1200, 2)
    for former in (USER, NEW):
        assert kit.run_session(former).code == SERIAL_ERROR
    assert kit.state.bought_fen == 1200
