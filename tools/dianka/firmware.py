"""Access to the meter's own source: its folders, and the modules that both sides share.

`card_files` is imported from `firmware/` itself, so that desk and meter cannot disagree about a
byte.
"""

import importlib.util
import sys
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "firmware"
BOARDS = ROOT / "boards"


def load_shared(name: str) -> types.ModuleType:
    """Load a hardware-free firmware module into CPython, once, and return it.

    Its name there is `dianka_firmware.<name>`.
    """
    full_name = f"dianka_firmware.{name}"
    if full_name in sys.modules:
        return sys.modules[full_name]
    spec = importlib.util.spec_from_file_location(full_name, FIRMWARE / f"{name}.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"no {name}.py in {FIRMWARE}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[full_name] = module
    had_micropython = "micropython" in sys.modules
    sys.modules.setdefault("micropython", _make_micropython())
    try:
        spec.loader.exec_module(module)
    finally:
        if not had_micropython:
            del sys.modules["micropython"]
    return module


def _make_micropython() -> types.ModuleType:
    """Return a stand-in for MicroPython's own module, with `const`."""
    module = types.ModuleType("micropython")
    module.const = lambda value: value  # type: ignore[attr-defined]
    return module
