"""Check of a card against its profile: answer to reset, files, access rights, and whose card it is.

Nothing on the card is changed: a probe asks for something that must be refused, in a way that could
do no harm if it were not (it writes behind a file's end, takes zero from a counter). The card
proves itself before the desk does, so that a wrong control card costs it no try. Only a master-key
change card, which proves itself with a public key, may lose one.
"""

import os
from collections.abc import Callable, Iterator

from dianka.card_port import OK, CardPort, make_command
from dianka.cardos import access, kinds
from dianka.cardos.access import FileSpec, Kind
from dianka.cardos.chip import ATR_HEAD
from dianka.cardos.core import NOT_ALLOWED, UNKNOWN_INS
from dianka.cardos.files import card_files
from dianka.desk.content import CONTENTS, NAMES, Content
from dianka.desk.in_reader import has_system
from dianka.desk.proofs import (
    Finding,
    check_card_keys,
    check_control_keys,
    check_esam_keys,
    is_private,
)
from dianka.desk.quota import describe_quota, read_quota
from dianka.desk.reading import (
    NOT_ISSUED,
    explain_no_kind,
    find_make,
    is_free_to_read,
    read_beyond,
    read_blocks,
    read_kind,
    read_whole,
)
from dianka.firmware import load_shared

tariff_table, ds3231 = load_shared("tariff_table"), load_shared("ds3231")
_LAST_SFI = 30
_REFUSALS = (NOT_ALLOWED, UNKNOWN_INS)
_OPENING_FILES = (card_files.CARD_INFO, card_files.CARD_TARIFF_1, card_files.CARD_TARIFF_2)
_FOREIGN_TARGET = bytes.fromhex("04 D6 9E 00 09")  # file 30, which no chip has


def verify(
    card: CardPort, control: CardPort | None, rng: Callable[[int], bytes] = os.urandom
) -> list[Finding]:
    """Return all findings; without a control card only those that need none."""
    return list(_check_card(card, control, rng))


def _check_card(
    card: CardPort, control: CardPort | None, rng: Callable[[int], bytes]
) -> Iterator[Finding]:
    atr = card.power_on()
    right = len(atr) == len(ATR_HEAD) + 8 and atr.startswith(ATR_HEAD)
    yield Finding(
        right, f"ATR {atr.hex(' ').upper()}{'' if right else ': no card or ESAM of this profile'}"
    )
    if not right:
        return
    kind, serial = read_kind(card)
    if not kind:
        yield Finding(False, f"card {serial.hex()} is {_explain_unknown(card)}")
        return
    yield Finding(True, f"{NAMES[kind]} {serial.hex()}")
    own = find_make(card, kind)
    for sfi, spec in own.files.items():
        yield _check_file(card, sfi, spec, CONTENTS[kind][sfi])
    if kind == kinds.USER:
        yield from _check_opening(card)
    yield _find_strangers(card, own)
    yield from _check_rights(card, own)
    read_kind(card)  # reset the card and select its directory once more
    if control:
        control.power_on()
    if kind == kinds.CONTROL:
        yield from check_control_keys(card, control, rng)
        if has_system(card):
            for label, text in describe_quota(read_quota(card)):
                yield Finding(True, f"{label}: {text}")
    elif control and kind == kinds.ESAM:
        yield from check_esam_keys(card, is_private(card), control, rng)
    elif control:
        yield from check_card_keys(card, kind, serial, control, rng)


def _explain_unknown(card: CardPort) -> str:
    why = explain_no_kind(card)
    return f"{why}: `dianka card issue KIND ...`" if why == NOT_ISSUED else why


def _check_file(card: CardPort, sfi: int, spec: FileSpec, content: Content) -> Finding:
    """Check one file: its size and its content."""
    name = f"file {sfi:02X}, {content.name}"
    found = list(read_blocks(card, sfi, spec))
    if not is_free_to_read(spec):
        sealed = all(sw == NOT_ALLOWED and not data for data, sw in found)
        return Finding(
            sealed, f"{name}: {'not readable without its key' if sealed else 'ANYBODY CAN READ IT'}"
        )
    for data, sw in found:
        if sw != OK or len(data) != (spec.record_bytes or spec.size):
            return Finding(
                False, f"{name}: {len(data)} bytes and status {sw:04X} instead of {spec.size} bytes"
            )
    if read_beyond(card, sfi, spec) == OK:
        return Finding(False, f"{name}: longer than {spec.size} bytes")
    if spec.shape == access.COUNTER and found[0][0] == access.UNSET_COUNTER:
        return Finding(False, f"{name}: never set")
    try:
        records = [record for data, _ in found if (record := content.unpack(data)) is not None]
    except ValueError as error:
        return Finding(False, f"{name}: {error}")
    if content.fields is None and any(not record["rates_e4"][0] for record in records):
        return Finding(False, f"{name}: a tariff without a price")
    if content.fields is None:
        try:
            for record in records:
                tariff_table.Table(record, ds3231)
        except ValueError as error:
            return Finding(False, f"{name}: {error}")
    return Finding(True, f"{name}: {spec.size} bytes, {_format_state(spec, content, len(records))}")


