"""The self-check on rung 1: a healthy meter says so, each fault changes its own digit alone.

People can read it.
"""

import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dianka.bench.models.fram import SIZE
from dianka.bench.models.hlw8032_frame import Fault
from dianka.bench.models.relay import ContactFault
from dianka.cardos.chip import Chip
from dianka.cardos.t0 import Behaviour
from dianka.firmware import ROOT, load_shared
from meter_kit import INIT_DATA, USER_DATA, MeterKit, S, in_use

MANY = 1_000_000
GOOD = "00000"


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    # A number whose turn after an outage comes at once: the relay is driven in time to be checked.
    init = replace(INIT_DATA, meter_no=61, desk_time=2601050800)
    kit = MeterKit.new(tmp_path, init, replace(USER_DATA, meter_no=61))
    in_use(kit, 1000)
    kit.rig.set_load(1_000_000)
    kit.wait(10 * S)
    yield kit
    kit.close()


def start(kit: MeterKit, spoil: Callable[[MeterKit], object]) -> str:
    """The code of the start after a power cut in which this happened."""
    kit.rig.cut_power()
    spoil(kit)
    kit.lines.clear()
    kit.restart()
    kit.wait(8 * S)
    (code,) = {
        match[1] for line in kit.lines if (match := re.search(r"self-check (\d{8}) version", line))
    }
    return code


def other_format(kit: MeterKit) -> None:
    """Good records of a format that is not this version's: as if other firmware had run."""
    store = kit.rig.bench.fram
    size = load_shared("state").SIZE + 20
    for base in (1024, SIZE // 2 + 1024):
        body = (
            (1 << 40).to_bytes(6, "big") + size.to_bytes(2, "big") + b"\x7f\x01" + bytes(size - 2)
        )
        store.memory[base : base + len(body) + 4] = body + binascii.crc32(body).to_bytes(4, "big")


def esam_of(kit: MeterKit) -> Chip:
    engine = kit.rig.bench.esam.engine
    assert engine
    return engine.chip


def no_date(kit: MeterKit) -> None:
    """Registers that no calendar has."""
    clock_chip = kit.rig.bench.clock_chip
    clock_chip._registers[5] = 0x13
    clock_chip._latch = lambda: None  # they stay


def behind(kit: MeterKit) -> None:
    """Somebody has set the clock, and wrongly."""
    kit.rig.bench.clock_chip.set(0)


def half_protected(kit: MeterKit) -> None:
    """The second half of the memory keeps nothing: every byte of it reads as one value."""
    kit.rig.bench.fram.stuck.update(dict.fromkeys(range(SIZE // 2, SIZE), 0x00))


def nothing(kit: MeterKit) -> None:
    """A cut and no more."""


FAULTS: list[tuple[str, Callable[[MeterKit], object], str]] = [
    ("nothing", nothing, "00000"),
    ("one half of the memory", half_protected, "10000"),
    ("write protection", lambda kit: setattr(kit.rig.bench.fram, "protected", True), "20000"),
    ("memory silent", lambda kit: setattr(kit.rig.bench.fram, "mute", True), "30000"),
    ("state of another format", other_format, "40000"),
    ("chip silent", lambda kit: kit.rig.bench.chip.inject(Fault.FROZEN, MANY), "01003"),
    ("chip garbled", lambda kit: kit.rig.bench.chip.inject(Fault.BYTE_DROPPED, MANY), "02003"),
    (
        "chip's parameters unusable",
        lambda kit: kit.rig.bench.chip.inject(Fault.STATE_AA, MANY),
        "03003",
    ),
    ("ESAM silent", lambda kit: kit.rig.bench.esam.put(None), "00100"),
    (
        "ESAM refuses",
        lambda kit: kit.rig.bench.esam.put(esam_of(kit), Behaviour(lying_sw=0x6A82)),
        "00200",
    ),
    ("clock silent", lambda kit: setattr(kit.rig.bench.clock_chip, "mute", True), "00010"),
    ("clock battery", lambda kit: setattr(kit.rig.bench.clock_chip, "battery", False), "00020"),
    ("clock without a date", no_date, "00030"),
    ("clock behind the meter's earliest time", behind, "00040"),
    (
        "relay stuck open",
        lambda kit: setattr(kit.rig.bench.relay, "fault", ContactFault.STUCK_OPEN),
        "00001",
    ),
    ("mains too low for the coil", lambda kit: kit.rig.set_volts(150_000), "00003"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("what", "spoil", "parts"), FAULTS, ids=[each[0] for each in FAULTS])
def test_each_fault_changes_its_digit(
    kit: MeterKit, what: str, spoil: Callable[[MeterKit], object], parts: str
) -> None:
    code = start(kit, spoil)
    assert code[:5] == parts, kit.lines
    assert 0 < int(code[5:]) <= 999


def test_a_contact_that_is_welded(tmp_path: Path) -> None:
    """Without credit the relay has to open."""
    kit = MeterKit.new(tmp_path)
    in_use(kit, 100)
    kit.wait(5 * S)
    assert kit.relay_closed
    kit.rig.bench.relay.fault = ContactFault.WELDED
    kit.rig.set_load(6_000_000)
    kit.wait(1500 * S)
    assert start(kit, nothing)[:5] == "00002", kit.lines
    kit.close()


def test_every_digit_that_a_fault_can_show_is_explained() -> None:
    """docs/selfcheck.md has a row for each part, and a meaning for each digit seen above."""
    text = (ROOT / "docs" / "selfcheck.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if re.match(r"\| [1-5] \|", line)
    ]
    assert [row[0] for row in rows] == ["1", "2", "3", "4", "5"]
    for _, _, parts in [*FAULTS, ("welded", nothing, "00002")]:
        for row, digit in zip(rows, parts, strict=True):
            assert row[2 + int(digit)], (row, digit)


def test_an_installer_reads_the_code_at_the_start_and_on_its_page(kit: MeterKit) -> None:
    kit.rig.cut_power()
    kit.rig.bench.clock_chip.battery = False
    kit.rig.switch_mains_on()
    seen = [text for text in kit.watch_display(8 * S) if re.fullmatch(r"\d{8}", text)]
    assert len(seen) == 1 and seen[0].startswith("00020"), "for some seconds at the start"
    kit.wait(10 * S)
    pages: list[str] = []
    for _ in kit.meter.pages.compose_texts():
        pages.append(max(kit.watch_display(3 * S) - {"Err-04"}))
        kit.rig.press_key()
        kit.wait(S)
    assert pages.index(seen[0]) == len(pages) - 2, pages  # the last page is the calibration
