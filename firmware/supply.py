"""Decide whether the relay may be closed, and why not: one decision from all causes.

No hardware, no clock. `CAUSES` is the one table of the causes; a cause is its place in it, and the
first cause that holds decides. docs/operations.md has the same table and is compared with it.
Stages of a falling balance, on which public descriptions of Chinese prepaid meters agree:

    balance <= alarm 1       lamp
    balance <= alarm 2       trip; the card, put in, releases it, or the key
    balance <= 0             trip; the card releases it if overdraft is granted and not used up
    overdraft >= its limit   locked: closes only after a purchase that lifts the balance above
                             `close_above_fen`

In friendly time (friendly.py) the middle two do not hold.

A meter that is not initialised stays open, except for the credit of a production test card.

Energy that nobody counts is not delivered for long either. An unresponsive metering chip opens the
relay after a time. So do starts in quick succession: each power cut loses a little of the energy
used (docs/journal.md), and nobody may repeat that at will.
"""

from micropython import const

from state import (
    CLOSED,
    INITIALISED,
    LOCKED,
    OPENED,
    OVERLOAD_LOCK,
    OVERLOADED,
    RELEASED_ALARM2,
    RELEASED_ZERO,
    STEP_LOCK,
    STEPPED,
    TEST_CREDIT,
    State,
)

# Acts that release a cause, as bits. _BY_TIME: it ends by itself.
_BY_CARD = const(1)  # the resident's card is put in
BY_KEY = const(2)  # the key is held for 3 s
BY_PURCHASE = const(4)  # a purchase, or the card that opens the account, is taken over
_BY_TIME = const(8)

# Why the supply is off, the strongest cause first; 0 means that it may be on.
MAY_CLOSE = const(0)
TEST = const(1)
_NOT_INITIALISED = const(2)
_NOT_OPENED = const(3)
_ACCOUNT_CLOSED = const(4)
_AT_LIMIT = const(5)
_SPENT = const(6)  # as _AT_LIMIT, where no overdraft is granted
_AT_ZERO = const(7)
_AT_ALARM2 = const(8)
OVERVOLTAGE = const(9)
UNDERVOLTAGE = const(10)
OVERLOAD_LOCKED = const(11)
OVERLOAD = const(12)
_STEP_LOCKED = const(13)
_STEP = const(14)
_UNMETERED = const(15)
_INTERRUPTED = const(16)
SPREAD = const(17)
LOW_MAINS = const(18)

# (words in the log, words on the display, acts that release it). "#" on the display: the seconds
# left.
CAUSES = (
    ("on", "", 0),
    ("production test", "FActory", _BY_TIME),
    ("not initialised", "no dAtA", 0),
    ("account not opened", "not oPEn", BY_PURCHASE),
    ("account closed", "EndEd", 0),
    ("overdraft used up", "PAy dEbt", BY_PURCHASE),
    ("credit used up", "PAy", BY_PURCHASE),
    ("no credit left", "PUt CArd", _BY_CARD),
    ("alarm 2", "Lo CArd", _BY_CARD | BY_KEY),
    ("mains voltage too high", "UoLt UP", _BY_TIME),
    ("mains voltage too low", "UoLt Lo", _BY_TIME),
    ("overload, locked", "LoAdCArd", _BY_CARD),
    ("overload", "LoAd#", _BY_CARD | BY_KEY | _BY_TIME),
    ("heating load, locked for today", "HEAt dAy", BY_PURCHASE | _BY_TIME),
    ("heating load", "HEAt#", BY_PURCHASE | _BY_TIME),
    ("metering chip silent", "no CoUnt", _BY_TIME),
    ("mains interrupted too often", "rEtry", _BY_TIME),
    ("waits its turn after an outage", "turn#", _BY_CARD | BY_KEY | _BY_TIME),
    ("mains too low to switch", "UoLt Lo", _BY_TIME),
)
SILENCE_LIMIT_S = const(60)  # default, for a meter without a limit of its own
_MOST_STARTS = const(5)  # counted starts that still let the relay close
FORGIVE_S = const(10)  # of readings from the chip take one start off the count
_MOST_COUNTED = const(255)


