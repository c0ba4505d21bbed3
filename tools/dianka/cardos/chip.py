"""One reference card operating system for the ESAM and every kind of card in kinds.py.

A chip answers whole commands: an APDU in, data and a status word out. What T=0 adds - procedure
bytes, 61xx, 6Cxx - is in t0.py. Every command is one transaction: it works on a copy of the state,
which `on_commit` may store before it takes effect. An error at any point leaves the old state. The
ATR of all chips is 3B 69 00 00 41 and the 8-byte serial number (docs/cards/protocol.md).
"""

import os
from collections.abc import Callable

from dianka.cardos import commands, pin, records, sam, secure, wallet
from dianka.cardos.core import (
    MEMORY,
    UNKNOWN_CLA,
    UNKNOWN_INS,
    WRONG_LENGTH,
    Answer,
    Command,
    Context,
    Faults,
    Refused,
    Volatile,
)
from dianka.cardos.crypto import SM4
from dianka.cardos.kinds import find_make
from dianka.cardos.state import SERIAL_BYTES, State, make_state

ATR_HEAD = bytes.fromhex("3B 69 00 00 41")

# (CLA, INS): name in the kinds' tables, whether the command carries data, its handler.
Handler = Callable[[Context, Command], Answer]
COMMANDS: dict[tuple[int, int], tuple[str, bool, Handler]] = {
    (0x00, 0xA4): ("select", True, commands.select),
    (0x00, 0x84): ("challenge", False, commands.give_challenge),
    (0x00, 0xB0): ("read", False, commands.read),
    (0x04, 0xB0): ("read_mac", True, secure.read_mac),
    (0x00, 0xD6): ("update", True, commands.update),
    (0x04, 0xD6): ("update_mac", True, secure.update_mac),
    (0x00, 0xB2): ("read_record", False, records.read_record),
    (0x04, 0xB2): ("read_record_mac", True, secure.read_record_mac),
    (0x00, 0xE2): ("append", True, records.append_record),
    (0x04, 0xE2): ("append", True, records.append_record),
    (0x04, 0xDC): ("wallet", True, wallet.init_wallet),
    (0x84, 0x32): ("wallet", True, wallet.credit),
    (0x84, 0x30): ("wallet", True, wallet.refund),
    (0x80, 0x30): ("debit", True, records.debit),
    (0x00, 0x88): ("internal_auth", True, commands.authenticate_internally),
    (0x00, 0x82): ("external_auth", True, commands.authenticate_externally),
    (0x00, 0x20): ("pin", True, pin.verify_pin),
    (0x00, 0x24): ("pin", True, pin.change_pin),
    (0x80, 0xFA): ("sam", True, sam.execute_sam),
    (0x84, 0xD4): ("write_key", True, secure.write_key),
}
_CLASSES = frozenset(cla for cla, _ in COMMANDS)


class CardTorn(Exception):
    """The card lost power during a command. It answers again after `power_on`."""


class Chip:
    """A chip with its state.

    `rng` returns so many random bytes. `on_commit` stores a changed state; if it raises OSError,
    the command ends with 6581 and changes nothing.
    """

    def __init__(
        self,
        state: State,
        rng: Callable[[int], bytes] = os.urandom,
        on_commit: Callable[[State], None] | None = None,
    ) -> None:
        self.state = state
        self.rng = rng
        self.on_commit = on_commit
        self.faults = Faults()
        self._volatile: Volatile | None = None

    @classmethod
    def new(
        cls,
        kind: str,
        serial: bytes | None = None,
        rng: Callable[[int], bytes] = os.urandom,
        profile: str = SM4.name,
    ) -> "Chip":
        """Return a chip as its maker delivers it."""
        return cls(
            make_state(kind, rng(SERIAL_BYTES) if serial is None else serial, rng, profile=profile),
            rng,
        )

    @property
    def kind(self) -> str:
        return self.state.kind

    def power_on(self) -> bytes:
        """Reset the chip (cold or warm) and return the ATR. Discard all but the state."""
        self._volatile = Volatile()
        return ATR_HEAD + self.state.serial

    def power_off(self) -> None:
        self._volatile = None

    def find_refusal(self, cla: int, ins: int) -> int:
        """Return the status word if the chip has no such command, else 0."""
        if cla not in _CLASSES:
            return UNKNOWN_CLA
        make = find_make(self.state.kind, self.state.files)
        if (cla, ins) not in COMMANDS or COMMANDS[cla, ins][0] not in make.commands:
            return UNKNOWN_INS
        return 0

    def takes_data(self, cla: int, ins: int) -> bool:
        """Return whether P3 of this command counts bytes to the card, not from it."""
        return (cla, ins) in COMMANDS and COMMANDS[cla, ins][1]

    def process(self, apdu: bytes) -> Answer:
        """Execute one command; return its data and its status word.

        Raise CardTorn if the chip has no power or loses it.
        """
        if self._volatile is None:
            raise CardTorn("the card has no power: power_on it first")
        self.faults.commands += 1
        context = Context(self.state, self._volatile, self.rng, self.faults)
        try:
            if self.faults.commands == self.faults.refuse_at:
                raise Refused(self.faults.refuse_sw)
            handler, command = self._parse(bytes(apdu))
            answer = handler(context, command)
            if context.changed:
                self._commit(context.state)
        except Refused as refused:
            return b"", self._refuse(refused)
        return answer

    def _refuse(self, refused: Refused) -> int:
        """Store a try that the command has cost, if any, then return the status word."""
        sw = refused.sw
        if refused.keep is not None:
            try:
                self._commit(refused.keep)
            except Refused as failed:
                sw = failed.sw
        if sw == MEMORY and self._volatile is not None:
            # An authentication may rest on data that was not stored.
            self._volatile = Volatile(directory=self._volatile.directory)
        return sw

    def _parse(self, apdu: bytes) -> tuple[Handler, Command]:
        if len(apdu) < 4:
            raise Refused(WRONG_LENGTH)
        cla, ins, p1, p2 = apdu[:4]
        sw = self.find_refusal(cla, ins)
        if sw:
            raise Refused(sw)
        _, takes_data, handler = COMMANDS[cla, ins]
        if not takes_data:
            if len(apdu) != 5:
                raise Refused(WRONG_LENGTH)
            return handler, Command(cla, ins, p1, p2, le=apdu[4] or 256)
        lc = apdu[4] if len(apdu) > 5 else 0
        # Le may follow the data; it is ignored, as the answer has its own length.
        if not lc or len(apdu) not in (5 + lc, 6 + lc):
            raise Refused(WRONG_LENGTH)
        return handler, Command(cla, ins, p1, p2, apdu[5 : 5 + lc])

    def _commit(self, state: State) -> None:
        faults = self.faults
        faults.commits += 1
        if faults.commits == faults.memory_fails_at:
            raise Refused(MEMORY)
        if faults.commits == faults.torn_before:
            self.power_off()
            raise CardTorn("power lost before the card had stored anything")
        if self.on_commit:
            try:
                self.on_commit(state)
            except OSError:
                raise Refused(MEMORY) from None
        self.state = state
        if faults.commits == faults.torn_after:
            self.power_off()
            raise CardTorn("power lost after the card had stored it")
