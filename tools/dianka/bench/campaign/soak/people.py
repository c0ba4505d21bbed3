"""What residents do at the desk and at their meter; the books are kept beside it."""

from pathlib import Path
from random import Random

from dianka.bench.campaign.soak.ledger import WrongBooks
from dianka.bench.campaign.soak.life import HOARD_FEN, UNHEARD_US, Life
from dianka.bench.campaign.trial import MS, S
from dianka.desk.prices import NewPrice

HOARDED = 21  # the code of a purchase that would make the balance too high
_SHOWN_US = 1_500 * MS


def sell(life: Life, amount_fen: int, new: NewPrice | None = None) -> None:
    """Buy at the desk: the purchase is on the card now."""
    life.trial.sell(amount_fen, life.card, new, life.get_minute)
    life.cash_fen += amount_fen
    life.waiting_fen = amount_fen


def put_card_in(life: Life) -> None:
    """Put the card in: a purchase on it is credited, and a trip is released.

    A purchase that would make the balance too high stays on the card.
    """
    waiting_fen = life.waiting_fen
    expected = 0
    if waiting_fen and life.ledger.balance_fen + waiting_fen > HOARD_FEN:
        expected = HOARDED
    run_session(life, expected)
    if not expected:
        if waiting_fen:
            _credit(life)
        life.stages.put_card_in(life.ledger.balance_fen)
    finish_act(life)


def pull_card_early(life: Life, draw: Random) -> None:
    """Put the card in and pull it too early. It has to be put in again."""
    life.check(UNHEARD_US)
    life.trial.rig.insert(life.card)
    life.play(draw.randrange(50, 2_500) * MS)
    life.trial.pull()
    life.play(_SHOWN_US)
    _credit_if_counted(life)
    life.happened["cards pulled"] += 1


def lose_power_inside(life: Life, draw: Random) -> None:
    """Let the power go while the card is in: the purchase is in the meter, or still on the card.

    It has to be put in again, as one that was pulled too early: whether a trip is released is open.
    """
    life.check(UNHEARD_US)
    life.trial.rig.insert(life.card)
    life.play(draw.randrange(150, 2_000) * MS)
    life.trial.rig.cut_power()
    life.trial.pull()
    life.trial.wait(draw.randrange(1, 20) * S)
    life.restore()
    life.play(3 * S)
    _credit_if_counted(life)
    life.happened["cuts in a session"] += 1
    life.come_back(check_supply=False)


def hold_key(life: Life) -> None:
    """Hold the key for longer than 3 s: it releases alarm 2."""
    life.trial.rig.press_key(4_000)
    life.play(6 * S)
    life.stages.hold_key(life.ledger.balance_fen)
    life.happened["key held"] += 1
    finish_act(life)


def run_session(life: Life, expected: int = 0, card: Path | None = None) -> None:
    """Run a session of this card, the resident's own without one, that must end with this code."""
    life.trial.rig.bench.mains.set_load(life.load_mw)
    session = life.trial.run_session(card or life.card)
    if session.code != expected or not session.begun:
        raise WrongBooks(
            f"the card was answered with code {session.code}, not {expected}: {session.log[-3:]}"
        )


def finish_act(life: Life) -> None:
    """See that what people have done has come to what it should."""
    if life.calm:
        life.rest()
    else:
        life.play(2 * S)
    life.check(UNHEARD_US)
    life.check_supply()


def _credit(life: Life) -> None:
    life.ledger.buy(life.waiting_fen)
    life.waiting_fen = 0
    life.happened["purchases"] += 1


def _credit_if_counted(life: Life) -> None:
    """Enter the purchase of a broken session if the meter says that it has it.

    If it says so wrongly, the same card put in again shows it: the books have it once.
    """
    if life.waiting_fen and life.trial.state.count != life.ledger.count:
        _credit(life)
        life.stages.follow(life.ledger.balance_fen)
