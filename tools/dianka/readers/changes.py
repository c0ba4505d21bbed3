"""What changed at the readers from one snapshot to the next, each change with one line for people.

Nothing here talks to a reader: watch.py does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from dianka.card_port import CardError, serial_of
from dianka.readers.pcsc import Seen


class EventKind(StrEnum):
    """What happened."""

    SERVICE_GONE = "service gone"
    SERVICE_BACK = "service back"
    AWAKE = "awake"
    READER_CAME = "reader came"
    READER_WENT = "reader went"
    READER_BROKEN = "reader broken"
    CARD_IN = "card in"
    CARD_OUT = "card out"
    CARD_MUTE = "card mute"
    IN_USE = "in use"
    FREE = "free"


@dataclass(frozen=True)
class Event:
    """A change; `reader` is empty if it concerns them all. `line` is for people."""

    kind: EventKind
    line: str
    reader: str = ""
    atr: bytes = b""


@dataclass(frozen=True)
class Snapshot:
    """What there is at all readers at one moment.

    `trouble` is one line, empty while the card service runs; with it nothing is seen. `sleeps`
    counts how often the PC slept, `slept_s` is how long the last time. A card `in_use` is held by
    another program.
    """

    seen: tuple[Seen, ...] = ()
    trouble: str = ""
    sleeps: int = 0
    slept_s: int = 0


NO_SNAPSHOT = Snapshot(trouble="nobody has looked yet")


def compare_snapshots(before: Snapshot, after: Snapshot) -> Iterator[Event]:
    """Yield what happened from one snapshot to a later one.

    After a service that was gone nothing is taken for known, and after a sleep no card: all that is
    there is named again.
    """
    known = {seen.name: seen for seen in before.seen}
    if after.trouble:
        if after.trouble != before.trouble:
            yield Event(EventKind.SERVICE_GONE, after.trouble)
        return
    if before.trouble:
        nothing = "" if after.seen else ", there is no card reader: plug one in"
        yield Event(EventKind.SERVICE_BACK, f"the card service runs{nothing}")
    slept = after.sleeps != before.sleeps and not before.trouble
    if slept:
        yield Event(
            EventKind.AWAKE,
            f"the PC slept, or all stood still, for {after.slept_s} s: readers and cards are "
            "looked at anew",
        )
    here = {seen.name for seen in after.seen}
    for name in known:
        if name not in here:
            yield Event(EventKind.READER_WENT, f"{name} is unplugged: plug it in again", name)
    for seen in after.seen:
        yield from _compare_reader(known.get(seen.name), seen, slept)


def _compare_reader(before: Seen | None, after: Seen, slept: bool) -> Iterator[Event]:
    name = after.name
    if after.broken:
        if before is None or not before.broken:
            line = f"{name} does not answer: unplug it and plug it in again"
            yield Event(EventKind.READER_BROKEN, line, name)
        return
    if before is None or before.broken:
        yield Event(EventKind.READER_CAME, f"{name} is there", name)
        before = None
    elif slept:
        before = None
    was, now = _identify_card(before), _identify_card(after)
    if was != now:
        if was:
            yield Event(EventKind.CARD_OUT, f"{name}: the card is out", name)
        if after.mute:
            line = f"{name}: the card does not answer: turn it round, or take another"
            yield Event(EventKind.CARD_MUTE, line, name)
        elif now:
            yield Event(EventKind.CARD_IN, f"{name}: {describe_card(after.atr)}", name, after.atr)
    was_in_use = before is not None and before.in_use and was is not None and was == now
    if after.in_use and now and not was_in_use:
        line = f"{name} is in use by another program: close that first"
        yield Event(EventKind.IN_USE, line, name)
    elif was_in_use and not after.in_use:
        yield Event(EventKind.FREE, f"{name} is free again", name)


def _identify_card(seen: Seen | None) -> tuple[bytes, int] | None:
    """Return what tells this card from the next one, None while there is none.

    The count of moves tells a card that was exchanged for one with the same ATR while nobody
    looked. A card whose ATR is not known yet is still being switched on.
    """
    if seen is None or not seen.present or not (seen.atr or seen.mute):
        return None
    return seen.atr, seen.moves


def describe_card(atr: bytes) -> str:
    """Return in words what card has this ATR."""
    try:
        return f"electricity meter card {serial_of(atr).hex()}"
    except CardError:
        return f"foreign card {atr.hex(' ').upper()}" if atr else "a card that does not answer"
