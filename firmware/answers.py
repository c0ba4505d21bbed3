"""Answer the questions of flashing to the version on a board (tools/dianka/flash/update.py).

Owns the only names in a version on which another version's tools rely: this module's, and those of
its functions. They stay, whatever else is renamed, so that the totals of any board can be read
before it is flashed (docs/selfcheck.md).
"""

# Fields of the state, in the order of the answer.
TOTALS = ("energy_pj", "remainder", "balance_fen", "bought_fen", "count")


def state_format() -> int:
    """Return the number of the format in which this version keeps the state."""
    import state

    return state.FORMAT


def totals(meter) -> "list | None":
    """Return TOTALS exactly; `meter` is the running Meter, or None to read its memory.

    None if there is nothing to be read.
    """
    if meter:
        store = meter.store
    else:
        import board
        from state_store import StateStore

        store = StateStore(board.memory(), lambda note: None)  # flashing reads this answer alone
        if store.anew:
            return None
    return None if store.unread else [getattr(store.state, name) for name in TOTALS]


def set_clock(meter, seconds: int, back: bool) -> tuple:
    """Set the clock to seconds since 2000-01-01 UTC; return as `Ds3231.adjust`.

    `meter` as in `totals`.
    """
    if hasattr(meter, "set_clock"):
        return meter.set_clock(seconds, back)
    import board
    from ds3231 import Ds3231

    # The board's module may be that of a version before 0.2, which has no `clock`.
    return Ds3231(board.i2c()).adjust(seconds, print, back)


def calibrate(meter, step: str, *words) -> "tuple | str":
    """Do a step of `dianka calibrate` on the stopped `meter`; a refusal is a line of text.

    The steps are the public methods of `Calibrator` (calibrator.py).
    """
    if not hasattr(meter, "make_calibrator"):
        return "no meter runs on this board: look at its console for the reason"
    calibrator = meter.make_calibrator()
    if not hasattr(calibrator, step):
        return "nothing can be set for this step in this metering chip: its gains alone"
    try:
        return getattr(calibrator, step)(*words)
    except calibrator.Refused as error:
        return str(error)
