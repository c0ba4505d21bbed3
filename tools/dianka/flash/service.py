"""Bring the service console onto a board, and take it away again.

It is for a meter without a customer alone. What keeps it out of others:
- `dianka flash` without --console writes the firmware's own main.py, which knows no console, and
  removes what lies in lib; `flash --check` is not content with a board that has one;
- --console is refused for a meter with a customer, before anything is written;
- the console itself does not start on such a meter, and ends as soon as there is a customer.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from mpremote import mip
from mpremote.commands import CommandError

from dianka.flash import update
from dianka.flash.build import MAIN, FlashError, Version, compile_module
from dianka.flash.link import Link
from dianka.flash.service_code import CALL, NAME, RUN, SERVICE

LIB = "lib"
REPL = "aiorepl"  # of micropython-lib
REPL_VERSION = "0.2.4"
FILES = (f"{NAME}.mpy", f"{REPL}.mpy", f"{REPL}.py")
_FIND = f"""
def _find_console():
    try:
        return [name for name in os.listdir({LIB!r}) if name in {FILES!r}]
    except OSError:
        return []

def _has_customer():
    running = globals().get("meter")
    if not running:
        return None
    import state
    return running.store.unread or bool(running.store.state.flags & state.OPENED)

def _remove_console():
    for name in _find_console():
        _feed(); os.remove({LIB!r} + "/" + name)
    if not os.listdir({LIB!r}):
        os.rmdir({LIB!r})
"""


class _Fed:
    """The board as mip sees it: each step feeds the watchdog, which mip does not know of."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def exec(self, code: str) -> str:
        return self._link.run(f"_feed(); {code}")

    def eval(self, expression: str) -> Any:
        return self._link.ask(expression)

    def fs_exists(self, path: str) -> bool:
        return self._link.ask(f"_exists({path!r})")

    def fs_mkdir(self, path: str) -> None:
        self._link.run(f"_feed(); os.mkdir({path!r})")

    def fs_hashfile(self, path: str, algorithm: str) -> bytes:
        if algorithm != "sha256" or not self.fs_exists(path):
            raise FileNotFoundError(path)
        return bytes.fromhex(self._link.ask(f"_hash({path!r})"))

    def fs_writefile(self, path: str, data: bytes, progress_callback: object = None) -> None:
        self._link.write(path, data)


_EXISTS = """
def _exists(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False
"""


def refuse_customer(link: Link, at_once: bool) -> None:
    """Raise FlashError if the meter on the board has a customer.

    `at_once`: nothing is flashed yet, and a board without a running meter may be a new one.
    """
    link.run(_FIND)
    found = link.ask("_has_customer()")
    if found or (found is None and not at_once):
        raise FlashError(
            "no service console for a meter that has a customer, or whose state is not known: "
            "flash it without one"
        )


def remove(link: Link, tell: Callable[[str], Any]) -> None:
    """Remove a console that lies on the board; the next step of flashing replaces its main.py."""
    link.run(_FIND)
    if link.ask("_find_console()"):
        link.run("_remove_console()")
        tell("the service console is removed")


def install(link: Link, version: Version, index: str, tell: Callable[[str], Any]) -> None:
    """Put the console on the board beside this version: aiorepl first, main.py last."""
    link.run(_EXISTS)
    link.run(f"_feed()\nif not _exists({LIB!r}):\n    os.mkdir({LIB!r})")
    try:
        mip._install_package(
            _Fed(link), REPL, (index or mip._PACKAGE_INDEX).rstrip("/"), LIB, REPL_VERSION, True
        )
    except (CommandError, ValueError) as error:
        raise FlashError(f"{REPL} can't be had: {error}; check the network and the index") from None
    link.write(f"{LIB}/{NAME}.mpy", compile_service(version.kind.arch))
    update.replace_root(link, MAIN, add_call(version).root[MAIN])
    tell(f"service console: {REPL} {REPL_VERSION} by mip, {NAME}.mpy and main.py sent")


def add_call(version: Version) -> Version:
    """Return the version with a main.py that starts the console."""
    text = version.root[MAIN].decode()
    if text.count(RUN) != 1:
        raise FlashError(f"{MAIN} has no line {RUN.strip()}: it can't start a service console")
    return replace(version, root=version.root | {MAIN: text.replace(RUN, CALL).encode()})


def compile_service(arch: str) -> bytes:
    """Return the console's module, compiled."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{NAME}.py"
        path.write_text(SERVICE, encoding="utf-8")
        return compile_module(path, arch)
