"""Accounts that are closed by an order on the resident's card, on the whole meter."""

from pathlib import Path
from typing import Any

from dianka.cardos.files import card_files
from dianka.desk import closing_order
from dianka.desk.closing_order import Statement
from meter_kit import USER, MeterKit

ENDED = "EndEd"


def order(kit: MeterKit, card: Path = USER) -> int:
    """Write a closing order to a card as the desk does. Return its count."""
    with kit.open(card) as file:
        return closing_order.order_closing(kit.control.chip, file.chip, kit.rng)


def withdraw(kit: MeterKit, card: Path = USER) -> None:
    with kit.open(card) as file:
        closing_order.withdraw_order(kit.control.chip, file.chip, kit.rng)


def write_order(
    kit: MeterKit, money_fen: int, count: int, card: Path = USER, **params: int
) -> None:
    """Write an order that no desk writes, and these parameters beside it."""
    with kit.open(card) as file:
        desk = closing_order.open_desk(kit.control.chip, file.chip, kit.rng)
        found = closing_order.read_params(file.chip) | params
        wallet = card_files.pack(card_files.WALLET, {"money_fen": money_fen, "count": count})
        desk.update(card_files.CARD_ORDER, wallet)
        block = card_files.pack(card_files.PARAMS, found)
        desk.update(card_files.CARD_INFO, card_files.frame(card_files.CMD_CLOSE, block))


def statement(kit: MeterKit, card: Path = USER) -> Statement:
    """Return the statement that the card proves; CardError without one."""
    with kit.open(card) as file:
        return closing_order.read_statement(kit.control.chip, file.chip, kit.rng)


def run_info(kit: MeterKit) -> bytes:
    """Return file 07 of the ESAM."""
    return bytes(kit.esam.state.files[card_files.ESAM_RUN_INFO])


def held(kit: MeterKit) -> dict[str, Any]:
    """Return what an account consists of, in the journal and in the ESAM."""
    state = kit.state
    names = ("balance_fen", "count", "bought_fen", "flags", "customer_no", "card_serial")
    return {name: getattr(state, name) for name in names} | {"wallet": kit.get_esam_wallet()}
