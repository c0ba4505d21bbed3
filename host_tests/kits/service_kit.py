"""The service staff's cards on the whole meter.

They are made as the desk makes them, and read byte by byte without the desk.
"""

from pathlib import Path
from typing import Any

from dianka.card_port import select_card
from dianka.cardos import desk_files, kinds
from dianka.cardos.chip import Chip
from dianka.cardos.files import card_files, service_files
from dianka.desk import service
from dianka.desk.session import Desk
from meter_kit import MeterKit, S

RESTORE, INSPECTION, CREDIT, TEST = (
    Path(f"{name}.card") for name in ("restore", "inspection", "credit", "test")
)


def make_restore(
    kit: MeterKit, card: Path = RESTORE, uses: int = 1, control: Chip | None = None
) -> None:
    kit.make(card, kinds.RESTORE, service.make_restore, service.RestoreData(uses), control)


def make_inspection(
    kit: MeterKit,
    card: Path = INSPECTION,
    copies: int = service_files.COPY_ALL,
    control: Chip | None = None,
) -> None:
    kit.make(
        card, kinds.INSPECTION, service.make_inspection, service.InspectionData(copies), control
    )


def make_credit(kit: MeterKit, card: Path = CREDIT, money_fen: int = 100, uses: int = 3) -> None:
    kit.make(
        card, kinds.TEST_CREDIT, service.make_test_credit, service.TestCreditData(money_fen, uses)
    )


def make_test(kit: MeterKit, card: Path = TEST, **fields: int) -> None:
    kit.make(card, kinds.TEST, service.make_test, service.TestData(**({"uses": 3} | fields)))


make_test.__test__ = False  # type: ignore[attr-defined]


def forge(kit: MeterKit, card: Path, sfi: int, content: bytes) -> None:
    """Write other content to a card of the public set, as anybody can but no desk does."""
    with kit.open(card) as file:
        kit.control.chip.power_on()
        desk = Desk(kit.control.chip, file.chip, select_card(file.chip), public=True)
        desk.authenticate()
        desk.update(sfi, content)


def files_of(kit: MeterKit, card: Path) -> dict[int, bytes]:
    return dict(kit.read_card_state(card).files)


def uses(kit: MeterKit, card: Path) -> int:
    return int.from_bytes(files_of(kit, card)[desk_files.CARD_USES], "big")


def totals(kit: MeterKit, card: Path = INSPECTION) -> dict[str, Any]:
    """Return the totals on an inspection card; ValueError if the copy is not complete."""
    command, data = card_files.unframe(files_of(kit, card)[service_files.INSPECTION_TOTALS])
    assert command == service_files.CMD_READ_BACK
    return card_files.unpack(service_files.TOTALS, data)


def results(kit: MeterKit, card: Path) -> list[dict[str, Any]]:
    """Return the results on a test card, the newest first."""
    size = card_files.size_of(service_files.TEST_RESULT)
    log = files_of(kit, card)[desk_files.TEST_RESULTS]
    records = [log[at : at + size] for at in range(0, len(log), size)]
    return [
        card_files.unpack(service_files.TEST_RESULT, record) for record in records if any(record)
    ]


def esam_chip(kit: MeterKit) -> Chip:
    return kit.esam


def key_state(kit: MeterKit) -> int:
    return card_files.unframe(esam_chip(kit).state.files[card_files.ESAM_KEY_INFO])[1][0]


def test_session(kit: MeterKit, card: Path = TEST, key_at: int = 0, limit_s: int = 60) -> list[str]:
    """Run a test card's session, with the key pressed some seconds into it; return its log."""
    if key_at:
        kit.rig.clock.call_after(key_at * S, kit.rig.press_key)
    return kit.run_session(card, limit_us=limit_s * S).log


test_session.__test__ = False  # type: ignore[attr-defined]


def find_verdict(log: list[str]) -> str:
    """Return the line that says how the tests of this session have ended, "" if there is none."""
    return next((line for line in reversed(log) if "] tests " in line), "")