class Circumstances:
    """What the decision depends on beside the state: the present moment of one meter."""

    def __init__(self) -> None:
        self.forced: "bool | None" = None  # True or False while a production test moves the contact
        self.friendly = False  # no cut within the overdraft now
        self.over = False  # mains voltage beyond its limits
        self.under = False
        self.unmetered = False  # nobody counts the energy
        self.waits = False  # its turn after an outage of the whole street has not come
        self.mains_low = False  # the contact is open and the mains can't drive it


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


def release(state: "State", acts: int = _BY_CARD) -> None:
    """Release every trip that one of these acts releases by `CAUSES`."""
    if state.balance_fen <= state.alarm2_fen and acts & CAUSES[_AT_ALARM2][2]:
        state.set(RELEASED_ALARM2)
    if state.balance_fen <= 0 and not state.has(LOCKED) and acts & CAUSES[_AT_ZERO][2]:
        state.set(RELEASED_ZERO)
    if not state.tripped & OVERLOAD_LOCK and acts & CAUSES[OVERLOAD][2]:
        state.tripped &= ~OVERLOADED
    if acts & CAUSES[OVERLOAD_LOCKED][2]:
        state.tripped &= ~(OVERLOADED | OVERLOAD_LOCK)
        state.overload_trips = 0
    if acts & CAUSES[_STEP_LOCKED][2]:
        state.tripped &= ~(STEPPED | STEP_LOCK)
        state.step_trips = 0


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
    state.uncharged_starts = min(state.uncharged_starts, _MOST_STARTS + 1) - 1
    return True


def find_cause(state: "State", now: "Circumstances") -> int:
    """Return the strongest cause that keeps the supply off, or MAY_CLOSE."""
    if now.forced is not None:
        return MAY_CLOSE if now.forced else TEST
    return find_unpaid_cause(state, now.friendly) or _find_other_cause(state, now)


def find_unpaid_cause(state: "State", friendly: bool = False) -> int:
    """Return the strongest of the causes that lie in account and balance, or MAY_CLOSE."""
    if not state.has(TEST_CREDIT):
        if not state.has(INITIALISED):
            return _NOT_INITIALISED
        if not state.has(OPENED):
            return _NOT_OPENED
    if state.has(CLOSED):
        return _ACCOUNT_CLOSED
    if state.has(LOCKED):
        return _AT_LIMIT if state.overdraft_limit_fen else _SPENT
    if friendly:
        return MAY_CLOSE
    if state.balance_fen <= 0:
        return MAY_CLOSE if state.has(RELEASED_ZERO) else _AT_ZERO
    if state.balance_fen <= state.alarm2_fen and not state.has(RELEASED_ALARM2):
        return _AT_ALARM2
    return MAY_CLOSE


def _find_other_cause(state: "State", now: "Circumstances") -> int:
    if now.over:
        return OVERVOLTAGE
    if now.under:
        return UNDERVOLTAGE
    tripped = state.tripped
    if tripped & OVERLOADED:
        return OVERLOAD_LOCKED if tripped & OVERLOAD_LOCK else OVERLOAD
    if tripped & STEPPED:
        return _STEP_LOCKED if tripped & STEP_LOCK else _STEP
    if now.unmetered:
        return _UNMETERED
    if state.uncharged_starts > _MOST_STARTS:
        return _INTERRUPTED
    if now.waits:
        return SPREAD
    return LOW_MAINS if now.mains_low else MAY_CLOSE


def is_alarm_on(state: "State") -> bool:
    """Return whether the low-balance lamp is on."""
    return state.has(INITIALISED) and state.balance_fen <= max(state.alarm1_fen, 0)
