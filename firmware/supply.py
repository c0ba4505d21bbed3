"""Decide whether the relay may be closed, and why not: one decision from all causes.

No hardware, no clock. Stages of a falling balance, on which public descriptions of Chinese prepaid
meters agree (docs/operations.md):

    balance <= alarm 1       lamp
    balance <= alarm 2       trip; the card, put in, releases it
    balance <= 0             trip; released the same way if overdraft is granted and not used up
    overdraft >= its limit   locked: closes only after a purchase that lifts the balance above
                             `close_above_fen`

A meter that is not initialised stays open, except for the credit of a production test card.

Energy that nobody counts is not delivered for long either. An unresponsive metering chip opens the
relay after a time. So do starts in quick succession: each power cut loses a little of the energy
used (docs/journal.md), and nobody may repeat that at will.
"""

from micropython import const

from state import INITIALISED, LOCKED, RELEASED_ALARM2, RELEASED_ZERO, TEST_CREDIT, State

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
SILENCE_LIMIT_S = const(60)  # default, for a meter without a limit of its own
MOST_STARTS = const(5)  # counted starts that still let the relay close
FORGIVE_S = const(10)  # of readings from the chip take one start off the count
_MOST_COUNTED = const(255)


def update(state: "State") -> None:
    """Update the stage flags for the present balance.

    Call it after every debit, credit and change of limits.
    """
    balance_fen = state.balance_fen
    if balance_fen > state.alarm2_fen:
        state.set(RELEASED_ALARM2, False)
    if balance_fen > 0:
        state.set(RELEASED_ZERO, False)
    elif -balance_fen >= state.overdraft_limit_fen and (
        state.has(INITIALISED) or state.has(TEST_CREDIT)
    ):
        # Not before the limit is known: a meter that has lost its memory gets it from the ESAM
        # last.
        state.set(LOCKED)
    if balance_fen > state.close_above_fen:
        state.set(LOCKED, False)


def release(state: "State") -> None:
    """Release the trips that the resident's own card releases when it is put in."""
    if state.balance_fen <= state.alarm2_fen:
        state.set(RELEASED_ALARM2)
    if state.balance_fen <= 0 and not state.has(LOCKED):
        state.set(RELEASED_ZERO)


def count_start(state: "State") -> None:
    """Count a start of controller and metering chip.

    Energy that the chip had not reported before the start is lost.
    """
    state.uncharged_starts = min(state.uncharged_starts + 1, _MOST_COUNTED)


def forgive_start(state: "State") -> bool:
    """Take one start off the count: the chip was heard for FORGIVE_S and its energy is charged.

    Return True if that has changed the state.
    """
    if not state.uncharged_starts:
        return False
    state.uncharged_starts = min(state.uncharged_starts, MOST_STARTS + 1) - 1
    return True


def find_reason(state: "State", silence_s: int = 0) -> int:
    """Return the cause that keeps the supply off, or MAY_CLOSE.

    `silence_s` is the time since the metering chip was last heard.
    """
    why = _find_unpaid_reason(state)
    if why != MAY_CLOSE:
        return why
    if silence_s >= (state.silence_limit_s or SILENCE_LIMIT_S):
        return UNMETERED
    return INTERRUPTED if state.uncharged_starts > MOST_STARTS else MAY_CLOSE


def _find_unpaid_reason(state: "State") -> int:
    if not state.has(INITIALISED) and not state.has(TEST_CREDIT):
        return NOT_INITIALISED
    if state.has(LOCKED):
        return AT_LIMIT if state.overdraft_limit_fen else SPENT
    if state.balance_fen <= 0:
        return MAY_CLOSE if state.has(RELEASED_ZERO) else AT_ZERO
    if state.balance_fen <= state.alarm2_fen and not state.has(RELEASED_ALARM2):
        return AT_ALARM2
    return MAY_CLOSE


def is_alarm_on(state: "State") -> bool:
    """Return whether the low-balance lamp is on."""
    return state.has(INITIALISED) and state.balance_fen <= max(state.alarm1_fen, 0)
