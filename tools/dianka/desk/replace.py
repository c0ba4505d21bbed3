"""Replacement cards: a new card for a resident whose card is lost, damaged or worn out.

There are two cases (docs/cards/sessions.md, the table of the user card). If the last purchase is in
the meter already, the new card carries its count and no money. If it is not, the new card carries
count and money once more. The meter judges by the count, so neither can be credited twice. From the
replacement on the meter knows the new card's serial and refuses the former one (code 13). A meter
that has no customer yet refuses a replacement card (code 16): if the very first purchase was lost
on its way, a new open-account card is made.

With the former card in hand, its numbers are read from it, but neither money nor prices: its files
are read in plain, and a shim on its contacts makes a genuine card say anything. Whether a purchase
that no meter has confirmed was paid for, and how much, only the sales record knows; the clerk
enters it. The former card is cleared last: until then a card that counts exists.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from dianka.card_port import CardError, CardPort, read_file
from dianka.cardos.files import card_files
from dianka.desk.issue import NEW_PRICE, UserData, make_user, pack_user_tariff
from dianka.desk.prices import get_local_minute, read_set
from dianka.desk.sell import OnCard, read_user_card
from dianka.desk.session import Desk
from dianka.money import HIGHEST_FEN, yuan

_TARIFF_BYTES = card_files.TARIFF_SIZE + card_files.FRAME_OVERHEAD

_AS_LOST = "look it up again, or leave out --former and give all numbers from the sales record"


@dataclass(frozen=True)
class LastPurchase:
    """The purchase that the card was sold last.

    `in_meter`: the meter has credited it, or it is not to be carried over.
    """

    count: int
    amount_fen: int
    in_meter: bool

    @property
    def opens(self) -> bool:
        """Return whether the new card opens the account, with a purchase or without any."""
        return not self.count or (self.count == 1 and not self.in_meter)


def pick_last_purchase(
    former: OnCard, count: int | None = None, amount_fen: int | None = None
) -> LastPurchase:
    """Return the purchase that the new card carries.

    `count` and `amount_fen` are those of the sales record: money comes from there alone. Raise
    CardError if they and the former card do not agree, or if one of them is needed and missing.
    """
    back = former.write_back
    if back is not None and former.count - back["count"] not in (0, 1):
        raise CardError(
            f"the card says purchase {former.count}, the meter purchase {back['count']}: send an "
            "inspector to the meter"
        )
    if count is not None and count != former.count:
        raise CardError(
            f"the former card says that its last purchase is {former.count}, not {count}: "
            f"{_AS_LOST}"
        )
    # A write-back is the meter's receipt. A shim can fake that as well, but then the new card
    # carries no money.
    if former.count == (back["count"] if back else 0):
        return LastPurchase(former.count, 0, in_meter=True)
    if amount_fen == 0:
        # The new card keeps the count, so that the former card's purchase is void. At count 1 no
        # account is open yet, and the new card has no purchase.
        return LastPurchase(former.count if former.count > 1 else 0, 0, in_meter=True)
    if amount_fen is None or count is None:
        raise CardError(
            f"the former card says that purchase {former.count} over {yuan(former.money_fen)} yuan "
            "never reached a meter: give --count and --amount as the sales record says (--amount 0 "
            "if it is not there)"
        )
    if amount_fen != former.money_fen:
        raise CardError(
            f"the former card says {yuan(former.money_fen)} yuan for purchase {count}, not "
            f"{yuan(amount_fen)}: {_AS_LOST}"
        )
    return LastPurchase(count, amount_fen, in_meter=False)


def read_former(
    card: CardPort,
    count: int | None = None,
    amount_fen: int | None = None,
    rates_e4: list[int] | None = None,
    now: Callable[[], int] = get_local_minute,
) -> tuple[UserData, LastPurchase]:
    """Return the data of the new card: numbers of the former card, `pick_last_purchase`'s purchase.

    The former card's prices are not trusted either. A planned price is left out and has to be sold
    once more. A card that opens the account gets `rates_e4`. On other cards the meter takes rates
    only if they are those in force. Where a plan has begun by now, set 1 is a price of the past, so
    the new card has no rates.
    """
    found = read_user_card(card)
    last = pick_last_purchase(found, count, amount_fen)
    must_have_price(last, rates_e4)
    params = found.params
    numbers = params["meter_no"], params["customer_no"], params["alarm1_fen"], params["alarm2_fen"]
    if rates_e4 or 0 < params["switch_time"] <= now():
        return UserData(*numbers, rates_e4 or ()), last
    former = read_set(card, card_files.CARD_TARIFF_1)
    rates = card_files.unpack_tariff(former)["rates_e4"] if former else ()
    several = b"" if not former or card_files.is_flat(former) else former
    return UserData(*numbers, tuple(rates), tariff=several), last


def must_have_price(last: LastPurchase, rates_e4: list[int] | None) -> None:
    """Raise CardError if the new card opens the account and there is no price for it."""
    if last.opens and rates_e4 is None:
        raise CardError(
            "the new card opens the account and so sets the meter's price: give --price as the "
            "price list says"
        )


def make_replacement(control: CardPort, card: CardPort, data: UserData, last: LastPurchase) -> None:
    """Make a new chip the resident's card in place of the former one.

    Raise CardError if count and amount are out of range or do not fit together.
    """
    if not 0 <= last.count < 1 << 32 or not 0 <= last.amount_fen <= HIGHEST_FEN:
        raise CardError(
            f"a purchase has a count from 1 and up to {yuan(HIGHEST_FEN)} yuan: give other numbers"
        )
    if not last.in_meter and not (last.count and last.amount_fen):
        raise CardError(
            "a purchase that is not in the meter yet has a count and an amount: give both"
        )
    make_user(control, card, _add_purchase(data, last))


def _add_purchase(data: UserData, last: LastPurchase) -> UserData:
    if not last.count:
        return data  # nothing was ever bought: an ordinary new card
    money_fen = 0 if last.in_meter else last.amount_fen
    if last.opens:
        return replace(data, count=1, money_fen=money_fen)
    return replace(
        data,
        card_type=card_files.REPLACEMENT,
        update_flag=NEW_PRICE if data.next_rates_e4 else 0,
        count=last.count,
        money_fen=money_fen,
    )


def is_made(card: CardPort, data: UserData, last: LastPurchase) -> bool:
    """Return whether this card is what `make_replacement` makes of a new chip."""
    made = _add_purchase(data, last)
    try:
        found = read_user_card(card)
        tariff = read_file(card, card_files.CARD_TARIFF_1, _TARIFF_BYTES) if last.opens else b""
    except CardError:
        return False
    if last.opens and tariff != pack_user_tariff(made.rates_e4, made.tariff):
        return False
    names = ("meter_no", "customer_no", "card_type", "alarm1_fen", "alarm2_fen")
    same = all(found.params[name] == getattr(made, name) for name in names)
    return same and (found.count, found.money_fen) == (made.count, made.money_fen)


def clear_card(control: CardPort, former: CardPort) -> None:
    """Clear the former card: file 01, then the wallet."""
    control.power_on()
    desk = Desk(control, former, read_user_card(former).serial)
    desk.identify()
    desk.authenticate()
    desk.update(
        card_files.CARD_INFO,
        bytes(card_files.size_of(card_files.PARAMS) + card_files.FRAME_OVERHEAD),
    )
    desk.update(card_files.CARD_WALLET, bytes(card_files.size_of(card_files.WALLET)))


def must_be_ours(control: CardPort, former: CardPort) -> None:
    """Raise CardError unless the former card was issued with this control card.

    This is checked before a new card is made.
    """
    control.power_on()
    Desk(control, former, read_user_card(former).serial).identify()
