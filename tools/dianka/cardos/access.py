"""What the tables in kinds.py are made of: rights, files and kinds.

A right is one way in: who must have proved himself by EXTERNAL AUTH, how the data travel, and under
which key. A file lists its rights for reading and for writing, and the operating system takes the
first that fits; what is not listed is refused.
"""

from dataclasses import dataclass, field

# How data travel to and from a file. CLA 00 carries plain data, CLA 04 the other three; the file's
# table says which.
PLAIN = "plain"
MAC = "MAC"
CIPHER = "cipher"
CIPHER_MAC = "cipher with MAC"

# What a file is. All but LOG and WALLET can be read by offset.
TRANSPARENT = "transparent"
COUNTER = "counter"  # four bytes that only fall, from FFFFFFFF on
LOG = "log"  # records of one size in a ring, record 01 the newest
WALLET = "wallet"  # records 01 money and 03 count, changed together

COUNTER_BYTES = 4
UNSET_COUNTER = b"\xff" * COUNTER_BYTES


@dataclass(frozen=True)
class Right:
    mode: str = PLAIN
    kid: int = 0  # the key of MAC and cipher; for PLAIN none
    auth: int | None = None  # kid that EXTERNAL AUTH must have proved, None: nobody needs to


FREE = (Right(),)


@dataclass(frozen=True)
class FileSpec:
    """One file.

    `targets` lists, by offset read, the command headers (CLA INS P1 P2) that a sealed block may be
    made for; offset None stands for any, the target's own offset then being the offset read minus
    `shift`. Without this a resident's card would seal any of its bytes for any file of the ESAM.
    """

    size: int
    update: tuple[Right, ...] = ()
    read: tuple[Right, ...] = FREE
    targets: dict[int | None, tuple[bytes, ...]] = field(default_factory=dict)
    shift: int = 0
    shape: str = TRANSPARENT
    record_bytes: int = 0  # of a LOG
    fall: tuple[Right, ...] = ()  # who may take from a COUNTER

    @property
    def blank(self) -> bytes:
        """What a new chip has in it."""
        return UNSET_COUNTER if self.shape == COUNTER else bytes(self.size)


@dataclass(frozen=True)
class Kind:
    name: str
    directory: int
    files: dict[int, FileSpec]
    kids: frozenset[int]  # what WRITE KEY takes
    commands: frozenset[str]
    process_kids: frozenset[int] = frozenset()  # what DIVERSIFY takes
    auth_kids: frozenset[int] = frozenset()  # what EXTERNAL AUTH takes
    identity_kids: frozenset[int] = frozenset()  # what INTERNAL AUTH takes
    factor_on_read: bool = False  # a sealed read carries a factor
    sealing: frozenset[tuple[int, int]] = (
        frozenset()
    )  # SEAL KEY: set of the key, set of the target's master
    hands_on: bool = False  # seals from roots kept at kid + 10, and counts down its uses


def sealed_for(*headers: str) -> tuple[bytes, ...]:
    """Target headers from their hex."""
    return tuple(bytes.fromhex(header) for header in headers)
