"""The kinds of chip as data: files, rights, keys and commands of each.

Owns the tables of docs/cards/files.md and docs/cards/protocol.md ("Who holds which key"). The
operating system (chip.py and the command modules) is the same for all kinds and decides by these
tables alone.
"""

from collections.abc import Iterable
from dataclasses import replace

from dianka.cardos import access, desk_files, keys
from dianka.cardos.access import FREE, FileSpec, Kind, Right, parse_targets
from dianka.cardos.crypto import MAC_BYTES
from dianka.cardos.files import card_files, service_files

USER = "user"
INIT = "init"
KEYS = "keys"
RESTORE = "restore"
INSPECTION = "inspection"
TEST_CREDIT = "test-credit"
TEST = "test"
PART = "part"
CONTROL = "control"
ESAM = "esam"

MF = 0x3F00
DF_CARD = 0xDF01

_TARIFF = card_files.TARIFF_SIZE + card_files.FRAME_OVERHEAD
_WRITE_BACK = card_files.WRITE_BACK_SIZE
_WALLET = 8
_LIMITS = card_files.size_of(card_files.LIMITS)
_SUPPLY = card_files.size_of(card_files.SUPPLY)
_MIRROR = card_files.size_of(card_files.MIRROR)
_PARAMS = card_files.size_of(card_files.PARAMS)
_EVENT = card_files.size_of(desk_files.EVENT)
_LOG_BLOCK = card_files.size_of(desk_files.LOG_BLOCK)
_RESULT = card_files.size_of(service_files.TEST_RESULT)


def _compute_framed_size(fields: object) -> int:
    return card_files.size_of(fields) + card_files.FRAME_OVERHEAD


_KEY_INFO = _compute_framed_size(card_files.KEY_INFO)

_BY_DESK = (Right(access.MAC, keys.DESK, auth=keys.DESK),)
_BY_METER = (Right(access.MAC, keys.WRITE_BACK, auth=keys.EXTERNAL),)
_BY_CARD = (Right(access.MAC, keys.PARAMETERS),)  # sealed by a card for this chip
# An inspection card serves meters of either key state: beside its private keys it has public ones,
# at a kid that is 10H higher.
_PUBLIC_EXTERNAL, _PUBLIC_WRITE_BACK = keys.BESIDE + keys.EXTERNAL, keys.BESIDE + keys.WRITE_BACK
_BY_ANY_METER = (*_BY_METER, Right(access.MAC, _PUBLIC_WRITE_BACK, auth=_PUBLIC_EXTERNAL))
_PLAIN_BY_METER = (Right(auth=keys.EXTERNAL),)
_PLAIN_BY_ANY_METER = (*_PLAIN_BY_METER, Right(auth=_PUBLIC_EXTERNAL))

_BASE = frozenset({"select", "challenge", "read", "write_key"})
_CARD = _BASE | {"update", "update_mac", "internal_auth", "external_auth"}
_IDENTITY = frozenset({keys.IDENTITY})
_TO_METER_AND_DESK = frozenset({keys.EXTERNAL, keys.DESK})


def _describe_card_file(size: int, target: str, shift: int = 0) -> FileSpec:
    read = (*FREE, Right(access.MAC, keys.PARAMETERS))
    return FileSpec(size, _BY_DESK, read, {None: parse_targets(target)}, shift)


def _describe_money_file(size: int, targets: dict[int | None, tuple[bytes, ...]]) -> FileSpec:
    return FileSpec(size, _BY_DESK, (*FREE, Right(access.MAC, keys.PURCHASE)), targets)


def _prove_to_desk(sfi: int, spec: FileSpec) -> FileSpec:
    """Return the file with a right for the desk to read all of it under a MAC.

    The MAC is for the read's own header. No chip takes that for a write, and no part of the file
    can be had: PBOC's rule would let a few bytes go into another file (docs/cards/protocol.md).
    """
    target = make_proof_target(sfi, spec.size)
    proof = Right(access.MAC, keys.DESK, auth=keys.DESK, target=target)
    return replace(spec, read=(*spec.read, proof))


def make_proof_target(sfi: int, size: int) -> bytes:
    """Return the header that a proved read of a whole file is sealed for: that of the read."""
    return bytes((0x04, 0xB0, 0x80 | sfi, 0x00, size + MAC_BYTES))


