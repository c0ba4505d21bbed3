"""Run `firmware/` under CPython on the Mcu, with fresh modules at every start.

The firmware runs in a greenlet. When it waits, virtual time moves; at the end of `run_until`
control comes back in the middle of that wait. Its imports see the firmware, the board and the fakes
of MicroPython's modules, and of CPython only the modules that MicroPython has under the same name.
"""

import binascii
import builtins
import contextlib
import hashlib
import struct
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from greenlet import greenlet

from dianka.bench.models.mcu import Mcu, PowerCut
from dianka.bench.rungs.host.contact import STAND_INS
from dianka.bench.rungs.host.hardware import Hardware, Reset
from dianka.bench.rungs.host.tasks import Loop
from dianka.firmware import find_board_file

SHARED = {"binascii": binascii, "hashlib": hashlib, "struct": struct}
FOREVER_US = 1 << 60
# Free heap of an RP2040 with this firmware, in bytes; CPython has no heap of its own to ask.
HEAP_FREE = 180 * 1024
_CODE: dict[Path, types.CodeType] = {}


class HostRunner:
    """One controller with its firmware.

    `firmware` and `board` are the folders of modules; `on_line` is called with each line printed.
    """

    def __init__(
        self, mcu: Mcu, firmware: Path, board: Path, on_line: Callable[[str], None]
    ) -> None:
        self.mcu = mcu
        self.ended: str | None = None
        self.modules: dict[str, types.ModuleType] = {}
        self.heap_free = HEAP_FREE
        self.boot_us = 0  # from power to main.py: CPython takes no virtual time, a chip does
        self._folders = (firmware, board, find_board_file(board).parent)
        self._on_line = on_line
        self._fiber: greenlet | None = None
        self._home: greenlet | None = None
        self._until_us = 0
        self._hardware: Hardware | None = None
        self._loop: Loop | None = None
        self._main: types.ModuleType | None = None

    def start(self, cause: int = 1) -> None:
        """Boot the firmware; from here on `run_until` runs it."""
        self.prepare(cause)
        self.enter(self._boot)

    def enter(self, work: Callable[[], object]) -> greenlet:
        """Let `run_until` run `work` in place of the firmware.

        Return its greenlet.
        """
        self._fiber = greenlet(work)
        return self._fiber

    def ask(self, work: Callable[[], Any], within_us: int) -> Any:
        """Interrupt the firmware as control-C on its console does, and return what `work` returns.

        `work` runs on the controller in place of the firmware, which is over: the controller wants
        a restart afterwards (`ended`). PowerCut if the supply fails meanwhile, TimeoutError if it
        takes longer, or longer than the watchdog waits.
        """
        self._home = greenlet.getcurrent()
        if self._fiber and not self._fiber.dead:
            with contextlib.suppress(KeyboardInterrupt):
                self._fiber.throw(KeyboardInterrupt)
        results: list[Any] = []
        fiber = self.enter(lambda: results.append(work()))
        self.ended = "console"
        self.run_until(self.mcu.clock.now_us + within_us)
        if self.mcu.dead:
            raise PowerCut
        if not fiber.dead:
            raise TimeoutError(f"the firmware works for more than {within_us} us")
        return results[0]

    def hasten(self, name: str) -> None:
        """Let the firmware's sleeping task of this name go before all others due with it."""
        if self._loop:
            self._loop.hasten(name)

    def import_module(self, name: str) -> types.ModuleType:
        """Return a firmware module of this start, for tests that use one part alone."""
        return self._import(name)

    def prepare(self, cause: int = 1) -> None:
        """Reset the controller; the firmware's modules are not imported yet.

        Until `run_until` is called, nothing limits how far a wait lets time pass.
        """
        self.kill()
        self._until_us = FOREVER_US
        self.mcu.reset()
        self.ended = self._main = None
        hardware = self._hardware = Hardware(self.mcu, cause, self._wait_us)
        loop = self._loop = Loop(
            lambda: (self.mcu.clock.now_us - hardware.start_us) // 1000, self._wait_ms
        )
        self.modules = {
            "machine": hardware.make_machine_module(),
            "time": hardware.make_time_module(),
            "asyncio": loop.make_module(),
            "gc": _make_module("gc", collect=lambda: 0, mem_free=lambda: self.heap_free),
            "micropython": _make_module("micropython", const=lambda value: value),
            "sys": _make_module("sys", print_exception=self._print_exception),
            **SHARED,
        }
        vars(self.modules["sys"])["modules"] = self.modules

    @property
    def meter(self) -> Any:
        """Return the `Meter` object of this start, or None until it is built.

        main.py keeps it under this name. After the supply is gone it stays as it was, until the
        next start.
        """
        return vars(self._main).get("meter") if self._main else None

    def run_until(self, when_us: int) -> None:
        """Run the firmware until then.

        Returns earlier when the firmware ends, the watchdog resets it, or the supply fails.
        """
        if self._fiber is None or self._fiber.dead or self.mcu.dead:
            return
        self._until_us = when_us
        self._home = greenlet.getcurrent()
        self._fiber.switch()

    def kill(self) -> None:
        """Cut the supply: nothing that the firmware still does reaches the bench."""
        if self._fiber is not None and not self._fiber.dead and self._fiber:
            dead, self.mcu.dead = self.mcu.dead, True
            self._home = greenlet.getcurrent()
            self._fiber.throw(PowerCut)
            self.mcu.dead = dead
        self._fiber = None
        if self._hardware:
            self._hardware.over = True
        if self._loop:
            self._loop.end()

    def close(self) -> None:
        self.kill()

    # ****** The firmware's side ******

    def _boot(self) -> None:
        try:
            if self.boot_us:
                self._wait_us(self.boot_us)
            self._import("main")
            self.ended = "exit"
        except PowerCut:
            self.mcu.dead = True
        except Reset:
            self.ended = "reset"
        except Exception as error:
            self._print_exception(error)
            self.ended = "crash"

    def _wait_ms(self, ms: int) -> None:
        if ms < 0 and self._fiber is None:
            raise RuntimeError("every task waits for something that nobody will do")
        if ms < 0:
            self._wait_us(FOREVER_US)
            return
        now_us = self.mcu.clock.now_us
        start_us = self._hardware.start_us if self._hardware else 0
        self._wait_us(ms * 1000 - (now_us - start_us) % 1000)

    def _wait_us(self, us: int) -> None:
        """Let time pass; end early at an interrupt, so that a waiting task can run."""
        mcu, until_us = self.mcu, self.mcu.clock.now_us + us
        while True:
            reached = mcu.wait(min(until_us, self._until_us))
            if mcu.dead:
                raise PowerCut
            if mcu.bitten:
                self._switch_home()
            if mcu.edges and self._hardware:
                self._hardware.run_handlers()
                return
            if mcu.clock.now_us >= until_us:
                return
            if reached:
                self._switch_home()

    def _switch_home(self) -> None:
        if self._home is not None:
            self._home.switch()
        if self.mcu.dead:
            raise PowerCut

    def _import(self, name: str, *_: Any) -> types.ModuleType:
        if name in self.modules:
            return self.modules[name]
        if name in STAND_INS:
            self.modules[name] = STAND_INS[name](self._import)
            return self.modules[name]
        for folder in self._folders:
            path = folder / f"{name}.py"
            if path.is_file():
                return self._load(name, path)
        raise ImportError(f"no module named '{name}'")

    def _load(self, name: str, path: Path) -> types.ModuleType:
        if path not in _CODE:
            _CODE[path] = compile(path.read_text(encoding="utf-8"), str(path), "exec")
        module = types.ModuleType(name)
        scope = dict(vars(builtins))
        scope["__import__"] = self._import
        scope["print"] = lambda *values: self._on_line(" ".join(str(value) for value in values))
        vars(module)["__builtins__"] = scope
        self.modules[name] = module
        if name == "main":
            self._main = module
        try:
            exec(_CODE[path], vars(module))
        except BaseException:
            del self.modules[name]
            raise
        return module

    def _print_exception(self, error: BaseException) -> None:
        for line in "".join(traceback.format_exception(error)).splitlines():
            self._on_line(line)


def _make_module(name: str, **content: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    vars(module).update(content)
    return module
