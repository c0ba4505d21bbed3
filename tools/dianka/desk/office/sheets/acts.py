"""Write all acts of all chains into a file, for whoever checks them without this database."""

from pathlib import Path

from django.db import transaction

from dianka.desk.office.audit import chain, files
from dianka.desk.office.one_view import one_view
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.sheets.importing import clip
from dianka.desk.office.vending.shifts import raise_if_to_count


@needs("export")
def export_acts(actor: Actor, file: Path) -> int:
    """Write a new file with all acts, and return how many. It is an act itself.

    ShiftError for who has an open shift: the acts tell what he is to count blind.
    """
    raise_if_to_count(actor)
    with one_view():
        acts = files.write_rows(file, files.list_all_rows())
    with transaction.atomic():
        told = f"{acts} acts as {clip(file.name)}"
        chain.append(actor.desk, actor.operator, "export", "acts", told)
    return acts