def _describe_esam_file(size: int, *targets: str, update: tuple[Right, ...] = _BY_CARD) -> FileSpec:
    """Describe a file that the ESAM copies to a card, sealed under the write-back key."""
    return FileSpec(
        size, update, (*FREE, Right(access.MAC, keys.WRITE_BACK)), {None: parse_targets(*targets)}
    )


def _describe_uses(fall: tuple[Right, ...] = ()) -> FileSpec:
    return FileSpec(access.COUNTER_BYTES, _BY_DESK, shape=access.COUNTER, fall=fall)


def _describe_log(record_bytes: int, records: int, update: tuple[Right, ...]) -> FileSpec:
    return FileSpec(record_bytes * records, update, shape=access.LOG, record_bytes=record_bytes)


_INIT_WALLET = ("04 DC 01 0C", "04 DC 03 0C")
_USER = Kind(
    USER,
    DF_CARD,
    {
        card_files.CARD_INFO: _prove_to_desk(
            card_files.CARD_INFO,
            _describe_card_file(_compute_framed_size(card_files.PARAMS), "04 D6 82", 4),
        ),
        card_files.CARD_WALLET: _prove_to_desk(
            card_files.CARD_WALLET,
            _describe_money_file(_WALLET, {0: parse_targets("84 32 01 0C")}),
        ),
        card_files.CARD_TARIFF_1: _describe_card_file(_TARIFF, "04 D6 83"),
        card_files.CARD_TARIFF_2: _describe_card_file(_TARIFF, "04 D6 84"),
        card_files.CARD_WRITE_BACK: _prove_to_desk(
            card_files.CARD_WRITE_BACK, FileSpec(_WRITE_BACK, _BY_DESK + _BY_METER)
        ),
        card_files.CARD_ORDER: _describe_money_file(_WALLET, {0: parse_targets("84 30 02 0C")}),
    },
    frozenset(keys.ROOT_KIDS),
    _CARD | {"read_mac"},
    auth_kids=_TO_METER_AND_DESK,
    identity_kids=_IDENTITY,
)
_INIT = Kind(
    INIT,
    DF_CARD,
    {
        card_files.CARD_INFO: _describe_card_file(
            _compute_framed_size(card_files.PARAMS), "04 D6 82", 4
        ),
        card_files.CARD_WALLET: _describe_money_file(
            _WALLET, {0: parse_targets(_INIT_WALLET[0]), 4: parse_targets(_INIT_WALLET[1])}
        ),
        card_files.CARD_TARIFF_1: _describe_card_file(_TARIFF, "04 D6 83"),
        card_files.CARD_TARIFF_2: _describe_card_file(_TARIFF, "04 D6 84"),
        card_files.CARD_LIMITS: _describe_card_file(
            _compute_framed_size(card_files.LIMITS), "04 D6 89", 4
        ),
        card_files.CARD_SUPPLY: _describe_card_file(
            _compute_framed_size(card_files.SUPPLY), "04 D6 8A", 4
        ),
    },
    frozenset(keys.ROOT_KIDS),
    _CARD | {"read_mac"},
    auth_kids=_TO_METER_AND_DESK,
    identity_kids=_IDENTITY,
    factor_on_read=True,
)
HANDED_ON = (
    keys.IDENTITY,
    keys.EXTERNAL,
    keys.WRITE_BACK,
    keys.PARAMETERS,
    keys.PURCHASE,
    keys.MASTER,
)
_OWN = frozenset({keys.MASTER, keys.IDENTITY, keys.DESK})
_KEY_CARD_FILES = {
    card_files.CARD_INFO: FileSpec(_KEY_INFO, _BY_DESK),
    desk_files.CARD_USES: _describe_uses(),
    desk_files.CARD_SERVED: FileSpec(card_files.size_of(desk_files.SERVED)),  # SEAL KEY writes it
}


def _describe_key_card(
    name: str, handed_on: Iterable[int], sealed_set: int, under_set: int
) -> Kind:
    return Kind(
        name,
        DF_CARD,
        _KEY_CARD_FILES,
        _OWN | {keys.BESIDE + kid for kid in handed_on},
        _CARD | {"sam", "seal_key", "read_record"},
        auth_kids=frozenset({keys.DESK}),
        identity_kids=_IDENTITY,
        sealing=frozenset({(sealed_set, under_set)}),
        hands_on=True,
    )


