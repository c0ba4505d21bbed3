"""Copies of a PostgreSQL office, made and brought back by PostgreSQL's own pg_dump and pg_restore.

A copy is of one moment, whatever desks do meanwhile. It is believed once it has been restored into
a database of its own beside the office's and read there; that one is dropped again. Owners and
roles belong to a server and not to a copy: what is restored belongs to who restores it, and desks'
roles get their rights again (desk_grants.py).
"""

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import Error, ProgrammingError, connection

from dianka.card_port import CardError
from dianka.desk.office import checking, desk_grants
from dianka.desk.office.opening import read_steps

_LIMIT_S = 6 * 3600  # of each program
_BARE = ("--no-owner", "--no-privileges")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_TABLES = (
    "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')"
)
_ACTS = (
    "SELECT (SELECT count(*) FROM audit_act), (SELECT coalesce(sum(length), 0) FROM audit_chain)"
)


def write(file: Path) -> int:
    """Write a copy of the open office to an empty file, read it back; return its number of acts."""
    _run_program("pg_dump", _name_database(), *_BARE, "--format=custom", f"--file={file}")
    acts, faults = _read_back(file)
    own = set(checking.find_faults()) if faults else set()
    others = [line for line in faults if line not in own]
    if others:
        raise CardError(f"the copy is not as the office is ({others[0]}): make it again")
    return acts


def bring_back(file: Path) -> int:
    """Restore a copy into the open database, which is empty; return its number of acts."""
    (tables,) = _fetch(_TABLES)
    if tables:
        raise CardError(
            f"the database {_name_database()} has tables: name an empty one in DIANKA_DATABASE, a "
            "database is never overwritten by a backup"
        )
    acts, faults = _read_back(file)
    _restore(file, _name_database())
    desk_grants.grant_again()
    if faults:
        raise CardError(
            f"it is brought back as it was, with {len(faults)} faults ({faults[0]}): run dianka "
            "office check"
        )
    return acts


def _read_back(file: Path) -> tuple[int, list[str]]:
    """Read a copy whole; return its number of acts, and what `check` says of it.

    One of an older version is restored and counted alone: `check` knows the form of this one.
    """
    with _scratch() as name:
        _restore(file, name)
        with _opened(name):
            try:
                _, missing = read_steps()
                acts, told = _fetch(_ACTS)
                faults = [] if missing else list(checking.find_faults())
            except Error as error:
                reason = str(error).splitlines()[0]
                raise CardError(f"{file} is no backup of an office ({reason})") from None
    if acts != told:
        raise CardError(f"{file} has {acts} of {told} acts: take another backup")
    return acts, faults


@contextmanager
def _scratch() -> Iterator[str]:
    """Make a database for as long as this lasts, and yield its name."""
    name = f"{desk_grants.name_database()}_copy_{secrets.token_hex(4)}"
    try:
        desk_grants.run(f'CREATE DATABASE "{name}" TEMPLATE template0')
    except ProgrammingError as error:
        raise CardError(
            f"this address may not make a database to read the copy in ({error}): take the "
            "owner's address, and ask who runs the server for CREATEDB"
        ) from None
    try:
        yield name
    finally:
        desk_grants.run(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def _opened(name: str) -> Iterator[None]:
    """Let the connection be one to another database of the server, as Django's own tests do."""
    own = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = own


def _restore(file: Path, database: str) -> None:
    """Restore a copy into an empty database, all or nothing."""
    _run_program(
        "pg_restore", database, *_BARE, "--single-transaction", "--exit-on-error", str(file)
    )


def _run_program(program: str, database: str, *words: str) -> None:
    """Run one of PostgreSQL's programs on a database of the office's server."""
    from psycopg.conninfo import make_conninfo

    connection.ensure_connection()
    info = connection.connection.info
    place = _find_programs(info.server_version // 10_000) / program
    dsn = make_conninfo(info.dsn, dbname=database)  # which has no password
    environment = os.environ | ({"PGPASSWORD": info.password} if info.password else {})
    try:
        subprocess.run(
            [place, f"--dbname={dsn}", *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=_LIMIT_S,
        )
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["no word"])[0]
        raise CardError(f"{program} failed ({reason.removeprefix(program + ': ')})") from None
    except subprocess.TimeoutExpired:
        raise CardError(f"{program} took more than {_LIMIT_S} s: see what holds it up") from None


def _find_programs(major: int) -> Path:
    """Return the folder of pg_dump and pg_restore of the server's version, or of a newer one."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    found = ["not here"]
    for folder in [*folders, f"/usr/lib/postgresql/{major}/bin"]:  # the last one is Debian's
        place = shutil.which("pg_dump", path=folder)
        if place:
            done = subprocess.run(
                [place, "--version"], capture_output=True, text=True, check=False, timeout=60
            )
            version = _VERSION.search(done.stdout)
            if version and int(version[1]) >= major:
                return Path(folder)
            found.append(f"of version {version[1] if version else 'unknown'}")
    raise CardError(
        f"pg_dump is {found[-1]}, the server is of version {major}: install PostgreSQL's client "
        f"programs, on Debian postgresql-client-{major}"
    )


def _fetch(statement: str) -> tuple[int, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()


def _name_database() -> str:
    return str(connection.settings_dict["NAME"])
