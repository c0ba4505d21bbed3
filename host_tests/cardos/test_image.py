"""A card's file: locked, saved at each commit, and refused when a byte of it is not what it was."""

import json
import os
import stat
from pathlib import Path

import pytest

import cards_kit as kit
from dianka.cardos import kinds
from dianka.cardos.chip import CardTorn, Chip
from dianka.cardos.core import Faults
from dianka.cardos.image import CardFile, CardFileError, dump, load
from dianka.desk import issue


@pytest.fixture
def esam_path(tmp_path: Path) -> Path:
    path = tmp_path / "meter.esam"
    issue.issue_esam(path, rng=kit.seeded(5))
    return path


def test_what_was_stored_is_there_again(esam_path: Path) -> None:
    with CardFile.open(esam_path) as card:
        card.chip.power_on()
        assert kit.sw_of(card.chip, "00D687000155") == 0x9000
        state = kit.snapshot(card.chip)
    with CardFile.open(esam_path) as card:
        assert card.chip.state == state
    assert esam_path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("fault", "value"), [("torn_before", b"\x00"), ("torn_after", b"\x55")])
def test_a_torn_commit_leaves_the_file_as_the_chip(
    esam_path: Path, fault: str, value: bytes
) -> None:
    with CardFile.open(esam_path) as card:
        card.chip.power_on()
        card.chip.faults = Faults(**{fault: 1})
        with pytest.raises(CardTorn):
            card.chip.process(bytes.fromhex("00D687000155"))
    with CardFile.open(esam_path) as card:
        card.chip.power_on()
        assert card.chip.process(bytes.fromhex("00B0870001")) == (value, 0x9000)


def test_a_card_is_in_one_place_at_a_time(esam_path: Path) -> None:
    with CardFile.open(esam_path), pytest.raises(CardFileError) as refused:
        CardFile.open(esam_path)
    assert (
        str(refused.value)
        == "meter.esam is in use (in a meter's slot or at another desk): pull it there first"
    )
    CardFile.open(esam_path).close()


def test_a_link_is_the_card_that_it_leads_to(esam_path: Path) -> None:
    """A sale through a link had a lock of its own once, and put a second card in its place."""
    link, folder = esam_path.with_name("link.esam"), esam_path.parent / "folder"
    link.symlink_to(esam_path.name)
    folder.symlink_to(esam_path.parent)
    for name in (link, folder / esam_path.name, folder / link.name):
        with (
            CardFile.open(esam_path),
            pytest.raises(CardFileError, match=r"^meter\.esam is in use"),
        ):
            CardFile.open(name)
    with CardFile.open(link) as card:
        with pytest.raises(CardFileError, match="is in use"):
            CardFile.open(esam_path)
        card.power_on()
        assert card.process(bytes.fromhex("00D687000155"))[1] == 0x9000
        state = kit.snapshot(card.chip)
    assert link.is_symlink() and not esam_path.is_symlink()
    with CardFile.open(esam_path) as card:
        assert card.chip.state == state


def test_a_file_with_two_names_is_refused(esam_path: Path) -> None:
    """Whatever is stored under one of them would leave the former card under the other."""
    other = esam_path.with_name("other.esam")
    other.hardlink_to(esam_path)
    for name in (esam_path, other):
        with pytest.raises(
            CardFileError, match=rf"^{name.name} has 2 names on the disk .* remove the others"
        ):
            CardFile.open(name)
    other.unlink()
    CardFile.open(esam_path).close()


def test_links_in_a_circle_and_names_that_no_file_can_have(tmp_path: Path) -> None:
    (tmp_path / "a.card").symlink_to("b.card")
    (tmp_path / "b.card").symlink_to("a.card")
    longest = "x" * 244 + ".card"
    bad = (
        tmp_path / "a.card",
        tmp_path / f"x{longest}",
        tmp_path / f"{'x' * 300}.card",
        Path(f"{'x' * 99}/" * 50),
    )
    for path in (*bad, tmp_path / f"{'电' * 82}.card"):  # 251 bytes, though 87 characters
        for use in (CardFile.open, lambda path: CardFile.create(path, kinds.USER)):
            with pytest.raises(CardFileError) as refused:
                use(path)
            assert len(str(refused.value)) < 200 and "\n" not in str(refused.value)
    with CardFile.create(tmp_path / longest, kinds.USER) as card:
        serial = card.chip.state.serial
    with CardFile.open(tmp_path / longest) as card:
        assert card.chip.state.serial == serial


