"""What a counter does while the database is away.

Before the card has the purchase it refuses at once: nothing is sold, and nothing is lost. After
that it tries to post the sale once a second, for a minute; what is not posted by then is posted by
the next look at the card.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import Error, InterfaceError, OperationalError, connection

from dianka.card_port import CardError

LIMIT_S = 60  # a server that starts again, a network that comes back
_EVERY_S, _LOOK_S = 1.0, 0.1
R = TypeVar("R")


@contextmanager
def raise_if_database_fails() -> Iterator[None]:
    """Turn a database that does not answer into a line, before anything was sent to the card."""
    try:
        yield
    except Error as error:
        reason = shorten(error)
        raise CardError(f"the books can't be reached ({reason}): nothing was sent") from None


def keep_trying(
    step: Callable[[], R],
    tell_away: Callable[[str], None],
    raise_if_stopped: Callable[[], None],
) -> R:
    """Take a step until the database has taken it, and return what it returns.

    The step may be taken again after a commit whose answer was lost. `tell_away` gets the reason
    once, before the first wait. The database's error is raised when no try may begin any more, and
    at once inside a transaction: that is lost, with all that was before the step.
    """
    until_s, told = time.monotonic() + LIMIT_S, False
    while True:
        try:
            return step()
        except (OperationalError, InterfaceError) as error:
            if connection.in_atomic_block or time.monotonic() + _EVERY_S >= until_s:
                raise
            reason = shorten(error)
        connection.close()  # the next try connects anew
        if not told:
            tell_away(reason)
            told = True
        _wait(raise_if_stopped)


def shorten(error: Exception) -> str:
    """Return the database's words on one line."""
    return " ".join(str(error).split())


def _wait(raise_if_stopped: Callable[[], None]) -> None:
    until_s = time.monotonic() + _EVERY_S
    while time.monotonic() < until_s:
        raise_if_stopped()
        time.sleep(_LOOK_S)