_KEYS = _describe_key_card(KEYS, HANDED_ON, keys.PRIVATE_SET, keys.PUBLIC_SET)
_RESTORE = _describe_key_card(RESTORE, (keys.MASTER,), keys.PUBLIC_SET, keys.PRIVATE_SET)
_INSPECTION = Kind(
    INSPECTION,
    DF_CARD,
    {
        card_files.CARD_INFO: FileSpec(
            _compute_framed_size(service_files.INSPECTION_ORDER), _BY_DESK
        ),
        desk_files.INSPECTION_WALLET: FileSpec(_WALLET, _BY_ANY_METER),
        desk_files.INSPECTION_PARAMS: FileSpec(_PARAMS, _BY_ANY_METER),
        desk_files.INSPECTION_KEY_INFO: FileSpec(_KEY_INFO, _BY_ANY_METER),
        desk_files.INSPECTION_LIMITS: FileSpec(_LIMITS, _BY_ANY_METER),
        desk_files.INSPECTION_RUN_INFO: FileSpec(_WRITE_BACK, _BY_ANY_METER),
        service_files.INSPECTION_TOTALS: FileSpec(
            _compute_framed_size(service_files.TOTALS), _PLAIN_BY_ANY_METER
        ),
        service_files.INSPECTION_EVENTS: _describe_log(
            _EVENT, service_files.EVENTS, _PLAIN_BY_ANY_METER
        ),
        service_files.INSPECTION_LOG: _describe_log(
            _LOG_BLOCK, desk_files.LOG_BLOCKS, _PLAIN_BY_ANY_METER
        ),
    },
    frozenset(
        {*_OWN, keys.EXTERNAL, keys.WRITE_BACK, *(keys.BESIDE + kid for kid in keys.FOR_ESAM)}
    ),
    _CARD | {"read_record", "append"},
    auth_kids=_TO_METER_AND_DESK | {_PUBLIC_EXTERNAL},
    identity_kids=frozenset({keys.IDENTITY, keys.BESIDE + keys.IDENTITY}),
)
_TEST_FILES = {
    desk_files.CARD_USES: _describe_uses(_PLAIN_BY_METER),
    desk_files.TEST_RESULTS: _describe_log(_RESULT, desk_files.RESULTS, _PLAIN_BY_METER),
}
_TEST_KIDS = _OWN | {keys.EXTERNAL}
_TEST_COMMANDS = _CARD | {"read_record", "append", "debit"}
_TEST_CREDIT = Kind(
    TEST_CREDIT,
    DF_CARD,
    {
        card_files.CARD_INFO: _describe_money_file(
            _compute_framed_size(card_files.WALLET),
            {4: parse_targets(_INIT_WALLET[0]), 8: parse_targets(_INIT_WALLET[1])},
        ),
        **_TEST_FILES,
    },
    _TEST_KIDS | {keys.PURCHASE},
    _TEST_COMMANDS | {"read_mac"},
    auth_kids=_TO_METER_AND_DESK,
    identity_kids=_IDENTITY,
    factor_on_read=True,
)
_TEST = Kind(
    TEST,
    DF_CARD,
    {
        card_files.CARD_INFO: FileSpec(_compute_framed_size(service_files.TEST_ORDER), _BY_DESK),
        **_TEST_FILES,
    },
    _TEST_KIDS,
    _TEST_COMMANDS,
    auth_kids=_TO_METER_AND_DESK,
    identity_kids=_IDENTITY,
)
# A part goes in under the private desk key and comes out, for a control card that has no private
# key yet, under the public one.
_PART = Kind(
    PART,
    DF_CARD,
    {
        card_files.CARD_INFO: FileSpec(_compute_framed_size(desk_files.PART_INFO), _BY_DESK),
        keys.PART_FILE: FileSpec(
            card_files.size_of(desk_files.PART),
            (Right(access.CIPHER_MAC, keys.DESK, auth=keys.DESK),),
            (Right(access.CIPHER_MAC, keys.BESIDE + keys.DESK),),
            {0: parse_targets("80 FA 08 00")},
        ),
    },
    _OWN | {keys.BESIDE + keys.DESK},
    _CARD | {"read_mac", "sam", "approve"},
    auth_kids=frozenset({keys.DESK}),
    identity_kids=_IDENTITY,
)
_CONTROL_PROCESS = (keys.IDENTITY, keys.EXTERNAL, keys.DESK)
_CONTROL_BEFORE_PIN = Kind(
    CONTROL,
    MF,
    {
        card_files.CARD_INFO: FileSpec(_compute_framed_size(desk_files.CONTROL_INFO)),
        # Backups that the card may still make.
        desk_files.CARD_USES: FileSpec(access.COUNTER_BYTES, shape=access.COUNTER),
    },
    frozenset(),
    frozenset(
        {
            "select",
            "challenge",
            "read",
            "read_record",
            "sam",
            "diversify",
            "mac",
            "seal_key",
            "backup",
        }
    ),
    process_kids=frozenset(_CONTROL_PROCESS) | {keys.PUBLIC + kid for kid in _CONTROL_PROCESS},
    sealing=frozenset((key_set, target) for key_set in (0, 1) for target in (0, 1)),
)
_CONTROL = replace(
    _CONTROL_BEFORE_PIN,
    files=_CONTROL_BEFORE_PIN.files
    | {
        desk_files.CONTROL_QUOTA: FileSpec(card_files.size_of(desk_files.QUOTA)),
        desk_files.CONTROL_PIN: FileSpec(card_files.size_of(desk_files.PIN), read=()),
        desk_files.CONTROL_PARTS: FileSpec(card_files.size_of(desk_files.PART_SERIALS)),
        desk_files.CONTROL_LAST: FileSpec(card_files.size_of(desk_files.LAST)),
    },
    commands=_CONTROL_BEFORE_PIN.commands | {"pin", "check", "order"},
)
_ESAM = Kind(
    ESAM,
    MF,
    {
        card_files.ESAM_WALLET: FileSpec(
            _WALLET,
            read=(*FREE, Right(access.MAC, keys.WRITE_BACK)),
            targets={0: parse_targets("04 D6 82 00"), 4: parse_targets("04 D6 82 04")},
            shape=access.WALLET,
        ),
        card_files.ESAM_PARAMS: _describe_esam_file(_PARAMS, "04 D6 83"),
        card_files.ESAM_TARIFF_1: FileSpec(_TARIFF, _BY_CARD),
        card_files.ESAM_TARIFF_2: FileSpec(_TARIFF, _BY_CARD),
        card_files.ESAM_KEY_INFO: _describe_esam_file(_KEY_INFO, "04 D6 86", update=()),
        card_files.ESAM_RUN_INFO: _describe_esam_file(
            _WRITE_BACK, "04 D6 85", "04 D6 88", update=FREE
        ),
        card_files.ESAM_LIMITS: _describe_esam_file(_LIMITS, "04 D6 87"),
        # No card takes them along, and so they are sealed for none.
        card_files.ESAM_SUPPLY: FileSpec(_SUPPLY, _BY_CARD),
        card_files.ESAM_MIRROR: _describe_log(_MIRROR, card_files.MIRRORS, FREE),
    },
    frozenset(keys.ROOT_KIDS) - {keys.DESK},
    _BASE
    | {
        "update",
        "update_mac",
        "read_mac",
        "read_record",
        "read_record_mac",
        "append",
        "debit",
        "wallet",
        "sam",
        "diversify",
    },
    process_kids=frozenset({keys.IDENTITY, keys.EXTERNAL}),
    factor_on_read=True,
)
ALL = {
    kind.name: kind
    for kind in (
        _USER,
        _INIT,
        _KEYS,
        _RESTORE,
        _INSPECTION,
        _TEST_CREDIT,
        _TEST,
        _PART,
        _CONTROL,
        _ESAM,
    )
}


def _remove_files(kind: Kind, *sfis: int) -> Kind:
    """Return the kind as it was before it had these files."""
    return replace(kind, files={at: spec for at, spec in kind.files.items() if at not in sfis})


# Chips of earlier makes, which go on as they are. Their files tell them from those of today.
FORMER: dict[str, tuple[Kind, ...]] = {
    CONTROL: (_CONTROL_BEFORE_PIN,),
    INIT: (_remove_files(_INIT, card_files.CARD_SUPPLY),),
    INSPECTION: (_remove_files(_INSPECTION, service_files.INSPECTION_LOG),),
    ESAM: (
        _remove_files(_ESAM, card_files.ESAM_MIRROR),
        _remove_files(_ESAM, card_files.ESAM_MIRROR, card_files.ESAM_SUPPLY),
    ),
}


def find_make(name: str, files: Iterable[int]) -> Kind:
    """Return the kind of this name as a chip with these files, by short id, was made."""
    made_of = set(files)
    former = (make for make in FORMER.get(name, ()) if make.files.keys() == made_of)
    return next(former, ALL[name])
