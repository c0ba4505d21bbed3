"""Bring an office of an older version to this one: a backup, then all steps at once."""

from collections.abc import Callable
from pathlib import Path

from dianka.card_port import CardError
from dianka.desk.office.backup import backup
from dianka.desk.office.opening import migrate, open_any_version, raise_if_not_ours, read_steps
from dianka.desk.office.privacy import close_to_others

_TELLS_OF_ROWS = "audit 0003_digest_key"  # the step from which on acts tell of rows


def upgrade(folder: Path, file: Path, tell: Callable[[str], None]) -> bool:
    """Upgrade the office in this folder, with a backup in a new file before.

    Return whether there was anything to do. CardError if it is of a newer version, and if the
    upgrade fails: the office is as it was then.
    """
    open_any_version(folder)
    applied, missing = read_steps()
    if not applied:
        raise_if_not_ours()
    if not missing:
        tell("the office is of this version already: nothing is done")
        return False
    tell(f"{len(missing)} steps to this version: {', '.join(missing)}")
    tell(f"{file} holds {backup(file)} acts, read back whole")
    from django.db import Error

    try:
        migrate(_count_rows if _TELLS_OF_ROWS in missing else lambda: None)
    except Error as error:
        reason = " ".join(str(error).split())
        raise CardError(
            f"the upgrade failed, and the office is as it was ({reason}): see that no desk is at "
            "work, and run it again with another file"
        ) from None
    close_to_others(folder)
    tell("the office is of this version now")
    return True


def _count_rows() -> None:
    from dianka.desk.office.state.before import count_rows

    count_rows()
