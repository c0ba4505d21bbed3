"""The office's folder is its owner's: whatever the umask, and named where it is wider."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from office_kit import PASSWORD, dianka

pytestmark = pytest.mark.skipif(os.name != "posix", reason="files have other rights here")


@pytest.fixture
def open_to_all() -> Iterator[None]:
    """A umask that takes nobody anything; commands are run with it."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def run(home: Path, words: str, *given: str, folder: str = "office") -> tuple[int, list[str]]:
    environment = {"XDG_STATE_HOME": str(home / "state"), "DIANKA_OFFICE": str(home / folder)}
    done = dianka("office", *words.split(), given="\n".join((*given, "")), **environment)
    return done.returncode, (done.stdout + done.stderr).splitlines()


def make(home: Path) -> Path:
    folder = home / "office"
    folder.mkdir(mode=0o755)  # as somebody made it beforehand
    assert run(home, f"init {folder} --manager lin", PASSWORD)[0] == 0
    return folder


@pytest.mark.slow
def test_all_that_is_written_is_its_owner_s(open_to_all: None, tmp_path: Path) -> None:
    folder = make(tmp_path)
    (nights := tmp_path / "nights").mkdir()
    for words, *given in (
        ("sign-in lin", PASSWORD),
        ("limit set sale 100",),
        (f"prove --nights {nights}",),
        (f"backup {tmp_path}/copy",),
        (f"export customers {tmp_path}/people.csv",),
        (f"export customers {tmp_path}/people.xlsx",),
        (f"export acts {tmp_path}/acts.jsonl",),
    ):
        code, said = run(tmp_path, words, *given)
        assert code == 0, said
    (new := tmp_path / "new").mkdir(mode=0o777)
    assert run(tmp_path, f"restore {tmp_path}/copy", folder="new")[0] == 0
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {
        "office.key",
        "office.sqlite3",
        "night-000001.jsonl",
        "copy",
        "people.csv",
        "people.xlsx",
        "acts.jsonl",
    }
    assert {path.name: oct(mode(path)) for path in files if mode(path) != 0o600} == {}
    assert (mode(folder), mode(new)) == (0o700, 0o700)
    assert run(tmp_path, "check")[0] == 0


@pytest.mark.slow
def test_the_files_beside_the_database_are_as_closed(open_to_all: None, tmp_path: Path) -> None:
    """The write-ahead log, which goes when the last desk closes: looked at while one is open."""
    import sqlite3
    from contextlib import closing

    folder = make(tmp_path)
    with closing(sqlite3.connect(folder / "office.sqlite3")) as base:
        base.execute("CREATE TABLE open_now (id INTEGER)")
        base.commit()
        there = {path.name: mode(path) for path in folder.iterdir()}
    assert there.keys() >= {"office.sqlite3-wal", "office.sqlite3-shm"}
    assert set(there.values()) == {0o600}


@pytest.mark.slow
def test_what_is_open_to_others_is_named(tmp_path: Path) -> None:
    folder = make(tmp_path)
    for path, wide, right in (
        (folder, 0o750, 700),
        (folder / "office.sqlite3", 0o644, 600),
        (folder / "office.key", 0o602, 600),
    ):
        before = mode(path)
        path.chmod(wide)
        code, said = run(tmp_path, "check")
        assert code == 1
        assert said[0] == (
            f"{path} is open to others than its owner ({wide:03o}): run chmod {right} {path}"
        )
        assert "others may open" in said[-1] and said[-1].endswith("of the office's: close them")
        path.chmod(before)
    assert run(tmp_path, "check")[0] == 0
