"""Description of the service staff's cards: orders, uses left, and what a meter wrote to them."""

from collections.abc import Callable
from typing import Any

from dianka.card_port import OK, CardPort, make_command
from dianka.cardos import desk_files, keys, kinds
from dianka.cardos.core import NO_KEY
from dianka.cardos.crypto import find_profile
from dianka.cardos.files import card_files, service_files
from dianka.desk.closing_order import Statement
from dianka.desk.content import CONTENTS
from dianka.desk.event_log import belongs_to, read_log, read_totals
from dianka.desk.log_words import describe_log
from dianka.desk.quota import describe_quota, read_quota
from dianka.desk.reading import read_blocks
from dianka.desk.words import (
    Lines,
    describe_limits,
    describe_params,
    format_decimal,
    format_keys_state,
    format_number,
    format_price,
    format_time,
    has_planned_price,
    name_bits,
)
from dianka.money import yuan

Records = dict[int, Any]
_PJ_PER_MWH = 3_600_000_000_000  # 1 mWh = 3.6 J
_UNFLASHED = b"unflashed"  # firmware/versions.py: no release was ever flashed
_COPIES = ("wallet", "parameters", "totals", "illegal cards", "log")
_TESTS = ("relay", "segments", "pulses", "memory", "clock", "ESAM")


def _describe_keys(card: CardPort, records: Records) -> Lines:
    return [_format_uses(records)]


def _format_uses(records: Records) -> tuple[str, str]:
    return "uses left", str(records[desk_files.CARD_USES]["uses"])


def _describe_test_credit(card: CardPort, records: Records) -> Lines:
    credit = yuan(records[card_files.CARD_INFO]["money_fen"])
    return [
        ("credit", f"{credit} yuan for each meter"),
        _format_uses(records),
        *_describe_results(card, kinds.TEST_CREDIT),
    ]


def _describe_test(card: CardPort, records: Records) -> Lines:
    order = records[card_files.CARD_INFO]
    lines = [("tests", name_bits(order["tests"], _TESTS))]
    if order["tests"] & service_files.TEST_PULSES:
        lines.append(("pulses", f"{order['pulses'] or 'any number'} in {order['seconds']} s"))
    return [*lines, _format_uses(records), *_describe_results(card, kinds.TEST)]


def _describe_results(card: CardPort, kind: str) -> Lines:
    """Return a line for each result that a meter wrote, the newest first."""
    lines: Lines = []
    for result in _read_log(card, kind, desk_files.TEST_RESULTS):
        words = [_format_verdict(result)] if result["done"] else []
        if result["done"] & service_files.TEST_PULSES:
            words.append(f"{result['pulses']} pulses")
        if result["money_fen"]:
            words.append(f"{yuan(result['money_fen'])} yuan given")
        words += [
            f"self-check {_decode_text(result['selfcheck'])}",
            f"version {_format_version(result['version'])}",
            format_time(result["time"]),
        ]
        lines.append(
            (
                f"meter {format_number(result['meter_no'])}, ESAM {result['esam'].hex()}",
                ", ".join(words),
            )
        )
    return lines or [("results", "none yet")]


def _format_verdict(result: dict[str, Any]) -> str:
    passed, failed = result["done"] & result["passed"], result["done"] & ~result["passed"]
    good = f"passed: {name_bits(passed, _TESTS)}"
    return f"FAILED: {name_bits(failed, _TESTS)}; {good}" if failed else good


def _describe_inspection(card: CardPort, records: Records) -> Lines:
    totals, back = records[service_files.INSPECTION_TOTALS], records[desk_files.INSPECTION_RUN_INFO]
    lines = [("copies", name_bits(records[card_files.CARD_INFO]["copies"], _COPIES))]
    if totals is None:
        copied = back or records[desk_files.INSPECTION_KEY_INFO]
        lines.append(
            (
                "state",
                "not all was copied: put it into the meter again"
                if copied
                else "has not been in a meter",
            )
        )
    if back is not None and "debt_fen" in back:
        lines += [("state", "account closed"), *Statement(**back).describe()]
    elif back is not None:
        wallet = records[desk_files.INSPECTION_WALLET]
        lines += [
            ("ESAM's wallet", f"{yuan(wallet['money_fen'])} yuan, purchase {wallet['count']}"),
            ("balance", f"{yuan(back['balance_fen'])} yuan after purchase {back['count']}"),
            ("overdraft", f"{yuan(back['overdraft_fen'])} yuan"),
            ("illegal cards", str(back["illegal_cards"])),
        ]
    lines += _describe_parameters(records)
    if totals is not None:
        lines += _describe_totals(totals)
    # Behind this meter's events the log has those of a meter that was inspected before.
    for event in _read_log(card, kinds.INSPECTION, service_files.INSPECTION_EVENTS)[
        : totals["events"] if totals else None
    ]:
        lines.append((f"event {event['number']}", _format_event(event)))
    return lines + _describe_log(card)


