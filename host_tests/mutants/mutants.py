"""`make mutants`: change one thing at a time in the money's code, and see that a test fails.

mutants.toml names each module, the tests that cover it, and why each survivor that is accepted is
no fault. cosmic-ray makes the mutants; each runs in a copy of the project under build/mutants, with
the tests of its module alone, up to the first that fails. The exit code is 1 if a survivor is not
explained, or if an explained one is killed now.
"""

import argparse
import difflib
import multiprocessing
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
EXPLAINED = Path(__file__).with_name("mutants.toml")
PLACE = ROOT / "build" / "mutants"
HOW_TO_GET_IT = "cosmic-ray is not here: make mutants installs it"
_PARTS = ("firmware", "boards", "tools", "host_tests", "docs", "pyproject.toml", "Makefile")
_SPARE_S, _TIMES = 10, 4  # a mutant may take so much longer than the tests do without one
_WHOLE_S = 600
_LOOK_S = 0.01
_PROFILE = "mutants"
_KEPT = "TESTS_KEEP_IN"  # office_kit.KEPT
_OPTIONS = ("-n", "0", "-x", "-q", "-p", "no:cacheprovider", f"--hypothesis-profile={_PROFILE}")
# Numbers, None, True and False are all that the firmware compares by these. Of such, equal ones are
# the same one (small numbers in CPython, and all that fit in a word in MicroPython), so these
# mutants differ from the original nowhere or by accident. Identity with a literal fails the lint.
_SAME = ("_Eq_Is", "_Is_Eq", "_NotEq_IsNot", "_IsNot_NotEq")
_tree: Path | None = None  # of this process, where it plays mutants


@dataclass
class Module:
    """A module to change, and what has become of its mutants."""

    name: str
    file: str
    tests: list[str]
    accepted: dict[str, str]
    left_out: str = ""  # operators of cosmic-ray whose names have this, a regular expression
    mutants: int = 0
    of: int = 0
    survivors: list[str] = field(default_factory=list)

    @property
    def unexplained(self) -> list[str]:
        return [text for text in self.survivors if text not in self.accepted]

    @property
    def killed_now(self) -> list[str]:
        """Return what is explained and survives no longer, if all mutants were played."""
        whole = self.mutants == self.of
        return [text for text in self.accepted if whole and text not in self.survivors]


def main() -> int:
    parser = argparse.ArgumentParser(description="Change the money's code, and run its tests.")
    parser.add_argument("--only", nargs="*", default=[], help="these modules of mutants.toml")
    parser.add_argument("--share", default="0/1", help="I/N: the I-th of N shares of the mutants")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    try:
        import cosmic_ray  # noqa: F401
    except ImportError:
        sys.stderr.write(HOW_TO_GET_IT + "\n")
        return 2
    modules = read_modules()
    unknown = [name for name in given.only if name not in modules]
    if unknown:
        sys.stderr.write(f"no module {unknown[0]}: take some of {', '.join(modules)}\n")
        return 2
    share, shares = (int(word) for word in given.share.split("/"))
    PLACE.mkdir(parents=True, exist_ok=True)
    failed = 0
    with tempfile.TemporaryDirectory(dir=PLACE) as name:
        trees = [copy_project(Path(name) / str(number)) for number in range(given.jobs)]
        for module in [modules[name] for name in given.only or modules]:
            failed += not play(module, trees, share, shares)
    return 1 if failed else 0


def read_modules() -> dict[str, Module]:
    """Return the modules of mutants.toml by name."""
    content = tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))
    return {
        name: Module(
            name,
            part["file"],
            part["tests"],
            part.get("accepted", {}),
            part.get("left_out", ""),
        )
        for name, part in content.items()
    }


def copy_project(tree: Path) -> Path:
    """Copy what the tests need into a tree of its own."""
    tree.mkdir()
    skipped = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for part in _PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, tree / part, ignore=skipped)
        else:
            shutil.copy2(ROOT / part, tree / part)
    return tree


def play(module: Module, trees: list[Path], share: int, shares: int) -> bool:
    """Play a share of a module's mutants; return whether all is killed or explained."""
    began_s = time.monotonic()
    limit_s = max(measure_tests(module, tree) for tree in trees)
    items = list_mutants(trees[0] / module.file, module.left_out)
    module.of = len(items)
    mine = [item for number, item in enumerate(items) if number % shares == share % shares]
    context = multiprocessing.get_context("fork")
    free = context.SimpleQueue()
    for tree in trees:
        free.put(tree)
    with ProcessPoolExecutor(len(trees), context, _take_tree, (free,)) as pool:
        for survivor in pool.map(partial(_play_one, module, limit_s), mine):
            module.mutants += 1
            if survivor:
                module.survivors.append(survivor)
            if sys.stdout.isatty():
                sys.stdout.write(f"\r{module.name}: {module.mutants} of {len(mine)} ")
                sys.stdout.flush()
    _report(module, int(time.monotonic() - began_s))
    return not (module.unexplained or module.killed_now)


