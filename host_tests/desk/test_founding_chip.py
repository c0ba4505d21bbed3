"""A system founded on, or restored to, a blank control card in a reader, with a file's commands."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cards_kit as kit
from cards_kit import ALARMS, TERM_WORDS
from dianka.card_port import CardError, make_command
from dianka.cardos import desk_files, keys, kinds
from dianka.cardos.chip import CardTorn, Chip
from dianka.cardos.crypto import PROFILES
from dianka.cardos.image import CardFile, load
from dianka.cardos.t0 import Tpdu
from dianka.cli import app
from dianka.desk import system
from dianka.desk.show import show
from pcsc_kit import Readers

CONDITIONS, WRONG_DATA, NO_KEY = 0x6985, 0x6A80, 0x6A88
FOUND, KEEP = "80FA0900", "80FA0901"


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def made(*words: str) -> str:
    status, out, err = run(*words)
    assert (status, err) == (0, ""), err
    return out


def roots(chip: Chip) -> dict[int, bytes]:
    return {kid: chip.state.keys[kid] for kid in keys.ROOT_KIDS if kid in chip.state.keys}


def parts_in(folder: Path) -> list[Chip]:
    return [Chip(load(path.read_bytes())) for path in sorted(folder.glob("backup-*.card"))]


def test_a_system_on_two_chips(
    tmp_path: Path, pcsc: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Founded on one, sold with, restored to another, all in readers."""
    monkeypatch.chdir(tmp_path)
    made("card", "issue", "control", "one.card", "--blank")
    made("card", "issue", "control", "two.card", "--blank")
    assert "none yet, the card is blank" in made("card", "show", "one.card")
    with CardFile.open("one.card") as one, pcsc.holding(1, Tpdu(one.chip)):
        status, _, err = run(
            "card",
            "issue",
            "user",
            "lin.card",
            "--control",
            "reader:1",
            "--meter",
            "1",
            "--customer",
            "2",
            *TERM_WORDS,
        )
        assert (
            status == 1
            and "blank control card" in err
            and err.index("--control") < err.index("keys init")
        )
        assert "backup-3.card: part 3 of 3" in made("keys", "init", "reader:1")
        status, _, err = run("keys", "init", "reader:1")
        assert status == 1 and "holds a system already" in err
        assert "was made" in made("card", "show", "reader:1")
        made(
            "card",
            "issue",
            "user",
            "lin.card",
            "--control",
            "reader:1",
            "--meter",
            "1",
            "--customer",
            "2",
            "--price",
            "1",
            *ALARMS,
        )
        assert "5.00 yuan" in made("sell", "lin.card", "5", "--control", "reader:1")
        first = roots(one.chip)
    with CardFile.open("two.card") as two, pcsc.holding(0, Tpdu(two.chip)):
        made("keys", "restore", "reader:0", "backup-1.card", "backup-3.card")
        assert roots(two.chip) == first and len(first) == len(keys.ROOT_KIDS)
        assert "BAD" not in made("card", "verify", "lin.card", "--control", "reader:0")


@pytest.mark.parametrize("word", ["lin.card", "old.card"])
def test_only_a_blank_control_card_becomes_one(
    tmp_path: Path, pcsc: Readers, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    made("card", "issue", "control", "old.card")
    made("card", "issue", "user", "lin.card", "--blank")
    with CardFile.open(word) as card, pcsc.holding(0, Tpdu(card.chip)):
        before = card.chip.state
        for words in (("keys", "init", "reader:0"), ("card", "issue", "control", "reader:0")):
            status, _, err = run(*words)
            assert status == 1 and err.count("\n") == 1 and ("blank" in err), err
        assert card.chip.state is before and not list(tmp_path.glob("backup-*"))


def test_a_trial_card_and_the_cipher_on_a_chip(
    tmp_path: Path, pcsc: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made("card", "issue", "control", "chip.card", "--blank", "--profile", "3des")
    with CardFile.open("chip.card") as card, pcsc.holding(0, Tpdu(card.chip)):
        status, _, err = run("keys", "init", "reader:0")
        assert status == 1 and "cipher is 3des, not sm4: give --profile 3des" in err
        made("card", "issue", "control", "reader:0", "--profile", "3des")
        assert "none was made yet" in made("card", "show", "reader:0")
        assert len(roots(card.chip)) == len(keys.ROOT_KIDS)


def blank(profile: str = "sm4", seed: int = 60) -> Chip:
    return system.make_blank_control(profile, kit.seeded(seed))


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("done", [False, True])
def test_pulled_at_every_command(
    tmp_path: Path, profile: str, done: bool, record_property: Callable[[str, object], None]
) -> None:
    """The chip is blank and no part is left, or it has its system and all parts."""
    for at in range(1, 300):
        folder = tmp_path / str(at)
        folder.mkdir()
        chip = blank(profile)
        with contextlib.suppress(CardTorn, CardError):
            system.found_on_chip(kit.Pulled(chip, at, done), folder / "control.card", 2, 2, profile)
            break
        parts = parts_in(folder)
        if roots(chip):
            again = blank(profile, 61)
            system.restore_on_chip(again, parts)
            assert roots(again) == roots(chip) and len(parts) == 2 and done
            continue
        assert dict(show(chip))["system"].startswith("none yet")
        if parts:  # pulled at KEEP: whether the card has stored its keys is told by the card alone
            for path in folder.glob("backup-*.card"):
                path.unlink()
        system.found_on_chip(chip, folder / "control.card", 2, 2, profile)
        assert len(roots(chip)) == len(keys.ROOT_KIDS)
    assert at > 20
    record_property(
        "figure",
        f"founding on a chip, pulled {'after' if done else 'before'} each of {at - 1} commands "
        f"({profile})",
    )


def test_what_the_chip_refuses() -> None:
    code = bytes((PROFILES["sm4"].code,))
    chip = blank()
    assert kit.sw_of(chip, make_command(KEEP, code)) == CONDITIONS
    assert kit.sw_of(chip, make_command(FOUND, bytes((PROFILES["3des"].code,)))) == WRONG_DATA
    assert kit.sw_of(chip, make_command(FOUND, code)) == 0x9000
    assert kit.sw_of(chip, "80FA0700020202") == 0x9000
    # There is one backup only, also of keys that are not stored yet.
    assert kit.sw_of(chip, "80FA0700020202") == CONDITIONS
    chip.power_on()  # the keys are gone with the power
    assert kit.sw_of(chip, make_command(KEEP, code)) == CONDITIONS
    assert kit.sw_of(chip, make_command("80FA0001", bytes(8))) == NO_KEY
    for apdu in (FOUND, KEEP):
        assert kit.sw_of(chip, make_command(apdu, code)) == 0x9000
    assert chip.state.files[desk_files.CARD_USES] == bytes((0, 0, 0, 1))
    before = roots(chip)
    for apdu in (FOUND, KEEP):  # no second system in the place of the first
        assert kit.sw_of(chip, make_command(apdu, code)) == CONDITIONS
    assert roots(chip) == before
    other = Chip.new(kinds.USER)
    other.power_on()
    assert kit.sw_of(other, make_command(FOUND, code)) == 0x6D00
