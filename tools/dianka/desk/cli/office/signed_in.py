"""Options and openings that the office's commands share: its folder, and who is signed in.

A sign-in's token is kept in the user's own folder for state (XDG_STATE_HOME), one file for each
office, readable by him alone.
"""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dianka.card_port import CardError

if TYPE_CHECKING:
    from dianka.desk.office.people.rights import Actor

FolderOption = Annotated[
    Path,
    typer.Option(
        "--office",
        envvar="DIANKA_OFFICE",
        help="The office's folder, on a local disk; or DIANKA_OFFICE. With DIANKA_DATABASE="
        "postgresql://user:password@host/name its database is there.",
    ),
]
OfficeOption = Annotated[
    Path | None,
    typer.Option(
        "--office",
        envvar="DIANKA_OFFICE",
        show_default=False,
        help="The office that this is entered in, its books and its register; or DIANKA_OFFICE.",
    ),
]


def open_folder(folder: Path) -> None:
    """Open the office in this folder for the rest of this command."""
    from dianka.desk.office.opening import open_office

    open_office(folder)


def open_in_time(folder: Path) -> None:
    """Open the office in this folder; CardError if this PC's clock is far from its database's."""
    open_folder(folder)
    from dianka.desk.office.clock import raise_if_apart

    raise_if_apart()


def open_as_actor(folder: Path) -> "Actor":
    """Open the office in this folder and return who is signed in. CardError if nobody is."""
    open_in_time(folder)
    from dianka.desk.office.people.sign_in import find_actor

    return find_actor(read_token(folder))


def read_token(folder: Path) -> str:
    """Return the token of this office's sign-in. CardError if there is none."""
    try:
        return _token_file(folder).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise CardError(
            f"nobody is signed in to {folder}: run dianka office sign-in NAME --office {folder}"
        ) from None


def keep_token(folder: Path, token: str) -> None:
    """Keep the token of a sign-in, for this user's eyes alone."""
    file = _token_file(folder)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as kept:
        kept.write(token)


def drop_token(folder: Path) -> None:
    """Forget the token of this office's sign-in."""
    _token_file(folder).unlink(missing_ok=True)


def _token_file(folder: Path) -> Path:
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return Path(state) / "dianka" / f"sign-in-{name}"
