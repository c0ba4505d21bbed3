"""A system founded at the desk and its backup.

Any m of n part cards give it back, fewer don't, and no key is ever seen.
"""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import cards_kit as kit
from dianka.card_port import CardError
from dianka.cardos import keys, kinds
from dianka.cardos.chip import Chip
from dianka.cardos.crypto import PROFILES
from dianka.cardos.image import CardFile, dump, load
from dianka.cardos.state import State, make_state
from dianka.cli import app
from dianka.desk import issue, system
from dianka.desk.control import make_public_control
from dianka.desk.parts import read_part
from dianka.desk.sell import sell


def run(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def state(path: Path) -> State:
    return load(path.read_bytes(), path.name)


def roots(path: Path) -> dict[int, bytes]:
    held = state(path).keys
    return {kid: held[kid] for kid in keys.ROOT_KIDS if kid in held}


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def founded(folder: Path, parts: int = 3, needed: int = 2, profile: str = "sm4") -> list[Path]:
    return system.found_system(folder / "control.card", needed, parts, profile)


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_any_two_of_three_restore_the_very_same_system(tmp_path: Path, profile: str) -> None:
    status, out, err = run(
        "keys", "init", tmp_path, "--parts", "3", "--needed", "2", "--profile", profile
    )
    assert (status, err) == (0, "") and "backup-3.card" in out
    assert run("card", "issue", "user", tmp_path / "lin.card", *kit.ISSUE_WORDS["user"])[0] == 0
    for at, chosen in enumerate(itertools.combinations((1, 2, 3), 2)):
        again = tmp_path / f"again{at}.card"
        status, _, err = run(
            "keys", "restore", again, *(tmp_path / f"backup-{part}.card" for part in chosen)
        )
        assert (status, err) == (0, "")
        assert roots(again) == roots(tmp_path / "control.card")
        assert state(again).profile == profile
        assert run("card", "verify", again)[0] == 0
    status, _, err = run("sell", tmp_path / "lin.card", "5", "--control", tmp_path / "again2.card")
    assert status == 1 and "may seal 0.00 yuan more, not 5.00" in err
    parts = [tmp_path / f"backup-{part}.card" for part in (2, 3)]
    assert run("keys", "refill", tmp_path / "again2.card", "5", *parts)[0] == 0
    (tmp_path / "control.card").unlink()
    status, out, err = run(
        "sell", tmp_path / "lin.card", "5", "--control", tmp_path / "again2.card"
    )
    assert (status, err) == (0, "") and "account opened" in out


@settings(max_examples=12)
@given(st.data())
def test_any_m_of_n(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    parts = data.draw(st.integers(2, 16), "parts")
    needed = data.draw(st.integers(2, parts), "needed")
    chosen = data.draw(st.permutations(range(parts)), "order")
    folder = tmp_path_factory.mktemp("system")
    cards = founded(folder, parts, needed)
    with_enough = [Chip(state(cards[at])) for at in chosen[:needed]]
    system.restore(folder / "again.card", with_enough)
    assert roots(folder / "again.card") == roots(folder / "control.card")
    with pytest.raises(CardError, match="parts are here"):
        system.restore(folder / "never.card", with_enough[1:])
    assert not (folder / "never.card").exists()


def test_the_control_card_itself_takes_nothing_from_fewer_parts(tmp_path: Path) -> None:
    """Without the desk's count: the chip has no key until the last part, in any order of parts."""
    cards = founded(tmp_path, 4, 3)
    control = Chip(
        make_state(kinds.CONTROL, bytes(8), kit.seeded(1), private_roots=False), kit.seeded(1)
    )
    control.power_on()
    public = dict(control.state.keys)
    chips = [Chip(state(path)) for path in cards]
    for chip, missing in ((chips[0], 2), (chips[0], 2), (chips[3], 1), (chips[3], 1)):
        assert system._carry(control, chip, read_part(chip)) == missing
        assert control.state.keys == public
    assert system._carry(control, chips[1], read_part(chips[1])) == 0
    assert {kid: control.state.keys[kid] for kid in keys.ROOT_KIDS} == roots(
        tmp_path / "control.card"
    )


def refused(folder: Path, *cards: Path) -> str:
    """The one line of a restore that must not leave a trace."""
    before = content(folder)
    status, out, err = run("keys", "restore", folder / "new.card", *cards)
    # The locks beside the cards that were opened hold nothing.
    after = {
        name: data
        for name, data in content(folder).items()
        if name in before or not name.endswith(".lock") or data
    }
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert after == before
    return err


def test_fewer_parts_foreign_parts_and_other_cards(tmp_path: Path) -> None:
    cards = founded(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    foreign = founded(other)
    issue.issue_control(tmp_path / "trial.card")
    assert "1 of 2 parts are here" in refused(tmp_path, cards[0])
    assert "named twice" in refused(tmp_path, cards[0], cards[0])
    copy = tmp_path / "copy.card"
    copy.write_bytes(cards[0].read_bytes())
    assert "1 of 2 parts are here" in refused(tmp_path, cards[0], copy)
    assert "different systems" in refused(tmp_path, cards[0], foreign[1])
    assert "is no file" in refused(tmp_path, cards[0], tmp_path / "none.card")
    for wrong in ("control.card", "trial.card"):
        assert refused(tmp_path, cards[0], tmp_path / wrong)
    status, _, err = run("keys", "restore", tmp_path / "control.card", *cards[:2])
    assert status == 1 and "exists already" in err


def spoilt(path: Path, sfi: int, at: int) -> None:
    """A part card whose memory has gone bad, in a file that is whole."""
    bad = state(path)
    block = bad.files[sfi]
    bad.files[sfi] = block[:at] + bytes((block[at] ^ 0x40,)) + block[at + 1 :]
    path.write_bytes(dump(bad))


def test_a_damaged_part_at_any_byte(tmp_path: Path) -> None:
    cards = founded(tmp_path)
    whole = cards[1].read_bytes()
    size = len(state(cards[1]).files[keys.PART_FILE])
    for sfi, places in (
        (keys.PART_FILE, [*range(4), *range(4, size, 9), size - 1]),
        (1, range(18)),
    ):
        for at in places:
            spoilt(cards[1], sfi, at)
            line = refused(tmp_path, cards[0], cards[1])
            assert any(
                word in line
                for word in (
                    "damaged",
                    "different systems",
                    "no part of a backup",
                    "parts are here",
                )
            ), line
            cards[1].write_bytes(whole)
    cards[1].write_bytes(whole[:-40])
    assert "damaged" in refused(tmp_path, cards[0], cards[1])
    cards[1].write_bytes(whole)
    assert run("keys", "restore", tmp_path / "new.card", cards[0], cards[1])[0] == 0


@pytest.mark.parametrize("numbers", [("3", "4"), ("3", "1"), ("1", "1"), ("17", "2"), ("0", "0")])
def test_numbers_of_parts_that_make_no_backup(tmp_path: Path, numbers: tuple[str, str]) -> None:
    status, _, err = run(
        "keys", "init", tmp_path / "c.card", "--parts", numbers[0], "--needed", numbers[1]
    )
    assert status == 1 and err.count("\n") == 1 and "2 to 16 parts" in err
    assert content(tmp_path) == {}


@pytest.mark.parametrize(
    "name", ["newfolder", "newfolder/", "control", "control.txt", "control.card/", "no/folder/"]
)
@pytest.mark.parametrize("command", ["init", "restore"])
def test_a_name_that_is_no_card_s_makes_no_file(tmp_path: Path, name: str, command: str) -> None:
    """`newfolder` once became a file with the root keys in it, which .gitignore does not know."""
    more = founded(tmp_path)[:2] if command == "restore" else []
    (tmp_path / "here").mkdir()
    before = content(tmp_path)
    status, out, err = run("keys", command, f"{tmp_path}/here/{name}", *more)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "no folder" in err and "control.card" in err
    assert content(tmp_path) == before and not any((tmp_path / "here").iterdir())


def test_a_founding_that_fails_leaves_no_card(tmp_path: Path) -> None:
    (tmp_path / "backup-2.card").write_bytes(b"somebody's")
    status, _, err = run("keys", "init", tmp_path)
    assert status == 1 and "backup-2.card exists already" in err
    assert {name for name, data in content(tmp_path).items() if data} == {"backup-2.card"}


def test_a_control_card_makes_one_backup(tmp_path: Path) -> None:
    founded(tmp_path)
    with (
        CardFile.open(tmp_path / "control.card") as control,
        pytest.raises(CardError, match="no use left"),
    ):
        system.back_up(control.chip, [Chip.new(kinds.PART), Chip.new(kinds.PART)], 2)


def test_no_key_in_any_output_or_in_any_file_but_cards(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """All keys and halves of roots, as bytes and hexadecimal, against all output and all files."""
    said, kinds_made = "", ("user", "init", "keys", "restore", "inspection", "test-credit", "test")
    said += "".join(run("keys", "init", tmp_path)[1:])
    for kind in kinds_made:
        said += "".join(
            run("card", "issue", kind, tmp_path / f"{kind}.card", *kit.ISSUE_WORDS.get(kind, ()))[
                1:
            ]
        )
    said += "".join(
        run(
            "keys",
            "restore",
            tmp_path / "again.card",
            *(tmp_path / f"backup-{part}.card" for part in (1, 3)),
        )[1:]
    )
    for path in sorted(tmp_path.glob("*.card")):
        said += "".join(run("card", "show", path)[1:]) + "".join(run("card", "verify", path)[1:])
    said += "".join(run("sell", tmp_path / "user.card", "1")[1:])
    secret: set[bytes] = set()
    for path in tmp_path.glob("*.card"):
        secret |= {
            key for kid, key in state(path).keys.items() if key not in keys.PUBLIC_ROOTS.values()
        }
        if state(path).kind == kinds.PART:
            secret.add(state(path).files[keys.PART_FILE][4:])
    private = set(roots(tmp_path / "control.card").values())
    assert len(secret) > 40 and private <= secret
    found = [form for key in secret for form in forms(key) if form in said.lower().encode()]
    assert not found
    others = {name: data for name, data in content(tmp_path).items() if not name.endswith(".card")}
    assert all(
        form not in data.lower()
        for data in others.values()
        for key in secret
        for form in forms(key)
    )
    # And no root on a card that has no business with it.
    for name in (
        "user",
        "init",
        "inspection",
        "test-credit",
        "test",
        "backup-1",
        "backup-2",
        "backup-3",
    ):
        text = (tmp_path / f"{name}.card").read_bytes()
        assert not [root for root in private for form in forms(root) if form in text], name
    record_property(
        "figure",
        f"{len(secret)} keys and parts looked for in {len(said)} characters of output: none found",
    )


def forms(key: bytes) -> list[bytes]:
    pieces = [key] if len(key) < 16 else [key, key[:8], key[8:16]]
    return [form for piece in pieces for form in (piece, piece.hex().encode())]


def test_a_restored_system_seals_for_the_former_s_cards(tmp_path: Path) -> None:
    cards = founded(tmp_path)
    with CardFile.open(tmp_path / "control.card") as control:
        issue.issue_user(control.chip, tmp_path / "user.card", 1, 2, 100, 50, [5000])
    system.restore(tmp_path / "again.card", [Chip(state(path)) for path in cards[1:]])
    parts = [str(path) for path in cards[1:]]
    assert run("keys", "refill", tmp_path / "again.card", "1", *parts)[0] == 0
    with (
        CardFile.open(tmp_path / "again.card") as again,
        CardFile.open(tmp_path / "user.card") as user,
    ):
        assert sell(again.chip, user.chip, 100).count == 1
    with CardFile.open(tmp_path / "user.card") as user, pytest.raises(CardError):
        sell(make_public_control(), user.chip, 100)
