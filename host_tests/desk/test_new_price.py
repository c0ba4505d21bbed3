"""The desk's side of a new price: what a sale writes, even if broken off, and tells the clerk."""

import dataclasses
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_cli import run
from test_sell import info

import cards_kit as kit
from dianka.card_port import CardError
from dianka.cardos.chip import Chip
from dianka.cardos.files import card_files
from dianka.cardos.image import load
from dianka.desk.issue import pack_user_tariff
from dianka.desk.prices import (
    UTC_OFFSET,
    NewPrice,
    format_difference,
    is_far,
    parse_minute,
    read_rates,
)
from dianka.desk.replace import make_replacement, read_former
from dianka.desk.sell import SaleError, sell
from dianka.desk.show import show
from dianka.firmware import load_shared

TODAY = 2601050800
FORMER, SOON, LATER = 2512010000, 2602010000, 2603010000


def on_card(card: Chip) -> tuple[int, int, int, int]:
    """First rate of set 1, of set 2, the switch time and the update flag."""
    sets = (
        card_files.unframe(card.state.files[sfi])[1]
        for sfi in (card_files.CARD_TARIFF_1, card_files.CARD_TARIFF_2)
    )
    first, second = (card_files.unpack_tariff(data)["rates_e4"][0] for data in sets)
    return first, second, info(card)["switch_time"], info(card)["update_flag"]


def in_force(card: Chip, now: int) -> int:
    first, second, time, _ = on_card(card)
    return second if 0 < time <= now else first


def sale(
    control: Chip, card: Chip | kit.Pulled, new: NewPrice | None = None, now: int = TODAY
) -> None:
    if new:
        new = dataclasses.replace(new, at_once=True)
    sell(control, card, 100, new=new, now=lambda: now)


def opened(former: NewPrice | None = None) -> tuple[Chip, Chip, Chip]:
    """Control card, a resident's card that has been in its meter, ESAM."""
    control = kit.control_card()
    user, esam = kit.user_card(control), kit.private_esam(control)
    sale(control, user, former)
    kit.use_in_meter(esam, user)
    return control, user, esam


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("time", [0, FORMER, SOON])
def test_a_card_pulled_at_every_command_never_lies_about_the_price(done: bool, time: int) -> None:
    """Never planned, in force, pending: the card has the price in force, the next sale the plan."""
    former, new, at = (NewPrice(6000, time) if time else None), NewPrice(7000, LATER), 0
    while True:
        at += 1
        control, user, _ = opened(former)
        price_e4 = in_force(user, TODAY)
        try:
            sale(control, kit.Pulled(user, at, done), new)
            break
        except SaleError as error:
            assert "pulled" in str(error)
        assert in_force(user, TODAY) == price_e4
        if info(user)["switch_time"] == LATER:
            assert on_card(user)[3] == 3
        try:
            sale(control, user, new)
        except SaleError as error:
            assert done and "has not been in the meter yet" in str(error)
        assert on_card(user) == (price_e4, 7000, LATER, 3)
    assert at == 22 and on_card(user) == (price_e4, 7000, LATER, 3)
    assert price_e4 == (6000 if time == FORMER else on_card(kit.user_card(control))[0])


def test_a_plan_goes_along_until_it_has_begun() -> None:
    control, user, esam = opened(NewPrice(6000, LATER))
    for now, flag in ((TODAY, 3), (LATER - 1, 3), (LATER, 0), (LATER + 1, 0)):
        sale(control, user, now=now)
        assert (info(user)["update_flag"], info(user)["switch_time"]) == (flag, LATER)
        kit.use_in_meter(esam, user)


def test_a_plan_that_was_broken_off_goes_along_even_when_it_has_begun_since() -> None:
    control, user, esam = opened()
    with pytest.raises(SaleError):
        # Pulled when the wallet is written and the write-back not yet blank.
        sale(control, kit.Pulled(user, 19, True), NewPrice(6000, LATER))
    sale(control, user, now=LATER + 1)
    assert on_card(user)[1:] == (6000, LATER, 3)
    kit.use_in_meter(esam, user)
    sale(control, user, now=LATER + 1)
    assert on_card(user)[1:] == (6000, LATER, 0)


@pytest.mark.parametrize("time", [0, FORMER, LATER])
def test_a_replacement_takes_no_price_from_the_former_card(time: int) -> None:
    """It is read in plain, and a shim on its contacts says any price."""
    control, user, _ = opened()
    sale(control, user, NewPrice(6000, time) if time else None)
    user.state.files[card_files.CARD_TARIFF_2] = pack_user_tariff([1])
    data, last = read_former(user, 2, 100, now=lambda: TODAY)
    card = kit.blank("user", control, 77)
    make_replacement(control, card, data, last)
    if time == FORMER:  # set 1 is the price of the past
        assert not any(
            card.state.files[card_files.CARD_TARIFF_1] + card.state.files[card_files.CARD_TARIFF_2]
        )
        assert dict(show(card))["price"] == "the meter's own, not on this card"
    else:
        assert on_card(card)[1:] == (on_card(user)[0], 0, 0)
    assert (info(card)["card_type"], last.in_meter) == (card_files.REPLACEMENT, False)


