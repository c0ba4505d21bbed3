"""Reads docs/cards/*.md: tables, worked examples, and the words for rights and targets."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dianka.cardos import access, desk_files, keys, kinds
from dianka.cardos.access import FileSpec, Right
from dianka.cardos.chip import Chip
from dianka.cardos.crypto import PROFILES, Profile
from dianka.cardos.files import card_files
from dianka.cardos.state import make_key_info
from dianka.desk.control import (
    Load,
    load_keys,
    plan_esam,
    plan_meter,
    plan_part_card,
    plan_user_card,
)

DOCS = Path(__file__).resolve().parents[2] / "docs" / "cards"
PAGES = ("protocol.md", "files.md", "sessions.md", "examples.md")

# The system of the worked examples; the page says the same.
METER_NO, CUSTOMER_NO = 12, 34
SERIALS = {
    "ESAM": "E1E2E3E4E5E6E7E8",
    "card": "0102030405060708",
    "control": "C1C2C3C4C5C6C7C8",
    "new": "0102030405060708",
    "part": "A1A2A3A4A5A6A7A8",
    "other part": "B1B2B3B4B5B6B7B8",
}


@dataclass
class Table:
    """One table: its heading, the line just above it, the names of its columns, and its rows."""

    heading: str
    above: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)

    def column(self, name: str) -> list[str]:
        return [row[self.columns.index(name)] for row in self.rows]


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def tables(name: str) -> list[Table]:
    """Return all tables of a page, in order."""
    found: list[Table] = []
    heading = above = ""
    inside = False
    for line in page(name).splitlines():
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if not inside:
                found.append(Table(heading, above, cells))
            elif not set(line) <= set("|-: "):
                found[-1].rows.append(cells)
            inside = True
            continue
        inside = False
        if line.startswith("#"):
            heading = line.lstrip("# ")
        if line:
            above = line
    return found


def bare(cell: str) -> str:
    """Return a cell without its marks and back quotes."""
    return re.sub(r" *\[[po?]\]", "", cell).replace("`", "").strip()


def rights(listed: tuple[Right, ...]) -> str:
    return " or ".join(_right(right) for right in listed) or "nobody"


def _right(right: Right) -> str:
    how = "free" if right.mode == access.PLAIN else f"{right.mode} {right.kid:02X}"
    if right.auth is None:
        return how
    target = f" for {right.target.hex(' ').upper()}" if right.target else ""
    return f"{'plain' if how == 'free' else how} after {right.auth:02X}{target}"


def shape(spec: FileSpec) -> str:
    if spec.shape == access.LOG:
        return f"log of {spec.size // spec.record_bytes} x {spec.record_bytes}"
    return spec.shape


def targets(spec: FileSpec) -> str:
    """Return the targets for which a sealed block of this file may be made, as the page says it."""
    words: list[str] = []
    for offset, headers in spec.targets.items():
        for header in headers:
            shown = header.hex(" ").upper()
            if offset is not None:
                words.append(f"{offset}: {shown}")
            else:
                words.append(f"n: {shown} n" + (f"-{spec.shift}" if spec.shift else ""))
    return ", ".join(words) or "-"


def examples() -> Iterator[tuple[str, list[str]]]:
    """Yield (title, lines) of each worked example.

    A line that begins with blanks continues the line before.
    """
    for block in re.findall(r"```text\n(.*?)```", page("examples.md"), re.S):
        lines: list[str] = []
        for line in block.splitlines():
            if line.startswith(" "):
                lines[-1] += line
            elif line and not line.startswith("#"):
                lines.append(line)
        yield lines[0], lines[1:]


def root(kid: int) -> bytes:
    """Return a private root of the example system: worth nothing, and easy to see in a dump."""
    return bytes((kid,)) + bytes.fromhex("112233445566778899AABBCCDDEEFF")


class System:
    """The chips of the examples, with the page's random bytes."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.next_random = b""
        names = {
            "ESAM": kinds.ESAM,
            "card": kinds.USER,
            "control": kinds.CONTROL,
            "new": kinds.USER,
            "part": kinds.PART,
            "other part": kinds.PART,
        }
        self.chips = {
            who: Chip.new(kind, bytes.fromhex(SERIALS[who]), self._random, profile.name)
            for who, kind in names.items()
        }
        control, esam, card = (self.chips[who] for who in ("control", "ESAM", "card"))
        control.state.keys |= {kid: root(kid) for kid in keys.ROOT_KIDS}
        for chip in self.chips.values():
            chip.power_on()
        factor = keys.make_meter_factor(card_files.to_bcd(METER_NO, 6))
        load_keys(control, esam, plan_esam())
        params = {
            "meter_no": METER_NO,
            "ct_ratio": 1,
            "pt_ratio": 1,
            "user_type": 1,
            "alarm1_fen": 2000,
            "alarm2_fen": 500,
        }
        esam.state.files[card_files.ESAM_PARAMS] = card_files.pack(card_files.PARAMS, params)
        load_keys(
            control, esam, plan_meter(factor), Load(keys.MASTER, keys.PUBLIC_SET, keys.NO_FACTOR)
        )
        load_keys(control, card, plan_user_card(card.state.serial, factor))
        parts = [self.chips[who] for who in ("part", "other part")]
        for part in parts:
            load_keys(control, part, plan_part_card(part.state.serial))
        serials = b"".join(part.state.serial for part in parts)
        control.state.files[desk_files.CONTROL_PARTS] = serials.ljust(128, b"\0")
        params |= {"customer_no": CUSTOMER_NO, "card_type": card_files.OPEN, "update_flag": 0x80}
        card.state.files[card_files.CARD_INFO] = card_files.frame(
            card_files.CMD_USER, card_files.pack(card_files.PARAMS, params)
        )
        card.state.files[card_files.CARD_WALLET] = card_files.pack(
            card_files.WALLET, {"money_fen": 5000, "count": 1}
        )
        assert esam.state.files[card_files.ESAM_KEY_INFO] == make_key_info(card_files.KEYS_PRIVATE)
        for chip in self.chips.values():
            chip.power_on()

    def _random(self, count: int) -> bytes:
        given, self.next_random = self.next_random, b""
        return given if len(given) == count else bytes(count)

    def said(self, who: str, apdu: bytes, answer: bytes) -> bytes:
        """Return the chip's answer to this command, with the status word behind.

        Challenges are those of the page.
        """
        if apdu[1] == 0x84:
            self.next_random = answer[:-2]
        data, sw = self.chips[who].process(apdu)
        return data + sw.to_bytes(2, "big")


def system(name: str) -> System:
    return System(PROFILES[name])
