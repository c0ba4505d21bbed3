"""What happens to a meter in a year: what its residents do, its utility, mains and clock."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

from dianka.bench.campaign.soak import trouble
from dianka.bench.campaign.soak.ledger import WrongBooks
from dianka.bench.campaign.soak.life import HOARD_FEN, Act, Life
from dianka.bench.campaign.soak.tariffs import PJ_PER_KWH, Tariff
from dianka.bench.campaign.trial import MS, USER, S
from dianka.cardos import kinds
from dianka.cardos.files import pack_tariff
from dianka.desk import closing_order, service
from dianka.desk.prices import NewPrice, card_minute
from dianka.firmware import load_shared

_EVENING_S = 18 * 3600 + 1_500
_YEAR_DAYS = 365
_SHOWN_US = 1_500 * MS
_SLOTS = ((0, 0), (8 * 3600, 1), (17 * 3600, 2), (22 * 3600, 0))
_LIMITS_PJ = (240 * PJ_PER_KWH, 400 * PJ_PER_KWH)
_STEPS_E4 = (0, 500, 3_000)
_INSPECTION = Path("inspection.card")
_LEAST_FEN = 200  # below it nobody goes to the desk
_CLOSED = load_shared("state").CLOSED


# How often each trouble comes in a year.
_TROUBLES: tuple[tuple[int, Callable[[Life, Random], None]], ...] = (
    (6, trouble.cut_power),
    (6, trouble.dip),
    (1, trouble.flicker),
    (1, trouble.bite),
    (2, trouble.stop_clock),
    (1, trouble.lose_clock),
    (1, trouble.set_clock_off),
)


def plan_day(life: Life, day: int) -> list[tuple[int, Act]]:
    """Return what happens on this day, as (second, act)."""
    draw = life.household.draw(day, "acts")
    found: list[tuple[int, Act]] = [(_EVENING_S, partial(_look_at_balance, life, draw))]
    for often, make in _TROUBLES:
        if draw.randrange(_YEAR_DAYS) < often:
            found.append((draw.randrange(1_800, 84_000), partial(make, life, draw)))
    if draw.randrange(_YEAR_DAYS) < 1:
        found.append((draw.randrange(30_000, 60_000), partial(_inspect, life)))
    if draw.randrange(_YEAR_DAYS) < 2:
        found.append((draw.randrange(30_000, 60_000), partial(_change_tariff, life, draw)))
    if draw.randrange(_YEAR_DAYS * 8) < 1:
        found.append((draw.randrange(30_000, 60_000), partial(_swap_meter, life, draw)))
    return found


# ****** Purchases ******


def open_account(life: Life) -> None:
    """Buy for the first time."""
    _buy(life, life.household.draw(0, "opening"), 5_000)
    life.react = partial(_react, life)


def _look_at_balance(life: Life, draw: Random) -> None:
    who = life.household.who
    if life.ledger.balance_fen < who.keeps_fen and draw.randrange(100) >= who.forgets:
        _buy(life, draw)


def _react(life: Life, stage: int) -> None:
    """Do something about a supply that has gone: the key, the card, or a purchase."""
    draw = life.household.draw(life.now_s, "react")
    way = draw.randrange(100)
    asleep = draw.randrange(100) < life.household.who.forgets
    delay_s = draw.randrange(3_600, 40 * 3_600) if asleep else draw.randrange(60, 3_600)
    if stage > 0 and way < 35:
        act = _hold_key
    elif way < 70 and not life.stages.locked:
        act = _put_card_in
    else:
        act = partial(_buy, draw=draw)
    life.schedule(delay_s, lambda: _do_if_off(life, act))


def _do_if_off(life: Life, act: Callable[[Life], None]) -> None:
    """Do it unless somebody has bought meanwhile."""
    if not life.stages.is_on(life.ledger.balance_fen):
        act(life)


def _hold_key(life: Life) -> None:
    life.trial.rig.press_key(4_000)
    life.play(6 * S)
    life.stages.hold_key(life.ledger.balance_fen)
    life.happened["key held"] += 1
    _end(life)


def _put_card_in(life: Life) -> None:
    """Put the card in without a purchase on it: it releases a trip."""
    _run_session(life, USER)
    life.stages.put_card_in(life.ledger.balance_fen)
    life.happened["cards put in"] += 1
    _end(life)


def _buy(life: Life, draw: Random, amount_fen: int = 0, new: NewPrice | None = None) -> None:
    """Buy at the desk and bring it to the meter; some pull the card, and once the power goes."""
    room_fen = HOARD_FEN - life.ledger.balance_fen
    amount_fen = min(amount_fen or draw.choice(life.household.who.amounts_fen), room_fen)
    if amount_fen < _LEAST_FEN:
        return
    life.trial.sell(amount_fen, USER, new, life.get_minute)
    life.cash_fen += amount_fen
    how = draw.randrange(100)
    if how < 20:
        _pull_early(life, draw)
    elif how < 26 and not life.calm:
        _lose_power_inside(life, draw, amount_fen)
    _run_session(life, USER)
    if life.trial.state.count != life.ledger.count:
        life.ledger.buy(amount_fen)
    life.stages.put_card_in(life.ledger.balance_fen)
    life.happened["purchases"] += 1
    _end(life)


def _pull_early(life: Life, draw: Random) -> None:
    life.trial.rig.insert(USER)
    life.play(draw.randrange(50, 2_500) * MS)
    life.trial.pull()
    life.play(_SHOWN_US)
    life.happened["cards pulled"] += 1


def _lose_power_inside(life: Life, draw: Random, amount_fen: int) -> None:
    """Let the power go while the card is in: the purchase is in the meter, or still on the card."""
    life.check(270 * MS)
    life.trial.rig.insert(USER)
    life.play(draw.randrange(150, 2_000) * MS)
    life.trial.rig.cut_power()
    life.trial.pull()
    life.trial.wait(draw.randrange(1, 20) * S)
    life.restore()
    life.play(3 * S)
    if life.trial.state.count != life.ledger.count:
        life.ledger.buy(amount_fen)
    life.happened["cuts in a session"] += 1
    life.come_back(check_supply=False)


def _run_session(life: Life, card: Path) -> None:
    life.trial.rig.bench.mains.set_load(life.load_mw)
    session = life.trial.run_session(card)
    if session.code or not session.begun:
        raise WrongBooks(f"{card.name} was refused with code {session.code}: {session.log[-3:]}")


def _end(life: Life) -> None:
    """See that what people have done has come to what it should."""
    if life.calm:
        life.rest()
    else:
        life.play(2 * S)
    life.check(270 * MS)
    life.check_supply()


# ****** The utility ******


def _inspect(life: Life) -> None:
    """Inspect the meter, which changes nothing."""
    path = life.trial.folder / _INSPECTION
    path.unlink(missing_ok=True)
    life.trial.make(
        _INSPECTION, kinds.INSPECTION, service.make_inspection, service.InspectionData()
    )
    _run_session(life, _INSPECTION)
    life.happened["inspections"] += 1
    _end(life)


def _draw_tariff(draw: Random) -> Tariff:
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


def _change_tariff(life: Life, draw: Random) -> None:
    """Sell with a new price list that begins some days later."""
    if life.ledger.plan or not life.clock_tells:
        return
    tariff = _draw_tariff(draw)
    begin_s = (life.now_s // 60 + draw.randrange(5, 20_000)) * 60
    rates_e4, more = tariff.describe()
    data = b"" if tariff.is_flat else pack_tariff(rates_e4, more)
    new = NewPrice(rates_e4[0], card_minute(life.date(begin_s)), tariff=data)
    before = life.ledger.count
    _buy(life, draw, 1_000, new)
    if life.ledger.count != before:
        life.ledger.plan = begin_s, tariff
        life.happened["tariff changes"] += 1


def _swap_meter(life: Life, draw: Random) -> None:
    """Close the account, take the meter down, and open the account in a new one."""
    if life.ledger.plan or not life.clock_tells:
        return
    trial, ledger = life.trial, life.ledger
    with trial.open(USER) as file:
        closing_order.order_closing(trial.control.chip, file.chip, trial.rng)
    life.rest()
    life.check()
    _run_session(life, USER)
    with trial.open(USER) as file:
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
    _buy(life, draw, max(said.amount_fen, 3_000))
    life.happened["meters swapped"] += 1
