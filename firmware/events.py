"""Log what happened, in rings by kind whose entries are chained by hashes, in the FRAM.

**Rings.** Each kind of event (event_chain.py) has a ring of its own, so that many of one kind never
push out another. `fram_map.EVENT_SLOTS` has one slot more than the entries that are promised: 100
purchases, 20 of supply, power and faults, which come in pairs, 10 of the others. The one before
them is the anchor: its hash is what the oldest of them follows.

**Entry.** 32 bytes (card_files.LOG_ENTRY): number in its ring from 1 on, local time, kind, `what`,
13 bytes of detail, 8 bytes of hash; in the memory a CRC-32 behind it. Both halves of the memory
have each ring, and the entry of the higher number counts.

**Chain.** The hash is a SHA-256, cut to 8 bytes, of the former entry's hash and this content. It
shows each entry that was damaged, changed, left out or put elsewhere by whoever did not compute all
later ones anew. It has no key, as the controller holds none: who can write the whole memory can
write another whole chain. That shows against a copy that was taken earlier, as both must have the
same hash at the same number. Entries taken off the end show against such a copy alone.

**Cuts.** An entry goes to the first half and then to the same slot of the second. A cut at any byte
leaves the former entries and none or all of this one; an entry that only one half has is written to
the other before the next of its kind. Purchases are logged between the ESAM's
credit and the commit of the state (settlement.py). A cut there leaves the intent, the start
completes the purchase, and `log_purchase` finds its count logged already: so each has exactly one
entry. All others are logged after the commit of what they tell; a cut in between costs the entry.
Nothing is logged before the state has been read from the memory: until then it may be another's.

**Cost.** An entry is two writes of 36 bytes, and a ring is found when it is first needed, by
halving: 7 looks into the ring of purchases, which is found soon after the start. The start itself
reads nothing. A memory that does not answer loses the entry, which the console says, and nothing
else.
"""

import binascii

from micropython import const

import account
import card_files
import event_chain
import fram_map
from ds3231 import Ds3231
from fram import Fram
from state_store import StateStore

_CRC = const(4)
_ENTRY = const(32)
_FIVE_BYTES = const(0xFFFFFFFFFF)  # 5 bytes, as a balance below zero is kept
_NUMBER = const(4)
_KIND_AT = const(9)


