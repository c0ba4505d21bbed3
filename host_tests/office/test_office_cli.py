"""`dianka office` as people run it: each a process of its own, on SQLite in a folder."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from office_kit import MANAGER, PASSWORD, dianka
from office_stage import staged_office


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("offices") / "office"
    done = dianka("office", "init", folder, "--manager", MANAGER, given=PASSWORD + "\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"office {folder} is made; {MANAGER} is its first manager\n"
    return folder


def line(done: subprocess.CompletedProcess[str], code: int = 1) -> str:
    """The one line that it says when it refuses."""
    assert done.returncode == code, done.stdout + done.stderr
    (text,) = done.stderr.splitlines()
    return text


@pytest.mark.slow
def test_made_checked_and_proved(made: Path, tmp_path: Path) -> None:
    checked = dianka("office", "check", "--office", made)
    assert (checked.returncode, checked.stdout) == (
        0,
        "all acts, entries and rows are as they were written\n",
    )
    proved = dianka("office", "prove", DIANKA_OFFICE=str(copied(made, tmp_path)))
    assert proved.returncode == 0 and "not a fen too many or too few" in proved.stdout
    assert made.stat().st_mode & 0o077 == 0, "nobody else reads who lives where"
    assert "is an office already" in line(
        dianka("office", "init", made, "--manager", "wu", given="another long one\n")
    )


@pytest.mark.slow
def test_nights_outside_betray_what_was_cut_off(made: Path, tmp_path: Path) -> None:
    """As cron runs it: a proof each night, its file on another machine."""
    other, nights = copied(made, tmp_path), tmp_path / "nights"
    prove = ("office", "prove", "--office", other, "--nights", nights)
    assert f"{nights} is no folder: make it" in line(dianka(*prove))
    nights.mkdir()
    state = {"XDG_STATE_HOME": str(tmp_path)}
    for number in (1, 2):
        dianka("office", "sign-in", MANAGER, "--office", other, given=f"{PASSWORD}\n", **state)
        done = dianka(*prove)
        assert done.returncode == 0, done.stderr
        file = nights / f"night-{number:06d}.jsonl"
        assert f"night {number} ties {number} chains: 0 sales of 0.00 yuan" in done.stdout
        assert f"{file} holds its acts: keep it elsewhere" in done.stdout
    files = sorted(nights.iterdir())
    done = dianka("office", "check", *files, "--office", other)
    assert (done.returncode, done.stdout) == (
        0,
        "5 acts and 2 heads of chains: as the office has them\n",
    )
    acts = tmp_path / "acts.jsonl"
    done = dianka("office", "export", "acts", acts, "--office", other, **state)
    assert done.stdout == f"{acts} has 5 acts\n"
    done = dianka("office", "check", acts)
    assert done.stdout == "5 acts and 2 heads of chains: whole in themselves\n"
    with closing(sqlite3.connect(other / "office.sqlite3")) as base, base:
        base.execute("DROP TRIGGER audit_act_no_delete")
        base.execute("DELETE FROM audit_act WHERE number = 3 AND kind <> 'night'")
        base.execute("DELETE FROM audit_act WHERE number = 4")
        base.execute(
            "UPDATE audit_chain SET length = 2, head = (SELECT hash FROM audit_act a "
            "WHERE a.chain_id = audit_chain.id AND number = 2) WHERE desk = 'desk1'"
        )
    done = dianka("office", "check", *files, "--office", other)
    assert done.returncode == 1 and done.stderr.endswith("keep the file, it is the witness\n")
    assert done.stdout == (f"audit chain of desk desk1: it ends at act 2, {files[1]} has act 3\n")
    acts.write_bytes(acts.read_bytes()[:-20])
    assert "ends early, after 5 acts: copy" in line(dianka("office", "check", acts))
    assert "name the office's folder" in line(dianka("office", "check"))
    assert "can't be read" in line(dianka("office", "check", tmp_path / "none"))


@pytest.mark.slow
def test_a_proof_that_fails_says_what_to_do_and_changes_nothing(made: Path, tmp_path: Path) -> None:
    other = copied(made, tmp_path)

    def prove(*words: str) -> subprocess.CompletedProcess[str]:
        return dianka("office", "prove", *words, "--office", other)

    assert "night 1 ties 1 chains" in prove().stdout
    with closing(sqlite3.connect(other / "office.sqlite3")) as base, base:
        base.execute("INSERT INTO ledger_account VALUES (1, 'used', '000000000007', '', 0)")
        base.execute("INSERT INTO ledger_provedsum VALUES (1, 5)")
    said = "the proof fails at {} places, nothing is changed: "
    daily, whole = prove(), prove("--whole")
    assert said.format(3) + "run dianka office prove --whole" in line(daily)
    assert "the books are right" in line(whole) and "--anew makes them anew" in line(whole)
    named = "account used:000000000007: night 1 is said to have proved 0.05 yuan"
    assert named in whole.stdout
    anew = prove("--anew")
    assert anew.returncode == 0 and named in anew.stdout and "night 2 ties" in anew.stdout
    assert "1 sums that were kept are made anew: the books are right" in anew.stdout
    daily = prove()
    assert daily.returncode == 0 and "the last whole proof was night 2\n" in daily.stdout


@pytest.mark.slow
def test_a_proof_killed_at_any_point_loses_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """At each commit and each file's way to the disk; the next proof makes up for it."""
    (nights := tmp_path / "nights").mkdir()
    (acts := tmp_path / "desk").mkdir()
    words, files = f"office prove --nights {nights}", 0
    with staged_office(tmp_path) as stage:
        points = stage.run(acts, words)["points"]
        for point in range(1, points + 1):
            for after in (False, True):
                assert stage.run(acts, words, at=point, after=after)["status"] == -signal.SIGKILL
                done = stage.run(acts, words)
                assert done["status"] == 0, done
                files += 1
        checked = stage.run(acts, f"office check {' '.join(map(str, sorted(nights.iterdir())))}")
        assert checked["status"] == 0 and stage.look()["faults"] == []
    names = sorted(file.name for file in nights.iterdir())
    assert points >= 2 and names == [
        f"night-{number:06d}.jsonl" for number in range(1, len(names) + 1)
    ]
    assert files < len(names) <= 2 * files + 1
    record_property("figure", f"a proof killed {2 * points} times: {len(names)} nights, all whole")


