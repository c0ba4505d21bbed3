"""Judge the contact of the relay after a cut: the supply is on or off as the rules want.

The rules are those of docs/operations.md, "Why the supply is off". Balance and account are judged
by the books beside this, so what they say is taken from the meter's record here.
"""

from dianka.bench.campaign.cuts.operation import Operation
from dianka.bench.campaign.trial import MS, S, Trial
from dianka.firmware import load_shared

_OPENS_US = 1 * S  # from a cause for the supply to be off to the contact's movement
_STEP_US = 50 * MS
_records = load_shared("state")


def find_reason(trial: Trial) -> str:
    """Return why the supply is to be off for good, in words; "" if it is to be on.

    A trip that time alone ends is no reason.
    """
    state = trial.state
    if not state.has(_records.INITIALISED) or not state.has(_records.OPENED):
        return "no account is open"
    if state.has(_records.CLOSED):
        return "the account is closed"
    if state.tripped & _records.OVERLOAD_LOCK:
        return "an overload has locked it"
    if state.balance_fen <= 0 and -state.balance_fen >= state.overdraft_limit_fen:
        return "the credit is used up"
    if state.balance_fen <= 0 and not state.has(_records.RELEASED_ZERO):
        return "no credit is left"
    if 0 < state.balance_fen <= state.alarm2_fen and not state.has(_records.RELEASED_ALARM2):
        return "the balance is at alarm 2"
    return ""


def check_start(operation: Operation, trial: Trial, was_closed: bool) -> None:
    """Check the contact of a meter that has come back; `was_closed`: when the power went."""
    if find_reason(trial) or trial.state.tripped:
        _check_open(trial)
    elif was_closed and not operation.blank:  # a blank memory knows of no account at first
        assert trial.relay_closed, "the contact has opened, and nothing wants the supply off"
    if operation.locks and not was_closed:
        assert find_reason(trial), "the contact was open, and what had opened it is forgotten"


def check_end(operation: Operation, trial: Trial) -> None:
    """Wait until the contact is where the rules want it. AssertionError if it never is."""
    if find_reason(trial):
        _check_open(trial)
        return
    if not _wait_for(trial, True, operation.returns_us):
        raise AssertionError("the contact stays open, and nothing wants the supply off")


def _check_open(trial: Trial) -> None:
    if not _wait_for(trial, False, _OPENS_US):
        why = find_reason(trial) or "an overload has tripped"
        raise AssertionError(f"the contact is closed, though {why}")


def _wait_for(trial: Trial, closed: bool, within_us: int) -> bool:
    end_us = trial.now_us + within_us
    while trial.relay_closed != closed and trial.now_us < end_us:
        trial.wait(_STEP_US)
    return trial.relay_closed == closed
