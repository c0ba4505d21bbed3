"""`keys init` broken off at any step: no control card, or the whole system with a valid backup.

A control card makes one backup. One that was stored without its parts could never be backed up
again.
"""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dianka.card_port import CardError
from dianka.cardos import keys
from dianka.cardos.chip import Chip
from dianka.cardos.image import load
from dianka.desk import system
from sweeps import sweep

PARTS, NEEDED = 3, 2
MOST_STEPS = 300


def parts_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("backup-*.card"))


def whole_or_no_system(folder: Path, parts: int = PARTS) -> bool:
    """Whether there is a system; if there is, any two of all its parts give its keys back."""
    path = folder / "control.card"
    for part in parts_in(folder):
        load(part.read_bytes(), part.name).check()
    if not path.exists():
        return False
    roots = load(path.read_bytes()).keys
    assert len(parts_in(folder)) == parts
    for at, chosen in enumerate(itertools.combinations(parts_in(folder), NEEDED)):
        again = folder / f"again{at}.card"
        system.restore(again, [Chip(load(part.read_bytes())) for part in chosen])
        assert {kid: roots[kid] for kid in keys.ROOT_KIDS} == {
            kid: load(again.read_bytes()).keys[kid] for kid in keys.ROOT_KIDS
        }
    return True


def then_it_is_founded(folder: Path) -> None:
    """Once what was left is gone, as the line says."""
    left = [part.name for part in parts_in(folder)]
    if left:
        with pytest.raises(CardError) as caught:
            system.found_system(folder / "control.card", NEEDED, PARTS)
        line = str(caught.value)
        assert line.startswith(", ".join(left) + " exist") and "remove" in line and "\n" not in line
        assert [part.name for part in parts_in(folder)] == left and not (
            folder / "control.card"
        ).exists()
        for part in parts_in(folder):
            part.unlink()
    system.found_system(folder / "control.card", NEEDED, PARTS)
    assert whole_or_no_system(folder)


class Broken:
    """Breaks off before or after the nth step: a command to a chip, or the storing of a file."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, at: int, after: bool, error: type[BaseException]
    ) -> None:
        self.left, self.after, self.error = at, after, error
        for owner, name in ((Chip, "process"), (os, "open"), (os, "fsync"), (Path, "replace")):
            monkeypatch.setattr(owner, name, self._step(getattr(owner, name)))

    def _step(self, do: Callable[..., Any]) -> Callable[..., Any]:
        def step(*words: Any, **more: Any) -> Any:
            self.left -= 1
            if not self.left and not self.after:
                raise self.error
            done = do(*words, **more)
            if not self.left:
                raise self.error
            return done

        return step


@pytest.mark.slow
@sweep(7)
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, OSError])
@pytest.mark.parametrize("after", [False, True])
def test_broken_off_at_every_step(
    tmp_path: Path,
    after: bool,
    error: type[BaseException],
    every: int,
    record_property: Callable[[str, object], None],
) -> None:
    ends = {False: 0, True: 0}
    for at in range(1, MOST_STEPS, every):
        folder = tmp_path / str(at)
        folder.mkdir()
        with pytest.MonkeyPatch.context() as monkeypatch:
            broken = Broken(monkeypatch, at, after, error)
            with contextlib.suppress(error, CardError):
                system.found_system(folder / "control.card", NEEDED, PARTS)
        if broken.left > 0:
            break
        founded = whole_or_no_system(folder)
        ends[founded] += 1
        if not founded:
            assert not [path for path in folder.iterdir() if path.read_bytes()], (
                at,
                "something is left",
            )
            then_it_is_founded(folder)
    assert broken.left > 0 and ends[False] > 40 // every, ends
    if error is KeyboardInterrupt:
        steps = (
            f"founding a system broken off {'after' if after else 'before'} each of "
            f"{ends[False] + ends[True]} steps"
        )
        record_property("figure", f"{steps}: no control card or the whole system")


KILLED = """
import os, signal, sys
from pathlib import Path
from dianka.cli import app

left, after = int(sys.argv[1]), sys.argv[2] == "after"

def deadly(do):
    def step(*words, **more):
        global left
        left -= 1
        if not left and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        done = do(*words, **more)
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return done
    return step

os.fsync, Path.replace = deadly(os.fsync), deadly(Path.replace)
app(["keys", "init", "control.card", "--parts", "3", "--needed", "2"])
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("after", ["before", "after"])
def test_killed_at_every_write(tmp_path: Path, after: str) -> None:
    """The process is gone, and nothing of it could tidy up."""
    seen: list[tuple[bool, int]] = []
    for at in range(1, MOST_STEPS):
        folder = tmp_path / str(at)
        folder.mkdir()
        words = [sys.executable, "-c", KILLED, str(at), after]
        done = subprocess.run(
            words, cwd=folder, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode != -signal.SIGKILL:
            assert done.returncode == 0, done.stderr
            break
        founded = whole_or_no_system(folder)
        seen.append((founded, len(parts_in(folder))))
        if not founded:
            then_it_is_founded(folder)
    assert len(seen) >= 2 * (PARTS + 1)
    assert {parts for founded, parts in seen if not founded} == set(range(PARTS + 1))


@pytest.mark.parametrize("part", [1, 3, 4, 16])
def test_a_part_of_another_backup_is_not_mixed_with_a_new_one(tmp_path: Path, part: int) -> None:
    """Not even one that the new backup would have no number for."""
    (tmp_path / f"backup-{part}.card").write_bytes(b"somebody's")
    with pytest.raises(CardError, match=rf"^backup-{part}\.card exists already: "):
        system.found_system(tmp_path / "control.card", NEEDED, PARTS)
    assert [path.name for path in tmp_path.iterdir()] == [f"backup-{part}.card"]
