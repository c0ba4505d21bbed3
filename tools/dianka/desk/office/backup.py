"""Copy an office while it is at work, and bring such a copy back.

SQLite makes its copy itself (VACUUM INTO), since copying the file of a database that is open
damages it; PostgreSQL's is made by pg_dump (dumps.py). A copy gets its name only once it has been
opened and read whole. It holds the database alone: the secret stays in the office's folder and
signs nobody out of a restored one.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from dianka.card_port import CardError
from dianka.desk.office.opening import URL, configure
from dianka.desk.office.privacy import make_file
from dianka.desk.office.settings import DATABASE


def backup(target: Path) -> int:
    """Write a verified copy of the open office to a new file; return its number of acts."""
    from django.db import connection

    if target.exists():
        raise CardError(f"{target} exists: name a new file, a backup is never overwritten")
    draft = target.with_name(target.name + ".part")
    draft.unlink(missing_ok=True)
    try:
        make_file(draft)  # who lives where, and what the passwords' hashes are
        if connection.vendor == "postgresql":
            from dianka.desk.office import dumps

            acts = dumps.write(draft)
        else:
            with connection.cursor() as cursor:
                cursor.execute("VACUUM INTO %s", [str(draft)])
            acts = verify(draft)
        _sync(draft)
        draft.rename(target)
        _sync(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise CardError(
            f"the backup can't be written to {target} ({error}): nothing is there"
        ) from None
    finally:
        draft.unlink(missing_ok=True)
    return acts


def restore(source: Path, folder: Path) -> int:
    """Bring a backup back into an office without a database; return its number of acts.

    On PostgreSQL that is the empty database of DIANKA_DATABASE.
    """
    if os.environ.get(URL):
        configure(folder)
        from dianka.desk.office import dumps

        return dumps.bring_back(source)
    return _restore_file(source, folder)


def _restore_file(source: Path, folder: Path) -> int:
    target = folder / DATABASE
    if target.exists():
        raise CardError(
            f"{target} is there: move it away first, a database is never overwritten by a backup"
        )
    acts = verify(source)
    draft = target.with_name(DATABASE + ".part")
    draft.unlink(missing_ok=True)
    make_file(draft)
    with closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as old:
        old.execute("VACUUM INTO ?", [str(draft)])
    verify(draft)
    _sync(draft)
    draft.rename(target)
    _sync(folder)
    return acts


def verify(file: Path) -> int:
    """Open a copy and read it whole; return its number of acts. CardError if it is damaged."""
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as copy:
            (said,) = copy.execute("PRAGMA integrity_check").fetchone()
            if said != "ok":
                raise CardError(f"{file} is damaged ({said}): take another backup")
            if copy.execute("PRAGMA foreign_key_check").fetchone():
                raise CardError(f"{file} is damaged (rows are missing): take another backup")
            (acts,) = copy.execute("SELECT count(*) FROM audit_act").fetchone()
            (told,) = copy.execute("SELECT coalesce(sum(length), 0) FROM audit_chain").fetchone()
    except sqlite3.Error as error:
        raise CardError(f"{file} is no backup of an office ({error}): name another file") from None
    if acts != told:
        raise CardError(f"{file} has {acts} of {told} acts: take another backup")
    return acts


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