def _describe_log(card: CardPort) -> Lines:
    """Return the lines about the log of events, none if there is none or the card is older."""
    try:
        log = read_log(card)
    except ValueError as error:
        return [("log", f"damaged ({error}): put the card into the meter again")]
    return describe_log(log, belongs_to(log, read_totals(card))) if log else []


def _format_event(event: dict[str, Any]) -> str:
    """Format one event of the inspection card's log."""
    if event["code"] & 0xFF00 != service_files.ILLEGAL_CARD:
        return (
            f"code {event['code']:04X}, {event['detail'].hex()}, {format_time(event['time'])}, "
            f"hash {event['hash'].hex()}"
        )
    found = card_files.unpack(service_files.CARD_EVENT, card_files.pack(desk_files.EVENT, event))
    said = f"{found['sw']:04X} to {found['command'].hex().upper()}"
    return (
        f"illegal card {found['serial'].hex()}, code {event['code'] & 0xFF}, {said}, "
        f"{format_time(found['time'])}"
    )


def _describe_parameters(records: Records) -> Lines:
    params, info = records[desk_files.INSPECTION_PARAMS], records[desk_files.INSPECTION_KEY_INFO]
    if info is None:
        return []
    return [
        *describe_params(params),
        *(
            [("newest price from", format_time(params["switch_time"]))]
            if has_planned_price(params)
            else []
        ),
        *describe_limits(records[desk_files.INSPECTION_LIMITS]),
        ("keys", format_keys_state(info)),
    ]


def _describe_totals(totals: dict[str, Any]) -> Lines:
    return [
        ("totals of meter", format_number(totals["meter_no"])),
        ("energy", f"{format_decimal(totals['energy_pj'] // _PJ_PER_MWH, 6)} kWh"),
        ("bought in all", f"{yuan(totals['bought_fen'])} yuan"),
        ("price now", format_price(totals["price_e4"])),
        ("standing faults", f"{totals['faults']:08X}" if totals["faults"] else "none"),
        ("self-check", _decode_text(totals["selfcheck"])),
        ("version", _format_version(totals["version"])),
        ("events in all", str(totals["events"])),
        ("copied", f"{name_bits(totals['copied'], _COPIES)}; {format_time(totals['time'])}"),
    ]


def _describe_part(card: CardPort, records: Records) -> Lines:
    info = records[card_files.CARD_INFO]
    return [
        ("part", f"{info['part']} of {info['parts']}, {info['needed']} are needed"),
        ("of control card", info["control"].hex()),
        ("cipher", find_profile(info["profile"]).name),
    ]


def _describe_control(card: CardPort, records: Records) -> Lines:
    left = records[desk_files.CARD_USES]["uses"]
    blank = card.process(make_command(f"80FA00{keys.IDENTITY:02X}", keys.NO_FACTOR))[1] == NO_KEY
    cipher = ("cipher", find_profile(records[card_files.CARD_INFO]["profile"]).name)
    if blank:
        return [cipher, ("system", "none yet, the card is blank: `dianka keys init` or `restore`")]
    backup = ("backup", "none was made yet" if left else "was made, or this card came from one")
    return [cipher, backup, *describe_quota(read_quota(card))]


def _read_log(card: CardPort, kind: str, sfi: int) -> list[dict[str, Any]]:
    """Return the records that were written, the newest first."""
    content = CONTENTS[kind][sfi]
    found = [
        content.unpack(block)
        for block, sw in read_blocks(card, sfi, kinds.ALL[kind].files[sfi])
        if sw == OK
    ]
    return [record for record in found if record is not None]


def _decode_text(raw: bytes) -> str:
    """Decode ASCII that is padded with zeros; return hexadecimal if it is anything else."""
    text = raw.rstrip(b"\0 ")
    if not text:
        return "not told"
    return text.decode() if text.isascii() and text.decode().isprintable() else raw.hex()


def _format_version(raw: bytes) -> str:
    """Format the version field, which keeps the first eight characters.

    A version that fills the field may be longer, so dots follow it. `unflashed` is always longer
    and is written in full.
    """
    if raw == _UNFLASHED[: len(raw)]:
        return _UNFLASHED.decode()
    text = _decode_text(raw)
    return f"{text}..." if len(text) == len(raw) else text


SERVICE: dict[str, Callable[[CardPort, Records], Lines]] = {
    kinds.KEYS: _describe_keys,
    kinds.RESTORE: _describe_keys,
    kinds.INSPECTION: _describe_inspection,
    kinds.TEST_CREDIT: _describe_test_credit,
    kinds.TEST: _describe_test,
    kinds.PART: _describe_part,
    kinds.CONTROL: _describe_control,
}
