"""Choose between the two versions on the board.

The root of the file system holds main.py, this module and the folders a and b, each of them a whole
version of its own. The file `slot` names the one to run; it is only ever replaced whole, by a
rename, which littlefs makes atomic (littlefs DESIGN.md).

    a        a is good
    a b      a is good, b gets its one trial at the next start
    a b !    b is having its trial, or had it and failed

A version on trial becomes the good one by calling `keep`. A version that hangs is reset by the
watchdog, which is started before the version. The next start, whatever caused it, finds the
exclamation mark and runs the good version again. So does the start after a power cut during the
trial: it can't be distinguished from a version that pulls the supply down. Without a file `slot`,
as on the virtual board, the firmware is not in folders and there is nothing to choose.
"""

import sys

import machine

_WATCHDOG_MS = 8_000
_SLOT = "slot"
_CODE = "code"  # newest self-check code of the good version

here = ""  # the folder that runs
on_trial = False
refused = ""  # the folder whose trial has failed, as this start has found


def enter() -> None:
    """Choose the version and make imports find it.

    To be called before anything of a version is imported.
    """
    global here, on_trial, refused
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
        refused = words[1]
    sys.path.insert(0, here)


def keep() -> None:
    """Make the version on trial the one that runs from now on: it is good."""
    global on_trial
    _write(_SLOT, here)
    on_trial = False


def version() -> str:
    """Return the name of the version that runs: the first line of its manifest."""
    return _name_of(here) or "unflashed"


def refused_version() -> str:
    """Return the name of the version whose trial has failed, "?" if that is not known, or ""."""
    return refused and (_name_of(refused) or "?")


def former_code() -> str:
    """Return the newest self-check code of the good version; empty if there is none."""
    return _read(_CODE)


def remember(code: str) -> None:
    """Note the self-check code of the good version.

    It is written only when it changes, to spare the flash.
    """
    if here and code != _read(_CODE):
        _write(_CODE, code)


def _name_of(folder: str) -> str:
    return _read(folder + "/manifest").split("\n")[0] if folder else ""


def _read(name: str) -> str:
    try:
        with open(name) as file:
            return file.read()
    except OSError:
        return ""


def _write(name: str, text: str) -> None:
    import os  # here, because only a board that was flashed writes files

    with open(name + ".new", "w") as file:
        file.write(text)
    os.rename(name + ".new", name)
