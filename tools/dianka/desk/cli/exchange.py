"""`dianka card replace --former` that is broken off: which cards are good then, and what to do.

The new card is made first and the former one cleared last, so between the two steps both are good.
Nothing is credited twice by that (desk/replace.py). But two cards of one customer must not stay in
use unnoticed.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import typer

from dianka.card_port import CardError, CardPort
from dianka.cardos.chip import CardTorn
from dianka.cardos.image import resolve_path
from dianka.desk import replace
from dianka.desk.issue import UserData
from dianka.desk.sell import read_user_card
from dianka.oneline import say_error
from dianka.readers import find_reader
from dianka.readers.choose import is_reader
from dianka.signals import end_on_signals


def is_complete(place: str, data: UserData, last: replace.LastPurchase) -> bool:
    """Return whether the new card is there and complete, made by an earlier try."""
    if not is_reader(place) and not resolve_path(place).is_file():
        return False
    with suppress(CardError, CardTorn), find_reader(place).connect() as card:
        return replace.is_made(card.port, data, last)
    return False


@contextmanager
def report_cards(
    place: str, former: str, old: CardPort, data: UserData, last: replace.LastPurchase
) -> Iterator[None]:
    """Run the making and clearing. If anything ends it early, report which cards are good."""
    try:
        with end_on_signals():
            yield
    except (CardError, CardTorn) as error:
        if not is_complete(place, data, last):
            raise
        raise CardError(f"{error}; {_format_outcome(place, former, old)}") from None
    except (KeyboardInterrupt, SystemExit) as ended:
        made = is_complete(place, data, last)
        told = (
            _format_outcome(place, former, old)
            if made
            else f"no new card was made, and {former} is as it was"
        )
        say_error(f"broken off: {told}")
        code = ended.code if isinstance(ended, SystemExit) else None
        raise typer.Exit(code if isinstance(code, int) else 130) from None


def _format_outcome(place: str, former: str, old: CardPort) -> str:
    """Return which cards are good now, and what to do."""
    if not _is_good(old):
        return f"{place} is made and {former} is cleared"
    again = f"give the same command again before either is used, it clears {former}"
    return f"two cards are good now, {place} and {former}: {again}"


def _is_good(card: CardPort) -> bool:
    """Return whether the former card still is a user card.

    A card that does not answer counts as one: it may be.
    """
    try:
        card.power_on()
    except (CardError, CardTorn):
        return True
    try:
        read_user_card(card)
    except CardError:
        return False
    except CardTorn:
        return True
    return True
