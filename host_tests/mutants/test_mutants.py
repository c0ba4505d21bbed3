"""`make mutants`: what mutants.toml says is there, and survivors are told from killed mutants."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import mutants
import pytest

WHOLE = """
def clip(value: int) -> int:
    return max(value, 10)
"""
TEST = """
from clip import clip
def test_clip() -> None:
    assert clip(11) == 11 and clip(3) == 10
"""
# Of all that is changed only this can be seen by nobody who looks at large values alone.
BLIND = TEST.replace(" and clip(3) == 10", "")
MORE = "return max(value, 10) -> return max(value, 11)"
LESS = "return max(value, 10) -> return max(value, 9)"


def test_all_that_is_named_is_there() -> None:
    modules = mutants.read_modules()
    assert {"account", "journal", "settlement", "state", "tariff"} <= modules.keys()
    for module in modules.values():
        text = (mutants.ROOT / module.file).read_text(encoding="utf-8")
        there = {line.strip() for line in text.splitlines()}
        assert all((mutants.ROOT / test).is_file() for test in module.tests), module.name
        for change, why in module.accepted.items():
            assert set(change.split(" -> ")[0].split(" / ")) <= there, change
            assert len(why) > 10 and "\n" not in why


def test_a_change_is_told_by_its_lines() -> None:
    assert mutants.describe("a\n    b + 1\n", "a\n    b - 1\n") == "b + 1 -> b - 1"


PROGRAM = """
import json, sys
from pathlib import Path
import mutants
for name, accepted in json.loads(sys.argv[2]):
    tests = [f"test_{name}.py"]
    module = mutants.Module(name, "clip.py", tests, dict.fromkeys(accepted, "equal"))
    print(name, mutants.play(module, [Path(sys.argv[1])], 0, 1))
"""


def test_survivors_are_told_from_killed_mutants(tmp_path: Path) -> None:
    if find_spec("cosmic_ray") is None:
        pytest.skip(mutants.HOW_TO_GET_IT)
    written = ("clip", WHOLE), ("test_good", TEST), ("test_blind", BLIND)
    for name, text in written:
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]", encoding="utf-8")
    cases = [("good", [MORE]), ("blind", [MORE])]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), json.dumps(cases)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=Path(__file__).parent,
        check=True,
    )
    said = [line for line in done.stdout.splitlines() if "mutants in" not in line]
    assert said == [
        f"  is killed now, take it out of mutants.toml: {MORE}",
        "good False",
        f"  survives: {LESS}",
        "blind False",
    ]


def test_what_is_left_out_is_not_played(tmp_path: Path) -> None:
    if find_spec("cosmic_ray") is None:
        pytest.skip(mutants.HOW_TO_GET_IT)
    path = tmp_path / "clip.py"
    path.write_text("def add(a: int, b: int) -> int:\n    return a + b + 1\n", encoding="utf-8")
    names = [each.operator_name for each in mutants.list_mutants(path)]
    kept = [each.operator_name for each in mutants.list_mutants(path, "_(Mul|Pow)$")]
    assert kept == [name for name in names if not name.endswith(("_Mul", "_Pow"))]
    assert len(kept) == len(names) - 4
