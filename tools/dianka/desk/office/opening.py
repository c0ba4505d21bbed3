"""Open an office: one folder with its secret, and a database in it or elsewhere.

SQLite must lie on a local disk: its write-ahead log needs shared memory, and shares on a network
damage databases (sqlite.org, "Write-Ahead Logging"). A database made by a newer version is refused
before anything is read from it.
"""

import os
import subprocess
import sys
from pathlib import Path

from dianka.card_port import CardError
from dianka.desk.office.settings import BUSY_MS, DATABASE, make_settings

FOLDER = "DIANKA_OFFICE"
URL = "DIANKA_DATABASE"
SECRET = "office.key"
_SHARES = ("nfs", "cifs", "smb", "9p", "fuse.sshfs")
_FULL = 2  # PRAGMA synchronous, as SQLite says it


def open_office(folder: Path) -> None:
    """Open the office in this folder, for the rest of this process. CardError says why not."""
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
    configure(folder)
    raise_if_not_ours()


def configure(folder: Path) -> None:
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
    key = (folder / SECRET).read_text(encoding="ascii")
    settings = make_settings(folder, os.environ.get(URL, ""), key)
    django_settings.configure(**settings, OFFICE_FOLDER=str(folder.resolve()))
    django.setup()
    try:
        _check_connection()
    except OperationalError as error:
        reason = str(error).splitlines()[0]
        raise CardError(f"the database does not answer ({reason}): see that it runs") from None


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


def migrate() -> None:
    """Bring the database to this version's form."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    from dianka.desk.office.desk_grants import grant_again

    grant_again()  # to tables that are new


def raise_if_not_ours() -> None:
    """Raise CardError if the database is newer or older than this version."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    known, applied = set(executor.loader.disk_migrations), set(executor.loader.applied_migrations)
    if applied - known:
        raise CardError(
            "the database was made by a newer version of dianka: install that version here as well"
        )
    if known - applied:
        raise CardError(
            "the database is not whole, or of an older version of dianka: give the same dianka "
            "office init again, or make it anew from a backup"
        )


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