class Events:
    """The log in the journal's memory."""

    def __init__(self, memory: "Fram", clock: "Ds3231", store: "StateStore", log) -> None:
        self._memory = memory
        self._clock = clock
        self._store = store
        self._log = log
        # Of each kind: (number, hash, what) of the newest entry, None until it is needed.
        self._newest: list = [None] * (event_chain.KINDS + 1)

    def log(self, kind: int, what: int, detail: bytes = b"") -> None:
        """Keep an event of now. A memory that fails loses it, and nothing else."""
        if self._store.unread:
            return  # which the store has said on the console
        try:
            number, before, _ = self._find_newest(kind)
            number += 1
            record = {
                "number": number,
                "time": self._clock.read_local_minute(),
                "kind": kind,
                "what": what,
                "detail": (detail + bytes(event_chain.DETAIL))[: event_chain.DETAIL],
            }
            content = card_files.pack(card_files.LOG_ENTRY, record)[: -event_chain.HASH]
            own = event_chain.compute_hash(before, content)
            self._write(kind, number, content + own)
            self._newest[kind] = (number, own, what)
        except OSError:
            self._newest[kind] = None  # one half may have it
            self._log("event not kept: the memory does not answer")

    def prepare(self) -> None:
        """Find the ring of purchases, for which a session would have the card wait 20 ms."""
        try:
            self.newest_number(event_chain.PURCHASE)
        except OSError:
            return  # found when it is needed

    def log_change(self, kind: int, what: int, detail: bytes = b"") -> None:
        """Keep this event unless the newest of its kind says the same."""
        try:
            number, _, newest = self._find_newest(kind)
        except OSError:
            return
        if not number or newest != what:
            self.log(kind, what, detail)

    def log_purchase(self, amount_fen: int, count: int, balance_fen: int, again: bool) -> None:
        """Keep a purchase. `again`: a start repeats it, and the entry may be there already."""
        detail = amount_fen.to_bytes(4, "big") + count.to_bytes(4, "big")
        if not (again and self.read_newest_detail(event_chain.PURCHASE)[:8] == detail):
            self.log(event_chain.PURCHASE, 0, detail + pack_signed(balance_fen))

    def log_restored(self, balance_fen: int, energy_pj: int) -> None:
        """Keep that a meter that had lost its memory took this back from the ESAM."""
        wh = energy_pj * 1000 // account.PJ_PER_KWH
        detail = pack_signed(balance_fen) + wh.to_bytes(8, "big")
        self.log(event_chain.PARAMETERS, event_chain.BY_MIRROR, detail)

    def log_closing(self, count: int, amount_fen: int) -> None:
        """Keep that an order has ended the account with this amount, unless that is the newest."""
        detail = count.to_bytes(4, "big") + pack_signed(amount_fen)
        if self.read_newest_detail(event_chain.PARAMETERS)[: len(detail)] != detail:
            self.log(event_chain.PARAMETERS, event_chain.BY_CLOSING, detail)

    def log_clock(self, former: "int | None", seconds: int) -> None:
        """Keep that the clock was set to this time; `former` is None if it had none."""
        detail = (former or 0).to_bytes(4, "big") + seconds.to_bytes(4, "big")
        self.log(event_chain.CLOCK, 0, detail)

    def newest_number(self, kind: int) -> int:
        """Return the number of the newest entry, 0 without one; OSError if the memory fails."""
        return self._find_newest(kind)[0]

    def newest_what(self, kind: int) -> "int | None":
        """Return `what` of the newest entry, None without one; OSError if the memory fails."""
        number, _, what = self._find_newest(kind)
        return what if number else None

    def oldest_number(self, kind: int) -> int:
        """Return the number of the oldest entry that is promised, the one after the anchor."""
        return max(1, self.newest_number(kind) - _slots_of(kind) + 2)

    def read(self, kind: int, number: int) -> "bytes | None":
        """Return an entry, or None if it is not there whole; OSError if the memory fails."""
        entry = self._read_slot(kind, number % _slots_of(kind))
        return entry if entry and _number_of(entry) == number else None

    def read_purchase(self, number: int) -> "tuple | None":
        """Return (local minute, fen, count) of a purchase; as `read`."""
        entry = self.read(event_chain.PURCHASE, number)
        if not entry:
            return None
        record = card_files.unpack(card_files.LOG_ENTRY, entry)
        amount, count = record["detail"][:4], record["detail"][4:8]
        return record["time"], int.from_bytes(amount, "big"), int.from_bytes(count, "big")

    def read_newest_detail(self, kind: int) -> bytes:
        """Return the detail of the newest entry; b"" without one, or if the memory fails."""
        try:
            number = self.newest_number(kind)
            entry = self.read(kind, number) if number else None
        except OSError:
            entry = None
        return card_files.unpack(card_files.LOG_ENTRY, entry)["detail"] if entry else b""

    # ****** Ring ******

    def _find_newest(self, kind: int) -> tuple:
        """Return (number, hash, what) of the newest entry; number 0 and START without one."""
        if self._newest[kind] is None:
            number = self._search(kind)
            entry = self.read(kind, number) if number else None
            if entry:
                self._make_whole(kind, number, entry)
            self._newest[kind] = (
                (number, entry[-event_chain.HASH :], entry[_KIND_AT + 1])
                if entry
                else (number, event_chain.START, 0)
            )
        return self._newest[kind]

    def _make_whole(self, kind: int, number: int, entry: bytes) -> None:
        """Write the newest entry to a half that lacks it: the cut that took it is not the last.

        A lap later it is the anchor, and the entry that goes to its slot may be torn as well.
        """
        record = entry + _crc_of(entry)
        for half in fram_map.HALVES:
            address = _address_of(half, kind, number % _slots_of(kind))
            if bytes(self._memory.read(address, _ENTRY + _CRC)) != record:
                self._memory.write(address, record)

    def _search(self, kind: int) -> int:
        """Return the newest number, by halving: up to it, each slot's number is one higher.

        An entry lost in both halves is passed over by its neighbour.
        """
        first, low, high = self._number_in(kind, 0), 0, _slots_of(kind) - 1
        if first < 0:
            first = max(0, self._number_in(kind, 1) - 1)
        while low < high:
            middle = probe = (low + high + 1) // 2
            number = self._number_in(kind, probe)
            if number < 0:
                probe = min(middle + 1, high)
                number = self._number_in(kind, probe)
            if number == first + probe:
                low = probe
            else:
                high = middle - 1
        return first + low

    def _number_in(self, kind: int, slot: int) -> int:
        """Return the number of the entry in this slot, 0 if none ever was, -1 if it is damaged."""
        entry = self._read_slot(kind, slot)
        return -1 if entry is None else _number_of(entry)

    def _read_slot(self, kind: int, slot: int) -> "bytes | None":
        """Return the newer entry of both halves, b"" if none ever was, None if both are damaged."""
        best = None
        for half in fram_map.HALVES:
            raw = bytes(self._memory.read(_address_of(half, kind, slot), _ENTRY + _CRC))
            entry = raw[:_ENTRY]
            if not any(raw):
                entry = b""
            elif _crc_of(entry) != raw[_ENTRY:]:
                continue
            elif entry[_KIND_AT] != kind or _number_of(entry) % _slots_of(kind) != slot:
                continue
            if best is None or _number_of(entry) > _number_of(best):
                best = entry
        return best

    def _write(self, kind: int, number: int, entry: bytes) -> None:
        slot = number % _slots_of(kind)
        for half in fram_map.HALVES:
            self._memory.write(_address_of(half, kind, slot), entry + _crc_of(entry))


def pack_signed(value: int) -> bytes:
    """Return a balance as 5 bytes in two's complement."""
    return (value & _FIVE_BYTES).to_bytes(5, "big")


def _slots_of(kind: int) -> int:
    return fram_map.EVENT_SLOTS[kind - 1]


def _address_of(half: int, kind: int, slot: int) -> int:
    before = sum(fram_map.EVENT_SLOTS[: kind - 1])
    return half + fram_map.EVENTS_AT + (before + slot) * fram_map.EVENT_SLOT_BYTES


def _crc_of(entry: bytes) -> bytes:
    return binascii.crc32(entry).to_bytes(_CRC, "big")


def _number_of(entry: bytes) -> int:
    return int.from_bytes(entry[:_NUMBER], "big")
