"""Issuing of cards and ESAMs: the control card seals the keys, the desk writes the files.

The `make_` functions work on a new chip behind any port, the `issue_` functions on a new file. A
card that can't be finished leaves no file. A card has the cipher profile of its control card.
Amounts are in fen, prices in 0.0001 yuan per kWh. service.py makes the cards of the service staff.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from dianka.card_port import CardError, CardPort, make_command, select_card, serial_of
from dianka.cardos import desk_files, keys, kinds
from dianka.cardos.core import NO_KEY
from dianka.cardos.crypto import SM4
from dianka.cardos.files import ONE_RATE, card_files, pack_tariff
from dianka.cardos.image import CardFile
from dianka.cardos.state import make_key_info
from dianka.desk.control import (
    Load,
    load_keys,
    make_public_control,
    plan_esam,
    plan_init_card,
    plan_keys_card,
    plan_user_card,
    read_profile,
)
from dianka.desk.quota import must_give_roots, must_suffice, say_no_cards_left
from dianka.desk.session import Desk
from dianka.desk.supply import Rules, fill_rules, supply_rules

# The counter file has four bytes; all FF is a file that was never written.
MOST_USES = (1 << 32) - 2
FIRST_SALE = card_files.UPDATE_OTHER | 0x0F  # 8FH: all that the card carries is taken over
# Set 2 with its switch time, and set 1. A meter in use takes set 1 only if its price is in force
# there (docs/cards/sessions.md, step 7 of the user card).
NEW_PRICE = card_files.UPDATE_TARIFF_1 | card_files.UPDATE_TARIFF_2

Rng = Callable[[int], bytes]
Data = TypeVar("Data")


@dataclass(frozen=True)
class UserData:
    """The numbers, prices and purchase that go on a resident's card."""

    meter_no: int
    customer_no: int
    alarm1_fen: int
    alarm2_fen: int
    rates_e4: Sequence[int]
    card_type: int = card_files.OPEN
    update_flag: int = FIRST_SALE
    count: int = 0  # of the purchase that a replacement card carries from the start
    money_fen: int = 0
    switch_time: int = 0  # YYMMDDhhmm, from when `next_rates_e4` hold; 0: no change is planned
    next_rates_e4: Sequence[int] = ()
    tariff: bytes = b""  # data of a set of several prices, in place of `rates_e4`


@dataclass(frozen=True)
class InitData:
    """The numbers, limits and prices that go on a meter initialisation card."""

    meter_no: int
    alarm1_fen: int
    alarm2_fen: int
    overdraft_limit_fen: int
    hoard_limit_fen: int
    close_above_fen: int
    rates_e4: Sequence[int]
    # Minutes that the metering chip may be unresponsive before the supply opens; 0: the meter's own
    # default.
    silence_min: int = 0
    # YYMMDDhhmm, local: when the card is made. The meter's clock can't be earlier. 0: not given.
    desk_time: int = 0
    tariff: bytes = b""  # as in UserData
    # Fields of card_files.SUPPLY; those that are not given are zero.
    supply: Rules = field(default_factory=dict)


def make_user(control: CardPort, card: CardPort, data: UserData) -> None:
    """Make a new chip a resident's card; without `count` in the data it has no purchase yet.

    Raise CardError if a number is missing or a value does not fit.
    """
    if not data.meter_no or not data.customer_no:
        raise CardError(
            "a user card needs a meter number and a customer number: give both, not zero"
        )
    files = pack_data(_pack_user_files, data)
    control.power_on()
    serial = select_card(card)
    must_suffice(control, serial, data.money_fen, data.count)
    load_card_keys(
        control,
        card,
        plan_user_card(serial, keys.make_meter_factor(card_files.to_bcd(data.meter_no, 6))),
    )
    write_files(Desk(control, card, serial), files)


def make_init(control: CardPort, card: CardPort, data: InitData) -> None:
    """Make a new chip a meter initialisation card. All its keys are of the public set."""
    files = pack_init_files(data)
    control.power_on()
    serial = select_card(card)
    load_card_keys(control, card, plan_init_card(serial))
    write_files(Desk(control, card, serial, public=True), files)


