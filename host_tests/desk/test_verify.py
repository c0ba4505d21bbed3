"""`dianka card verify`: a good card has no bad finding, every planted fault has one.

This holds for every kind of card, and nothing is changed.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cards_kit as kit
from dianka.cardos import access, desk_files, keys, kinds
from dianka.cardos.access import FREE, FileSpec, Kind
from dianka.cardos.chip import Chip
from dianka.cardos.crypto import PROFILES
from dianka.cardos.files import card_files
from dianka.cardos.image import load
from dianka.cli import app
from dianka.desk import issue, system
from dianka.desk.content import CONTENTS, NAMES
from dianka.desk.sell import sell
from dianka.desk.show import show
from dianka.desk.verify import verify


def part_card(control: Chip) -> Chip:
    chips = [kit.blank(kinds.PART, control, seed) for seed in (20, 21)]
    system.back_up(control, chips, 2)
    return chips[0]


MAKE: dict[str, Callable[[Chip], Chip]] = {
    kinds.USER: kit.user_card,
    kinds.INIT: kit.init_card,
    kinds.KEYS: kit.keys_card,
    kinds.RESTORE: kit.restore_card,
    kinds.INSPECTION: kit.inspection_card,
    kinds.TEST_CREDIT: kit.test_credit_card,
    kinds.TEST: kit.production_card,
    kinds.PART: part_card,
    kinds.ESAM: kit.private_esam,
    kinds.CONTROL: lambda control: Chip(control.state.copy()),
}


def bad(card: Chip, control: Chip | None) -> list[str]:
    return [finding.text for finding in verify(card, control, kit.seeded(30)) if not finding.good]


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("kind", sorted(kinds.ALL))
def test_a_good_card_of_every_kind(kind: str, profile: str) -> None:
    control = kit.control_card(profile=profile)
    card = MAKE[kind](control)
    before = kit.snapshot(card)
    findings = verify(card, control, kit.seeded(30))
    assert [finding.text for finding in findings if not finding.good] == []
    assert len(findings) >= len(kinds.ALL[kind].files) + 4
    assert card.state == before
    assert dict(show(card))["kind"] == NAMES[kind]


def test_cards_that_were_used_are_good_too() -> None:
    control = kit.control_card()
    user, esam = kit.user_card(control), kit.private_esam(control)
    for _ in range(2):
        sell(control, user, 500)
        assert kit.use_in_meter(esam, user)
        assert (bad(user, control), bad(esam, control)) == ([], [])
        esam.power_on()
    assert bad(kit.factory_esam(), control) == []


def test_every_file_of_every_kind_has_a_meaning() -> None:
    assert CONTENTS.keys() == kinds.ALL.keys() == NAMES.keys()
    for name, kind in kinds.ALL.items():
        assert CONTENTS[name].keys() == kind.files.keys(), name
        for sfi, spec in kind.files.items():
            content = CONTENTS[name][sfi]
            data = (
                card_files.TARIFF_SIZE
                if content.fields is None
                else card_files.size_of(content.fields)
            )
            whole = data + card_files.FRAME_OVERHEAD * bool(content.frames)
            assert whole == (spec.record_bytes or spec.size), (name, sfi)


@pytest.mark.parametrize("kind", sorted(kinds.ALL.keys() - {kinds.CONTROL, kinds.ESAM}))
def test_a_foreign_control_card_is_told_and_costs_no_try(kind: str) -> None:
    control, other = kit.control_card(), kit.control_card(seed=77)
    card = MAKE[kind](control)
    before = kit.snapshot(card)
    found = bad(card, other)
    if kind in (kinds.INIT, kinds.TEST, kinds.TEST_CREDIT):
        assert found == []  # public keys alone: such a card is of no system
    else:
        assert found and all("not of this system" in line for line in found)
    tries = {keys.DESK: keys.TRIES - 1} if kind == kinds.KEYS else {}
    assert card.state.tries == tries
    assert replace(card.state, tries={}) == before
    assert bad(card, control) == [] and card.state.tries == {}


def test_esam_and_control_card_of_another_system() -> None:
    control, other = kit.control_card(), kit.control_card(seed=77)
    assert len(bad(kit.private_esam(control), other)) == 2
    assert len(bad(other, control)) == 3 and bad(other, None) == []
    assert bad(kit.user_card(control), kit.control_card(profile="3des"))


def faulty(monkeypatch: pytest.MonkeyPatch, card: Chip, change: Callable[[Kind], Kind]) -> Chip:
    """The same card with an operating system that has another table than it should."""
    monkeypatch.setitem(kinds.ALL, "faulty", change(kinds.ALL[card.state.kind]))
    state = card.state.copy()
    state.kind = "faulty"
    for sfi, spec in kinds.ALL["faulty"].files.items():
        state.files[sfi] = state.files.get(sfi, b"").ljust(spec.size, b"\0")[: spec.size]
    return Chip(state)


def with_file(sfi: int, **changes: object) -> Callable[[Kind], Kind]:
    return lambda kind: replace(
        kind, files={**kind.files, sfi: replace(kind.files[sfi], **changes)}
    )


PLANTED: list[tuple[str, Callable[[Kind], Kind], str]] = [
    (kinds.USER, with_file(2, update=FREE), "file 02 NOT REFUSED"),
    (
        kinds.USER,
        with_file(5, update=(access.Right(access.MAC, keys.WRITE_BACK),)),
        "file 05 NOT REFUSED",
    ),
    (kinds.USER, with_file(3, size=198), "file 03"),
    (kinds.USER, with_file(3, size=200), "longer than 199 bytes"),
    (
        kinds.USER,
        lambda kind: replace(kind, files={**kind.files, 9: FileSpec(8)}),
        "do not belong there: 09",
    ),
    (
        kinds.USER,
        lambda kind: replace(kind, identity_kids=kind.identity_kids | {keys.DESK}),
        "key 07 ANSWERS",
    ),
    (kinds.USER, with_file(1, targets={0: (bytes.fromhex("04D69E00"),)}), "file 01 SEALED"),
    (
        kinds.USER,
        lambda kind: replace(kind, auth_kids=frozenset({keys.EXTERNAL})),
        "desk key 07: not accepted",
    ),
    (kinds.TEST, with_file(2, fall=FREE), "file 02 NOT REFUSED"),
    (kinds.PART, with_file(2, read=FREE), "ANYBODY CAN READ IT"),
    (kinds.TEST, with_file(5, update=FREE), "file 05 NOT REFUSED"),
    (kinds.INSPECTION, with_file(10, size=24 * 19), "file 0A"),
    (
        kinds.ESAM,
        with_file(2, update=(access.Right(access.MAC, keys.PARAMETERS), *FREE)),
        "file 02 NOT REFUSED",
    ),
]


@pytest.mark.parametrize(("kind", "change", "says"), PLANTED)
def test_an_operating_system_with_a_hole(
    monkeypatch: pytest.MonkeyPatch, kind: str, change: Callable[[Kind], Kind], says: str
) -> None:
    control = kit.control_card()
    card = faulty(monkeypatch, MAKE[kind](control), change)
    before = kit.snapshot(card)
    found = bad(card, control)
    assert len(found) == 1 and says in found[0], found
    assert replace(card.state, mac_tries={}) == before


@pytest.mark.parametrize("kind", sorted(kinds.ALL.keys() - {kinds.PART}))
def test_a_spoilt_frame_at_any_byte(kind: str) -> None:
    control = kit.control_card()
    card = MAKE[kind](control)
    for sfi, content in CONTENTS[kind].items():
        whole = card.state.files[sfi]
        if not content.frames or not any(whole):
            continue
        for at in {0, 1, 2, 3, 4, len(whole) // 2, len(whole) - 2, len(whole) - 1}:
            card.state.files[sfi] = whole[:at] + bytes((whole[at] ^ 0x10,)) + whole[at + 1 :]
            assert bad(card, None), (sfi, at)
        card.state.files[sfi] = whole
    assert bad(card, None) == []


def test_blank_and_foreign_cards() -> None:
    for kind in kinds.ALL.keys() - {kinds.CONTROL, kinds.ESAM}:
        card = kit.blank(kind, kit.control_card(), 5)
        assert bad(card, None) == [
            f"card {card.state.serial.hex()} is not issued yet: `dianka card issue KIND ...`"
        ]
    user = kit.user_card(kit.control_card())
    user.state.files[card_files.CARD_INFO] = b"\x69" + user.state.files[card_files.CARD_INFO][1:]
    assert bad(user, None) == [
        f"card {user.state.serial.hex()} is damaged: file 01 is not as any desk writes it"
    ]
    assert dict(show(user))["kind"] == "damaged: file 01 is not as any desk writes it"

    class Foreign(Chip):
        def power_on(self) -> bytes:
            return b"\x3b\x6e" + super().power_on()[2:]

    assert (
        "no card or ESAM of this profile"
        in bad(Foreign(kit.user_card(kit.control_card()).state), None)[0]
    )
    card = kit.keys_card(kit.control_card())
    card.state.files[desk_files.CARD_USES] = access.UNSET_COUNTER
    assert bad(card, None) == ["file 02, uses left: never set"]


def run(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.stdout, result.stderr


def test_the_command(tmp_path: Path) -> None:
    control, card = tmp_path / "control.card", tmp_path / "lin.card"
    run("card", "issue", "control", control)
    run("card", "issue", "user", card, *kit.ISSUE_WORDS["user"])
    status, out, err = run("card", "verify", card)
    assert (status, err) == (0, "") and all(line.startswith("ok  ") for line in out.splitlines())
    status, alone, _ = run("card", "verify", card, "--without-control")
    assert status == 0 and out.startswith(alone) and len(alone) < len(out)
    assert run("card", "verify", control)[0] == 0
    assert run("card", "verify", tmp_path / ".." / tmp_path.name / "control.card")[0] == 0
    issue.issue_control(tmp_path / "other.card")
    status, out, _ = run("card", "verify", card, "--control", tmp_path / "other.card")
    assert status == 1 and out.splitlines()[-1].startswith("BAD identity key 01")
    control.unlink()
    status, out, err = run("card", "verify", card)
    assert (status, out) == (1, "") and "no control card" in err and err.count("\n") == 1
    assert load(card.read_bytes()).tries == {}