def list_mutants(path: Path, left_out: str = "") -> list[Any]:
    """Return the mutants of a module, as cosmic-ray makes them, less those that are left out.

    These are the operators of `left_out`, and of the firmware those of `_SAME`.
    """
    from cosmic_ray.commands import init
    from cosmic_ray.work_db import WorkDB

    with tempfile.TemporaryDirectory() as name:
        database = WorkDB(f"{name}/session.sqlite", WorkDB.Mode.create)
        try:
            init([path], database, {})
            found = [item.mutations[0] for item in database.work_items]
        finally:
            database.close()
    names, same = re.compile(left_out or "$^"), _SAME if path.parent.name == "firmware" else ()
    return [
        mutation
        for mutation in found
        if not mutation.operator_name.endswith(same) and not names.search(mutation.operator_name)
    ]


def measure_tests(module: Module, tree: Path) -> float:
    """Return how long a mutant may take. SystemExit if the tests fail without one.

    It leaves the tree's modules compiled, or that would take longer than the tests, once a mutant:
    all but the module that changes, as what was compiled in the second before may pass for it.
    """
    began_s = time.monotonic()
    if not run_tests(module, tree, _WHOLE_S, keeps_compiled=True):
        sys.exit(f"{module.name}: its tests fail without a mutant: run them first")
    Path(cache_from_source(tree / module.file)).unlink(missing_ok=True)
    return (time.monotonic() - began_s) * _TIMES + _SPARE_S


def _take_tree(free: Any) -> None:
    """Give this process a tree of its own."""
    global _tree
    _tree = free.get()


def _play_one(module: Module, limit_s: float, mutation: Any) -> str:
    """Play one mutant in this process's tree; return what it changed if it survived."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    assert _tree
    path = _tree / module.file
    former = path.read_bytes()
    operator = get_operator(mutation.operator_name)(**mutation.operator_args)
    changed = mutate_code(former.decode(), operator, mutation.occurrence)
    if changed is None:
        raise RuntimeError(f"{module.name}: {mutation.operator_name} changes nothing there")
    try:
        path.write_text(changed, encoding="utf-8")
        survived = run_tests(module, _tree, limit_s)
    finally:
        path.write_bytes(former)
    return describe(former.decode(), changed) if survived else ""


def run_tests(module: Module, tree: Path, limit_s: float, keeps_compiled: bool = False) -> bool:
    """Run a module's tests in a tree; return whether all pass in time.

    In a process forked from this one, which has pytest and what it brings already: to start both
    anew would take longer than most tests do. It has no module of the project. Hypothesis draws the
    same values for each mutant, so that none survives by bad luck, and makes no failure smaller.
    """
    import pytest
    from hypothesis import Phase, settings

    settings.register_profile(
        _PROFILE,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
    )
    pid = os.fork()
    if not pid:
        os.setsid()
        os.chdir(tree)
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        sys.dont_write_bytecode = not keeps_compiled  # never of a mutant
        os.environ[_KEPT] = str(tree)  # what tests make for all mutants, such as an office
        code = 3
        try:
            code = pytest.main([*_OPTIONS, *module.tests])
        finally:
            os._exit(int(code))
    until_s = time.monotonic() + limit_s
    while not (ended := os.waitpid(pid, os.WNOHANG))[0]:
        if time.monotonic() > until_s:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return False
        time.sleep(_LOOK_S)
    return ended[1] == 0


def describe(former: str, changed: str) -> str:
    """Return a change as its former and its new lines."""
    lines = list(difflib.unified_diff(former.splitlines(), changed.splitlines(), n=0))[2:]
    return " -> ".join(
        " / ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+"
    )


def _report(module: Module, seconds: int) -> None:
    end = "\r" if sys.stdout.isatty() else ""
    accepted = len(module.survivors) - len(module.unexplained)
    sys.stdout.write(
        f"{end}{module.name}: {module.mutants} of {module.of} mutants in {seconds} s, "
        f"{module.mutants - len(module.survivors)} killed, {accepted} survive as explained, "
        f"{len(module.unexplained)} not explained\n"
    )
    for text in module.unexplained:
        sys.stdout.write(f"  survives: {text}\n")
    for text in module.killed_now:
        sys.stdout.write(f"  is killed now, take it out of mutants.toml: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
