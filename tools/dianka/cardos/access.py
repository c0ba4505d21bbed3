"""The types of the tables in kinds.py: rights, files and kinds.

A right is one way to access a file: the key that EXTERNAL AUTH must have proved, the mode of secure
messaging, and the key of that mode. A file lists its rights for reading and for writing. The
operating system takes the first right that fits and refuses access that is not listed.
"""

from dataclasses import dataclass, field

# Modes of secure messaging. CLA 00 carries plain data, CLA 04 the other three; the table of
# the file says which.
PLAIN = "plain"
MAC = "MAC"
CIPHER = "cipher"
CIPHER_MAC = "cipher with MAC"

# Shapes of files. All but LOG and WALLET can be read by offset.
TRANSPARENT = "transparent"
COUNTER = "counter"  # four bytes that can only fall, from FFFFFFFF on
LOG = "log"  # records of one size in a ring, record 01 the newest
WALLET = "wallet"  # records 01 money and 03 count, changed together

COUNTER_BYTES = 4
UNSET_COUNTER = b"\xff" * COUNTER_BYTES


@dataclass(frozen=True)
class Right:
    """One way to access a file."""

    mode: str = PLAIN
    kid: int = 0  # the key of MAC and cipher; none for PLAIN
    auth: int | None = None  # kid that EXTERNAL AUTH must have proved; None: not needed
    # Of a sealed read: the whole header (CLA INS P1 P2 Lc) that this right alone seals for. None:
    # the headers in the file's table.
    target: bytes | None = None


FREE = (Right(),)


@dataclass(frozen=True)
class FileSpec:
    """One file of a chip.

    `targets` lists, by offset read, the command headers (CLA INS P1 P2) that a sealed block may be
    made for. The offset None stands for any; the target's own offset must then be the offset read
    minus `shift`. Without this list a resident's card would seal any of its bytes for any file of
    the ESAM.
    """

    size: int
    update: tuple[Right, ...] = ()
    read: tuple[Right, ...] = FREE
    targets: dict[int | None, tuple[bytes, ...]] = field(default_factory=dict)
    shift: int = 0
    shape: str = TRANSPARENT
    record_bytes: int = 0  # of a LOG
    fall: tuple[Right, ...] = ()  # rights to count a COUNTER down

    @property
    def blank(self) -> bytes:
        """Return the content of this file in a new chip."""
        return UNSET_COUNTER if self.shape == COUNTER else bytes(self.size)


@dataclass(frozen=True)
class Kind:
    """One kind of chip: its files, its commands, and the keys that they accept."""

    name: str
    directory: int
    files: dict[int, FileSpec]
    kids: frozenset[int]  # accepted by WRITE KEY
    commands: frozenset[str]
    process_kids: frozenset[int] = frozenset()  # accepted by DIVERSIFY
    auth_kids: frozenset[int] = frozenset()  # accepted by EXTERNAL AUTH
    identity_kids: frozenset[int] = frozenset()  # accepted by INTERNAL AUTH
    factor_on_read: bool = False  # a sealed read carries a diversification factor
    # SEAL KEY: set of the key, set of the target's master key.
    sealing: frozenset[tuple[int, int]] = frozenset()
    hands_on: bool = False  # seals from roots kept at kid + 10, and counts its uses down


def parse_targets(*headers: str) -> tuple[bytes, ...]:
    """Return target headers from their hex digits."""
    return tuple(bytes.fromhex(header) for header in headers)
