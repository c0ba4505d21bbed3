"""The context of one command: the state it may change, the volatile data, and refusals.

Commands are functions (Context, Command) -> (answer, status word). They change `Context.change()`
and no other lasting data. Status words are those of ISO 7816-4, as docs/cards/protocol.md lists
them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from dianka.cardos import access, keys, kinds
from dianka.cardos.access import FileSpec, Right
from dianka.cardos.crypto import MAC_BYTES, PROFILES, is_same
from dianka.cardos.files import card_files
from dianka.cardos.state import State

TRIES_LEFT = 0x63C0
MEMORY = 0x6581
WRONG_LENGTH = 0x6700
WRONG_FILE_TYPE = 0x6981
NOT_ALLOWED = 0x6982
LOCKED = 0x6983
CONDITIONS = 0x6985
NO_CHALLENGE = 0x6987
WRONG_MAC = 0x6988
WRONG_DATA = 0x6A80
NO_FILE = 0x6A82
NO_RECORD = 0x6A83
WRONG_P1P2 = 0x6A86
NO_KEY = 0x6A88
WRONG_OFFSET = 0x6B00
WRONG_LE = 0x6C00
UNKNOWN_INS = 0x6D00
UNKNOWN_CLA = 0x6E00
BALANCE_SHORT = 0x9401

Answer = tuple[bytes, int]

_METER_NO_AT = card_files.size_of(card_files.PARAMS[:9])


class Refused(Exception):
    """The command ends with this status word and changes no lasting data except `keep`.

    `keep` is the state with the try that the command has cost, or None.
    """

    def __init__(self, sw: int, keep: State | None = None) -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw
        self.keep = keep


@dataclass
class Faults:
    """Faults that a test can set in a chip.

    Commands and commits are counted from 1, from the moment the faults are set.
    """

    locked_kids: frozenset[int] = frozenset()
    wrong_mac: bool = False
    refuse_at: int = 0
    refuse_sw: int = 0x6F00
    memory_fails_at: int = 0  # this commit ends with 6581
    torn_before: int = 0  # power is lost just before this commit
    torn_after: int = 0  # ... just after it
    commands: int = 0
    commits: int = 0


@dataclass
class Volatile:
    """Data that a chip loses with its power."""

    directory: int = kinds.MF
    challenge: bytes = b""
    auth_kid: int | None = None
    process_key: bytes = field(default=b"", repr=False)
    process_kid: int = 0
    process_factor: bytes = b""
    pin_given: bool = False  # since power-up (pin.py)
    serving: bool = False  # a key of the meter in CARD_SERVED has been requested
    # Parts of a backup: to hand out, or taken in.
    parts: list[bytes] = field(default_factory=list, repr=False)
    part_serials: dict[int, bytes] = field(default_factory=dict)  # of part cards, by their part
    roots: dict[int, bytes] = field(default_factory=dict, repr=False)  # being founded (backup.py)
    backups: int = 0  # number that this system may still make


@dataclass(frozen=True)
class Command:
    """One command's header and data."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int = 0  # of commands without data; 256 for a length byte of 00

    def pack_header(self, lc: int) -> bytes:
        return bytes((self.cla, self.ins, self.p1, self.p2, lc))

    def expect(self, lc: int) -> None:
        if len(self.data) != lc:
            raise Refused(WRONG_LENGTH)


