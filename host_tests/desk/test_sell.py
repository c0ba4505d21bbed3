"""Selling: the amounts and cards it refuses, and a card pulled at every command of a sale."""

import dataclasses

import pytest

import cards_kit as kit
from dianka.card_port import CardError, make_command, send
from dianka.cardos.chip import Chip
from dianka.cardos.core import Faults
from dianka.cardos.crypto import PROFILES
from dianka.cardos.files import card_files
from dianka.desk.sell import SaleError, sell
from dianka.desk.show import show
from dianka.money import HIGHEST_FEN

KEEP = "keep the money and sell the same amount again to complete it"


class Denied(kit.Pulled):
    """A shim at the desk: the wallet is written, but the answer says that it was not."""

    def __init__(self, chip: Chip) -> None:
        super().__init__(chip, 99, True)

    def process(self, apdu: bytes) -> tuple[bytes, int]:
        answer = super().process(apdu)
        return (b"", 0x6581) if apdu[:3] == b"\x04\xd6\x82" else answer


@pytest.fixture(params=sorted(PROFILES))
def control(request: pytest.FixtureRequest) -> Chip:
    return kit.control_card(profile=request.param)


@pytest.fixture
def user(control: Chip) -> Chip:
    return kit.user_card(control)


@pytest.fixture
def esam(control: Chip) -> Chip:
    return kit.private_esam(control)


def info(card: Chip) -> dict:
    return card_files.unpack(
        card_files.PARAMS, card_files.unframe(card.state.files[card_files.CARD_INFO])[1]
    )


def test_first_sale_opens_the_account_and_later_ones_are_purchases(
    control: Chip, user: Chip, esam: Chip
) -> None:
    receipt = sell(control, user, 5000)
    assert dataclasses.astuple(receipt) == (
        user.state.serial,
        kit.METER_NO,
        kit.CUSTOMER_NO,
        5000,
        1,
        True,
        False,
        None,
    )
    assert (info(user)["card_type"], info(user)["update_flag"]) == (card_files.OPEN, 0x8F)
    assert kit.use_in_meter(esam, user)
    receipt = sell(control, user, 1)
    assert (receipt.count, receipt.opened) == (2, False)
    assert (info(user)["card_type"], info(user)["update_flag"]) == (card_files.PURCHASE, 0)
    assert info(user)["alarm1_fen"] == 2000
    assert kit.use_in_meter(esam, user) and not kit.use_in_meter(esam, user)
    assert kit.wallet(esam) == (5001, 2)


@pytest.mark.parametrize("amount_fen", [0, -1, HIGHEST_FEN + 1])
def test_amounts_that_nobody_can_buy(control: Chip, user: Chip, amount_fen: int) -> None:
    before = kit.snapshot(user)
    with pytest.raises(SaleError, match=r"0\.01 to 999999\.99"):
        sell(control, user, amount_fen)
    assert user.state == before


def test_no_second_sale_before_the_meter(control: Chip, user: Chip) -> None:
    sell(control, user, HIGHEST_FEN)
    before = kit.snapshot(user)
    with pytest.raises(
        SaleError, match=r"purchase 1 of 999999\.99 yuan has not been in the meter yet"
    ):
        sell(control, user, 1)
    assert user.state == before


def test_no_more_than_the_meter_can_hold(control: Chip, user: Chip, esam: Chip) -> None:
    sell(control, user, HIGHEST_FEN)
    kit.use_in_meter(esam, user)
    with pytest.raises(SaleError, match="no room"):
        sell(control, user, 1)


def test_only_user_cards_of_this_system(control: Chip, user: Chip, esam: Chip) -> None:
    for other in (kit.init_card(control), kit.keys_card(control)):
        with pytest.raises(SaleError, match="no user card"):
            sell(control, other, 100)
    with pytest.raises(CardError, match="not issued"):
        sell(control, kit.blank("user", control, 1), 100)
    for chip in (esam, kit.control_card(7, control.state.profile)):
        with pytest.raises(CardError):
            sell(control, chip, 100)
    with pytest.raises(CardError, match="not issued with this control card"):
        sell(kit.control_card(8, control.state.profile), user, 100)
    assert not user.state.tries  # a wrong control card costs the resident no try


def forge_write_back(card: Chip, **changes: int) -> None:
    block = card.state.files[card_files.CARD_WRITE_BACK]
    record = card_files.unpack(card_files.WRITE_BACK, card_files.unframe(block)[1]) | changes
    block = card_files.frame(
        card_files.CMD_WRITE_BACK, card_files.pack(card_files.WRITE_BACK, record)
    )
    card.state.files[card_files.CARD_WRITE_BACK] = block


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"meter_no": 5}, "somebody else"),
        ({"customer_no": 5}, "somebody else"),
        ({"count": 7}, "send an inspector"),
    ],
)
def test_write_backs_that_do_not_fit(
    control: Chip, user: Chip, esam: Chip, changes: dict[str, int], says: str
) -> None:
    sell(control, user, 5000)
    kit.use_in_meter(esam, user)
    forge_write_back(user, **changes)
    with pytest.raises(SaleError, match=says):
        sell(control, user, 100)


