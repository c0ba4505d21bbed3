"""Digests of what acts must not show: passwords' hashes, phones, identity numbers, notes.

A phone number has too few digits to be hidden by a plain hash. So digests have a key, which is
made with the database, lies in it and nowhere else, and is never in a file of acts. Who has the
database has the numbers as well.
"""

import hashlib
import hmac
import secrets
from typing import Any

from dianka.card_port import CardError
from dianka.desk.office.audit.models import DigestKey

_KEY_BYTES, _DIGITS = 32, 32


def make_key(apps: Any, _editor: Any) -> None:
    """Make the key, as the operation of a migration."""
    apps.get_model("audit", "DigestKey").objects.create(key=secrets.token_bytes(_KEY_BYTES))


def read_key() -> bytes:
    """Return the database's key. CardError if it is gone: no digest can be compared any more."""
    rows = DigestKey.objects.values_list("key", flat=True)[:2]
    if len(rows) != 1:
        raise CardError(
            "the database has lost the key of its digests: bring a backup back, or ask who has "
            "the database's password what was done"
        )
    return bytes(rows[0])


def digest(key: bytes, what: str, value: str) -> str:
    """Return the digest of a value, empty if that is. `what` keeps equal values apart."""
    if not value:
        return ""
    told = f"{what}\n{value}".encode()
    return hmac.new(key, told, hashlib.sha256).hexdigest()[:_DIGITS]
