"""May the relay be closed, and why not: one decision from all causes. No hardware, no clock.

Stages of a falling balance, as Chinese prepaid meters agree on them (cards reference 5.1):

    balance <= alarm 1       lamp
    balance <= alarm 2       trip; the card, put in, releases it
    balance <= 0             trip; released the same way if overdraft is granted and not used up
    overdraft >= its limit   locked: only a purchase that lifts the balance above `close_above_fen` closes again

A meter that is not initialised stays open, but for the credit of a production test card.

Energy that nobody counts is not delivered for long either. A metering chip that is not heard opens
the relay after a time, and so do starts in quick succession: each cut loses a little of what was
used (docs/journal.md), which must not be had for the asking.
"""

from micropython import const

from state import INITIALISED, LOCKED, RELEASED_ALARM2, RELEASED_ZERO, TEST_CREDIT

# Why the supply is off; 0 means that it may be on.
MAY_CLOSE = const(0)
NOT_INITIALISED = const(1)
AT_LIMIT = const(2)
AT_ZERO = const(3)
AT_ALARM2 = const(4)
SPENT = const(5)  # as AT_LIMIT, where no overdraft is granted
UNMETERED = const(6)
INTERRUPTED = const(7)

REASONS = (
    "on",
    "not initialised",
    "overdraft used up",
    "no credit left",
    "alarm 2",
    "credit used up",
    "metering chip silent",
    "mains interrupted too often",
)
SILENCE_LIMIT_S = const(60)  # where the meter was not given another
MOST_STARTS = const(5)  # that have not been forgiven yet
FORGIVE_S = const(10)  # one is for so long a time in which the chip is heard
_MOST_COUNTED = const(255)


def update(state) -> None:
    """Bring the stage flags in line with the balance.

    To be called after every debit, credit and change of limits.
    """
    balance_fen = state.balance_fen
    if balance_fen > state.alarm2_fen:
        state.set(RELEASED_ALARM2, False)
    if balance_fen > 0:
        state.set(RELEASED_ZERO, False)
    elif -balance_fen >= state.overdraft_limit_fen and (
        state.has(INITIALISED) or state.has(TEST_CREDIT)
    ):
        state.set(
            LOCKED
        )  # not before the limit is known: a meter that has lost its memory gets it from the ESAM last
    if balance_fen > state.close_above_fen:
        state.set(LOCKED, False)


def release(state) -> None:
    """The resident's own card was put in: the trips that a card releases are released."""
    if state.balance_fen <= state.alarm2_fen:
        state.set(RELEASED_ALARM2)
    if state.balance_fen <= 0 and not state.has(LOCKED):
        state.set(RELEASED_ZERO)


def count_start(state) -> None:
    """Note that controller and metering chip have started.

    What the chip had not told before is lost.
    """
    state.uncharged_starts = min(state.uncharged_starts + 1, _MOST_COUNTED)


def forgive_start(state) -> bool:
    """The chip has been heard for FORGIVE_S, and what it told is charged.

    Return True if that has changed the state.
    """
    if not state.uncharged_starts:
        return False
    state.uncharged_starts = min(state.uncharged_starts, MOST_STARTS + 1) - 1
    return True


def why_open(state, silence_s: int = 0) -> int:
    """Return the cause that keeps the supply off, or MAY_CLOSE.

    The metering chip has not been heard for `silence_s`.
    """
    why = _why_unpaid(state)
    if why != MAY_CLOSE:
        return why
    if silence_s >= (state.silence_limit_s or SILENCE_LIMIT_S):
        return UNMETERED
    return INTERRUPTED if state.uncharged_starts > MOST_STARTS else MAY_CLOSE


def _why_unpaid(state) -> int:
    if not state.has(INITIALISED) and not state.has(TEST_CREDIT):
        return NOT_INITIALISED
    if state.has(LOCKED):
        return AT_LIMIT if state.overdraft_limit_fen else SPENT
    if state.balance_fen <= 0:
        return MAY_CLOSE if state.has(RELEASED_ZERO) else AT_ZERO
    if state.balance_fen <= state.alarm2_fen and not state.has(RELEASED_ALARM2):
        return AT_ALARM2
    return MAY_CLOSE


def alarm(state) -> bool:
    """Whether the low-balance lamp is on."""
    return state.has(INITIALISED) and state.balance_fen <= max(state.alarm1_fen, 0)
