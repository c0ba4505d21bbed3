"""Making cards and ESAMs: keys sealed by the control card, files written as the desk writes them.

The `make_` functions work on a new chip behind any port, the `issue_` functions on a new file. A card that
can't be finished leaves no file. Money in fen, prices in 0.0001 yuan per kWh.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dianka.cards import keys, kinds
from dianka.cards.control import esam_plan, init_plan, keys_plan, load_keys, public_control, user_plan
from dianka.cards.desk import Desk
from dianka.cards.files import cardfiles
from dianka.cards.image import CardFile
from dianka.cards.port import CardError, CardPort, select_card, serial_of
from dianka.cards.state import key_info

_FIRST_SALE = cardfiles.UPDATE_OTHER | 0x0F  # 8FH: all that the card carries is taken over
_SINGLE_RATE, _MULTI_RATE = 1, 2

Rng = Callable[[int], bytes]
Data = TypeVar("Data")


@dataclass(frozen=True)
class UserData:
    meter_no: int
    customer_no: int
    alarm1_fen: int
    alarm2_fen: int
    rates_e4: Sequence[int]


@dataclass(frozen=True)
class InitData:
    meter_no: int
    alarm1_fen: int
    alarm2_fen: int
    overdraft_limit_fen: int
    hoard_limit_fen: int
    close_above_fen: int
    rates_e4: Sequence[int]


def make_user(control: CardPort, card: CardPort, data: UserData) -> None:
    """A new chip becomes a resident's card, without a purchase yet."""
    if not data.meter_no or not data.customer_no:
        raise CardError("a user card needs a meter number and a customer number: give both, not zero")
    files = _checked(_user_files, data)
    control.power_on()
    serial = select_card(card)
    load_keys(control, card, user_plan(serial, keys.meter_factor(cardfiles.to_bcd(data.meter_no, 6))))
    _write(Desk(control, card, serial), files)


def make_init(control: CardPort, card: CardPort, data: InitData) -> None:
    """A new chip becomes a meter initialisation card. All its keys are of the public set."""
    if not data.meter_no:
        raise CardError("an initialisation card needs the meter's number: give it, not zero")
    files = _checked(_init_files, data)
    control.power_on()
    serial = select_card(card)
    load_keys(control, card, init_plan(serial))
    _write(Desk(control, card, serial, public=True), files)


def make_keys(control: CardPort, card: CardPort, uses: int) -> None:
    """A new chip becomes a master-key change card for this many meters."""
    if not 1 <= uses < 1 << 32:
        raise CardError("a master-key change card needs at least one use: give the number of meters")
    control.power_on()
    serial = select_card(card)
    load_keys(control, card, keys_plan(serial))
    info = key_info(cardfiles.KEYS_PRIVATE)
    _write(Desk(control, card, serial), {cardfiles.CARD_WALLET: uses.to_bytes(4, "big"), cardfiles.CARD_INFO: info})


def make_esam(chip: CardPort) -> None:
    """A new chip becomes an ESAM as it leaves the factory: public keys, meter number zero, empty wallet."""
    serial_of(chip.power_on())
    load_keys(public_control(), chip, esam_plan())


def issue_control(path: Path | str, serial: bytes | None = None, rng: Rng = os.urandom) -> bytes:
    """A new system with its own private keys. Returns the serial, as all of these do."""
    return _issue(path, kinds.CONTROL, serial, rng, lambda chip: None)


def issue_user(
    control: CardPort,
    path: Path | str,
    meter_no: int,
    customer_no: int,
    alarm1_fen: int,
    alarm2_fen: int,
    rates_e4: Sequence[int],
    serial: bytes | None = None,
    rng: Rng = os.urandom,
) -> bytes:
    data = UserData(meter_no, customer_no, alarm1_fen, alarm2_fen, rates_e4)
    return _issue(path, kinds.USER, serial, rng, lambda chip: make_user(control, chip, data))


def issue_init(
    control: CardPort, path: Path | str, data: InitData, serial: bytes | None = None, rng: Rng = os.urandom
) -> bytes:
    return _issue(path, kinds.INIT, serial, rng, lambda chip: make_init(control, chip, data))


def issue_keys(control: CardPort, path: Path | str, uses: int, serial: bytes | None = None, rng: Rng = os.urandom) -> bytes:
    return _issue(path, kinds.KEYS, serial, rng, lambda chip: make_keys(control, chip, uses))


def issue_esam(path: Path | str, serial: bytes | None = None, rng: Rng = os.urandom) -> bytes:
    return _issue(path, kinds.ESAM, serial, rng, make_esam)


def _issue(path: Path | str, kind: str, serial: bytes | None, rng: Rng, make: Callable[[CardPort], None]) -> bytes:
    card = CardFile.create(path, kind, serial, rng)
    try:
        make(card.chip)
    except BaseException:
        card.discard()
        raise
    card.close()
    return card.chip.state.serial


def _write(desk: Desk, files: dict[int, bytes]) -> None:
    desk.authenticate()
    for sfi, content in files.items():
        desk.update(sfi, content)


def _checked(pack: Callable[[Data], dict[int, bytes]], data: Data) -> dict[int, bytes]:
    try:
        return pack(data)
    except ValueError as error:
        raise CardError(f"the card can't hold this: {error}; check numbers, amounts and rates") from None


def _user_files(data: UserData) -> dict[int, bytes]:
    """File 01 last: a card is issued when it says what it is."""
    params = _params(data) | {
        "update_flag": _FIRST_SALE,
        "customer_no": data.customer_no,
        "card_type": cardfiles.OPEN,
    }
    tariff = cardfiles.frame(cardfiles.CMD_USER, cardfiles.pack_tariff(data.rates_e4))
    return {
        cardfiles.CARD_TARIFF_1: tariff,
        cardfiles.CARD_TARIFF_2: tariff,
        cardfiles.CARD_INFO: cardfiles.frame(cardfiles.CMD_USER, cardfiles.pack(cardfiles.PARAMS, params)),
    }


def _init_files(data: InitData) -> dict[int, bytes]:
    tariff = cardfiles.frame(cardfiles.CMD_INIT, cardfiles.pack_tariff(data.rates_e4))
    limits = {name: getattr(data, name) for name, _, _ in cardfiles.LIMITS}
    params = cardfiles.pack(cardfiles.INIT_PARAMS, _params(data))
    return {
        cardfiles.CARD_TARIFF_1: tariff,
        cardfiles.CARD_TARIFF_2: tariff,
        cardfiles.CARD_LIMITS: cardfiles.frame(cardfiles.CMD_INIT, cardfiles.pack(cardfiles.LIMITS, limits)),
        cardfiles.CARD_INFO: cardfiles.frame(cardfiles.CMD_INIT, params),
    }


def _params(data: UserData | InitData) -> dict[str, object]:
    return {
        "user_type": _SINGLE_RATE if len(set(data.rates_e4)) < 2 else _MULTI_RATE,
        "alarm1_fen": data.alarm1_fen,
        "alarm2_fen": data.alarm2_fen,
        "ct_ratio": 1,
        "pt_ratio": 1,
        "meter_no": data.meter_no,
    }
