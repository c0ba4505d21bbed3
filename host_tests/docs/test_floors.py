"""Imports go down only, and packages form no circle, in firmware and tools (docs/overview.md)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dianka.firmware import BOARDS, FIRMWARE, ROOT

TOOLS = ROOT / "tools"
OVERVIEW = ROOT / "docs" / "overview.md"
# Each floor may import what stands before it. A package stands for all of its modules.
TOOL_FLOORS = (
    "dianka.firmware",
    "dianka.signals",
    "dianka.lazy",
    "dianka.money",
    "dianka.card_port",
    "dianka.oneline",
    "dianka.cardos",
    "dianka.readers",
    "dianka.commands",
    "dianka.desk",
    "dianka.desk.web",
    "dianka.desk.cli",
    "dianka.bench.models",
    "dianka.bench.rungs",
    "dianka.bench.stage",
    "dianka.bench.panel",
    "dianka.bench.demo",
    "dianka.bench.handbook",
    "dianka.bench.measure",
    "dianka.bench.campaign",
    "dianka.bench.town",
    "dianka.bench.cli",
    "dianka.wiring",
    "dianka.flash",
    "dianka.reading",
    "dianka.cli",
    "dianka.__main__",
)


def imported(path: Path, package: str = "") -> Iterator[str]:
    """Every module that this file imports, anywhere in it, by its full name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            yield str(node.module)
            if package:  # `from dianka.desk import issue` names a module too
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def floor(name: str) -> int:
    """Which floor a module stands on: the longest name that fits.

    -1 if it is none of the project's.
    """
    fits = [known for known in TOOL_FLOORS if name == known or name.startswith(known + ".")]
    return TOOL_FLOORS.index(max(fits, key=len)) if fits else -1


def tool_modules() -> Iterator[tuple[str, Path]]:
    for path in sorted((TOOLS / "dianka").rglob("*.py")):
        parts = path.relative_to(TOOLS).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), path


def test_no_import_of_the_tools_goes_up() -> None:
    modules = list(tool_modules())
    assert len(modules) > 100
    up = []
    for name, path in modules:
        if name in ("dianka", "dianka.bench"):
            continue
        assert floor(name) >= 0, f"{name} has no floor: give it one in TOOL_FLOORS"
        up += [
            f"{name} imports {other}"
            for other in imported(path, "dianka")
            if floor(other) > floor(name)
        ]
    assert up == []


def circle(edges: dict[str, set[str]]) -> list[str]:
    """One circle among these modules, or nothing."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        for other in sorted(edges.get(name, ())):
            found = walk(other, [*way, name])
            if found:
                return found
        done.add(name)
        return []

    for name in sorted(edges):
        found = walk(name, [])
        if found:
            return found
    return []


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_circle_in_the_tools() -> None:
    modules = dict(tool_modules())
    edges = {
        name: {other for other in imported(path, "dianka") if other in modules} - {name}
        for name, path in modules.items()
    }
    assert circle(edges) == []


@pytest.mark.parametrize("board", sorted(path.parent.name for path in BOARDS.glob("*/board.py")))
def test_no_circle_in_the_firmware(board: str) -> None:
    paths = {path.stem: path for path in (*FIRMWARE.glob("*.py"), BOARDS / board / "board.py")}
    edges = {
        name: {other for other in imported(path) if other in paths} for name, path in paths.items()
    }
    assert len(edges) > 30 and circle(edges) == []
    up = [name for name, others in edges.items() if "meter" in others and name != "main"]
    assert up == [], "only main.py stands above meter.py"
    # What knows no hardware imports nothing that does.
    drivers = {"machine", "rp2", "esp32"}
    pure = ("account", "card_errors", "card_files", "iso7816", "iso7816_pps", "load_watch")
    pure += ("dlt645", "friendly", "state", "step_watch", "supply", "supply_rules", "tariff_table")
    for name in pure:
        assert not (set(imported(paths[name])) & drivers or edges[name] - set(pure)), name


def firmware_floors() -> list[list[str]]:
    """The modules in each row of the page's table of firmware/, the highest floor first."""
    page = OVERVIEW.read_text(encoding="utf-8")
    table = page.partition("| floor | firmware/ |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = [row.strip("|").split("|")[1] for row in table.splitlines()]
    return [" ".join(re.findall("`([^`]+)`", row)).split() for row in rows]


def upward(floors: list[list[str]], edges: dict[str, set[str]]) -> list[str]:
    """The imports that go to a higher floor; `floors` has the highest first."""
    row_of = {name: number for number, names in enumerate(floors) for name in names}
    return [
        f"{name} imports {other}"
        for name, others in sorted(edges.items())
        for other in sorted(others)
        if row_of[other] < row_of[name]
    ]


def test_an_import_that_goes_up_is_found() -> None:
    floors = [["main"], ["state_store", "journal"], ["versions"]]
    down = {"main": {"versions"}, "state_store": {"journal", "versions"}}
    assert upward(floors, down) == []
    assert upward(floors[:1] + floors[:0:-1], down) == ["state_store imports versions"]
    assert upward(floors, {"versions": {"main"}}) == ["versions imports main"]


def test_the_overview_has_every_firmware_module_on_one_floor_and_no_import_goes_up() -> None:
    paths = {path.stem: path for path in FIRMWARE.glob("*.py")}
    floors = firmware_floors()
    assert sorted(name for names in floors for name in names) == sorted(paths)
    edges = {name: set(imported(path)) & set(paths) for name, path in paths.items()}
    assert upward(floors, edges) == []
