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
from dianka.desk.office.audit import records, times
from dianka.desk.office.audit.models import Act, Chain

FORM = b"\x01"
START = bytes(32)
_NOW = {  # with % doubled, as these are executed with arguments
    "sqlite": "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')",
    "postgresql": "to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')",
}
_CHAIN = (
    f"SELECT c.id, c.length, c.head, {_NOW[connection.vendor]}, a.id, a.time FROM audit_chain c "
    "LEFT JOIN audit_act a ON a.chain_id = c.id AND a.number = c.length WHERE c.desk = %s"
)
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
    at_any_time: bool = False,
) -> Act:
    """Append an act to the desk's chain and return it. The caller is in a transaction.

    `rows` are those that the act has written, as state.told tells them. `moves` are told and
    hashed; posting.py enters them. The chain's row stays locked until that transaction ends, so a
    chain has no gaps and no forks. ClockError if the clock can't be right, but `at_any_time`.
    """
    told = records.join(detail, rows)
    return append_as_told(desk, operator, kind, subject, told, moves, at_any_time)


def append_as_told(
    desk: str,
    operator: str,
    kind: str,
    subject: str,
    detail: str,
    moves: str = "",
    at_any_time: bool = False,
) -> Act:
    """Append an act as `append` does, whose detail tells of its rows already."""
    assert connection.in_atomic_block, "an act belongs to the transaction of what it tells"
    if server.IS_HERE:
        assert not moves, "the database makes an act and its entries at once (posting.py)"
        made = server.post(desk, operator, kind, subject, detail)
        if not at_any_time:
            raise_if_too_late(desk, made)
        return form_act(made, desk, operator, kind, subject, detail)
    chain, now, last = _find(desk)
    if not at_any_time:
        times.raise_if_wrong(desk, now, last)
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


def raise_if_too_late(desk: str, made: server.Made) -> None:
    """Raise ClockError if the database has made an act in a time that can't be right.

    The caller's transaction ends by that, and the act with it.
    """
    last = times.Before(made.last_key, made.last_time) if made.last_key and made.last_time else None
    times.raise_if_wrong(desk, made.time, last, made.key)


def raise_if_clock_is_wrong(desk: str) -> None:
    """Raise ClockError if an act of this desk would be refused now."""
    _, now, last = _read(desk) or (None, read_time(), None)
    times.raise_if_wrong(desk, now, last)


def find_last_time(desk: str) -> datetime:
    """Return when this desk, or the office if the desk never did, has done something last."""
    _, now, last = _read(desk) or (None, read_time(), None)
    return last.time if last else times.find_newest() or now


def lock(desk: str) -> None:
    """Lock a desk's chain: no act is added to it by others until the transaction ends."""
    if server.IS_HERE:
        server.lock_chain(desk)


def _find(desk: str) -> tuple[Chain, datetime, times.Before | None]:
    """Return the desk's chain, which is made if there is none, and what `_read` does."""
    found = None
    while found is None:
        found = _read(desk)
        if found is None:
            Chain.objects.get_or_create(desk=desk)
    return found


def _read(desk: str) -> tuple[Chain, datetime, times.Before | None] | None:
    """Return the desk's chain, the database's time, and the chain's last act if it has one."""
    row = sql.fetch(_CHAIN, (desk,))
    if row is None:
        return None
    number, length, head, now, key, time = row
    # SQLite's is without a zone, as Django stores it.
    last = times.Before(key, time if time.tzinfo else time.replace(tzinfo=UTC)) if key else None
    return Chain(id=number, desk=desk, length=length, head=bytes(head)), _parse_time(now), last


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