@pytest.mark.slow
def test_no_weak_password(tmp_path: Path) -> None:
    folder = tmp_path / "office"
    words = ("office", "init", folder, "--manager", "managerzhang")
    assert "too short" in line(dianka(*words, given=""))
    assert "too common" in line(dianka(*words, given="password123\n"))
    done = dianka(*words, given=PASSWORD + "\n")
    assert done.returncode == 0, "nothing is in the way of a better one"


def test_without_django_one_line_says_what_to_do() -> None:
    without = "import sys; sys.modules['django'] = None; from dianka.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", without, "office", "check", "--office", "x"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "the office needs Django: run make office" in line(done)


def test_what_is_no_office(tmp_path: Path, made: Path) -> None:
    assert "is no office: name its folder" in line(dianka("office", "check", "--office", tmp_path))
    upgrade = ("office", "upgrade", tmp_path / "copy", "--office", tmp_path)
    assert "is no office: name its folder" in line(dianka(*upgrade))
    (tmp_path / "office.key").write_bytes((made / "office.key").read_bytes())
    assert "has no office.sqlite3" in line(dianka("office", "check", "--office", tmp_path))
    assert "DIANKA_DATABASE is no address" in line(
        dianka("office", "check", "--office", made, DIANKA_DATABASE="mysql://here/there")
    )
    gone = "postgresql://x@127.0.0.1:9/x"
    assert "the database does not answer" in line(
        dianka("office", "check", "--office", made, DIANKA_DATABASE=gone)
    )


def copied(made: Path, folder: Path) -> Path:
    """A second office like it, for damage."""
    return Path(shutil.copytree(made, folder / "other"))


def test_a_newer_database_is_refused(made: Path, tmp_path: Path) -> None:
    other = copied(made, tmp_path)
    with closing(sqlite3.connect(other / "office.sqlite3")) as base, base:
        base.execute(
            "INSERT INTO django_migrations (app, name, applied) "
            "VALUES ('ledger', '0099', '2030-01-01')"
        )
    assert "made by a newer version of dianka" in line(dianka("office", "check", "--office", other))


def test_an_edit_by_hand_is_named(made: Path, tmp_path: Path) -> None:
    other = copied(made, tmp_path)
    with closing(sqlite3.connect(other / "office.sqlite3")) as base, base:
        base.execute("DROP TRIGGER audit_act_no_update")
        base.execute("UPDATE audit_act SET operator = 'nobody'")
    done = dianka("office", "check", "--office", other)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "guard audit_act_no_update is missing in the database",
        "audit chain of desk desk1: act 1 (founding, lin) is not as it was written",
    ]
    assert done.stderr.startswith("2 faults: ")


def test_a_backup_is_read_before_it_counts(made: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    done = dianka("office", "backup", file, "--office", made)
    assert done.stdout == f"{file} holds 1 acts, read back whole\n"
    assert "is never overwritten" in line(dianka("office", "backup", file, "--office", made))
    assert "is never overwritten by a backup" in line(
        dianka("office", "restore", file, "--office", made)
    )
    whole = file.read_bytes()
    for at in range(0, len(whole), len(whole) // 3):
        (tmp_path / "bad").write_bytes(whole[:at])
        said = line(dianka("office", "restore", tmp_path / "bad", "--office", tmp_path / "new"))
        assert "is no backup of an office" in said or "is damaged" in said, said
        assert not (tmp_path / "new" / "office.sqlite3").exists()
    assert dianka("office", "restore", file, "--office", tmp_path / "new").returncode == 0
    assert dianka("office", "check", "--office", tmp_path / "new").returncode == 0


def test_a_founding_that_is_killed_is_given_again(tmp_path: Path) -> None:
    folder = tmp_path / "office"
    process = subprocess.Popen(
        [sys.executable, "-m", "dianka", "office", "init", folder, "--manager", MANAGER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={key: value for key, value in os.environ.items() if "DIANKA" not in key},
    )
    assert process.stdin
    process.stdin.write(PASSWORD.encode() + b"\n")
    process.stdin.close()
    until_s = time.monotonic() + 60
    while not (folder / "office.key").exists() and time.monotonic() < until_s:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    done = dianka("office", "init", folder, "--manager", MANAGER, given=PASSWORD + "\n")
    assert done.returncode == 0, done.stderr
    assert dianka("office", "check", "--office", folder).returncode == 0


def test_a_database_that_fails_in_a_command_is_one_line(made: Path, tmp_path: Path) -> None:
    """Here a table is gone; a server that stops says the like."""
    made = copied(made, tmp_path)
    words = ("office", "sign-in", MANAGER, "--office", made)
    state = {"XDG_STATE_HOME": str(tmp_path)}
    assert dianka(*words, given=f"{PASSWORD}\n", **state).returncode == 0
    with closing(sqlite3.connect(made / "office.sqlite3")) as database:
        database.execute("DROP TABLE customers_tariffversion")
        database.commit()
    said = line(dianka("office", "tariff", "list", "--office", made, **state))
    assert said.startswith("the database does not take that (no such table"), said
