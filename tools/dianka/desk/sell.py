"""Sales of credit: the order in which the desk writes a resident's card, and when it refuses to.

The meter credits a purchase only if its count is the next one AND the write-back is blank
(docs/cards/sessions.md, the table of the user card). So the desk writes the parameters, then the
wallet, and blanks the write-back last. A card pulled between them still carries the receipt of the
former purchase, and the same sale is made again with the same count. If the write-back were blanked
first, a card pulled just then would look like one whose last purchase never reached the meter, and
its owner could buy nothing more before a walk to the meter. On the very first sale the write-back
is blank already.

The order helps honest residents and proves nothing to the desk. The wallet holds real money once it
is written, while the write-back is read in plain: a shim between card and meter can make it look
blank, and one between card and desk can swallow an answer. So the sale counts as made and paid for
from the moment the wallet's write is sent, whatever the card says afterwards. A sale that was
broken off is completed only by the same amount with the same count.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dianka.card_port import CardError, CardPort, CardRefused, read_file, select_card, send
from dianka.cardos.chip import CardTorn
from dianka.cardos.files import card_files
from dianka.desk.issue import FIRST_SALE
from dianka.desk.prices import Changes, NewPrice, get_local_minute, mark_unfinished, plan_changes
from dianka.desk.quota import must_suffice
from dianka.desk.session import Desk
from dianka.money import HIGHEST_FEN, yuan

NOTHING_SENT = "nothing was sent, sell the same again"
KEEP_MONEY = (
    "the purchase may be on the card: keep the money and sell the same amount again to complete it"
)
_INFO_BYTES = card_files.size_of(card_files.PARAMS) + card_files.FRAME_OVERHEAD
_BY_CTRL_C = 130


class SaleError(CardError):
    """The sale is not known to be complete. The message is one line: why, and what to do."""


class SaleBroken(SaleError):
    """The sale broke off after the wallet's write was sent: it counts as made and paid for."""

    exit_code = 3


@dataclass(frozen=True)
class Receipt:
    """A complete sale, as the receipt shows it."""

    serial: bytes
    meter_no: int
    customer_no: int
    amount_fen: int
    count: int
    opened: bool  # this sale opened the account
    completes: bool = False  # it completed a sale that was broken off and is paid for already
    former_e4: int | None = None  # with a new price: the price in force, if the card has it


@dataclass(frozen=True)
class OnCard:
    """The content of a user card, readable without keys. `write_back` is None if it is blank."""

    serial: bytes
    params: dict[str, Any]
    money_fen: int
    count: int
    write_back: dict[str, Any] | None


class Books:
    """The books of a desk's sales, as a sale uses them. This class keeps none.

    Each method refuses the sale by raising CardError: nothing has been sent by then.
    """

    def look(self, found: OnCard, desk: Desk) -> None:
        """Take in what a card of this system says. `desk` has authenticated itself to it."""

    def find_price(self) -> NewPrice | None:
        """Return the new price that the card is to bring along, if there is one."""
        return None

    def find_alarms(self) -> tuple[int, int] | None:
        """Return both alarms in fen that the card is to have, None if it keeps its own."""
        return None

    def begin(self, found: OnCard, count: int) -> None:
        """Store the intent to sell purchase `count`: the card is written next."""


def sell(
    control: CardPort,
    card: CardPort,
    amount_fen: int,
    rng: Callable[[int], bytes] = os.urandom,
    new: NewPrice | None = None,
    now: Callable[[], int] = get_local_minute,
    raise_if_stopped: Callable[[], None] = lambda: None,
    books: Books | None = None,
) -> Receipt:
    """Write a purchase to the card, and the new price if there is one. Return the receipt.

    Raise SaleError or CardError if the sale is not known to be complete. `raise_if_stopped` is
    called before each command to the card except the wallet's write, which comes right after such a
    call.
    """
    books = books or Books()
    if not 0 < amount_fen <= HIGHEST_FEN:
        raise SaleError(
            f"the amount must be from 0.01 to {yuan(HIGHEST_FEN)} yuan: give another amount"
        )
    watched = _Watched(card, raise_if_stopped)
    with raise_as_sale_error(lambda: False):
        control.power_on()
        found = read_user_card(watched)
        desk = Desk(control, watched, found.serial)
        desk.identify(rng)
        desk.authenticate()
        books.look(found, desk)
        count = _compute_next_count(found, amount_fen)
        must_suffice(control, found.serial, amount_fen, count)
        prices = _plan_prices(watched, found, new or books.find_price(), now())
        alarms_fen = books.find_alarms()
        books.begin(found, count)
        _write_terms(desk, found, count == 1, prices, alarms_fen)
        wallet = card_files.pack(card_files.WALLET, {"money_fen": amount_fen, "count": count})
        money = desk.make_sealed_update(card_files.CARD_WALLET, wallet)
        raise_if_stopped()
    with raise_as_sale_error(lambda: True):
        send(card, money, f"write file {card_files.CARD_WALLET:02X}")
        if found.write_back is not None:
            desk.update(card_files.CARD_WRITE_BACK, bytes(card_files.WRITE_BACK_SIZE))
        params = found.params
        completes = found.write_back is not None and found.count == count
        numbers = params["meter_no"], params["customer_no"]
        return Receipt(
            found.serial, *numbers, amount_fen, count, count == 1, completes, prices.former_e4
        )