def make_keys(control: CardPort, card: CardPort, uses: int) -> None:
    """Make a new chip a master-key change card for `uses` meters."""
    check_uses(uses, "a master-key change card")
    control.power_on()
    must_give_roots(control, "master-key change card")
    serial = select_card(card)
    load_card_keys(control, card, plan_keys_card(serial))
    info = make_key_info(card_files.KEYS_PRIVATE)
    write_files(
        Desk(control, card, serial),
        {desk_files.CARD_USES: uses.to_bytes(4, "big"), card_files.CARD_INFO: info},
    )


def load_card_keys(control: CardPort, card: CardPort, plan: list[Load]) -> None:
    """Load the keys of a new card, or load them again on a card whose making was broken off.

    Such a card has the plan's master key already.
    """
    _, sw = card.process(make_command(f"008800{keys.IDENTITY:02X}", bytes(8)))
    with say_no_cards_left(control):
        if sw == NO_KEY:
            load_keys(control, card, plan)
        else:
            load_keys(control, card, plan, master=plan[-1])


def make_esam(chip: CardPort, profile: str = SM4.name) -> None:
    """Make a new chip an ESAM as it leaves the factory.

    It has public keys, meter number zero and an empty wallet.
    """
    serial_of(chip.power_on())
    load_keys(make_public_control(profile), chip, plan_esam())


def issue_control(
    path: Path | str,
    serial: bytes | None = None,
    rng: Rng = os.urandom,
    profile: str = SM4.name,
    private_roots: bool = True,
) -> bytes:
    """Make a control card with private keys of its own, or a blank one, in a new file.

    Return its serial, as all `issue_` functions do.
    """
    with CardFile.create(path, kinds.CONTROL, serial, rng, private_roots, profile) as card:
        return card.chip.state.serial


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
    return issue_file(
        path,
        kinds.USER,
        serial,
        rng,
        read_profile_name(control),
        lambda chip: make_user(control, chip, data),
    )


def issue_init(
    control: CardPort,
    path: Path | str,
    data: InitData,
    serial: bytes | None = None,
    rng: Rng = os.urandom,
) -> bytes:
    return issue_file(
        path,
        kinds.INIT,
        serial,
        rng,
        read_profile_name(control),
        lambda chip: make_init(control, chip, data),
    )


def issue_keys(
    control: CardPort,
    path: Path | str,
    uses: int,
    serial: bytes | None = None,
    rng: Rng = os.urandom,
) -> bytes:
    return issue_file(
        path,
        kinds.KEYS,
        serial,
        rng,
        read_profile_name(control),
        lambda chip: make_keys(control, chip, uses),
    )


def issue_esam(
    path: Path | str, serial: bytes | None = None, rng: Rng = os.urandom, profile: str = SM4.name
) -> bytes:
    return issue_file(path, kinds.ESAM, serial, rng, profile, lambda chip: make_esam(chip, profile))


def read_profile_name(control: CardPort) -> str:
    """Return the name of the cipher profile of the control card's system."""
    control.power_on()
    return read_profile(control).name


def check_uses(uses: int, what: str) -> None:
    """Raise CardError unless a card can have this many uses."""
    if not 1 <= uses <= MOST_USES:
        raise CardError(f"{what} has 1 to {MOST_USES} uses: give the number of meters")


def issue_file(
    path: Path | str,
    kind: str,
    serial: bytes | None,
    rng: Rng,
    profile: str,
    make: Callable[[CardPort], None],
) -> bytes:
    """Make a card of this kind in a new file by calling `make` on the chip. Return its serial.

    If `make` fails, no file is left.
    """
    card = CardFile.create(path, kind, serial, rng, profile=profile)
    try:
        make(card)
    except BaseException:
        card.discard()
        raise
    card.close()
    return card.chip.state.serial


