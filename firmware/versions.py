"""Two places for versions on the board, and which of them runs.

The root of the file system holds main.py, this module and the folders a and b, each of them a whole
version of its own. The file `slot` names the one to run; it is only ever replaced whole, by a
rename, which littlefs makes atomic (littlefs DESIGN.md).

    a        a is good
    a b      a is good, b gets its one trial at the next start
    a b !    b is having its trial, or had it and did not come through

A version on trial becomes the good one by calling `keep`. One that hangs is reset by the watchdog,
which runs before it is given control; the next start, whatever caused it, finds the exclamation
mark and runs the good version again. So does the start after a power cut during the trial: it can't
be told from a version that pulls the supply down. Without a file `slot`, as on the virtual board,
the firmware lies where it is and there is nothing to choose.
"""

import sys

import machine

_WATCHDOG_MS = 8_000
_SLOT = "slot"
_CODE = "code"  # what the good version's self-check said last

here = ""  # the folder that runs
on_trial = False


def enter() -> None:
    """Choose the version and make imports find it. Before anything of a version is imported."""
    global here, on_trial
    words = _read(_SLOT).split()
    if not words:
        return
    machine.WDT(timeout=_WATCHDOG_MS)
    sys.modules["slots"] = sys.modules[__name__]  # a version before 0.2 calls this module so
    here = words[0]
    if len(words) == 2:
        _write(_SLOT, words[0] + " " + words[1] + " !")
        here, on_trial = words[1], True
    elif len(words) > 2:
        _write(_SLOT, words[0])
    sys.path.insert(0, here)


def keep() -> None:
    """The version on trial is good: from now on it is the one that runs."""
    global on_trial
    _write(_SLOT, here)
    on_trial = False


def version() -> str:
    """Name of the version that runs: the first line of its manifest."""
    return (_read(here + "/manifest").split("\n")[0] if here else "") or "unflashed"


def former_code() -> str:
    """What the self-check of the good version said last; empty if that was never heard."""
    return _read(_CODE)


def remember(code: str) -> None:
    """Note what the good version's self-check says.

    Written only when it changes, for the flash's sake.
    """
    if here and code != _read(_CODE):
        _write(_CODE, code)


def _read(name: str) -> str:
    try:
        with open(name) as file:
            return file.read()
    except OSError:
        return ""


def _write(name: str, text: str) -> None:
    import os  # only a board that was flashed has files to write

    with open(name + ".new", "w") as file:
        file.write(text)
    os.rename(name + ".new", name)
