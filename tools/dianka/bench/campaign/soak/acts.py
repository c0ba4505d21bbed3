"""The calendar of a life: what happens on a day, and what residents do about it."""

from collections.abc import Callable
from functools import partial
from random import Random

from dianka.bench.campaign.soak import people, trouble, utility
from dianka.bench.campaign.soak.life import HOARD_FEN, Act, Life

_EVENING_S = 18 * 3600 + 1_500
_YEAR_DAYS = 365
_OPENING_FEN, _TARIFF_FEN = 5_000, 1_000
_LEAST_FEN = 200  # below it nobody goes to the desk
# How often each trouble comes in a year.
_TROUBLES: tuple[tuple[int, trouble.Trouble], ...] = (
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
    for often, years, make in (
        (1, 1, lambda life, draw: utility.inspect(life)),
        (2, 1, _change_tariff),
        (1, 3, _replace_card),
        (1, 4, lambda life, draw: utility.change_keys(life)),
        (1, 8, _swap_meter),
    ):
        if draw.randrange(_YEAR_DAYS * years) < often:
            found.append((draw.randrange(30_000, 60_000), partial(make, life, draw)))
    return found


def open_account(life: Life, amount_fen: int = _OPENING_FEN) -> None:
    """Buy for the first time; from then on people act when the supply goes."""
    people.sell(life, amount_fen)
    people.put_card_in(life)
    life.react = partial(_react, life)


def buy(life: Life, draw: Random, amount_fen: int = 0) -> None:
    """Buy and bring it to the meter; some pull the card too early, or the power goes then."""
    room_fen = HOARD_FEN - life.ledger.balance_fen
    amount_fen = min(amount_fen or draw.choice(life.household.who.amounts_fen), room_fen)
    if amount_fen < _LEAST_FEN:
        return
    people.sell(life, amount_fen)
    how = draw.randrange(100)
    if how < 20 and not life.calm:
        people.pull_card_early(life, draw)
    elif how < 26 and not life.calm:
        people.lose_power_inside(life, draw)
    people.put_card_in(life)


def _look_at_balance(life: Life, draw: Random) -> None:
    who = life.household.who
    if life.ledger.balance_fen < who.keeps_fen and draw.randrange(100) >= who.forgets:
        buy(life, draw)


def _react(life: Life, stage: int) -> None:
    """Do something about a supply that has gone: the key, the card, or a purchase."""
    draw = life.household.draw(life.now_s, "react")
    way = draw.randrange(100)
    asleep = draw.randrange(100) < life.household.who.forgets
    delay_s = draw.randrange(3_600, 40 * 3_600) if asleep else draw.randrange(60, 3_600)
    if stage > 0 and way < 35:
        act = people.hold_key
    elif way < 70 and not life.stages.locked:
        act = people.put_card_in
    else:
        act = partial(buy, draw=draw)
    life.schedule(delay_s, lambda: _do_if_off(life, act))


def _do_if_off(life: Life, act: Callable[[Life], None]) -> None:
    """Do it unless somebody has bought meanwhile."""
    if not life.stages.is_on(life.ledger.balance_fen):
        act(life)


def _change_tariff(life: Life, draw: Random) -> None:
    """Bring a new price list some days before it begins."""
    if not _is_settled(life) or life.ledger.balance_fen + _TARIFF_FEN > HOARD_FEN:
        return
    tariff = utility.draw_tariff(draw)
    utility.change_tariff(life, tariff, draw.randrange(5, 20_000), _TARIFF_FEN)


def _replace_card(life: Life, draw: Random) -> None:
    amount_fen = draw.randrange(_LEAST_FEN, 3_000)
    if _is_settled(life) and life.ledger.balance_fen + amount_fen <= HOARD_FEN:
        utility.replace_card(life, amount_fen)


def _swap_meter(life: Life, draw: Random) -> None:
    if _is_settled(life):
        utility.swap_meter(life)


def _is_settled(life: Life) -> bool:
    """Return whether no plan is under way and the meter knows the time.

    A plan that is due by a clock which is ahead would be in force in the session that brings it.
    """
    return life.ledger.plan is None and life.clock_is_right