def write_files(desk: Desk, files: dict[int, bytes]) -> None:
    """Authenticate the desk and write whole files in the given order.

    File 01 comes last: a card counts as issued when file 01 says what it is.
    """
    desk.authenticate()
    for sfi, content in files.items():
        desk.update(sfi, content)


def pack_data(pack: Callable[[Data], dict[int, bytes]], data: Data) -> dict[int, bytes]:
    """Return the packed files; raise CardError if a value does not fit."""
    try:
        return pack(data)
    except ValueError as error:
        raise CardError(
            f"the card can't hold this: {error}; check numbers, amounts and rates"
        ) from None


def _pack_user_files(data: UserData) -> dict[int, bytes]:
    params = _compose_params(data) | {
        "update_flag": data.update_flag,
        "customer_no": data.customer_no,
        "card_type": data.card_type,
        "switch_time": data.switch_time,
    }
    wallet = card_files.pack(card_files.WALLET, {"money_fen": data.money_fen, "count": data.count})
    return {
        card_files.CARD_TARIFF_1: pack_user_tariff(data.rates_e4, data.tariff),
        card_files.CARD_TARIFF_2: pack_user_tariff(
            data.next_rates_e4 or data.rates_e4, b"" if data.next_rates_e4 else data.tariff
        ),
        # A card that was cleared, or whose making was broken off, may still have a purchase on it.
        card_files.CARD_WALLET: wallet,
        card_files.CARD_WRITE_BACK: bytes(card_files.WRITE_BACK_SIZE),
        card_files.CARD_ORDER: bytes(card_files.size_of(card_files.WALLET)),
        card_files.CARD_INFO: card_files.frame(
            card_files.CMD_USER, card_files.pack(card_files.PARAMS, params)
        ),
    }


def pack_user_tariff(rates_e4: Sequence[int], tariff: bytes = b"") -> bytes:
    """Return a tariff file of a user card: the data of a set, or those rates.

    Without either it is blank: the card does not give its meter's price.
    """
    if tariff:
        return card_files.frame(card_files.CMD_USER, tariff)
    if not rates_e4:
        return bytes(card_files.TARIFF_SIZE + card_files.FRAME_OVERHEAD)
    return card_files.frame(card_files.CMD_USER, pack_tariff(rates_e4))


def pack_init_files(data: InitData) -> dict[int, bytes]:
    """Return the files of an initialisation card; raise CardError if a value does not fit."""
    if not data.meter_no:
        raise CardError("an initialisation card needs the meter's number: give it, not zero")
    return pack_data(_pack_init_files, data)


def _pack_init_files(data: InitData) -> dict[int, bytes]:
    content = data.tariff or pack_tariff(data.rates_e4)
    tariff = card_files.frame(card_files.CMD_INIT, content)
    limits = {name: getattr(data, name) for name, _, _ in card_files.LIMITS}
    supply = fill_rules(data.supply)
    supply_rules.check(supply)
    # PARAMS without a customer number: none shall stay in the ESAM.
    own = {"silence_min": data.silence_min, "switch_time": data.desk_time}
    params = card_files.pack(card_files.PARAMS, _compose_params(data) | own)
    return {
        card_files.CARD_TARIFF_1: tariff,
        card_files.CARD_TARIFF_2: tariff,
        card_files.CARD_LIMITS: card_files.frame(
            card_files.CMD_INIT, card_files.pack(card_files.LIMITS, limits)
        ),
        card_files.CARD_SUPPLY: card_files.frame(
            card_files.CMD_INIT, card_files.pack(card_files.SUPPLY, supply)
        ),
        card_files.CARD_INFO: card_files.frame(card_files.CMD_INIT, params),
    }


def _compose_params(data: UserData | InitData) -> dict[str, object]:
    return {
        "user_type": card_files.SEVERAL_RATES
        if data.tariff or len(set(data.rates_e4)) > 1
        else ONE_RATE,
        "alarm1_fen": data.alarm1_fen,
        "alarm2_fen": data.alarm2_fen,
        "ct_ratio": 1,
        "pt_ratio": 1,
        "meter_no": data.meter_no,
    }
