"""Judge what a meter keeps beside its money: the log of events, and the days (docs/journal.md).

Read from the memory's bytes by the bench itself. A cut may cost the entry that it falls into, never
a former one, and the next entry goes on with the chain.
"""

import zlib
from dataclasses import dataclass
from itertools import pairwise

from dianka.bench.campaign.cuts.books import PJ_PER_WH
from dianka.bench.campaign.trial import Trial
from dianka.cardos.files import card_files
from dianka.desk.event_log import ENTRY_BYTES, KINDS, MeterLog, Ring, event_chain
from dianka.desk.log_check import find_break, find_difference
from dianka.firmware import load_shared

_map = load_shared("fram_map")
_CRC = 4
_POWER = 3  # kind of an entry in the log
# The record of the days: format and number (5), 11 days and 2 months of 13 bytes.
_HISTORY, _HEAD, _ENTRY, _DAYS = 178, 5, 13, 11
_DAY_S, _LOCAL_S = 86_400, 8 * 3600


# ****** The log of events ******


def read_log(content: bytes) -> MeterLog:
    """Return the log of events in a memory with this content, entry by entry."""
    rings, entries = [], []
    for kind in range(len(KINDS), 0, -1):
        found = _read_ring(content, kind)
        newest = max(found, default=0)
        first = max(1, newest - _map.EVENT_SLOTS[kind - 1] + 2)
        anchor = found.get(first - 1)
        before = anchor[-event_chain.HASH :] if anchor else event_chain.START
        rings.append(Ring(kind, first, newest - first + 1, before))
        entries += [found.get(number) for number in range(first, newest + 1)]
    return MeterLog(b"", 0, 0, 0, "", tuple(rings), tuple(entries))


def _read_ring(content: bytes, kind: int) -> dict[int, bytes]:
    """Return the whole entries of a kind by their numbers, of either half of the memory."""
    found = {}
    slots, before = _map.EVENT_SLOTS[kind - 1], sum(_map.EVENT_SLOTS[: kind - 1])
    for half in _map.HALVES:
        for slot in range(slots):
            at = half + _map.EVENTS_AT + (before + slot) * _map.EVENT_SLOT_BYTES
            entry = content[at : at + ENTRY_BYTES]
            if _is_whole(entry, content[at + ENTRY_BYTES : at + ENTRY_BYTES + _CRC]):
                record = card_files.unpack(card_files.LOG_ENTRY, entry)
                if record["kind"] == kind and record["number"] % slots == slot:
                    found[record["number"]] = entry
    return found


def check_log(trial: Trial, former: MeterLog | None) -> None:
    """Check each chain, and that no entry of the `former` log is missing or another one.

    A start without a former log may have lost it with the memory. The meter has started since.
    """
    log = read_log(trial.rig.bench.fram.content)
    broken = find_break(log)
    assert not broken, f"the log is broken at {broken}"
    if former is None:
        return
    differs = find_difference(log, former)
    assert not differs, f"the log has lost an entry: {differs}"
    starts, before = (_find_ring(each, _POWER).newest for each in (log, former))
    assert starts > before, "no start is in the log"


def _find_ring(log: MeterLog, kind: int) -> Ring:
    return next(ring for ring in log.rings if ring.kind == kind)


# ****** Days ******


@dataclass(frozen=True)
class Day:
    """The totals at the beginning of a day, which is counted from 2000-01-01 on."""

    day: int
    energy_wh: int
    used_fen: int


def read_days(content: bytes) -> list[Day]:
    """Return the days that a memory with this content has kept, the oldest first."""
    best, found = -1, []
    for half in _map.HALVES:
        raw = content[half + _map.HISTORY_AT :][:_HISTORY]
        number = int.from_bytes(raw[1:_HEAD], "big")
        if raw[0] and _is_whole(raw[:-_CRC], raw[-_CRC:]) and number > best:
            best = number
            entries = [raw[_HEAD + n * _ENTRY :][:_ENTRY] for n in range(_DAYS)]
            found = [_unpack_day(entry) for entry in entries if entry[2]]
    return found


def _unpack_day(entry: bytes) -> Day:
    return Day(*(int.from_bytes(entry[a:b], "big") for a, b in ((0, 2), (3, 8), (8, _ENTRY))))


def check_days(trial: Trial) -> None:
    """Check a meter that was made yesterday: both days are there, with totals that rise to now."""
    bench, state = trial.rig.bench, trial.state
    days = read_days(bench.fram.content)
    today = (bench.clock_chip.time_s + _LOCAL_S) // _DAY_S
    assert [each.day for each in days] == [today - 1, today], (
        f"days {[each.day for each in days]} are kept, and today is {today}"
    )
    now = Day(today, state.energy_pj // PJ_PER_WH, state.bought_fen - state.balance_fen)
    for former, later in pairwise((*days, now)):
        assert former.energy_wh <= later.energy_wh and former.used_fen <= later.used_fen, (
            f"the totals of the days fall from {former} to {later}"
        )


def _is_whole(data: bytes, crc: bytes) -> bool:
    return any(data) and zlib.crc32(data) == int.from_bytes(crc, "big")
