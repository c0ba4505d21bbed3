"""The numbers of the keys, the public set, and the factors that keys are diversified with.

Owns the numbers of docs/cards/protocol.md, section "Who holds which key". The private set is in no
source and in no file of the desk: a system control card generates it when the card is made.
"""

from dianka.cardos.crypto import Profile

MASTER = 0x00
IDENTITY = 0x01
EXTERNAL = 0x02
PARAMETERS = 0x04
PURCHASE = 0x05
WRITE_BACK = 0x06
DESK = 0x07

ROOT_KIDS = (MASTER, IDENTITY, EXTERNAL, PARAMETERS, PURCHASE, WRITE_BACK, DESK)

# Added to a kid. BESIDE: a second key that a card holds of this number - a root that a master-key
# change card hands on, the public key beside the private one on an inspection or part card. PUBLIC:
# a root of the public set in a control card.
BESIDE = 0x10
PUBLIC = 0x80
FOR_ESAM = (IDENTITY, EXTERNAL, WRITE_BACK)  # the roots that an ESAM needs as they are

PUBLIC_SET = 0
PRIVATE_SET = 1
ROOT = 0
DIVERSIFIED = 1

NO_FACTOR = bytes(8)
# Published on purpose: these keys protect nothing but the way from the factory to the first private
# key.
PUBLIC_ROOTS = {kid: b"DiankaPublicKey%d" % kid for kid in ROOT_KIDS}

PIN_TRIES = 3  # wrong PINs in a row until a control card's PIN is blocked
TRIES = 6  # failed EXTERNAL AUTH in a row until the key locks
# Wrong MACs in a row until the key locks (docs/cards/protocol.md, "Who holds which key"). Public
# meters stop at 100 to 200 a day; noise on the wire and other people's cards must not lock a meter,
# and one guess in 2^32 is right.
MAC_TRIES = 100

PART_FILE = 2  # the short file id of the part on a part card

# The factor that makes a part card's approval key of its desk key (orders.py). With 3DES the two
# halves of that key are the ciphers of these 8 bytes and of their complement.
APPROVAL = b"APPROVAL"
APPROVAL_HALVES = (APPROVAL, bytes(value ^ 0xFF for value in APPROVAL))


def make_meter_factor(meter_no_bcd: bytes) -> bytes:
    """Return 0000 and the 6-byte BCD meter number; raise ValueError for another length."""
    if len(meter_no_bcd) != 6:
        raise ValueError("a meter number has 6 BCD bytes")
    return bytes(2) + meter_no_bcd


def is_public_master(profile: Profile, key: bytes, factors: tuple[bytes, ...]) -> bool:
    """Return whether this master key is of the public set.

    That is the public root, or the root diversified with one of these factors. WRITE KEY does not
    say which set a key is of, and need not: a chip knows the public root that it was made with.
    """
    root = PUBLIC_ROOTS[MASTER]
    return key == root or any(key == profile.derive_key(root, factor) for factor in factors)
