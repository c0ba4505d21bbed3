"""Flashing finds other files on a board that would run, and the totals beside a refused update."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from flash_desk import Desk

# What the ESP32 port writes at a board's first start (ports/esp32/modules/inisetup.py).
MADE_BY_THE_PORT = """# This file is executed on every boot (including wake-boot from deepsleep)
#import esp
#esp.osdebug(None)

  #import webrepl
#webrepl.start()
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    with made.board:
        made.write("first")
        done = made.flash()
        assert done.exit_code == 0, done.output
        assert "not of this version" not in done.output
        yield made


FOREIGN = {
    "versions.py": "versions.py",
    "versions/__init__.py": "versions/",
    "main.mpy": "main.mpy",
    "time.py": "time.py",
    "asyncio/__init__.py": "asyncio/",
    "lib/time.mpy": "lib/",
    "a/meter/__init__.py": "a/meter/",
    "boot.py": "boot.py",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_would_run_first_or_instead_is_not_exactly_this_version(desk: Desk, name: str) -> None:
    path = desk.board.files / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("print('foreign')\n")
    done = desk.flash("--check")
    assert done.exit_code == 1
    assert done.stderr == (
        f"the board holds version {desk.version.name}, but not that alone; not of this version, "
        "and may run before it or in "
        f"place of its modules: {FOREIGN[name].rstrip('/')}\n"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("boot.py", MADE_BY_THE_PORT),
        ("boot.py", MADE_BY_THE_PORT.replace("\n", "\r\n")),
        ("boot.py", ""),
        ("readme.txt", "import time"),
        ("slot.new", "a b"),
    ],
)
def test_what_runs_nothing_is_let_be(desk: Desk, name: str, text: str) -> None:
    (desk.board.files / name).write_bytes(text.encode())
    (desk.board.files / "lib").mkdir()
    done = desk.flash("--check")
    assert done.stdout.startswith(f"the board holds exactly version {desk.version.name}"), (
        done.output
    )
    assert desk.flash().exit_code == 0
    assert (desk.board.files / name).read_bytes() == text.encode()


@pytest.mark.parametrize(
    "text", ["# comment\rimport time\n", "import time", "'text'", "#\n" * 5000]
)
def test_a_boot_file_that_says_something(desk: Desk, text: str) -> None:
    (desk.board.files / "boot.py").write_bytes(text.encode())
    assert desk.flash("--check").stderr.endswith(": boot.py\n")


@pytest.mark.parametrize("mark", ["first", "second"])
def test_flashing_removes_what_shadows_it_and_names_the_rest(desk: Desk, mark: str) -> None:
    desk.write(mark)
    for name in ("versions.py", "main.mpy", "boot.py", "own.py"):
        (desk.board.files / name).write_text("import no_such_module\n")
    done = desk.flash()
    assert done.exit_code == 0, done.output
    assert "versions.py removed: it would run in place of this version's" in done.stdout
    assert (
        "not of this version, and may run before it or in place of its modules: boot.py, own.py: "
        "remove what " in done.stdout
    )
    left = {path.name for path in desk.board.files.iterdir()}
    assert {"boot.py", "own.py"} <= left and not {"versions.py", "main.mpy"} & left
    for name in ("boot.py", "own.py"):
        (desk.board.files / name).unlink()
    assert "holds exactly" in desk.flash("--check").stdout


@pytest.mark.parametrize("mark", ["first", "second"])
def test_the_former_name_at_the_root_goes_when_main_is_newer(desk: Desk, mark: str) -> None:
    """Not before: until then the board's main.py imports it."""
    desk.write(mark)
    (desk.board.files / "slots.mpy").write_bytes(b"M\x06")
    done = desk.flash()
    assert done.exit_code == 0, done.output
    assert (
        done.stdout.splitlines().count("slots.mpy removed: versions.mpy has taken its place") == 1
    )
    assert not (desk.board.files / "slots.mpy").exists()
    assert "holds exactly" in desk.flash("--check").stdout


def test_a_trial_that_waits_for_the_next_start_is_not_exactly_this_version(desk: Desk) -> None:
    (desk.board.files / "slot").write_text("a b")
    assert "these files differ: slot\n" in desk.flash("--check").stderr


def totals(text: str) -> dict[str, tuple[int, int]]:
    """Now and before."""
    found = re.findall(
        r"^  (\w+) (-?\d+) [\w ]+?, (?:as before|before: (-?\d+))$", text, re.MULTILINE
    )
    return {name: (int(now), int(was or now)) for name, now, was in found}


@pytest.mark.parametrize(
    "how", [{"early": "1 // 0"}, {"fault": "30000"}, {"late": "while True: pass"}]
)
def test_a_refused_update_compares_and_prints_the_totals(desk: Desk, how: dict[str, str]) -> None:
    desk.write("bad", **how)
    done = desk.flash()
    assert done.exit_code == 1
    assert (
        "was not kept: " in done.stderr
        and "Purchases" not in done.stderr
        and done.stderr.count("\n") == 1
    )
    found = totals(done.stdout)
    assert list(found) == ["energy", "remainder", "balance", "bought", "count"]
    assert found["energy"][0] >= found["energy"][1] > 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("energy_pj += 1000", False),
        ("balance_fen -= 1", False),
        ("energy_pj -= 1000000", True),
        ("bought_fen += 1", True),
        ("count += 1", True),
    ],
)
def test_a_refused_update_that_cost_something_says_so(desk: Desk, change: str, said: bool) -> None:
    desk.write("bad", fault="30000", late=f"self.store.state.{change}")
    done = desk.flash()
    assert done.exit_code == 1
    assert "was not kept: self-check 30000999" in done.stderr
    changed = (
        "Purchases or energy are not what they were before: keep this output, "
        "and have the meter looked at" in done.stderr
    )
    assert changed == said, done.output
    assert done.stderr.count("\n") == 1
    assert len(totals(done.stdout)) == 5


def test_a_state_that_was_never_read_is_not_what_there_was_before(desk: Desk) -> None:
    """The memory is silent: the meter works on zeros, which are nobody's totals."""
    desk.write("silent", early="Store.unread = True")
    assert desk.flash().exit_code == 0
    desk.write("next")
    done = desk.flash()
    assert done.exit_code == 0, done.output
    assert "totals before: not known" in done.stdout
