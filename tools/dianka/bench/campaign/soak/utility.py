"""What the utility does to a meter: new prices, inspections, new keys and cards, a new meter."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from dianka.bench.campaign.soak import people
from dianka.bench.campaign.soak.ledger import WrongBooks
from dianka.bench.campaign.soak.life import ALARM1_FEN, ALARM2_FEN, CUSTOMER, Life
from dianka.bench.campaign.soak.tariffs import PJ_PER_KWH, Tariff
from dianka.bench.campaign.trial import S
from dianka.card_port import CardPort
from dianka.cardos import kinds
from dianka.cardos.files import pack_tariff
from dianka.desk import closing_order, issue, service
from dianka.desk.prices import NewPrice, card_minute
from dianka.firmware import load_shared

_SLOTS = ((0, 0), (8 * 3600, 1), (17 * 3600, 2), (22 * 3600, 0))
_LIMITS_PJ = (240 * PJ_PER_KWH, 400 * PJ_PER_KWH)
_STEPS_E4 = (0, 500, 3_000)
_INSPECTION, _RESTORE, _KEYS = Path("inspection.card"), Path("restore.card"), Path("again.card")
_RELAY_US = 20 * S  # the relay rests between two moves
_SWAP_US = 90 * S
_LOST = 13  # the code of a card that was replaced
_CLOSED = load_shared("state").CLOSED


def inspect(life: Life) -> None:
    """Inspect the meter, which changes nothing."""
    _make(life, _INSPECTION, kinds.INSPECTION, service.make_inspection, service.InspectionData())
    people.run_session(life, card=_INSPECTION)
    life.happened["inspections"] += 1
    people.finish_act(life)


def change_keys(life: Life) -> None:
    """Give the meter its public keys back, and private ones again."""
    _make(life, _RESTORE, kinds.RESTORE, service.make_restore, service.RestoreData(1))
    _make(life, _KEYS, kinds.KEYS, issue.make_keys, 1)
    people.run_session(life, card=_RESTORE)
    people.run_session(life, card=_KEYS)
    life.happened["key changes"] += 1
    people.finish_act(life)


def replace_card(life: Life, amount_fen: int) -> None:
    """Replace a card that was lost by one with a purchase; the lost one is refused from then on."""
    lost, number = life.card, life.ledger.count + 1
    life.card = Path(f"user{number}.card")
    tariff = life.ledger.tariff
    rates_e4, data = tariff.rates_e4, _pack(tariff)
    numbers = life.trial.state.meter_no, CUSTOMER
    user = issue.UserData(*numbers, ALARM1_FEN, ALARM2_FEN, rates_e4, tariff=data)
    life.trial.make_replacement(life.card, user, amount_fen, number)
    life.cash_fen += amount_fen
    life.waiting_fen = amount_fen
    people.put_card_in(life)
    people.run_session(life, _LOST, lost)
    life.happened["cards replaced"] += 1
    people.finish_act(life)


def change_tariff(life: Life, tariff: Tariff, minutes: int, amount_fen: int) -> None:
    """Sell with a price list that begins so many minutes later."""
    begin_s = (life.now_s // 60 + minutes) * 60
    data = _pack(tariff)
    new = NewPrice(tariff.rates_e4[0], card_minute(life.date(begin_s)), tariff=data)
    people.sell(life, amount_fen, new)
    people.put_card_in(life)
    life.ledger.plan = begin_s, tariff
    life.happened["tariff changes"] += 1


def draw_tariff(draw: Random) -> Tariff:
    """Return a price list of some kind."""
    kind, low_e4 = draw.randrange(4), draw.randrange(3_000, 5_000)
    rates_e4 = (low_e4, low_e4 + 1_500 + draw.randrange(900), low_e4 + 4_000)
    if kind == 0:
        return Tariff((low_e4 + 1_000,))
    if kind == 1:
        return Tariff(rates_e4, _SLOTS)
    if kind == 2:
        return Tariff((low_e4 + 1_000,), (), _LIMITS_PJ, _STEPS_E4)
    return Tariff(rates_e4, _SLOTS, _LIMITS_PJ, _STEPS_E4)


def swap_meter(life: Life) -> None:
    """Close the account, take the meter down, and open the account in a new one.

    Nothing is used before it is all over, which takes as long each time, whatever sessions take.
    """
    over_us = life.now_us + _SWAP_US
    trial, ledger = life.trial, life.ledger
    with trial.open(life.card) as file:
        closing_order.order_closing(trial.control.chip, file.chip, trial.rng)
    life.rest()
    life.check()
    load_mw, life.load_mw = life.load_mw, 0
    people.run_session(life)
    trial.wait(_RELAY_US)
    with trial.open(life.card) as file:
        said = closing_order.read_statement(trial.control.chip, file.chip, trial.rng)
    if (said.amount_fen, said.bought_fen) != (ledger.balance_fen, ledger.bought_fen):
        raise WrongBooks(
            f"the statement says {said.amount_fen} of {said.bought_fen} fen",
            said.amount_fen - ledger.balance_fen,
        )
    if not trial.state.has(_CLOSED) or trial.state.balance_fen or trial.relay_closed:
        raise WrongBooks(f"the closed account has {trial.state.balance_fen} fen")
    life.leave()
    life.cash_fen -= said.amount_fen
    people.sell(life, max(said.amount_fen, 3_000))
    people.put_card_in(life)
    life.play(over_us - life.now_us)
    life.load_mw = load_mw
    life.happened["meters swapped"] += 1


def _pack(tariff: Tariff) -> bytes:
    """Return the data of a set of several prices, none of a flat one."""
    return b"" if tariff.is_flat else pack_tariff(*tariff.describe())


def _make(
    life: Life, card: Path, kind: str, maker: Callable[[CardPort, CardPort, Any], None], data: Any
) -> None:
    """Make a card of the utility's staff anew."""
    (life.trial.folder / card).unlink(missing_ok=True)
    life.trial.make(card, kind, maker, data)