class _Watched:
    """A card port that calls `raise_if_stopped` before each command.

    No further command goes to the card once the sale is to stop.
    """

    def __init__(self, port: CardPort, raise_if_stopped: Callable[[], None]) -> None:
        self._port = port
        self._raise_if_stopped = raise_if_stopped

    def power_on(self) -> bytes:
        self._raise_if_stopped()
        return self._port.power_on()

    def process(self, apdu: bytes) -> tuple[bytes, int]:
        self._raise_if_stopped()
        return self._port.process(apdu)


@contextmanager
def raise_as_sale_error(sent: Callable[[], bool]) -> Iterator[None]:
    """Turn whatever ends a sale early into one line, by whether the wallet's write was `sent`.

    Before that write the line says that nothing was sent. From that write on the card may have the
    money: a missing answer or a refusal proves nothing.
    """
    try:
        yield
    except SaleError:
        raise
    except CardError as error:
        if sent():
            raise SaleBroken(f"{error}; {KEEP_MONEY}") from error
        if isinstance(error, CardRefused):
            raise SaleError(f"{error}; {NOTHING_SENT}") from error
        raise
    except BaseException as error:
        line = f"{_say_what_happened(error)}: {KEEP_MONEY if sent() else NOTHING_SENT}"
        told = SaleBroken(line) if sent() else SaleError(line)
        if isinstance(error, KeyboardInterrupt):
            told.exit_code = getattr(error, "exit_code", _BY_CTRL_C)
        raise told from error


def _say_what_happened(error: BaseException) -> str:
    if isinstance(error, CardTorn):
        return "the card was pulled"
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return f"the desk failed ({' '.join(f'{type(error).__name__}: {error}'.split())})"


def read_user_card(card: CardPort) -> OnCard:
    """Reset the card and return its content.

    Raise SaleError if it is no user card, or is not issued or damaged.
    """
    serial = select_card(card)
    try:
        command, data = card_files.unframe(_read_head_first(card))
        if command != card_files.CMD_USER:
            raise SaleError("this is no user card: take the resident's card")
        params = card_files.unpack(card_files.PARAMS, data)
    except ValueError as error:
        raise SaleError(
            f"the card is not issued or damaged ({error}): issue a card first"
        ) from None
    wallet = card_files.unpack(card_files.WALLET, read_file(card, card_files.CARD_WALLET, 8))
    block = read_file(card, card_files.CARD_WRITE_BACK, card_files.WRITE_BACK_SIZE)
    return OnCard(serial, params, wallet["money_fen"], wallet["count"], _unpack_write_back(block))


def prove_params(desk: Desk) -> dict[str, Any]:
    """Return the parameters as the card proves them, its numbers among them. Raise NotProved."""
    block = desk.read_proved(card_files.CARD_INFO, _INFO_BYTES)
    return card_files.unpack(card_files.PARAMS, card_files.unframe(block)[1])


def prove_wallet(desk: Desk) -> tuple[int, int]:
    """Return money in fen and count of the wallet, as the card proves them to the desk.

    Raise NotProved if it can't. What `read_user_card` returns can be forged on its way.
    """
    block = desk.read_proved(card_files.CARD_WALLET, card_files.size_of(card_files.WALLET))
    wallet = card_files.unpack(card_files.WALLET, block)
    return wallet["money_fen"], wallet["count"]


def prove_write_back(desk: Desk) -> dict[str, Any] | None:
    """Return the write-back as the card proves it, None if it is blank. Raise NotProved."""
    block = desk.read_proved(card_files.CARD_WRITE_BACK, card_files.WRITE_BACK_SIZE)
    return _unpack_write_back(block)


