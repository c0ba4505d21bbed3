"""A backup that an operator asks for, into the office's folder: it is kept elsewhere then."""

from pathlib import Path

from django.db import transaction

from dianka.desk.office.audit import chain
from dianka.desk.office.backup import backup
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.privacy import make_folder
from dianka.desk.prices import UTC_OFFSET

FOLDER = "backups"
MOST_LISTED = 50


@needs("export")
def make_backup(actor: Actor, office: Path) -> tuple[Path, int]:
    """Write a verified copy beside the office's database; return the file and its acts."""
    folder = office / FOLDER
    make_folder(folder)
    name = f"office-{chain.read_time() + UTC_OFFSET:%Y%m%d-%H%M%S}.copy"
    acts = backup(folder / name)
    with transaction.atomic():
        chain.append(actor.desk, actor.operator, "backup", name, f"{acts} acts")
    return folder / name, acts


@needs("export")
def list_backups(actor: Actor, office: Path) -> list[tuple[str, int]]:
    """Return names and bytes of the copies in the office's folder, the newest first."""
    files = sorted((office / FOLDER).glob("office-*.copy"), reverse=True)[:MOST_LISTED]
    return [(file.name, file.stat().st_size) for file in files]
