"""Open an office: one folder with its secret, and a database in it or elsewhere.

SQLite must lie on a local disk: its write-ahead log needs shared memory, and shares on a network
damage databases (sqlite.org, "Write-Ahead Logging"). A database made by a newer version is refused
before anything is read from it.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dianka.card_port import CardError
from dianka.desk.office.privacy import make_file
from dianka.desk.office.settings import BUSY_MS, DATABASE, make_settings, pool_connections

FOLDER = "DIANKA_OFFICE"
URL = "DIANKA_DATABASE"
SECRET = "office.key"
_SHARES = ("nfs", "cifs", "smb", "9p", "fuse.sshfs")
_FULL = 2  # PRAGMA synchronous, as SQLite says it


def open_office(folder: Path, more: Mapping[str, Any] | None = None) -> None:
    """Open the office in this folder, for the rest of this process. CardError says why not.

    `more` are settings of Django beside the office's own, as its pages need them.
    """
    open_any_version(folder, more)
    raise_if_not_ours()


def open_any_version(folder: Path, more: Mapping[str, Any] | None = None) -> None:
    """Open an office whose database may be of another version. CardError if there is none."""
    if not (folder / SECRET).exists():
        raise CardError(
            f"{folder} is no office: name its folder with --office or {FOLDER}, or make one with "
            "dianka office init FOLDER"
        )
    if not os.environ.get(URL) and not (folder / DATABASE).exists():
        raise CardError(
            f"{folder} has no {DATABASE}: set {URL} if the office is on PostgreSQL, else bring the "
            "database back with dianka office restore"
        )
    configure(folder, more)


def configure(folder: Path, more: Mapping[str, Any] | None = None) -> None:
    """Configure Django for this folder, and check what the database promises.

    A process opens one office, and may open it again: a story plays many commands in one process.
    """
    import django
    from django.conf import settings as django_settings
    from django.db.utils import OperationalError

    if django_settings.configured:
        if str(folder.resolve()) != django_settings.OFFICE_FOLDER:
            raise CardError(
                f"{django_settings.OFFICE_FOLDER} is open: end this program before you open "
                "another office"
            )
        return
    refuse_share(folder)
    if not os.environ.get(URL):
        make_file(folder / DATABASE)
    key = (folder / SECRET).read_text(encoding="ascii")
    settings = make_settings(folder, os.environ.get(URL, ""), key)
    if more:  # pages, which a server gives
        pool_connections(settings)
        settings |= more
    django_settings.configure(**settings, OFFICE_FOLDER=str(folder.resolve()))
    django.setup()
    try:
        _check_connection()
    except OperationalError as error:
        reason = str(error).splitlines()[0]
        raise CardError(f"the database does not answer ({reason}): see that it runs") from None


def configure_without_office() -> None:
    """Configure Django for a process that reads files of an office alone, and no database."""
    import django
    from django.conf import settings as django_settings

    if not django_settings.configured:
        django_settings.configure(**make_settings(Path(), "", "none"), OFFICE_FOLDER="")
        django.setup()


def _check_connection() -> None:
    """Raise CardError unless SQLite does what was asked of it: a file of its own may forbid it."""
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor != "sqlite":
            return
        wanted = {"journal_mode": "wal", "synchronous": _FULL, "busy_timeout": BUSY_MS}
        for name, value in wanted.items():
            (found,) = cursor.execute(f"PRAGMA {name}").fetchone()
            if found != value:
                raise CardError(
                    f"SQLite keeps {name} at {found}, not {value}: the office must lie on a local "
                    "disk that it may write to"
                )


def migrate(then: Callable[[], None] = lambda: None) -> None:
    """Bring the database to this version's form: all steps and what is `then` to do, or none."""
    from django.core.management import call_command
    from django.db import connection, transaction

    from dianka.desk.office.desk_grants import grant_again

    # SQLite makes some tables anew meanwhile, and can't stop checking keys within a transaction.
    with connection.constraint_checks_disabled(), transaction.atomic():
        if connection.vendor == "postgresql":
            _take_time()
        call_command("migrate", verbosity=0, interactive=False)
        grant_again()  # to tables that are new
        then()


def _take_time() -> None:
    """Let this transaction's statements last, one such transaction at a time."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('dianka office migrate'))")


def raise_if_not_ours() -> None:
    """Raise CardError if the database is newer or older than this version."""
    applied, missing = read_steps()
    if missing and not applied:
        raise CardError(
            "the database is empty, as its founding was broken off: give the same dianka office "
            "init again"
        )
    if missing:
        raise CardError(
            "the database is of an older version of dianka: run dianka office upgrade FILE, which "
            "makes a backup in FILE first"
        )


def read_steps() -> tuple[list[str], list[str]]:
    """Return the steps to this version's form that the database has had, and those it lacks.

    CardError if it has had others: it was made by a newer version.
    """
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(connection)
    known, applied = set(loader.disk_migrations), set(loader.applied_migrations)
    if applied - known:
        raise CardError(
            "the database was made by a newer version of dianka: install that version here as well"
        )
    had, missing = (
        [" ".join(step) for step in sorted(steps)] for steps in (applied, known - applied)
    )
    return had, missing


def refuse_share(folder: Path) -> None:
    """Raise CardError if the folder lies on a network share."""
    if sys.platform == "linux" and not os.environ.get(URL):
        kind = subprocess.run(
            ["stat", "-f", "-c", "%T", str(folder)], capture_output=True, text=True, check=False
        ).stdout.strip()
        if kind.startswith(_SHARES):
            raise CardError(
                f"{folder} is on a network share ({kind}), where SQLite loses data: take a folder "
                "on a local disk, or PostgreSQL"
            )
