"""The reader that is a folder: a card's file moved in and away, at any moment."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cards_kit
from dianka.card_port import CardError, CardPort, select_card
from dianka.cardos import kinds
from dianka.cardos.chip import CardTorn, Chip
from dianka.cardos.image import CardFile, dump, load
from dianka.cli import app
from dianka.desk.sell import SaleError, read_user_card, sell
from dianka.readers import find_reader
from dianka.readers.folder import FolderReader
from dianka.readers.pcsc import EmptyReaderError

NAME = "lin.card"


@pytest.fixture
def control() -> Chip:
    return cards_kit.control_card()


@pytest.fixture
def slot(tmp_path: Path) -> Path:
    folder = tmp_path / "slot"
    folder.mkdir()
    return folder


def put_in(slot: Path, chip: Chip, name: str = NAME) -> Path:
    """Lay a chip's file into the folder, moved there whole as a person does."""
    beside = slot.parent / name
    beside.write_bytes(dump(chip.state))
    return beside.rename(slot / name)


def list_files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if not file.name.endswith(".lock"))


def test_a_card_is_in_the_folder_or_not(slot: Path, control: Chip) -> None:
    reader = FolderReader(slot)
    seen = reader.see()
    assert seen and not seen.present and seen.name == f"folder:{slot}"
    with pytest.raises(EmptyReaderError, match="is empty: put a card's file into it"):
        reader.connect()
    card = cards_kit.user_card(control)
    file = put_in(slot, card)
    seen = reader.see()
    assert seen and seen.present and seen.atr == card.power_on()
    with reader.connect() as held:
        assert held.name == f"folder:{slot}"
        assert select_card(held.port) == card.state.serial
    file.rename(slot.parent / NAME)
    seen = reader.see()
    assert seen and not seen.present


def test_a_folder_that_is_gone_is_a_reader_that_is_unplugged(tmp_path: Path) -> None:
    reader = FolderReader(tmp_path / "none")
    assert reader.see() is None
    with pytest.raises(CardError, match="none is no folder"):
        reader.connect()


def test_two_cards_in_one_reader_are_refused(slot: Path, control: Chip) -> None:
    put_in(slot, cards_kit.user_card(control))
    put_in(slot, cards_kit.user_card(control, 5), "wu.card")
    seen = FolderReader(slot).see()
    assert seen and seen.mute
    with pytest.raises(CardError, match=r"2 cards lie in .*: leave one"):
        FolderReader(slot).connect()


def test_what_is_no_card_is_mute(slot: Path) -> None:
    (slot / NAME).write_text("no card")
    seen = FolderReader(slot).see()
    assert seen and seen.mute
    with pytest.raises(CardError, match="is no card file"):
        FolderReader(slot).connect()


def test_a_card_that_another_holds_is_in_use(slot: Path, control: Chip) -> None:
    put_in(slot, cards_kit.user_card(control))
    with FolderReader(slot).connect(), pytest.raises(CardError, match="is in use"):
        FolderReader(slot).connect()
    with FolderReader(slot).connect() as held:
        assert select_card(held.port)


def test_a_sale_is_written_into_the_folders_file(slot: Path, control: Chip) -> None:
    file = put_in(slot, cards_kit.user_card(control))
    with FolderReader(slot).connect() as held:
        assert sell(control, held.port, 1234).count == 1
    with CardFile.open(file) as card:
        assert read_user_card(card).money_fen == 1234
    assert list_files(slot) == [NAME]


class Mover:
    """A card's port, and a person who moves its file away before the nth command."""

    def __init__(self, port: CardPort, at: int, move: Callable[[], object]) -> None:
        self._port, self.left, self._move = port, at, move

    def power_on(self) -> bytes:
        return self._port.power_on()

    def process(self, apdu: bytes) -> tuple[bytes, int]:
        self.left -= 1
        if not self.left:
            self._move()
        return self._port.process(apdu)


def count_commands(control: Chip) -> int:
    card = cards_kit.user_card(control)
    counted = Mover(card, 10_000, lambda: None)
    sell(control, counted, 1234)
    return 10_000 - counted.left