def test_the_folder_is_on_the_disk_as_well(
    esam_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the rename: a cut could bring the former card back otherwise."""
    done: list[str] = []
    sync, move = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def moved(path: Path, target: Path) -> Path:
        done.append("moved")
        return move(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", moved)
    with CardFile.open(esam_path) as card:
        card.power_on()
        assert kit.sw_of(card.chip, "00D687000155") == 0x9000
    assert done == ["file", "moved", "folder"]


def test_a_closed_card_stores_nothing(esam_path: Path) -> None:
    card = CardFile.open(esam_path)
    card.close()
    with pytest.raises(CardTorn):
        card.chip.process(bytes.fromhex("00D687000155"))
    card.chip.power_on()
    assert kit.sw_of(card.chip, "00D687000155") == 0x6581


def test_a_name_is_given_once(esam_path: Path) -> None:
    with pytest.raises(CardFileError, match="exists already"):
        CardFile.create(esam_path, kinds.USER)


def test_missing_and_unwritable(tmp_path: Path) -> None:
    with pytest.raises(CardFileError, match="is no file"):
        CardFile.open(tmp_path / "none.card")
    with pytest.raises(CardFileError, match="can't be written"):
        CardFile.create(tmp_path / "none" / "a.card", kinds.USER)


def test_a_disk_that_is_full_leaves_the_old_card(
    esam_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = esam_path.read_bytes()
    with CardFile.open(esam_path) as card:
        card.chip.power_on()

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        assert kit.sw_of(card.chip, "00D687000155") == 0x6581  # what a reader is told
        with pytest.raises(
            CardFileError,
            match=r"^meter\.esam can't be written \(No space left .*: the card is whole",
        ):
            card.process(bytes.fromhex("00D687000155"))
    assert esam_path.read_bytes() == before


def test_damage_at_any_byte_is_seen() -> None:
    whole = dump(kit.user_card(kit.control_card()).state)
    assert load(whole).kind == kinds.USER
    for at in range(0, len(whole), 5):
        for bit in (1, 0x20):
            damaged = whole[:at] + bytes((whole[at] ^ bit,)) + whole[at + 1 :]
            with pytest.raises(CardFileError):
                load(damaged)
    for cut in range(0, len(whole), 61):
        with pytest.raises(CardFileError):
            load(whole[:cut])
    with pytest.raises(CardFileError):
        load(whole + b" ")


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        (kinds.PART, "take another part"),
        (kinds.CONTROL, "`dianka keys restore`"),
        (kinds.USER, "issue a replacement card"),
    ],
)
def test_a_damaged_file_says_what_to_do(kind: str, advice: str) -> None:
    """A part of a backup can't be issued anew, and a control card comes from its backup."""
    whole = dump(Chip.new(kind).state)
    for bad in (
        whole[:-9],
        whole[: len(whole) // 2],
        whole.replace(b'"tries": {}', b'"tries": []'),
    ):
        with pytest.raises(CardFileError, match=rf"^x is damaged: .*{advice}"):
            load(bad, "x")


@pytest.mark.parametrize(
    "foreign", [b"", b"\xff\xd8\xff\xe0", b"[]", b"{}", b'"dianka"', b"[" * 60000, b"1" * 5000]
)
def test_foreign_files(foreign: bytes) -> None:
    with pytest.raises(CardFileError, match="is no card file"):
        load(foreign)


def test_a_later_version_is_named_as_such() -> None:
    content = json.loads(dump(Chip.new(kinds.USER).state)) | {"version": 3}
    with pytest.raises(CardFileError, match="another version"):
        load(json.dumps(content).encode())


def test_a_state_that_no_chip_can_have_is_refused_even_with_a_good_sum() -> None:
    for spoil in (
        lambda state: state.files.pop(1),
        lambda state: state.files.update({1: b""}),
        lambda state: state.keys.update({9: bytes(16)}),
        lambda state: state.keys.update({1: bytes(8)}),
        lambda state: state.tries.update({7: 9}),
    ):
        state = kit.user_card(kit.control_card()).state.copy()
        spoil(state)
        with pytest.raises(CardFileError, match="is damaged"):
            load(dump(state))


def test_a_card_that_cannot_be_finished_leaves_no_file(tmp_path: Path) -> None:
    control = kit.control_card()
    control.faults = Faults(refuse_at=3, refuse_sw=0x6985)
    with pytest.raises(Exception, match="refused to seal a key"):
        issue.issue_user(control, tmp_path / "user.card", 1, 2, 0, 0, [5000])
    assert not (tmp_path / "user.card").exists()