def test_a_damaged_write_back(control: Chip, user: Chip, esam: Chip) -> None:
    sell(control, user, 5000)
    kit.use_in_meter(esam, user)
    user.state.files[card_files.CARD_WRITE_BACK] = (
        user.state.files[card_files.CARD_WRITE_BACK][:-1] + b"\0"
    )
    with pytest.raises(SaleError, match="put the card into its meter once more"):
        sell(control, user, 100)


def on_card(card: Chip) -> tuple[int, int]:
    wallet = card_files.unpack(card_files.WALLET, card.state.files[card_files.CARD_WALLET])
    return wallet["money_fen"], wallet["count"]


@pytest.mark.parametrize("shim", [lambda card: kit.Pulled(card, 12, True), Denied])
def test_a_sale_counts_as_made_once_its_wallet_was_sent(
    control: Chip, user: Chip, esam: Chip, shim: type[Denied]
) -> None:
    """A meter that is told that the write-back is blank would credit it.

    The money is kept, and nothing else can be sold.
    """
    sell(control, user, 5000)
    kit.use_in_meter(esam, user)
    with pytest.raises(SaleError, match=KEEP):
        sell(control, shim(user), 3000)
    assert on_card(user) == (3000, 2)
    for amount_fen in (1, 2999, 3001):
        with pytest.raises(
            SaleError,
            match=r"purchase 2 over 30\.00 yuan was broken off: sell 30\.00 to complete it",
        ):
            sell(control, user, amount_fen)
    assert on_card(user) == (3000, 2) and sell(control, user, 3000).count == 2
    assert kit.use_in_meter(esam, user) and kit.wallet(esam) == (8000, 2)


def commands_of_a_sale(control: Chip, card: Chip) -> int:
    card.faults = Faults()
    sell(control, card, 3000)
    return card.faults.commands


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("sales_before", [0, 1])
@pytest.mark.parametrize("visit_first", [False, True])
@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_card_pulled_at_every_command_can_be_sold_to_again(
    done: bool, sales_before: int, visit_first: bool, profile: str
) -> None:
    """Whenever it is pulled, and whether it goes to the meter or back to the desk first.

    Paid once, credited once.
    """
    at = 0
    while True:
        at += 1
        control = kit.control_card(profile=profile)
        user, esam = kit.user_card(control), kit.private_esam(control)
        for _ in range(sales_before):
            sell(control, user, 5000)
            kit.use_in_meter(esam, user)
        before_fen = kit.wallet(esam)[0]
        try:
            sell(control, kit.Pulled(user, at, done), 3000)
            break
        except SaleError as error:
            assert "pulled" in str(error)
            assert on_card(user)[1] == sales_before or KEEP in str(error)
        if visit_first:
            assert kit.use_in_meter(esam, user) == (kit.wallet(esam)[0] == before_fen + 3000)
        sold = kit.wallet(esam)[0] - before_fen
        try:
            sell(control, user, 3000)
        except SaleError as error:
            assert "has not been in the meter yet" in str(error) and not sold
        show(user)
        kit.use_in_meter(esam, user)
        total_fen, count = kit.wallet(esam)
        assert total_fen == before_fen + 3000 + sold
        assert count == sales_before + 1 + bool(sold)
        sell(control, user, 100)
        kit.use_in_meter(esam, user)
        assert kit.wallet(esam) == (total_fen + 100, count + 1)
    assert at == 13 + 2 * sales_before  # the pull did reach every command of the sale


@pytest.mark.parametrize("sw", [0x6581, 0x6988, 0x6F00])
def test_a_card_that_refuses_any_command_makes_one_clear_line(
    control: Chip, user: Chip, sw: int
) -> None:
    for at in range(1, commands_of_a_sale(control, kit.user_card(control)) + 1):
        user.faults = Faults(refuse_at=at, refuse_sw=sw)
        with pytest.raises(CardError) as error:
            sell(control, user, 3000)
        assert "\n" not in str(error.value)
    user.faults = Faults()
    assert sell(control, user, 3000).count == 1


def test_nobody_else_writes_money_to_a_card(control: Chip, user: Chip, esam: Chip) -> None:
    sell(control, user, 5000)
    serial = kit.open_card(user)
    kit.prove_meter(esam, user, serial)
    send(esam, make_command("00D68700", bytes(49)), "run info")
    block = send(
        esam,
        make_command("04B08700", kit.challenge(user) + bytes.fromhex("04D685000C") + serial),
        "seal",
    )
    assert kit.sw_of(user, bytes.fromhex("04D682000C") + block) == 0x6982


def test_show_tells_every_kind(control: Chip, user: Chip, esam: Chip) -> None:
    def told(card: Chip) -> dict[str, str]:
        return dict(show(card))

    assert told(Chip.new("user"))["kind"] == "not issued yet"
    assert told(user)["state"] == "ready for the first sale"
    sell(control, user, 1234)
    assert told(user)["purchase"] == "12.34 yuan, number 1"
    assert told(user)["state"] == "waits for its meter"
    kit.use_in_meter(esam, user)
    lines = told(user)
    assert lines["meter's balance"] == "12.34 yuan after purchase 1"
    assert lines["state"] == "has been in its meter, ready for a sale"
    assert (
        told(esam)["keys"] == "private"
        and told(kit.factory_esam(profile=control.state.profile))["keys"] == "public"
    )
    assert told(kit.init_card(control))["overdraft limit"] == "10.00 yuan"
    assert told(kit.keys_card(control))["uses left"] == "2"
    assert told(control)["kind"] == "system control card"