def _check_opening(card: CardPort) -> Iterator[Finding]:
    """Check that a card that opens the account has a price, as it sets the meter's price.

    The meter takes the money first, and then refuses a tariff without a price.
    """
    files = kinds.ALL[kinds.USER].files
    info, *tariffs = (read_whole(card, sfi, files[sfi]) for sfi in _OPENING_FILES)
    try:
        params = CONTENTS[kinds.USER][card_files.CARD_INFO].unpack(info)
    except ValueError:
        return  # _check_file reports that
    priceless = any(tariff and not any(tariff) for tariff in tariffs)
    if params and params["card_type"] == card_files.OPEN and priceless:
        yield Finding(False, "it opens the account and says no price")


def _format_state(spec: FileSpec, content: Content, written: int) -> str:
    if spec.shape == access.LOG:
        return f"{written} of {spec.size // spec.record_bytes} records written"
    if not written:
        return "blank"
    return "frame, sum and fields right" if content.frames else "fields right"


def _find_strangers(card: CardPort, own: Kind) -> Finding:
    """Look for files that this kind does not have."""
    found: list[str] = []
    for sfi in sorted(set(range(1, _LAST_SFI + 1)) - own.files.keys()):
        reads = (bytes((0x00, 0xB0, 0x80 | sfi, 0, 1)), bytes((0x00, 0xB2, 1, sfi << 3 | 4, 1)))
        if any(card.process(apdu)[1] == OK for apdu in reads):
            found.append(f"{sfi:02X}")
    if own.directory != kinds.MF:
        card.process(make_command("00A40000", kinds.MF.to_bytes(2, "big")))
        if card.process(bytes.fromhex("00B0810001"))[1] == OK:
            found.append("01 outside its directory")
        card.process(make_command("00A40000", own.directory.to_bytes(2, "big")))
    return Finding(not found, f"files that do not belong there: {', '.join(found) or 'none'}")


def _check_rights(card: CardPort, own: Kind) -> Iterator[Finding]:
    """Check that the card refuses what nobody may do without a proof."""
    probes = [(sfi, apdu) for sfi, spec in own.files.items() for apdu in _make_writes(sfi, spec)]
    opened = sorted({sfi for sfi, apdu in probes if card.process(apdu)[1] not in _REFUSALS})
    said = f"file {', '.join(f'{sfi:02X}' for sfi in opened)} NOT REFUSED" if opened else "refused"
    yield Finding(not opened, f"{_format_count(len(probes), 'write')} without a proof: {said}")
    if own.identity_kids:
        others = sorted(own.kids - own.identity_kids)
        answered = [
            kid
            for kid in others
            if card.process(make_command(f"008800{kid:02X}", bytes(8)))[1] != NOT_ALLOWED
        ]
        said = (
            f"key {', '.join(f'{kid:02X}' for kid in answered)} ANSWERS" if answered else "refused"
        )
        yield Finding(
            not answered,
            f"enciphering under {_format_count(len(others), 'key')} that only prove or seal: "
            f"{said}",
        )
    if "read_mac" in own.commands:
        order = bytes(4) + _FOREIGN_TARGET + (bytes(8) if own.factor_on_read else b"")
        sealing = [
            sfi
            for sfi, spec in own.files.items()
            if any(right.mode != access.PLAIN for right in spec.read)
            and spec.shape != access.WALLET
        ]
        made = [
            sfi
            for sfi in sealing
            if card.process(make_command(f"04B0{0x80 | sfi:02X}00", order))[1] != NOT_ALLOWED
        ]
        said = f"file {', '.join(f'{sfi:02X}' for sfi in made)} SEALED" if made else "refused"
        yield Finding(
            not made, f"sealing {_format_count(len(sealing), 'file')} for a foreign command: {said}"
        )


def _format_count(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _make_writes(sfi: int, spec: FileSpec) -> Iterator[bytes]:
    """Yield harmless writes that must be refused without a proof, none for what anybody may do."""
    if spec.shape == access.WALLET:
        return  # anybody may debit a wallet, nobody can write it in plain
    plain = [right for right in spec.update if right.mode == access.PLAIN]
    sealed = [right for right in spec.update if right.mode != access.PLAIN]
    free = any(right.auth is None for right in plain)
    if spec.shape == access.LOG:
        if not free:
            yield bytes((0x00, 0xE2, 0x00, sfi << 3 | 4, 1, 0))
        return
    if not free:
        yield bytes((0x00, 0xD6, 0x80 | sfi, spec.size & 0xFF, 1, 0))
    # Where no proof is needed before it, a wrong MAC would cost the key a try.
    if all(right.auth is not None for right in sealed):
        yield bytes((0x04, 0xD6, 0x80 | sfi, spec.size & 0xFF, 5, 0, 0, 0, 0, 0))
    if spec.shape == access.COUNTER:
        yield bytes((0x80, 0x30, 0x00, sfi << 3 | 4, 8)) + card_files.with_inverse(bytes(4))
