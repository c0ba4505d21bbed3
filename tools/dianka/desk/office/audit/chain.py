"""Append acts to a desk's chain; links.py verifies chains.

The hash of an act is SHA-256 over the bytes of `encode`. They are fixed for ever: a change of them
takes another first byte. A chain does not show that its tail was cut off: compare its head with one
that was kept elsewhere, such as the last receipt's.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

from django.db import connection

from dianka.desk.office import server, sql
from dianka.desk.office.audit import records
from dianka.desk.office.audit.models import Act, Chain

FORM = b"\x01"
START = bytes(32)
_NOW = {  # with % doubled, as these are executed with arguments
    "sqlite": "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')",
    "postgresql": "to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')",
}
_CHAIN = f"SELECT id, length, head, {_NOW[connection.vendor]} FROM audit_chain WHERE desk = %s"
_ACT = (
    "INSERT INTO audit_act (chain_id, number, time, operator, kind, subject, detail, moves, hash) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id"
)
_HEAD = "UPDATE audit_chain SET length = %s, head = %s WHERE id = %s"


def append(
    desk: str,
    operator: str,
    kind: str,
    subject: str,
    detail: str = "",
    moves: str = "",
    rows: Iterable[str] = (),
) -> Act:
    """Append an act to the desk's chain and return it. The caller is in a transaction.

    `rows` are those that the act has written, as state.told tells them. `moves` are told and
    hashed; posting.py enters them. The chain's row stays locked until that transaction ends, so a
    chain has no gaps and no forks.
    """
    return append_as_told(desk, operator, kind, subject, records.join(detail, rows), moves)


def append_as_told(
    desk: str, operator: str, kind: str, subject: str, detail: str, moves: str = ""
) -> Act:
    """Append an act as `append` does, whose detail tells of its rows already."""
    assert connection.in_atomic_block, "an act belongs to the transaction of what it tells"
    if server.IS_HERE:
        assert not moves, "the database makes an act and its entries at once (posting.py)"
        made = server.post(desk, operator, kind, subject, detail)
        return form_act(made, desk, operator, kind, subject, detail)
    chain, now = _find(desk)
    made = server.Made(chain.pk, 0, chain.length + 1, now, b"")
    act = form_act(made, desk, operator, kind, subject, detail, moves)
    act.hash = hashlib.sha256(encode(act, bytes(chain.head))).digest()
    words = (act.number, sql.time_value(now), operator, kind, subject, detail, moves, act.hash)
    act.pk = sql.fetch_value(_ACT, (chain.pk, *words))
    sql.run(_HEAD, (act.number, act.hash, chain.pk))
    return act


def form_act(
    made: server.Made,
    desk: str,
    operator: str,
    kind: str,
    subject: str,
    detail: str,
    moves: str = "",
) -> Act:
    """Return an act that the database has, or is about to have, as an object."""
    return Act(
        id=made.key,
        chain=Chain(id=made.chain_key, desk=desk, length=made.number, head=made.hash),
        number=made.number,
        time=made.time,
        operator=operator,
        kind=kind,
        subject=subject,
        detail=detail,
        moves=moves,
        hash=made.hash,
    )


def lock(desk: str) -> None:
    """Lock a desk's chain: no act is added to it by others until the transaction ends."""
    if server.IS_HERE:
        server.lock_chain(desk)


def _find(desk: str) -> tuple[Chain, datetime]:
    """Return the desk's chain, and the database's time."""
    row = None
    while row is None:
        row = sql.fetch(_CHAIN, (desk,))
        if row is None:
            Chain.objects.get_or_create(desk=desk)
    number, length, head, now = row
    return Chain(id=number, desk=desk, length=length, head=bytes(head)), _parse_time(now)


def encode(act: Act, former: bytes) -> bytes:
    """Return the bytes that the hash of an act covers; `former` is the hash of the act before it.

    FORM, then each field with its length before it, 4 bytes, high byte first.
    """
    time = act.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    words = (act.chain.desk, str(act.number), time, act.operator, act.kind, act.subject)
    fields = [text.encode() for text in (*words, act.detail, act.moves)] + [former]
    return FORM + b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def read_time() -> datetime:
    """Return the database's time: the clocks of desks differ."""
    return _parse_time(sql.fetch_value(f"SELECT {_NOW[connection.vendor]}"))


def _parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