def test_a_card_that_opens_the_account_gets_its_price_from_the_clerk() -> None:
    control = kit.control_card()
    user = kit.user_card(control)
    sale(control, user)
    for record in ((1, 100), (1, 0)):
        with pytest.raises(CardError, match="give --price"):
            read_former(user, *record)
        assert read_former(user, *record, [7000])[0].rates_e4 == [7000]


@pytest.mark.parametrize(
    ("price_e4", "time"), [(0, LATER), (100_000_000, LATER), (-1, LATER), (5000, 0)]
)
def test_prices_that_no_meter_can_have(price_e4: int, time: int) -> None:
    control, user, _ = opened()
    before = kit.snapshot(user)
    with pytest.raises(CardError, match="new price is from"):
        sale(control, user, NewPrice(price_e4, time))
    assert user.state.files == before.files


def test_a_damaged_tariff_is_told_and_nothing_is_sold() -> None:
    control, user, _ = opened()
    user.state.files[card_files.CARD_TARIFF_1] = bytes(198) + b"\x16"
    with pytest.raises(CardError, match="make a replacement card"):
        sale(control, user, NewPrice(6000, LATER))
    assert (
        info(user)["update_flag"] == 0x8F and len(read_rates(user, card_files.CARD_TARIFF_2)) == 12
    )


@settings(max_examples=200)
@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)))
def test_a_time_is_read_as_it_is_written(at: datetime) -> None:
    text = f"{at:%Y-%m-%dT%H:%M}"
    assert f"20{parse_minute(text):010d}" == text.translate({ord(mark): None for mark in "-T:"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2026-02-30T00:00",
        "2026-03-01T24:00",
        "1999-12-31",
        "2100-01-01",
        "2026-03-01T00:00+08:00",
        "0",
    ],
)
def test_times_that_there_are_not(text: str) -> None:
    with pytest.raises(CardError, match="write it as"):
        parse_minute(text)


def test_the_desk_and_the_meter_mean_the_same_local_time() -> None:
    assert load_shared("ds3231").Ds3231(None).offset_s == UTC_OFFSET.total_seconds()


def test_the_command_line(tmp_path: Path) -> None:
    for kind in ("control", "user"):
        assert (
            run("card", "new", kind, tmp_path / f"{kind}.card", *kit.ISSUE_WORDS.get(kind, ()))[0]
            == 0
        )
    card = tmp_path / "user.card"
    before = card.read_bytes()
    for words, says in (
        (("--price", "0.6"), "give --price and --from, or neither"),
        (("--from", "2026-03-01T00:00"), "give --price and --from, or neither"),
        (("--price", "0.60001", "--from", "2026-03-01"), "no price in yuan per kWh"),
        (("--price", "0.6", "--from", "1 March"), "write it as 2026-03-01T00:00"),
        (("--price", "0", "--from", "2026-03-01"), "a price is from 0.0001"),
    ):
        status, _, err = run("sell", card, "50", *words)
        assert (status, err.count("\n")) == (1, 1) and says in err, (words, err)
        assert card.read_bytes() == before
    status, out, err = run("sell", card, "50", "--price", "0.6000", "--from", "2098-03-01T00:00")
    assert status == 0 and "price from 2098-03-01 00:00" in out and "0.6000 yuan/kWh" in out, err
    assert "look at it again" not in out
    out = run("card", "show", card)[1]
    assert (
        "price from 2098-03-01 00:00" in out
        and "0.6000 yuan/kWh" in out
        and "0.5000 yuan/kWh" in out
    )
    assert load(card.read_bytes()).files[card_files.CARD_INFO][10:15].hex() == "9803010000"


def test_a_price_that_would_begin_at_once_is_asked_for(tmp_path: Path) -> None:
    """6.000 for 0.6000, and last year's March."""
    for kind in ("control", "user"):
        assert (
            run("card", "new", kind, tmp_path / f"{kind}.card", *kit.ISSUE_WORDS.get(kind, ()))[0]
            == 0
        )
    card = tmp_path / "user.card"
    before = card.read_bytes()
    slip = ("sell", card, "50", "--price", "6.000", "--from", "2025-03-01")
    assert run(*slip) == (
        1,
        "",
        "2025-03-01 00:00 has passed: 6.0000 yuan/kWh would begin at once, "
        "1100 % above the former 0.5000 yuan/kWh; "
        "give --at-once if that is meant, or a later --from\n",
    )
    assert card.read_bytes() == before
    assert "give --price and --from with it" in run("sell", card, "50", "--at-once")[2]
    status, out, err = run(*slip, "--at-once")
    assert (status, err) == (0, "") and "price from 2025-03-01 00:00  6.0000 yuan/kWh" in out
    assert "look at it again" in out and "1100 % above the former 0.5000 yuan/kWh" in " ".join(
        out.split()
    )


