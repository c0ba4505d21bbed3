"""The desk killed at every step of making and replacing a card; the next look resolves it.

A point is a command to a chip, a file on its way to the disk, or a commit. After each kill the same
command is given again, as docs/office.md says: in the end a contract has one card in use, and it is
the one that is good.
"""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import sweeps
from dianka.card_port import CardError
from dianka.cardos.image import CardFile
from dianka.desk.sell import OnCard, read_user_card, sell
from office_kit import PASSWORD
from office_stage import OfficeStage, staged_office
from sweeps import sweep

FIRST = 1000  # the meter of the command that is not killed; the others have their point's number


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OfficeStage, Path]]:
    folder = tmp_path_factory.mktemp("killed")
    with staged_office(folder) as stage:
        assert stage.run(folder, "card issue control control.card")["status"] == 0
        yield stage, folder


def read(folder: Path, name: str) -> OnCard | None:
    """Return what a user card says, None if it is none (yet)."""
    if not (folder / name).exists():
        return None
    with CardFile.open(folder / name) as card:
        try:
            return read_user_card(card)
        except CardError:
            return None


def one_card(stage: OfficeStage, meter_no: int, serial: bytes) -> None:
    """Check that this is the one card in use at the meter, and that the office is whole."""
    seen = stage.look()
    assert seen["faults"] == []
    used = [card for card, state, meter in seen["cards"] if meter == meter_no and state == "used"]
    assert used == [serial.hex()]


@pytest.mark.slow
@sweep(500)
def test_killed_while_a_card_is_issued(
    stage: tuple[OfficeStage, Path], every: int, record_property: Callable[[str, object], None]
) -> None:
    desk, folder = stage
    words = "card issue user i{0}.card --meter {0}"
    desk.make_contract(FIRST)
    whole = desk.run(folder, words.format(FIRST))["points"]
    killed_at = sweeps.points(whole, every, 1)
    for at in killed_at:
        desk.make_contract(at)
        killed = desk.run(folder, words.format(at), at=at, after=bool(at % 2))
        # The first one opened what the others found open: they have a few points less.
        assert killed["status"] == -signal.SIGKILL or at > whole - 4
        done = desk.run(folder, words.format(at))
        if done["status"]:  # it was whole, and known to be
            assert "exists already" in done["err"], done
        found = read(folder, f"i{at}.card")
        assert found and found.params["meter_no"] == at
        assert desk.run(folder, f"office card verify i{at}.card")["status"] == 0
        one_card(desk, at, found.serial)
    assert whole > 60
    record_property("figure", f"card issue killed at {len(killed_at)} of {whole} points: one card")


@pytest.mark.slow
@sweep(500)
def test_killed_while_a_card_is_replaced(
    stage: tuple[OfficeStage, Path], every: int, record_property: Callable[[str, object], None]
) -> None:
    """With its last purchase, the former card in hand, a second person's password given."""
    desk, folder = stage
    words = "card replace n{0}.card --former o{0}.card --second wu"

    def sold(meter_no: int) -> None:
        old = f"o{meter_no}.card"
        desk.make_contract(meter_no)
        assert desk.run(folder, f"card issue user {old} --meter {meter_no}")["status"] == 0
        with CardFile.open(folder / old) as card, CardFile.open(folder / "control.card") as control:
            sell(control, card, 5000)
        desk.enter_sale(meter_no, 5000)

    sold(2 * FIRST)
    whole = desk.run(folder, words.format(2 * FIRST), f"{PASSWORD}\n")["points"]
    killed_at = sweeps.points(whole, every, 1)
    for at in killed_at:
        meter_no = 2 * FIRST + at
        old, new = f"o{meter_no}.card", f"n{meter_no}.card"
        sold(meter_no)
        order = words.format(meter_no)
        killed = desk.run(folder, order, f"{PASSWORD}\n", at=at, after=bool(at % 2))
        # The first one opened what the others found open: they have a few points less.
        assert killed["status"] == -signal.SIGKILL or at > whole - 4
        good = [found for name in (old, new) if (found := read(folder, name))]
        assert good and all((found.count, found.money_fen) == (1, 5000) for found in good)
        done = desk.run(folder, order, f"{PASSWORD}\n")
        if done["status"]:  # the former card is cleared: nothing is left to do but to look at both
            assert "is not issued" in done["err"], done
            assert desk.run(folder, f"office card read {old}")["status"] == 0
            assert desk.run(folder, f"office card read {new}")["status"] == 0
        found = read(folder, new)
        assert found and (found.count, found.money_fen) == (1, 5000) and not read(folder, old)
        assert desk.run(folder, f"office card verify {new}")["status"] == 0
        one_card(desk, meter_no, found.serial)
    assert whole > 60
    record_property("figure", f"card replace killed at {len(killed_at)} of {whole} points: one")


@pytest.mark.slow
@sweep(500)
def test_killed_in_a_batch(
    stage: tuple[OfficeStage, Path], every: int, record_property: Callable[[str, object], None]
) -> None:
    """Two cards from a list; the batch goes on where it was, whatever was made by then."""
    desk, folder = stage
    (folder / "made").mkdir()

    def list_two(first: int) -> str:
        for meter_no in (first, first + 1):
            desk.make_contract(meter_no)
        (folder / "two.csv").write_text(f"{first}\n{first + 1}\n", encoding="ascii")
        return "office card batch user --csv two.csv --folder made"

    whole = desk.run(folder, list_two(4 * FIRST))["points"]
    batch, killed_at = 1, sweeps.points(whole, every, 1)
    for at in killed_at:
        first = 4 * FIRST + 2 * at
        killed = desk.run(folder, list_two(first), at=at, after=bool(at % 2))
        assert killed["status"] == -signal.SIGKILL or at > whole - 4
        done = desk.run(folder, f"office card batch resume {batch + 1} --folder made")
        if "there is no batch" in done["err"]:
            continue  # killed before it was entered
        batch += 1
        assert done["status"] == 0 and "2 done, 0 failed, 0 open" in done["out"], done
        for meter_no in (first, first + 1):
            found = read(folder, f"made/user-{meter_no:012d}.card")
            assert found
            one_card(desk, meter_no, found.serial)
    assert whole > 120 and batch > 2
    record_property("figure", f"a batch killed at {len(killed_at)} of {whole} points: resumed")
