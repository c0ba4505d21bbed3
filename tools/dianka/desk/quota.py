"""The quota of a system control card as the desk sees it, and what the desk says about it.

The card itself keeps the rules (cardos/quota.py). The desk looks first, so that a clerk gets one
clear line before anything was sent to another card.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dianka.card_port import CardError, CardPort, CardRefused, read_file
from dianka.cardos import desk_files, keys
from dianka.cardos.core import CONDITIONS, NO_FILE
from dianka.cardos.files import card_files
from dianka.money import yuan

FORMER_MAKE = (
    "this control card is of an earlier make, without PIN and quota: `dianka keys restore NEW.card "
    "PART...` brings its keys to one that has both"
)
_FEW = 10  # sales like this one, or cards


@dataclass(frozen=True)
class Quota:
    """What a control card may still do. `quota_fen` and `issues` are None if it has no quota."""

    quota_fen: int | None
    issues: int | None
    orders: int  # carried out so far
    pin_set: bool
    pin_tries: int


def read_quota(control: CardPort) -> Quota | None:
    """Return the quota of a control card, None for one of an earlier make."""
    try:
        fields = _read_fields(control, desk_files.CONTROL_QUOTA, desk_files.QUOTA)
    except CardRefused as refused:
        if refused.sw == NO_FILE:
            return None
        raise
    limited = bool(fields["limited"])
    return Quota(
        fields["quota_fen"] if limited else None,
        fields["issues"] if limited else None,
        fields["orders"],
        bool(fields["pin_set"]),
        max(0, keys.PIN_TRIES - fields["pin_failures"]),
    )


def find_shortage(control: CardPort, amount_fen: int) -> str:
    """Return a line if the quota is enough for fewer than ten more such sales, else nothing."""
    quota = read_quota(control)
    if quota is None or quota.quota_fen is None or quota.quota_fen >= _FEW * amount_fen:
        return ""
    return (
        f"the control card may seal {yuan(quota.quota_fen)} yuan more: have it refilled in time "
        "(`dianka keys refill`)"
    )


def find_few_cards(control: CardPort) -> str:
    """Return a line if the control card may make fewer than ten more cards, else nothing."""
    quota = read_quota(control)
    if quota is None or quota.issues is None or quota.issues >= _FEW:
        return ""
    return (
        f"the control card may make {quota.issues} more cards: have it refilled in time "
        "(`dianka keys refill --cards`)"
    )


def read_parts(control: CardPort) -> list[bytes]:
    """Return the serial numbers of the part cards that may approve orders to this control card."""
    fields = _read_fields(control, desk_files.CONTROL_PARTS, desk_files.PART_SERIALS)
    block = fields["serials"]
    return [serial for at in range(0, len(block), 8) if any(serial := block[at : at + 8])]


def _read_fields(control: CardPort, sfi: int, fields: Any) -> dict[str, Any]:
    return card_files.unpack(fields, read_file(control, sfi, card_files.size_of(fields)))


def must_suffice(control: CardPort, serial: bytes, amount_fen: int, count: int) -> None:
    """Raise CardError if the quota does not suffice for this purchase.

    A sale that was broken off after the control card counted it is free.
    """
    quota = read_quota(control) if amount_fen else None
    if quota is None or quota.quota_fen is None or amount_fen <= quota.quota_fen:
        return
    last = _read_fields(control, desk_files.CONTROL_LAST, desk_files.LAST)
    wallet = card_files.pack(card_files.WALLET, {"money_fen": amount_fen, "count": count})
    if (last["sale_serial"], last["sale_wallet"]) != (serial, wallet):
        raise CardError(
            f"the control card may seal {yuan(quota.quota_fen)} yuan more, not {yuan(amount_fen)}: "
            "have it refilled (`dianka keys refill`), or sell less"
        )


def must_give_roots(control: CardPort, what: str) -> None:
    """Raise CardError if this control card has a quota: such a card lets no root key go."""
    quota = read_quota(control)
    if quota is not None and quota.quota_fen is not None:
        raise CardError(
            f"a control card with a quota makes no {what}: use one without, or lift its quota "
            "(`dianka keys order --lift`)"
        )


@contextmanager
def say_no_cards_left(control: CardPort) -> Iterator[None]:
    """Say so if the control card seals no key because it may make no more cards."""
    try:
        yield
    except CardRefused as refused:
        quota = read_quota(control) if refused.sw == CONDITIONS else None
        if quota is None or quota.issues is None:
            raise
        raise CardError(
            f"the control card may make {quota.issues} more cards, and this is a new one: have it "
            "refilled (`dianka keys refill --cards`)"
        ) from None


def describe_quota(quota: Quota | None) -> list[tuple[str, str]]:
    """Return what `dianka keys quota` and `card show` say, as (label, text) pairs."""
    if quota is None:
        return [("PIN and quota", FORMER_MAKE)]
    left = "no quota" if quota.quota_fen is None else f"{yuan(quota.quota_fen)} yuan left to seal"
    issues = "any number" if quota.issues is None else f"{quota.issues} left to make"
    return [
        ("quota", left),
        ("cards", issues),
        ("orders", f"{quota.orders} carried out"),
        ("PIN", _describe_pin(quota)),
    ]


def _describe_pin(quota: Quota) -> str:
    if not quota.pin_set:
        return "none is set: `dianka keys pin` sets one"
    if not quota.pin_tries:
        return "blocked: `dianka keys pin` with --part twice sets a new one"
    return f"set, {quota.pin_tries} {'try' if quota.pin_tries == 1 else 'tries'} left"
