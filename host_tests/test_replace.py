"""Replacement cards in a real meter: the last purchase in it or not, credited once in any order, the former card refused."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dianka.cards.port import CardError
from dianka.cli import app
from meterkit import CONTROL, CUSTOMER_NO, METER_NO, USER, MeterKit, in_use

NEW = Path("new.card")
SERIAL_ERROR, FORMAT_ERROR, UNOPENED_ERROR = 13, 14, 16


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
    assert kit.session(NEW).code == 0
    assert (kit.state.bought_fen, kit.state.count) == (1000, 1)
    assert kit.session(USER).code == (FORMAT_ERROR if by_card else SERIAL_ERROR)
    kit.sell(200, NEW)
    assert kit.session(NEW).code == 0
    assert (kit.state.bought_fen, kit.state.count) == (1200, 2)


@pytest.mark.parametrize("by_card", [True, False])
def test_the_last_purchase_was_not_in_the_meter_yet(kit: MeterKit, by_card: bool) -> None:
    in_use(kit, 1000)
    kit.sell(300)
    out = replaced(kit, *(["--former", USER.name] if by_card else lost(2, "3.00")))
    assert "purchase 2 of 3.00 yuan is on the card once more" in out
    assert kit.session(NEW).code == 0
    assert (kit.state.bought_fen, kit.state.count) == (1300, 2)
    assert kit.session(USER).code == (FORMAT_ERROR if by_card else SERIAL_ERROR)
    assert kit.session(NEW).code == 0
    assert kit.state.bought_fen == 1300


def test_the_very_first_purchase_was_lost_on_its_way(kit: MeterKit) -> None:
    kit.sell(500)
    replaced(kit, *lost(1, "5.00"), "--price", "0.5")
    assert kit.session(NEW).code == 0
    assert (kit.state.bought_fen, kit.state.count, kit.state.customer_no) == (500, 1, CUSTOMER_NO)
    assert kit.session(USER).code == SERIAL_ERROR
    assert kit.state.bought_fen == 500


def test_a_replacement_opens_no_account(kit: MeterKit) -> None:
    replaced(kit, *lost(2, "5.00"))
    assert kit.session(NEW).code == UNOPENED_ERROR
    assert kit.state.bought_fen == 0


@pytest.mark.parametrize(("sold", "amount"), list(itertools.product((False, True), ("", "3.00"))))
@pytest.mark.parametrize("former_first", [False, True])
def test_a_lost_card_that_turns_up_again_never_credits_twice(
    kit: MeterKit, sold: bool, amount: str, former_first: bool
) -> None:
    """Whatever the clerk believed: purchase 2 is credited at most once, and once if the amount was given or the former came."""
    in_use(kit, 1000)
    kit.sell(300)
    if sold:
        assert kit.session(USER).code == 0
    replaced(kit, *lost(2, amount))
    for card in (USER, NEW) if former_first else (NEW, USER):
        kit.session(card)
    paid = sold or bool(amount) or former_first
    assert (kit.state.bought_fen, kit.state.count) == (1300 if paid else 1000, 2)
    assert kit.session(USER).code == SERIAL_ERROR and kit.session(NEW).code == 0
    kit.sell(100, NEW)
    assert kit.session(NEW).code == 0
    assert kit.state.bought_fen == (1400 if paid else 1100)


def test_never_bought_anything(kit: MeterKit) -> None:
    assert "nothing was bought" in replaced(kit, "--former", USER.name)
    kit.sell(700, NEW)
    assert kit.session(NEW).code == 0 and kit.state.bought_fen == 700


def test_a_broken_off_sale_is_not_carried_over(kit: MeterKit) -> None:
    in_use(kit, 1000)
    kit.set_wallet(USER, 9999, 2)  # the write-back still stands: the card was pulled before the sale was good
    assert "purchase 1 is in the meter already" in replaced(kit, "--former", USER.name)
    assert kit.session(NEW).code == 0 and kit.state.bought_fen == 1000


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--former", "none.card"], "is no file"),
        (["--former", "control.card"], "in use"),
        (["--former", "init.card"], "no user card"),
        (["--former", "user.card", "--count", "1"], "leave out its numbers"),
        (["--meter", "1", "--customer", "1"], "--count"),
        ([], "give --former"),
        ([*lost(2, "0")], "has a count and an amount"),
        ([*lost(0, "1")], "has a count and an amount"),
        ([*lost(1 << 33)], "count from 1"),
        ([*lost(1, "1000000")], "up to 999999.99"),
        ([*lost(1), "--price", "x"], "no price"),
    ],
)
def test_mistakes_are_one_line_and_make_no_card(kit: MeterKit, words: list[str], says: str) -> None:
    before = (kit.folder / USER).read_bytes()
    status, _, err = run(kit, "card", "replace", NEW.name, *words)
    assert (status, err.count("\n")) == (1, 1) and says in err, err
    assert not (kit.folder / NEW).exists() and (kit.folder / USER).read_bytes() == before


def test_a_card_of_another_system_is_not_replaced(kit: MeterKit, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = MeterKit(tmp_path_factory.mktemp("other"), seed=2)
    other.make_user(USER)
    other.close()
    (kit.folder / "other.card").write_bytes((other.folder / USER).read_bytes())
    status, _, err = run(kit, "card", "replace", NEW.name, "--former", "other.card")
    assert status == 1 and "not issued with this control card" in err
    assert not (kit.folder / NEW).exists()
    with pytest.raises(CardError):
        kit.on_card(Path("init.card"))