@pytest.mark.parametrize("receipt_time", [2601050801, 2601050759])
def test_the_meter_s_time_counts_where_the_desk_s_is_behind(receipt_time: int) -> None:
    """A desk whose clock was set back lets no price begin before the meter's last receipt."""
    control, user, _ = opened()
    block = user.state.files[card_files.CARD_WRITE_BACK]
    record = card_files.unpack(card_files.WRITE_BACK, card_files.unframe(block)[1]) | {
        "time": receipt_time
    }
    framed = card_files.frame(
        card_files.CMD_WRITE_BACK, card_files.pack(card_files.WRITE_BACK, record)
    )
    user.state.files[card_files.CARD_WRITE_BACK] = framed
    new = NewPrice(6000, TODAY + 1)
    if receipt_time > TODAY:
        with pytest.raises(CardError, match="has passed"):
            sell(control, user, 100, new=new, now=lambda: TODAY)
        assert not info(user)["switch_time"]
    else:
        sell(control, user, 100, new=new, now=lambda: TODAY)
        assert info(user)["switch_time"] == TODAY + 1


@pytest.mark.parametrize(
    ("price_e4", "former_e4", "says", "far"),
    [
        (60000, 5000, "1100 % above the former 0.5000 yuan/kWh", True),
        (7500, 5000, "50 % above the former 0.5000 yuan/kWh", False),
        (7501, 5000, "50 % above the former 0.5000 yuan/kWh", True),
        (2500, 5000, "50 % below the former 0.5000 yuan/kWh", False),
        (2499, 5000, "50 % below the former 0.5000 yuan/kWh", True),
        (5000, 5000, "the same as the former price", False),
        (5000, None, "and the card does not say the former price", False),
    ],
)
def test_how_far_a_price_is_from_the_former(
    price_e4: int, former_e4: int | None, says: str, far: bool
) -> None:
    assert (format_difference(price_e4, former_e4), is_far(price_e4, former_e4)) == (says, far)


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("sales_before", [0, 1])
def test_a_broken_price_sale_made_again_without_a_price_moves_no_plan(
    done: bool, sales_before: int
) -> None:
    """Set 2 said 0.60 from 1 February: the price of the former plan, the time of the new one."""
    former, new, at, seen = (6000, SOON), (7000, LATER), 0, set()
    while True:
        at += 1
        control = kit.control_card()
        user, esam = kit.user_card(control), kit.private_esam(control)
        if sales_before:
            sale(control, user, NewPrice(*former))
            kit.use_in_meter(esam, user)
        else:  # broken off too, with its plan whole on the card
            with pytest.raises(SaleError):
                sale(control, kit.Pulled(user, 18, False), NewPrice(*former))
            assert on_card(user)[1:3] == former and not user.state.files[card_files.CARD_WALLET][7]
        try:
            sale(control, kit.Pulled(user, at, done), NewPrice(*new))
            break
        except SaleError as error:
            assert "pulled" in str(error)
        try:
            sale(control, user)
        except CardError as refused:
            if "has not been in the meter yet" not in str(refused):
                assert "sell with --price and --from" in str(refused)
                assert "sell with --price" in dict(show(user))["new price"]
                seen.add("refused")
                sale(control, user, NewPrice(*new))
        seen.add(on_card(user)[1:3])
        assert on_card(user)[1:3] in (former, new) and on_card(user)[3] & 3 == 3
    assert seen == {"refused", former, new}


def test_a_card_that_does_not_say_its_price_brings_a_new_one_alone() -> None:
    """A replacement made without a price; once its plan has begun, that is the price in force."""
    control, user, _ = opened()
    data, last = read_former(user)
    card = kit.blank("user", control, 77)
    make_replacement(control, card, dataclasses.replace(data, rates_e4=()), last)
    assert not any(card.state.files[card_files.CARD_TARIFF_1])
    card.state.files[card_files.CARD_WRITE_BACK] = user.state.files[card_files.CARD_WRITE_BACK]
    receipt = sell(control, card, 100, new=NewPrice(6000, SOON), now=lambda: TODAY)
    assert receipt.former_e4 is None
    assert (info(card)["update_flag"], info(card)["switch_time"]) == (
        card_files.UPDATE_TARIFF_2,
        SOON,
    )
    assert not any(card.state.files[card_files.CARD_TARIFF_1])