def test_a_card_pulled_before_any_command_is_one_card_still(slot: Path, control: Chip) -> None:
    commands = count_commands(control)
    assert commands > 10
    away = slot.parent / "pocket.card"
    for at in range(1, commands + 1):
        before = cards_kit.user_card(control)
        file = put_in(slot, before)
        with FolderReader(slot).connect() as held:
            pulled = Mover(held.port, at, lambda file=file: file.rename(away))
            with pytest.raises(SaleError, match="the card was pulled"):
                sell(control, pulled, 1234)
            with pytest.raises(CardTorn, match="went away: put it in again"):
                held.port.power_on()
        assert list_files(slot) == [], at
        card = Chip(load(away.read_bytes()))
        assert sell(control, card, 1234).count == 1, at


def test_a_card_pulled_while_it_is_stored_is_stored_nowhere(
    slot: Path, control: Chip, monkeypatch: pytest.MonkeyPatch
) -> None:
    away, sync = slot.parent / "pocket.card", os.fsync
    for at in (1, 2, 3):
        file = put_in(slot, cards_kit.user_card(control))
        left = [at]

        def pull(number: int, file: Path = file, left: list[int] = left) -> None:
            sync(number)
            left[0] -= 1
            if not left[0]:
                file.rename(away)

        monkeypatch.setattr(os, "fsync", pull)
        reader = FolderReader(slot)
        with reader.connect() as held, pytest.raises(SaleError, match="the card was pulled"):
            sell(control, held.port, 1234)
        monkeypatch.setattr(os, "fsync", sync)
        assert list_files(slot) == [], "no copy is left behind"
        assert sell(control, Chip(load(away.read_bytes())), 1234).count == 1


def test_another_card_of_the_same_name_is_not_written_over(
    slot: Path, control: Chip, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, other = put_in(slot, cards_kit.user_card(control)), cards_kit.user_card(control, 5)
    away, sync = slot.parent / "pocket.card", os.fsync

    def exchange(number: int) -> None:
        monkeypatch.setattr(os, "fsync", sync)
        sync(number)
        file.rename(away)
        put_in(slot, other)

    with FolderReader(slot).connect() as held:
        monkeypatch.setattr(os, "fsync", exchange)
        with pytest.raises(SaleError, match="the card was pulled"):
            sell(control, held.port, 1234)
    assert file.read_bytes() == dump(other.state)
    assert list_files(slot) == [NAME]


def test_a_pc_that_goes_off_while_a_card_is_stored_leaves_the_card(
    slot: Path, control: Chip, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Off(BaseException):
        pass

    def go_off(*words: object) -> None:
        raise Off

    put_in(slot, cards_kit.user_card(control))
    held = FolderReader(slot).connect()
    monkeypatch.setattr(Path, "replace", go_off)
    with pytest.raises((Off, SaleError)):
        sell(control, held.port, 1234)
    monkeypatch.undo()
    held.close()
    assert list_files(slot) == [f".{NAME}.held"]
    with FolderReader(slot).connect() as held:
        assert sell(control, held.port, 1234).count == 1
    assert list_files(slot) == [NAME]


def test_a_folder_is_named_wherever_a_reader_is(
    slot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, control: Chip
) -> None:
    monkeypatch.chdir(tmp_path)
    desk = tmp_path / "desk"
    desk.mkdir()
    put_in(desk, control, "control.card")
    put_in(slot, Chip.new(kinds.USER, profile=control.state.profile))
    with find_reader("folder:slot").connect() as held:
        assert held.name == "folder:slot"

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, (result.stdout, result.stderr)
        return result.stdout

    places = ("--control", "folder:desk")
    run("card", "issue", "user", "folder:slot", *places, *cards_kit.ISSUE_WORDS["user"])
    assert "50.00 yuan" in run("sell", "50", "--reader", "folder:slot", *places)
    assert "waits for its meter" in run("card", "show", "reader:folder:slot")
    refused = CliRunner().invoke(app, ["sell", "folder:desk", "50", "--control", "folder:desk"])
    assert refused.exit_code == 1 and "name the resident's card" in refused.stderr
