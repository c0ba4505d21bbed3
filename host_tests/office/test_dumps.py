"""Backups of an office on PostgreSQL: made while desks sell, read back, and whole once restored."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from office_kit import dianka
from postgresql_kit import new_database, run_statement, serving_postgresql
from roles_kit import CHECKING, FOUNDING, REFUSED, REWRITING, SELLING, programs, run

pytestmark = pytest.mark.postgresql
GUARDED = """
from dianka.desk.office.opening import open_office
open_office(folder)
from django.db import connection
with connection.cursor() as cursor:
    for query in (
        "SELECT tgname || ' ' || tgrelid::regclass || ' ' || tgenabled::text FROM pg_trigger "
        "WHERE NOT tgisinternal ORDER BY 1",
        "SELECT oid::regprocedure || ' ' || prosecdef || ' ' || proconfig::text || md5(prosrc) "
        "FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
        "SELECT conrelid::regclass || ' ' || conname || ' ' || contype::text FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace ORDER BY 1",
        "SELECT relname || ' ' || coalesce(relacl::text, '') FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
    ):
        cursor.execute(query)
        said.append([row[0] for row in cursor.fetchall()])
"""


@dataclass
class Place:
    """An office, its server, and the addresses of its owner and of its two desks."""

    folder: Path
    server: str
    owner: str
    desks: list[str]

    def dianka(
        self, *words: str | Path, url: str = "", path: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run `dianka office` with PostgreSQL's own programs, or those in `path`."""
        environment = {"DIANKA_DATABASE": url or self.owner, "PATH": path or programs()}
        return dianka("office", *words, "--office", self.folder, **environment)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("dumps") / "office"
    with serving_postgresql() as server:
        owner = new_database(server, "dumps")
        yield Place(folder, server, owner, run(FOUNDING, folder, owner))


def refused(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    return line


def count_acts(url: str) -> int:
    return run_statement(url, "SELECT count(*) FROM audit_act")[0][0]


def no_copy_is_left(place: Place) -> bool:
    databases = "SELECT count(*) FROM pg_database WHERE datname LIKE '%_copy_%'"
    return run_statement(place.server, databases) == [(0,)]


def test_made_while_a_desk_sells_and_whole_once_restored(place: Place, tmp_path: Path) -> None:
    sold: list[Any] = []
    selling = threading.Thread(
        target=lambda: sold.extend(run(SELLING, place.folder, place.desks[0]))
    )
    selling.start()
    early = place.dianka("backup", tmp_path / "early")
    selling.join(timeout=120)
    assert len(sold) == 5 and early.returncode == 0, early.stderr
    file = tmp_path / "late"
    acts = count_acts(place.owner)
    done = place.dianka("backup", file)
    assert done.stdout == f"{file} holds {acts} acts, read back whole\n", done.stderr
    assert no_copy_is_left(place) and file.stat().st_mode & 0o077 == 0
    was = run(GUARDED, place.folder, place.owner)
    assert "is never overwritten by a backup" in refused(place.dianka("restore", file))

    run_statement(place.server, "ALTER DATABASE dumps RENAME TO lost")
    new_database(place.server, "dumps")
    done = place.dianka("restore", file)
    assert done.stdout == f"{place.folder} has its database back, {acts} acts, read whole\n"
    assert run(GUARDED, place.folder, place.owner) == was and all(was)
    said = run(REWRITING, place.folder, place.desks[0], json.dumps(list(REFUSED)))
    for (statement, wanted), line in zip(REFUSED.items(), said, strict=True):
        assert wanted in line, statement
    by_owner = ["UPDATE audit_act SET detail = ''", "TRUNCATE ledger_entry CASCADE"]
    said = run(REWRITING, place.folder, place.owner, json.dumps(by_owner))
    assert said == ["an act is never changed", "ledger_entry is never emptied"]
    assert run(SELLING, place.folder, place.desks[0])[-1] == [22_000, 22_000]
    assert run(CHECKING, place.folder, place.owner) == []

    other = new_database(place.server, "other")
    done = place.dianka("restore", tmp_path / "early", url=other)
    assert "run dianka office desk role for desk1, desk2: no role is here" in done.stdout
    assert run(CHECKING, place.folder, other) == [] and no_copy_is_left(place)


def test_what_is_no_whole_copy_is_not_brought_back(place: Place, tmp_path: Path) -> None:
    file, bad = tmp_path / "copy", tmp_path / "bad"
    assert place.dianka("backup", file).returncode == 0
    whole = file.read_bytes()
    empty = new_database(place.server, "empty")
    for content in (b"", b"SQLite format 3\0" + bytes(500), whole[: len(whole) * 2 // 3]):
        bad.write_bytes(content)
        assert "pg_restore failed (error: " in refused(place.dianka("restore", bad, url=empty))
    assert run_statement(empty, "SELECT count(*) FROM pg_class WHERE relname = 'audit_act'") == [
        (0,)
    ]
    desk = place.dianka("backup", tmp_path / "by-a-desk", url=place.desks[1])
    assert "pg_dump failed (error: " in refused(desk) and no_copy_is_left(place)
    assert not (tmp_path / "by-a-desk").exists()


def test_pg_dump_is_there_and_new_enough_and_honest(place: Place, tmp_path: Path) -> None:
    """One that leaves something out is found by what it wrote."""
    program, file = tmp_path / "pg_dump", tmp_path / "copy"
    program.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n")
    program.chmod(0o755)
    said = refused(place.dianka("backup", file, path=str(tmp_path)))
    assert "pg_dump is of version 9, the server is of version 16: install" in said
    program.unlink()
    said = refused(place.dianka("backup", file, path=str(tmp_path)))
    assert "pg_dump is not here" in said and said.endswith("postgresql-client-16")

    run(SELLING, place.folder, place.desks[0])
    folder = programs().partition(os.pathsep)[0]
    program.touch(mode=0o755)
    (tmp_path / "pg_restore").symlink_to(f"{folder}/pg_restore")
    path = f"{tmp_path}{os.pathsep}{programs()}"
    for left_out, why in (
        ("--exclude-table-data=audit_chain", "pg_restore failed (error: "),
        ("--exclude-table-data=ledger_entry", "the copy is not as the office is ("),
    ):
        program.write_text(f'#!/bin/sh\nexec {folder}/pg_dump "$@" {left_out}\n')
        assert why in refused(place.dianka("backup", file, path=path)), left_out
        assert not file.exists() and no_copy_is_left(place)


def test_a_damaged_office_is_copied_as_it_is(place: Place, tmp_path: Path) -> None:
    damaged = new_database(place.server, "damaged")
    file = tmp_path / "copy"
    assert place.dianka("backup", file).returncode == 0
    assert place.dianka("restore", file, url=damaged).returncode == 0
    run_statement(damaged, "DROP TRIGGER audit_act_no_update ON audit_act")
    run_statement(damaged, "UPDATE audit_act SET operator = 'nobody' WHERE kind = 'founding'")
    file = tmp_path / "evidence"
    assert "acts, read back whole" in place.dianka("backup", file, url=damaged).stdout
    again = new_database(place.server, "again")
    said = refused(place.dianka("restore", file, url=again))
    assert said.startswith("it is brought back as it was, with 2 faults (guard audit_act_no_update")
