"""Keep the meter's own state in the ESAM, for a meter that loses its memory.

The ESAM's wallet and parameters bring back money, count, limits and prices. File MIRROR
(card_files.py) has the rest: energy, debt, card, locks. It is a log, into which the card OS puts a
record whole or not at all (docs/cards/protocol.md), and whose records are worn in turn. Each has a
CRC over the ESAM's serial and its fields, so one that was copied from another ESAM is none.

**Written** by settlement.py after each settling, where it has changed, and within a second of
another count, customer, card or a closed account. Never on an ESAM whose parameters name another
meter.

**Taken back** by a meter alone that has no state of its own; whatever the journal has is newer.
Money is never taken from it: the balance is at most the ESAM's wallet, from which a debt is taken.

**A debt is taken once.** A purchase pays a debt off in the journal, but the wallet gets all of it,
until a DEBIT takes the debt out. So no DEBIT comes between such a purchase and a record of its
count (`secure`). With a record of the wallet's own count the balance is the lower of the two, as
both have only fallen since; with one of a lower count the debt is still to be taken.

An ESAM of an earlier make has no such file. Nothing is written there, and nothing said.
"""

import binascii

from micropython import const

import card_files
import state as records
import supply
from esam import Esam, EsamError
from state import State

_FORMAT = const(1)
_CRC = const(4)
_NO_FILE = const(0x6A82)
_METER_NO_AT = const(26)  # in PARAMS
_METER_NO = const(6)
# What has to be in the mirror at once; the rest can wait for the next settling.
_LASTING = ("meter_no", "customer_no", "card_serial", "count")
_STAGES = records.RELEASED_ALARM2 | records.RELEASED_ZERO | records.LOCKED | records.CLOSED


class Mirror:
    """The mirror in one ESAM. `forget` whenever the ESAM has been started."""

    def __init__(self, esam: "Esam", log) -> None:
        self._esam = esam
        self._log = log
        self._absent = False
        self._block = b""  # the newest whole record, as it is in the ESAM
        self._record: "dict | None" = None

    async def find(self, need: bool) -> "dict | None":
        """Return the newest whole record, None without one. To be called after each start.

        EsamError if the ESAM does not answer. One that refuses is taken for one without the file,
        unless its record is needed.
        """
        self._absent, self._block, self._record = False, b"", None
        try:
            for number in range(1, card_files.MIRRORS + 1):
                block = await self._read(number)
                if self._keep(block) or not any(block):
                    break
                if await self._read(number) != block:
                    raise EsamError("two readings of the mirror differ")
        except EsamError as error:
            if not error.sw or (need and error.sw != _NO_FILE):
                raise
            self._absent = True
            if error.sw != _NO_FILE:
                self._log("ESAM: no mirror: " + str(error))
        return self._record

    def is_behind(self, state: "State") -> bool:
        """Return whether it lacks something that should not wait for the next settling."""
        if self._absent:
            return False
        record = self._record
        if record is None:
            return True
        kept = tuple(record[name] for name in _LASTING) + (record["flags"] & records.CLOSED,)
        return kept != self.find_lasting(state)

    def find_lasting(self, state: "State") -> tuple:
        """Return what has to be in the mirror at once."""
        return tuple(getattr(state, name) for name in _LASTING) + (state.flags & records.CLOSED,)

    async def secure(self, state: "State") -> None:
        """Make a DEBIT harmless: a record of a debt must be of the present count."""
        record = self._record
        if record and record["overdraft_fen"] and record["count"] < state.count:
            await self.write(state)

    async def write(self, state: "State") -> None:
        """Keep the state, if it is that of this ESAM's meter and has changed.

        EsamError if the ESAM does not take it.
        """
        if self._absent or not state.has(records.INITIALISED):
            return
        block = self._pack(state)
        if block == self._block or await self._read_meter_no() != state.meter_no:
            return
        await self._esam.append(card_files.ESAM_MIRROR, block)
        if await self._read(1) != block:  # no MAC protects it on its way
            raise EsamError("the mirror was not kept as it was sent")
        self._keep(block)

    def _keep(self, block: bytes) -> bool:
        """Take this block for the newest record. Return False if it is none."""
        crc = int.from_bytes(block[-_CRC:], "big")
        if block[0] != _FORMAT or self._compute_crc(block[:-_CRC]) != crc:
            return False
        try:
            self._record = card_files.unpack(card_files.MIRROR, block)
        except ValueError:
            return False
        self._block = block
        return True

    def _pack(self, state: "State") -> bytes:
        record = _pick_fields(state)
        record["format"] = _FORMAT
        body = card_files.pack(card_files.MIRROR, record)[:-_CRC]
        return body + self._compute_crc(body).to_bytes(_CRC, "big")

    def _compute_crc(self, body: bytes) -> int:
        return binascii.crc32(self._esam.serial + body)

    async def _read(self, number: int) -> bytes:
        return await self._esam.read_log(card_files.ESAM_MIRROR, number, card_files.MIRROR_SIZE)

    async def _read_meter_no(self) -> int:
        found = await self._esam.read(card_files.ESAM_PARAMS, _METER_NO_AT, _METER_NO)
        try:
            return card_files.from_bcd(found)
        except ValueError:
            return -1


def _pick_fields(state: "State") -> dict:
    """Return the fields of MIRROR that a state has."""
    return {
        name: getattr(state, name)
        for name, _, _ in card_files.MIRROR
        if name not in ("format", "reserved", "crc")
    }


def take_back(state: "State", record: dict, money_fen: int, count: int) -> bool:
    """Complete a state that has just got wallet and parameters from the ESAM.

    Return False, and change nothing, if the record is another meter's.
    """
    if record["meter_no"] != state.meter_no:
        return False
    state.energy_pj += record["energy_pj"]
    state.illegal_cards = min(state.illegal_cards + record["illegal_cards"], records.MOST_ILLEGAL)
    state.earliest_s = max(state.earliest_s, record["earliest_s"])
    state.silence_limit_s = state.silence_limit_s or record["silence_limit_s"]
    # An account that is not open owes nothing: what the factory's tests have used is forgiven.
    if state.customer_no and record["customer_no"] == state.customer_no:
        if record["count"] <= count:
            _take_account_back(state, record, money_fen, count)
    return True


def _take_account_back(state: "State", record: dict, money_fen: int, count: int) -> None:
    before_fen = record["wallet_fen"] - record["overdraft_fen"]
    taken = records.CLOSED
    if record["count"] == count:
        state.balance_fen = min(money_fen, before_fen)
        # Of a later purchase the card may be another one.
        state.card_serial = record["card_serial"]
        taken = _STAGES
    else:
        state.balance_fen = money_fen - record["overdraft_fen"]
    state.bought_fen = record["bought_fen"] + max(0, state.balance_fen - before_fen)
    state.flags = state.flags & ~taken | record["flags"] & taken
    for name in (
        "remainder", "step_pj", "step_since_s", "tripped", "overload_trips", "step_trips",
        "step_day",
    ):  # fmt: skip
        setattr(state, name, record[name])
    supply.update(state)
