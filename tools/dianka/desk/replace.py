"""A replacement card: a new card for a resident whose card is lost, damaged or worn out.

Two cases (cards reference 4.2): the last purchase is in the meter already - the new card carries
its count and no money - or it isn't - the new card carries count and money once more. The meter
judges by the count, so neither can be credited twice; from the replacement on it knows the new
card's serial and refuses the former one (error 13). A replacement card is refused by a meter that
has no customer yet (error 16): if that very first purchase was lost on its way, an open-account
card goes out again.

With the former card in hand its numbers are read there, but neither money nor prices: its files are
read in plain, and a shim on its contacts makes a genuine card say anything. Whether a purchase that
no meter has confirmed was paid for, and how much, only the sales record knows; the clerk says it.
The former card is cleared last: until then a card that counts exists.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from dianka.card_port import CardError, CardPort
from dianka.cardos.files import card_files
from dianka.desk.issue import UserData, make_user
from dianka.desk.prices import now_minute, read_rates
from dianka.desk.sell import OnCard, read_user_card
from dianka.desk.session import Desk
from dianka.money import HIGHEST_FEN, yuan

_AS_LOST = "look it up again, or leave out --former and give all numbers from the sales record"


@dataclass(frozen=True)
class LastPurchase:
    """What the card was sold last.

    `in_meter`: the meter has credited it, or it is not to be carried over.
    """

    count: int
    amount_fen: int
    in_meter: bool

    @property
    def opens(self) -> bool:
        """Whether the new card opens the account, with a purchase or without any."""
        return not self.count or (self.count == 1 and not self.in_meter)


def last_purchase(
    former: OnCard, count: int | None = None, amount_fen: int | None = None
) -> LastPurchase:
    """What the new card carries: `count` and `amount_fen` are the sales record's, and money comes
    from there alone.
    """
    back = former.write_back
    if back is not None and former.count - back["count"] not in (0, 1):
        raise CardError(
            f"the card says purchase {former.count}, the meter purchase {back['count']}: send an inspector to the meter"
        )
    if count is not None and count != former.count:
        raise CardError(
            f"the former card says that its last purchase is {former.count}, not {count}: {_AS_LOST}"
        )
    # A write-back is the meter's receipt. That it is there can be a lie as well, but one that
    # carries no money.
    if former.count == (back["count"] if back else 0):
        return LastPurchase(former.count, 0, in_meter=True)
    if amount_fen == 0:
        # The count goes on, so that the former card's purchase is void; without any purchase no
        # account is open yet.
        return LastPurchase(former.count if former.count > 1 else 0, 0, in_meter=True)
    if amount_fen is None or count is None:
        raise CardError(
            f"the former card says that purchase {former.count} over {yuan(former.money_fen)} yuan never reached a meter: "
            "give --count and --amount as the sales record says (--amount 0 if it is not there)"
        )
    if amount_fen != former.money_fen:
        raise CardError(
            f"the former card says {yuan(former.money_fen)} yuan for purchase {count}, not {yuan(amount_fen)}: {_AS_LOST}"
        )
    return LastPurchase(count, amount_fen, in_meter=False)


def read_former(
    card: CardPort,
    count: int | None = None,
    amount_fen: int | None = None,
    rates_e4: list[int] | None = None,
    now: Callable[[], int] = now_minute,
) -> tuple[UserData, LastPurchase]:
    """What the new card gets: numbers from the former one, a purchase as the sales record says
    (last_purchase).

    Prices of the former card don't count either: a planned price is left out, to be sold once more,
    and a card that opens the account gets `rates_e4`. On other cards the meter takes rates only if
    they are those in force; where a plan has begun by now, set 1 is a price of the past, and the
    new card says none.
    """
    found = read_user_card(card)
    last = last_purchase(found, count, amount_fen)
    must_have_price(last, rates_e4)
    params = found.params
    numbers = params["meter_no"], params["customer_no"], params["alarm1_fen"], params["alarm2_fen"]
    begun = 0 < params["switch_time"] <= now()
    return UserData(
        *numbers, rates_e4 or (() if begun else read_rates(card, card_files.CARD_TARIFF_1))
    ), last


def must_have_price(last: LastPurchase, rates_e4: list[int] | None) -> None:
    if last.opens and rates_e4 is None:
        raise CardError(
            "the new card opens the account and so sets the meter's price: give --price as the price list says"
        )


def make_replacement(control: CardPort, card: CardPort, data: UserData, last: LastPurchase) -> None:
    """A new chip becomes the resident's card in the place of the former one."""
    if not 0 <= last.count < 1 << 32 or not 0 <= last.amount_fen <= HIGHEST_FEN:
        raise CardError(
            f"a purchase has a count from 1 and up to {yuan(HIGHEST_FEN)} yuan: give other numbers"
        )
    if not last.in_meter and not (last.count and last.amount_fen):
        raise CardError(
            "a purchase that is not in the meter yet has a count and an amount: give both"
        )
    make_user(control, card, _with(data, last))


def _with(data: UserData, last: LastPurchase) -> UserData:
    if not last.count:
        return data  # nothing was ever bought: it is an ordinary new card
    money_fen = 0 if last.in_meter else last.amount_fen
    if last.opens:
        return replace(data, count=1, money_fen=money_fen)
    return replace(
        data, card_type=card_files.REPLACEMENT, update_flag=0, count=last.count, money_fen=money_fen
    )


def is_made(card: CardPort, data: UserData, last: LastPurchase) -> bool:
    """Return whether this card is what `make_replacement` makes of a new chip."""
    made = _with(data, last)
    try:
        found = read_user_card(card)
    except CardError:
        return False
    names = ("meter_no", "customer_no", "card_type", "alarm1_fen", "alarm2_fen")
    same = all(found.params[name] == getattr(made, name) for name in names)
    return same and (found.count, found.money_fen) == (made.count, made.money_fen)


def clear(control: CardPort, former: CardPort) -> None:
    """The former card says nothing any more: file 01, then the wallet."""
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
    """CardError unless the former card was issued with this control card.

    It is asked before a new one is made.
    """
    control.power_on()
    Desk(control, former, read_user_card(former).serial).identify()
