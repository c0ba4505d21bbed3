"""docs/cards/sessions.md against whole meters.

What is said on both lines is what the page says, every command in its order.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cards_document import Table, tables
from dianka.cardos import kinds
from dianka.cardos.files import card_files
from dianka.cardos.image import CardFile
from dianka.desk import issue, service
from heard_kit import Heard
from meter_kit import INIT, KEYS, METER_NO, USER, MeterKit
from service_kit import CREDIT, TEST, make_credit, make_test
from sessions_document import Step, commands_of

CARD = Path("service.card")
# "Every card begins so", steps 1 and 3; step 2 was long before.
BEGIN = [("card", "00a4000002df01"), ("card", "00b081002d")]
FACTOR = "00" * 8
METER = "0000" + card_files.to_bcd(METER_NO, 6).hex()


def follows(heard: Heard, steps: list[Step], mirrored: bool = False) -> None:
    """The session was these commands, no other and no fewer; `mirrored`: and the mirror's."""
    steps = BEGIN + steps + (commands_of("The mirror") if mirrored else [])
    begun = [
        (chip, apdu[: len(step[1])]) for (chip, apdu), step in zip(heard.both, steps, strict=False)
    ]
    assert begun == steps and len(heard.both) == len(steps), heard.session.log


def table(heading: str) -> Table:
    return next(table for table in tables("sessions.md") if table.heading.startswith(heading))


def compact(words: str) -> str:
    return words.replace(" ", "").lower()


@pytest.fixture
def new(tmp_path: Path) -> Iterator[MeterKit]:
    """A meter that only has its initialisation and key change cards beside it."""
    kit = MeterKit.before_cards(tmp_path)
    yield kit
    kit.close()


def sealed_reads(lines: list[str]) -> list[tuple[str, str, str]]:
    """(header with Lc, target, what follows) of every READ with MAC, by offset or by record."""
    return [
        (line[:10], line[18:28], line[28:]) for line in lines if line.startswith(("04b0", "04b2"))
    ]


def make(kit: MeterKit, kind: str, data: object) -> Path:
    path = kit.folder / CARD
    with CardFile.create(path, kind, profile=kit.control.chip.state.profile) as file:
        {kinds.RESTORE: service.make_restore, kinds.INSPECTION: service.make_inspection}[kind](
            kit.control.chip, file.chip, data
        )
    return CARD


def test_initialisation_and_key_change_and_back(new: MeterKit) -> None:
    heard = Heard(new, INIT)
    follows(heard, commands_of("Meter initialisation card"), mirrored=True)
    _seals_as(heard, table("Meter initialisation card"))
    there = Heard(new, KEYS)
    follows(there, commands_of("Master-key change card", "Change card"))
    _keys(there, ("change, kid 04 05", "change, kid 01 02 06", "change, kid 00"), "00")
    back = Heard(new, make(new, kinds.RESTORE, service.RestoreData(1)))
    follows(back, commands_of("Master-key change card", "Restore card"))
    _keys(back, ("restore, kid 04 05", "restore, kid 01 02 06", "restore, kid 00"), "01")


def _seals_as(heard: Heard, table: Table) -> None:
    """READs with MAC of the card, their targets and the public keys' factor are as in the rows."""
    rows = [(row[0].split(" r4")[0], row[1].removesuffix(", not sent")) for row in table.rows]
    assert sealed_reads(heard.card) == [
        (compact(read), compact(target), FACTOR) for read, target in rows
    ]


def test_production_tests(new: MeterKit) -> None:
    make_credit(new)
    make_test(new, seconds=1)
    follows(Heard(new, TEST), commands_of("Production test cards", "Meter"))
    heard = Heard(new, CREDIT)
    follows(heard, commands_of("Production test cards", "Credit"))
    _seals_as(heard, table("Production test cards"))


