"""The kinds of chip as data: which files, which rights, which keys, which commands.

Owns the tables of docs/card-protocol.md ("Files", "Who holds which key"). The operating system (chip.py and the command
modules) is the same for all of them and decides by these tables alone.
"""

from dataclasses import dataclass, field

from dianka.cards import keys
from dianka.cards.files import cardfiles

USER = "user"
INIT = "init"
KEYS = "keys"
CONTROL = "control"
ESAM = "esam"

MF = 0x3F00
DF_CARD = 0xDF01

# How a file may be written.
FREE = "free"  # plain UPDATE
BY_DESK = "desk"  # EXTERNAL AUTH with kid 07, MAC under 07
BY_METER = "meter"  # EXTERNAL AUTH with kid 02, MAC under 06
BY_CARD = "card"  # MAC under 04, made by a card for this chip


@dataclass(frozen=True)
class FileSpec:
    """One file. `mac_kid` is the key of READ with MAC, None where there is none.

    `targets` lists, by offset read, the command header (CLA INS P1 P2) that the block may be sealed for; offset None stands
    for any, the target's own offset then being the offset read minus `shift`. Without this a resident's card would seal any
    of its bytes for any file of the ESAM.
    """

    size: int
    update: frozenset[str] = frozenset()
    mac_kid: int | None = None
    targets: dict[int | None, bytes] = field(default_factory=dict)
    shift: int = 0
    records: bool = False


@dataclass(frozen=True)
class Kind:
    name: str
    directory: int
    files: dict[int, FileSpec]
    kids: frozenset[int]  # what WRITE KEY takes
    commands: frozenset[str]
    process_kids: frozenset[int] = frozenset()  # what DIVERSIFY takes
    auth_kids: frozenset[int] = frozenset()  # what EXTERNAL AUTH takes
    factor_on_read: bool = False  # READ with MAC carries a factor


_DESK = frozenset({BY_DESK})
_BY_CARD = frozenset({BY_CARD})
_TARIFF = cardfiles.TARIFF_SIZE + cardfiles.FRAME_OVERHEAD
_WRITE_BACK = cardfiles.WRITE_BACK_SIZE
_WALLET = 8
_LIMITS = cardfiles.size_of(cardfiles.LIMITS)
_KEY_INFO = cardfiles.size_of(cardfiles.KEY_INFO) + cardfiles.FRAME_OVERHEAD
_PARAMS = cardfiles.size_of(cardfiles.PARAMS)

_BASE = frozenset({"select", "challenge", "read", "write_key"})
_CARD = _BASE | {"update", "update_mac", "internal_auth", "external_auth"}


def _card_file(size: int, target: str, shift: int = 0) -> FileSpec:
    return FileSpec(size, _DESK, keys.PARAMETERS, {None: bytes.fromhex(target)}, shift)


def _wallet(targets: dict[int | None, bytes]) -> FileSpec:
    return FileSpec(_WALLET, _DESK, keys.PURCHASE, targets)


_USER = Kind(
    USER,
    DF_CARD,
    {
        cardfiles.CARD_INFO: _card_file(_PARAMS + cardfiles.FRAME_OVERHEAD, "04 D6 82", 4),
        cardfiles.CARD_WALLET: _wallet({0: bytes.fromhex("84 32 01 0C")}),
        cardfiles.CARD_TARIFF_1: _card_file(_TARIFF, "04 D6 83"),
        cardfiles.CARD_TARIFF_2: _card_file(_TARIFF, "04 D6 84"),
        cardfiles.CARD_WRITE_BACK: FileSpec(_WRITE_BACK, frozenset({BY_DESK, BY_METER})),
    },
    frozenset(keys.ROOT_KIDS),
    _CARD | {"read_mac"},
    auth_kids=frozenset({keys.EXTERNAL, keys.DESK}),
)
_INIT = Kind(
    INIT,
    DF_CARD,
    {
        cardfiles.CARD_INFO: _card_file(cardfiles.size_of(cardfiles.INIT_PARAMS) + cardfiles.FRAME_OVERHEAD, "04 D6 82", 4),
        cardfiles.CARD_WALLET: _wallet({0: bytes.fromhex("04 DC 01 0C"), 4: bytes.fromhex("04 DC 03 0C")}),
        cardfiles.CARD_TARIFF_1: _card_file(_TARIFF, "04 D6 83"),
        cardfiles.CARD_TARIFF_2: _card_file(_TARIFF, "04 D6 84"),
        cardfiles.CARD_LIMITS: _card_file(_LIMITS + cardfiles.FRAME_OVERHEAD, "04 D6 89", 4),
    },
    frozenset(keys.ROOT_KIDS),
    _CARD | {"read_mac"},
    auth_kids=frozenset({keys.EXTERNAL, keys.DESK}),
    factor_on_read=True,
)
HANDED_ON = (keys.IDENTITY, keys.EXTERNAL, keys.WRITE_BACK, keys.PARAMETERS, keys.PURCHASE, keys.MASTER)
_KEYS = Kind(
    KEYS,
    DF_CARD,
    {cardfiles.CARD_INFO: FileSpec(_KEY_INFO, _DESK), cardfiles.CARD_WALLET: FileSpec(4, _DESK)},
    frozenset({keys.MASTER, keys.IDENTITY, keys.DESK, *(keys.HAND_ON + kid for kid in HANDED_ON)}),
    _CARD | {"sam", "seal_key"},
    auth_kids=frozenset({keys.DESK}),
)
_CONTROL_PROCESS = (keys.IDENTITY, keys.EXTERNAL, keys.DESK)
_CONTROL = Kind(
    CONTROL,
    MF,
    {},
    frozenset(),
    frozenset({"select", "challenge", "read", "sam", "diversify", "mac", "seal_key"}),
    process_kids=frozenset(_CONTROL_PROCESS) | {keys.PUBLIC + kid for kid in _CONTROL_PROCESS},
)
_ESAM = Kind(
    ESAM,
    MF,
    {
        cardfiles.ESAM_WALLET: FileSpec(_WALLET, records=True),
        cardfiles.ESAM_PARAMS: FileSpec(_PARAMS, _BY_CARD),
        cardfiles.ESAM_TARIFF_1: FileSpec(_TARIFF, _BY_CARD),
        cardfiles.ESAM_TARIFF_2: FileSpec(_TARIFF, _BY_CARD),
        cardfiles.ESAM_KEY_INFO: FileSpec(_KEY_INFO),
        cardfiles.ESAM_RUN_INFO: FileSpec(_WRITE_BACK, frozenset({FREE}), keys.WRITE_BACK, {None: bytes.fromhex("04 D6 85")}),
        cardfiles.ESAM_LIMITS: FileSpec(_LIMITS, _BY_CARD),
    },
    frozenset(keys.ROOT_KIDS) - {keys.DESK},
    _BASE | {"update", "update_mac", "read_mac", "wallet", "sam", "diversify"},
    process_kids=frozenset({keys.IDENTITY, keys.EXTERNAL}),
    factor_on_read=True,
)
ALL = {kind.name: kind for kind in (_USER, _INIT, _KEYS, _CONTROL, _ESAM)}
