"""Access to the meter's own source: its folders, what a board needs of it, and shared modules.

`card_files` is imported from `firmware/` itself, so that desk and meter cannot disagree about a
byte.
"""

import ast
import importlib.util
import sys
import tomllib
import types
from functools import lru_cache
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


def find_board_file(board: Path) -> Path:
    """Return the board.py of this board: its own, or that of the board whose wiring it shares.

    `wired_as` in its board.toml names that one.
    """
    kind = board / "board.toml"
    named = tomllib.loads(kind.read_text(encoding="utf-8")) if kind.is_file() else {}
    return board.parent / named.get("wired_as", board.name) / "board.py"


def find_unused(board: Path, firmware: Path = FIRMWARE) -> set[str]:
    """Return the modules that only other boards need, or another metering chip than this one's.

    METERING names the chip. They stay off the board: each file there makes every import a little
    slower.
    """
    tree = _parse(find_board_file(board).read_text(encoding="utf-8"))
    every = _reach(_list_imports(tree), firmware)
    for other in BOARDS.glob("*/board.py"):
        every |= _reach(_list_imports_of(other.read_text(encoding="utf-8")), firmware)
    left_out = every - _reach(_list_imports(_Chosen(tree).visit(tree)), firmware)
    kept = {path.stem for path in firmware.glob("*.py")} - left_out
    return left_out - _reach(kept, firmware)


class _Chosen(ast.NodeTransformer):
    """Leaves of each `if NAME == "text":` only the branch that the board's own constants choose."""

    def __init__(self, tree: ast.Module) -> None:
        self._constants = {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
        }

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        match node.test:
            case ast.Compare(ast.Name(name), [ast.Eq()], [ast.Constant(str(text))]):
                if name in self._constants:
                    return node.body if self._constants[name] == text else node.orelse
        return node


def _reach(names: set[str], firmware: Path) -> set[str]:
    """Return those of these modules that are the firmware's, and what they import of it."""
    found: set[str] = set()
    left = set(names)
    while left:
        name = left.pop()
        path = firmware / f"{name}.py"
        if name not in found and path.is_file():
            found.add(name)
            left |= _list_imports_of(path.read_text(encoding="utf-8"))
    return found


@lru_cache(maxsize=256)
def _list_imports_of(source: str) -> set[str]:
    return _list_imports(_parse(source))


def _parse(source: str) -> ast.Module:
    """Return the code as a tree; an empty one if it is broken, which its compiler says better."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _list_imports(tree: ast.AST) -> set[str]:
    """Return the modules that this code imports, in functions and branches too."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module))
    return found


def _make_micropython() -> types.ModuleType:
    """Return a stand-in for MicroPython's own module, with `const`."""
    module = types.ModuleType("micropython")
    module.const = lambda value: value  # type: ignore[attr-defined]
    return module
