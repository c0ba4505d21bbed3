"""A replacement card: a new card for a resident whose card is lost, damaged or worn out.

Two cases (cards reference 4.2): the last purchase is in the meter already - the new card carries its count and no money - or it
isn't - the new card carries count and money once more. The meter judges by the count, so neither can be credited twice; from
the replacement on it knows the new card's serial and refuses the former one (error 13). A replacement card is refused by a
meter that has no customer yet (error 16): if that very first purchase was lost on its way, an open-account card goes out again.

With the former card in hand all of it is read there. The former card is cleared last: until then a card that counts exists.
"""

from dataclasses import dataclass, replace

from dianka.cards.desk import Desk
from dianka.cards.files import cardfiles
from dianka.cards.issue import NEW_PRICE, UserData, make_user
from dianka.cards.port import CardError, CardPort
from dianka.cards.prices import read_rates
from dianka.cards.sell import HIGHEST_FEN, OnCard, read_user_card, yuan


@dataclass(frozen=True)
class LastPurchase:
    """What the card was sold last. `in_meter`: the meter has credited it."""

    count: int
    amount_fen: int
    in_meter: bool


def last_purchase(former: OnCard) -> LastPurchase:
    """As the former card tells: a write-back is the meter's receipt for it."""
    back = former.write_back
    if back is None:
        return LastPurchase(former.count, former.money_fen, in_meter=not former.count)
    if former.count - back["count"] not in (0, 1):
        raise CardError(
            f"the card says purchase {former.count}, the meter purchase {back['count']}: send an inspector to the meter"
        )
    # One ahead is a sale that was broken off before it was good: the resident has not paid for it.
    return LastPurchase(back["count"], 0, in_meter=True)


def read_former(card: CardPort) -> tuple[UserData, LastPurchase]:
    """What the new card gets, from the former one."""
    found = read_user_card(card)
    params, rates = found.params, read_rates(card, cardfiles.CARD_TARIFF_1)
    numbers = params["meter_no"], params["customer_no"], params["alarm1_fen"], params["alarm2_fen"]
    data = UserData(*numbers, rates)
    if params["switch_time"]:
        data = replace(data, switch_time=params["switch_time"], next_rates_e4=read_rates(card, cardfiles.CARD_TARIFF_2))
    return data, last_purchase(found)


def make_replacement(control: CardPort, card: CardPort, data: UserData, last: LastPurchase) -> None:
    """A new chip becomes the resident's card in the place of the former one."""
    if not 0 <= last.count < 1 << 32 or not 0 <= last.amount_fen <= HIGHEST_FEN:
        raise CardError(f"a purchase has a count from 1 and up to {yuan(HIGHEST_FEN)} yuan: give other numbers")
    if not last.in_meter and not (last.count and last.amount_fen):
        raise CardError("a purchase that is not in the meter yet has a count and an amount: give both")
    make_user(control, card, _with(data, last))


def _with(data: UserData, last: LastPurchase) -> UserData:
    if not last.count:
        return data  # nothing was ever bought: it is an ordinary new card
    money_fen = 0 if last.in_meter else last.amount_fen
    if last.count == 1 and not last.in_meter:
        return replace(data, count=1, money_fen=money_fen)
    flag = NEW_PRICE if data.switch_time else 0  # the former card may have had a new price that never reached the meter
    return replace(data, card_type=cardfiles.REPLACEMENT, update_flag=flag, count=last.count, money_fen=money_fen)


def clear(control: CardPort, former: CardPort) -> None:
    """The former card says nothing any more: file 01, then the wallet."""
    control.power_on()
    desk = Desk(control, former, read_user_card(former).serial)
    desk.identify()
    desk.authenticate()
    desk.update(cardfiles.CARD_INFO, bytes(cardfiles.size_of(cardfiles.PARAMS) + cardfiles.FRAME_OVERHEAD))
    desk.update(cardfiles.CARD_WALLET, bytes(cardfiles.size_of(cardfiles.WALLET)))


def must_be_ours(control: CardPort, former: CardPort) -> None:
    """CardError unless the former card was issued with this control card: it is asked before a new one is made."""
    control.power_on()
    Desk(control, former, read_user_card(former).serial).identify()
