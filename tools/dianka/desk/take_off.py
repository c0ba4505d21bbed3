"""Take a purchase off a user card that has not been in its meter with it.

One write does it: the wallet gets the former count and no money. A meter credits that never, as the
count is not the next one (docs/cards/sessions.md, the table of the user card); with the write-back
blank the card then wants its meter's receipt before it is sold to again. So a card that is pulled
has either the purchase or the former count, and the next look at it says which.

What that proves, and what not: a card that was pulled out of the meter between credit and receipt
has a blank write-back as well. The meter's next receipt then has the count of a purchase that was
paid back, and tells that the balance is more than was sold; nothing is sold before that receipt,
but for a first purchase.
"""

from dianka.card_port import CardError, CardPort, send
from dianka.cardos.files import card_files
from dianka.desk.sell import OnCard, prove_wallet, prove_write_back
from dianka.desk.session import Desk
from dianka.money import yuan


def check_purchase(found: OnCard, count: int, amount_fen: int) -> None:
    """Raise CardError unless the card has this purchase, and no receipt of it or a later one."""
    back = found.write_back
    if back is not None and back["count"] >= count:
        raise CardError(f"purchase {count} is in the meter, as its receipt says: it stays there")
    if back is not None and back["count"] != count - 1:
        raise CardError(
            f"the card has purchase {count}, the meter {back['count']}: send an inspector to it"
        )
    if (found.count, found.money_fen) != (count, amount_fen):
        raise CardError(
            f"the card has purchase {found.count} of {yuan(found.money_fen)} yuan, not {count} of "
            f"{yuan(amount_fen)}: take the card that it was sold to"
        )


def raise_if_not_whole(found: OnCard, desk: Desk) -> None:
    """Raise CardError unless the card proves what was read from it, wallet and write-back.

    The write-back as well: a purchase that the meter has credited looks untouched if a device on
    the way calls its receipt blank.
    """
    proved = (*prove_wallet(desk), prove_write_back(desk))
    if proved != (found.money_fen, found.count, found.write_back):
        raise CardError("the card does not prove its purchase: keep it, and send an inspector")


def raise_if_not_off(found: OnCard, desk: Desk) -> None:
    """Raise CardError unless the card proves the former count, and no money with it."""
    if prove_wallet(desk) != (0, found.count):
        raise CardError("the card does not prove that the purchase is off: send an inspector")


def make_take_off(desk: Desk, count: int) -> bytes:
    """Return the command that takes purchase `count` off; the card must get it next."""
    wallet = card_files.pack(card_files.WALLET, {"money_fen": 0, "count": count - 1})
    return desk.make_sealed_update(card_files.CARD_WALLET, wallet)


def send_take_off(card: CardPort, desk: Desk, command: bytes, count: int) -> None:
    """Send that command; raise CardError unless the card proves that the purchase is off."""
    send(card, command, f"write file {card_files.CARD_WALLET:02X}")
    if prove_wallet(desk) != (0, count - 1):
        raise CardError("the card says that it still has the purchase")
