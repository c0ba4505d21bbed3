"""An office for tests: one for each test process, and each test in a transaction that is undone.

On SQLite in a folder, or where DIANKA_DATABASE says (test_postgresql.py starts one).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from dianka.desk.office.founding import found_office
from dianka.desk.office.opening import configure

# A folder for what the runs of mutants.py have in common, if this is one of them.
KEPT = "TESTS_KEEP_IN"
_made: list[Path] = []  # the office of this process
PASSWORD = "eight lamps burn"
MANAGER = "lin"


def new_office(folder: Path) -> Path:
    """Return the office of this process, made if there is none.

    Its database is that of DIANKA_DATABASE if it is set, its passwords are hashed by the least
    that Argon2 takes: tests check many.
    """
    from django.contrib.auth.hashers import Argon2PasswordHasher as Argon2

    Argon2.time_cost, Argon2.memory_cost = 1, 8 * Argon2.parallelism
    if not _made:
        if KEPT in os.environ and not os.environ.get("DIANKA_DATABASE"):
            _found_once(folder, Path(os.environ[KEPT]) / "office")
        else:
            found_office(folder, MANAGER, PASSWORD, "desk1")
        _made.append(folder)
    return _made[0]


def _found_once(folder: Path, kept: Path) -> None:
    """Copy the office that an earlier run has founded and kept; found and keep it if none has."""
    if kept.exists():
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        configure(folder)
        return
    found_office(folder, MANAGER, PASSWORD, "desk1")
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copytree(folder, kept, ignore=shutil.ignore_patterns("*-wal", "*-shm"))


def dianka(
    *words: str | Path, given: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command `dianka` as a process of its own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("DIANKA_")}
    return subprocess.run(
        [sys.executable, "-m", "dianka", *map(str, words)],
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        env=kept | environment,
    )


def drop_guards(app: str) -> None:
    """Drop the guards of an app's tables, as who owns the database can."""
    from django.db import connection

    from dianka.desk.office.guards import list_triggers

    with connection.cursor() as cursor:
        for name, table in list_triggers():
            if table.startswith(f"{app}_"):
                on = f" ON {table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER {name}{on}")


def make_guards(app: str) -> None:
    """Make the guards of an app's tables anew, as who wants nobody to notice."""
    from types import SimpleNamespace

    from django.db import connection

    from dianka.desk.office.guards import list_triggers, make_for

    groups = {"ledger": ("ledger", "audit"), "vending": ("vending", "desks", "counter")}
    groups |= {name: (name,) for name in ("estate", "people")}
    assert any(table.startswith(f"{app}_") for _, table in list_triggers())
    with connection.cursor() as cursor:
        editor = SimpleNamespace(
            connection=connection,
            execute=lambda statement, params=None: cursor.execute(statement, params),
        )
        for group in groups[app]:
            make_for(group)(None, editor)