def _read_head_first(card: CardPort) -> bytes:
    """Return file 01, or only its first bytes if the card is not issued.

    The first bytes are read alone first, as file 01 is shorter on cards of other kinds. Raise
    SaleError for those.
    """
    head = read_file(card, card_files.CARD_INFO, 4)
    if head[:2] == bytes((card_files.HEAD, card_files.CMD_CLOSE)):
        raise SaleError(
            "this card has a closing order: put it into its meter and read the statement, or take "
            "the order off with `dianka card close --withdraw`"
        )
    if head[0] == card_files.HEAD and head[1] != card_files.CMD_USER:
        raise SaleError("this is no user card: take the resident's card")
    return (
        read_file(card, card_files.CARD_INFO, _INFO_BYTES) if head[0] == card_files.HEAD else head
    )


def _unpack_write_back(block: bytes) -> dict[str, Any] | None:
    if card_files.is_blank(block):
        return None
    try:
        return card_files.unpack(card_files.WRITE_BACK, card_files.unframe(block)[1])
    except ValueError as error:
        raise SaleError(
            f"the meter's write-back is damaged ({error}): put the card into its meter once more"
        ) from None


def raise_if_receipt_differs(found: OnCard) -> None:
    """Raise SaleError if the receipt is of another meter, or of no purchase that can be the last.

    A card without a receipt has none that differs.
    """
    back, params = found.write_back, found.params
    if back is None:
        return
    if (back["meter_no"], back["customer_no"]) != (params["meter_no"], params["customer_no"]):
        raise SaleError(
            "the card was in the meter of somebody else: send an inspector to the meter"
        )
    if found.count - back["count"] not in (0, 1):
        raise SaleError(
            f"the card says purchase {found.count}, the meter purchase {back['count']}: send an "
            "inspector to the meter"
        )


def _compute_next_count(found: OnCard, amount_fen: int) -> int:
    """Return the count that this purchase gets; raise SaleError if the card can't take it."""
    back = found.write_back
    if back is None:
        if found.count:
            raise SaleError(
                f"purchase {found.count} of {yuan(found.money_fen)} yuan has not been in the meter "
                "yet: put the card into its meter first"
            )
        return 1
    raise_if_receipt_differs(found)
    # A count one ahead of the meter's is a sale that was broken off after it counted as made: its
    # money is in the till.
    if found.count > back["count"] and amount_fen != found.money_fen:
        raise SaleError(
            f"the sale of purchase {found.count} over {yuan(found.money_fen)} yuan was broken off: "
            f"sell {yuan(found.money_fen)} to complete it, another amount after that has been in "
            "its meter"
        )
    if back["balance_fen"] + amount_fen > HIGHEST_FEN:
        raise SaleError(
            f"the meter holds {yuan(back['balance_fen'])} yuan and has no room for that: sell a "
            "smaller amount"
        )
    return back["count"] + 1


def _plan_prices(card: CardPort, found: OnCard, new: NewPrice | None, now: int) -> Changes:
    """Return what the sale changes of prices.

    The meter's own time is in the write-back. The time now can't be earlier, whatever the desk's
    clock says.
    """
    back = found.write_back
    if back is None:
        return plan_changes(card, found.params, False, new, now)
    return plan_changes(
        card, found.params, found.count > back["count"], new, max(now, back["time"])
    )


def _write_terms(
    desk: Desk,
    found: OnCard,
    first: bool,
    prices: Changes,
    alarms_fen: tuple[int, int] | None,
) -> None:
    """Write everything but money.

    Of the alarms only the first sale's reach the meter; later cards carry what was agreed.
    """
    params = (
        found.params
        | prices.params
        | {"card_type": card_files.OPEN if first else card_files.PURCHASE}
    )
    if alarms_fen:
        params["alarm1_fen"], params["alarm2_fen"] = alarms_fen
    if first:
        params["update_flag"] = FIRST_SALE
    # The order is set 1, mark, set 2, time. After a break between any two of them, a repeated sale
    # with a price still finds the price in force. A sale without a price carries the former plan or
    # is refused.
    if prices.tariff_1:
        desk.update(card_files.CARD_TARIFF_1, prices.tariff_1)
    if prices.tariff_2:
        _write_params(desk, mark_unfinished(params))
        desk.update(card_files.CARD_TARIFF_2, prices.tariff_2)
    _write_params(desk, params)


def _write_params(desk: Desk, params: dict[str, Any]) -> None:
    desk.update(
        card_files.CARD_INFO,
        card_files.frame(card_files.CMD_USER, card_files.pack(card_files.PARAMS, params)),
    )