class Context:
    """One command's view of its chip."""

    def __init__(
        self, state: State, volatile: Volatile, rng: Callable[[int], bytes], faults: Faults
    ) -> None:
        self.state = state
        self.volatile = volatile
        self.rng = rng
        self.faults = faults
        self.kind = kinds.find_make(state.kind, state.files)
        self.profile = PROFILES[state.profile]
        self.changed = False

    def change(self) -> State:
        """Return the state to write to: a copy, which the chip adopts if the command succeeds."""
        if not self.changed:
            self.state = self.state.copy()
            self.changed = True
        return self.state

    def find_key(self, kid: int) -> bytes:
        """Return a key; refuse a locked (6983) or a missing one (6A88)."""
        if kid in self.faults.locked_kids:
            raise Refused(LOCKED)
        key = self.volatile.roots.get(kid) or self.state.keys.get(kid)
        if key is None:
            raise Refused(NO_KEY)
        return key

    def find_file(self, sfi_byte: int) -> tuple[int, FileSpec]:
        """Return short id and description of the file that P1 (80H + short id) names.

        Refuse another P1 (6A86), a missing file (6A82) and one that is not read by offset (6981).
        """
        if not sfi_byte & 0x80:
            raise Refused(WRONG_P1P2)
        sfi, spec = self._find_file(sfi_byte & 0x7F)
        if spec.shape in (access.LOG, access.WALLET):
            raise Refused(WRONG_FILE_TYPE)
        return sfi, spec

    def find_record_file(self, p2: int, *shapes: str) -> tuple[int, FileSpec]:
        """Return short id and description of the file that P2 (short id * 8 + 4) names.

        Refuse another P2 (6A86), a missing file (6A82) and one of none of these shapes (6981).
        """
        if p2 & 7 != 4:
            raise Refused(WRONG_P1P2)
        sfi, spec = self._find_file(p2 >> 3)
        if spec.shape not in shapes:
            raise Refused(WRONG_FILE_TYPE)
        return sfi, spec

    def _find_file(self, sfi: int) -> tuple[int, FileSpec]:
        if self.volatile.directory != self.kind.directory or sfi not in self.kind.files:
            raise Refused(NO_FILE)
        return sfi, self.kind.files[sfi]

    def pick_right(
        self, rights: tuple[Right, ...], sealed: bool, target: bytes | None = None
    ) -> Right:
        """Return the first of these rights that this command may use, plain or sealed.

        `target` is the right's own target header, None for the others. Refuse if there is none
        (6982).
        """
        for right in rights:
            if (
                (right.mode != access.PLAIN) == sealed
                and right.auth in (None, self.volatile.auth_kid)
                and right.target == target
            ):
                return right
        raise Refused(NOT_ALLOWED)

    def write(self, sfi: int, offset: int, data: bytes) -> None:
        """Write to a file; refuse data beyond its end (6B00, 6700).

        A counter must not rise (6985).
        """
        old = self.state.files[sfi]
        if offset >= len(old):
            raise Refused(WRONG_OFFSET)
        if not data or offset + len(data) > len(old):
            raise Refused(WRONG_LENGTH)
        new = old[:offset] + data + old[offset + len(data) :]
        if self.kind.files[sfi].shape == access.COUNTER and new > old:
            raise Refused(CONDITIONS)
        self.change().files[sfi] = new

    def take_challenge(self, size: int) -> bytes:
        """Return the first bytes of the newest challenge, which is good for one use.

        Refuse if there is none, or a shorter one (6987).
        """
        challenge, self.volatile.challenge = self.volatile.challenge, b""
        if len(challenge) < size:
            raise Refused(NO_CHALLENGE)
        return challenge[:size]

    def check_mac(self, kid: int, command: Command, key: bytes = b"") -> bytes:
        """Return the command's data without its MAC; refuse a wrong MAC (6988).

        The MAC must be right under this key and the newest challenge. The key is that of `kid`, or
        one that was derived from it.
        """
        if len(command.data) <= MAC_BYTES:
            raise Refused(WRONG_LENGTH)
        key = key or self.find_key(kid)
        self.refuse_if_locked(kid)
        data, mac = command.data[:-MAC_BYTES], command.data[-MAC_BYTES:]
        r4 = self.take_challenge(4)
        if not is_same(
            mac, self.profile.compute_mac(key, r4, command.pack_header(len(command.data)) + data)
        ):
            raise self.make_refusal(kid, WRONG_MAC)
        if kid in self.state.mac_tries:
            del self.change().mac_tries[kid]
        return data

    def receive_data(self, right: Right, command: Command) -> bytes:
        """Check and decipher a command with secure messaging by its right; return the data."""
        data = command.data
        if right.mode in (access.MAC, access.CIPHER_MAC):
            data = self.check_mac(right.kid, command)
        if right.mode == access.MAC:
            return data
        key = self.find_key(right.kid)
        self.refuse_if_locked(right.kid)
        try:
            plain = self.profile.unseal(key, data)
        except ValueError:
            raise self.make_refusal(right.kid, WRONG_DATA) from None
        if right.kid in self.state.mac_tries:
            del self.change().mac_tries[right.kid]
        return plain

    def make_refusal(self, kid: int, sw: int) -> Refused:
        """Return the refusal after a wrong MAC or cipher.

        It costs the key a try, stored in the commit that precedes the answer.
        """
        state = self.state.copy()
        state.mac_tries[kid] = state.mac_tries.get(kid, keys.MAC_TRIES) - 1
        return Refused(sw, state)

    def refuse_if_locked(self, kid: int) -> None:
        """Refuse a key of which too many MACs were wrong in a row (6983)."""
        if not self.state.mac_tries.get(kid, keys.MAC_TRIES):
            raise Refused(LOCKED)

    def make_mac(self, key: bytes, r4: bytes, message: bytes) -> bytes:
        """Return a MAC to hand out; a wrong one if that fault is set."""
        made = self.profile.compute_mac(key, r4, message)
        return bytes((made[0] ^ 1,)) + made[1:] if self.faults.wrong_mac else made

    @property
    def public(self) -> bool:
        """Return whether the master key is still of the public set."""
        factors = (keys.NO_FACTOR, self.state.serial, self.meter_factor)
        return keys.is_public_master(self.profile, self.state.keys[keys.MASTER], factors)

    @property
    def meter_factor(self) -> bytes:
        """Return the factor of the ESAM's meter number; zeros in a card."""
        if self.kind.name != kinds.ESAM:
            return keys.NO_FACTOR
        return keys.make_meter_factor(
            self.state.files[card_files.ESAM_PARAMS][_METER_NO_AT : _METER_NO_AT + 6]
        )