def _keys(heard: Heard, names: tuple[str, ...], target_set: str) -> None:
    """SEAL KEY as the rows of these names say, and WRITE KEY of each answer, kid 00 last."""
    rows = dict(table("Master-key change card").rows)
    expected = []
    for name in names:
        data = (
            rows[name].replace("meter number", METER[4:]).replace("00..00 ‖ r4", FACTOR + " ‖ r4")
        )
        data = data.replace("01 00..00", "01 " + FACTOR)
        for kid in name.split("kid ")[1].split():
            expected.append((kid, compact(data.removesuffix("00..00")).replace("‖", "") + "00" * 6))
    sealed = [(line[6:8], line[10:]) for line in heard.card if line.startswith("80fa06")]
    found = [(kid, data[:38] + "r4" + data[46:]) for kid, data in sealed]
    assert found == expected, heard.session.log
    assert all(data[46:48] == target_set for _, data in sealed)
    assert [line[6:8] for line in heard.esam if line.startswith("84d401")] == [
        kid for kid, _ in expected
    ]


# From its step 2 on the session of a user card depends on what is judged, in words that are no
# list: an opening.
OPENING = [
    *(("ESAM", "0084000004"), ("card", "04b0820009"), ("card", "00b0850001")),
    *(("ESAM", "0084000004"), ("card", "04b0810409"), ("ESAM", "04d682002b")),
    *(
        ("ESAM", "0084000004"),
        ("card", "04b0820009"),
        ("ESAM", "00b2000c10"),
        ("ESAM", "8432010c0c"),
    ),
    *(("ESAM", "0084000004"), ("card", "04b0830009"), ("ESAM", "04d68300cb")),
    *(("ESAM", "0084000004"), ("card", "04b0840009"), ("ESAM", "04d68400cb")),
    *(
        ("card", "0084000004"),
        ("ESAM", "00d6870031"),
        ("ESAM", "04b0870011"),
        ("card", "04d6850035"),
    ),
]


def test_opening_and_inspection(tmp_path: Path) -> None:
    kit = MeterKit.new(tmp_path)
    kit.sell(500)
    heard = Heard(kit, USER)
    assert heard.session.code == 0, heard.session.log
    targets = [
        ("04b0820009", "8432010c0c"),
        ("04b0810409", "04d682002b"),
        ("04b0820009", "8432010c0c"),
        ("04b0830009", "04d68300cb"),
        ("04b0840009", "04d68400cb"),
    ]
    assert [(header, target) for header, target, _ in sealed_reads(heard.card)] == targets
    follows(heard, [*commands_of("User card")[:7], *OPENING], mirrored=True)
    serial = kit.on_card().serial.hex()
    assert sealed_reads(heard.esam) == [("04b0870011", "04d6850035", serial)]
    assert heard.card[-1][:10] == "04d6850035"
    text = " ".join(
        (Path(__file__).parents[2] / "docs/cards/sessions.md").read_text(encoding="utf-8").split()
    )
    for header, target in [*targets[:4], ("04b0870011", "04d6850035")]:
        assert (
            f"{bytes.fromhex(header).hex(' ').upper()} r4 {bytes.fromhex(target).hex(' ').upper()}"
            in text
        )
    issue.issue_control(tmp_path / "illegal.card")
    assert kit.run_session(Path("illegal.card")).code == 22
    heard = Heard(kit, make(kit, kinds.INSPECTION, service.InspectionData()))
    *steps, block = commands_of("Inspection card")
    blocks = sum(line.startswith("00e2005ce6") for line in heard.card)
    follows(heard, [*steps, *[block] * blocks])
    rows = table("Inspection card").rows
    asked = [compact(row[1].split(" r4")[0]) for row in rows]
    assert [header for header, _, _ in sealed_reads(heard.esam)] == asked, heard.session.log
    assert [line[:10] for line in heard.card if line.startswith("04d6")] == [
        compact(row[2]) for row in rows
    ]
    plain = [line[:10] for line in heard.card if line.startswith("00d6")]
    assert plain == ["00d6890001", "00d6890049"]
    blocks = [line[10:14] for line in heard.card if line.startswith("00e2005ce6")]
    assert blocks == ["0103", "0203", "0303"], "more than one page's worth of entries"
    kit.close()
