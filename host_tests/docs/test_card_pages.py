"""docs/cards/*.md against the chips and the firmware.

Each table compared, each worked example done anew.
"""

import re
import types
from collections.abc import Iterator

import pytest

import cards_document as document
import cards_kit as kit
from cards_document import Table, bare, system, tables
from dianka.card_port import OK
from dianka.cardos import core, desk_files, keys, kinds
from dianka.cardos.chip import COMMANDS, Chip
from dianka.cardos.crypto import PROFILES, SM4
from dianka.cardos.files import card_files, service_files
from dianka.firmware import load_shared

MODULES = {
    "card_files": card_files,
    "service_files": service_files,
    "desk_files": desk_files,
}
CODINGS = {"BIN": card_files.BIN, "BCD": card_files.BCD, "RAW": card_files.RAW}
SENTENCE = re.compile(
    r"`(card_files|service_files|desk_files)\.(\w+)`, (\d+) bytes"
    r"(?:; [a-z ]+ in (?:no file|a `LOG_BLOCK`))?:"
)
TARIFF = "Tariff set"
TITLES = dict(list(document.examples()))


def under(page: str, columns: str) -> list[Table]:
    """The tables of a page with these first columns."""
    wanted = columns.split(", ")
    return [table for table in tables(page) if table.columns[: len(wanted)] == wanted]


def layouts() -> Iterator[tuple[str, types.ModuleType, str]]:
    """Every field table that the firmware knows, by its module and name."""
    for module in MODULES.values():
        for name, value in vars(module).items():
            if (
                isinstance(value, tuple)
                and value
                and isinstance(value[0], tuple)
                and len(value[0]) == 3
            ):
                yield name, module, module.__name__


# ****** Files ******


def test_layouts_have_these_offsets_sizes_and_codings() -> None:
    seen: set[str] = set()
    for table in under("files.md", "off, size, field, coding"):
        match = SENTENCE.fullmatch(table.above)
        assert match, table.above
        module, name, size = match.groups()
        fields = getattr(MODULES[module], name)
        at, expected = 0, []
        for field, length, coding in fields:
            expected.append((at, length, field, coding))
            at += length
        written = [(int(row[0]), int(row[1]), row[2], CODINGS[row[3]]) for row in table.rows]
        assert written == expected, name
        assert int(size) == at, name
        seen.add(name)
    assert seen == {name for name, _, _ in layouts()}


def test_the_tariff_set_is_laid_out_so() -> None:
    (table,) = [table for table in tables("files.md") if table.heading == TARIFF]
    at, expected = 0, []
    for name, (numbers, size) in card_files.TARIFF:
        expected.append([str(at), str(numbers), str(size), name])
        at += numbers * size
    assert [row[:4] for row in table.rows] == expected
    assert at == card_files.TARIFF_SIZE


@pytest.mark.parametrize("kind", kinds.ALL.values(), ids=list(kinds.ALL))
def test_files_of_each_kind(kind: kinds.Kind) -> None:
    (table,) = [table for table in tables("files.md") if table.above == f"Kind `{kind.name}`:"]
    assert table.heading.endswith("MF" if kind.directory == kinds.MF else "DF01")
    expected = []
    for sfi, spec in kind.files.items():
        update = document.rights(spec.update) + (
            f"; fall: {document.rights(spec.fall)}" if spec.fall else ""
        )
        words = (
            document.shape(spec),
            str(spec.size),
            document.rights(spec.read),
            update,
            document.targets(spec),
        )
        expected.append([f"{sfi:02X}", *words])
    assert [[row[0], *row[2:]] for row in table.rows] == expected


def test_the_content_that_is_named_has_the_size_of_the_file() -> None:
    for table in under("files.md", "sfi, content"):
        for row in table.rows:
            match = re.match(r"`(\w+)`( framed)?", row[1])
            if not match or row[2].startswith("log"):
                continue
            name = match[1]
            (fields,) = (vars(each)[name] for each in MODULES.values() if name in vars(each))
            assert int(row[3]) == card_files.size_of(fields) + (
                card_files.FRAME_OVERHEAD if match[2] else 0
            ), row


def test_command_bytes() -> None:
    (table,) = under("files.md", "command, card")
    written = {int(row[0], 16) for row in table.rows}
    others = {card_files.CMD_WRITE_BACK, service_files.CMD_READ_BACK, card_files.CMD_STATEMENT}
    known = {
        value
        for module in MODULES.values()
        for name, value in vars(module).items()
        if name.startswith("CMD_")
    }
    assert written == known - others
    assert {0x11, 0x12, 0x15} == others


# ****** Keys and commands ******


def test_who_holds_which_key() -> None:
    control = kit.control_card()
    chips = {
        "user": kit.user_card(control),
        "init": kit.init_card(control),
        "keys": kit.keys_card(control),
        "restore": kit.restore_card(control),
        "inspection": kit.inspection_card(control),
        "test-credit": kit.test_credit_card(control),
        "test": kit.production_card(control),
        "part": kit.part_card(control),
        "ESAM new": kit.factory_esam(),
        "ESAM in use": kit.private_esam(control),
        "control": control,
    }
    (table,) = under("protocol.md", "kid, user")
    assert table.columns[1:] == list(chips)
    for who, chip in chips.items():
        rows = zip(table.column("kid"), table.column(who), strict=True)
        written = {int(kid, 16): words for kid, words in rows if words != "-"}
        assert {
            kid: key_of(words, kid, chip, control) for kid, words in written.items()
        } == chip.state.keys, who


def key_of(words: str, kid: int, chip: Chip, control: Chip) -> bytes:
    """The key that these two words name."""
    which, how = words.split()
    root = (control.state.keys if which == "private" else keys.PUBLIC_ROOTS)[kid & 0x0F]
    if how == "root":
        return root
    return SM4.derive_key(
        root, {"serial": chip.state.serial, "meter": kit.METER, "zero": bytes(8)}[how]
    )


def test_public_roots_are_as_the_page_spells_them() -> None:
    assert {f"DiankaPublicKey{kid}".encode() for kid in keys.ROOT_KIDS} == set(
        keys.PUBLIC_ROOTS.values()
    )
    assert "`DiankaPublicKey`" in document.page("protocol.md")
    (table,) = under("protocol.md", "kid, key")
    assert [int(row[0], 16) for row in table.rows[:7]] == list(keys.ROOT_KIDS)


def test_commands_are_these_and_no_others() -> None:
    (table,) = under("protocol.md", "CLA INS, name")
    written = {tuple(bytes.fromhex(row[0])): row[1] for row in table.rows}
    assert written == {header: name for header, (name, _, _) in COMMANDS.items()}
    assert all(re.search(r"\[[po]", row[4]) for row in table.rows)


def test_which_kind_has_which_command_and_keys() -> None:
    (table,) = under("protocol.md", "name, user")
    assert table.columns[1:] == list(kinds.ALL)
    numbers = {"WRITE KEY takes": "kids", "EXTERNAL AUTH takes": "auth_kids"}
    numbers |= {"INTERNAL AUTH takes": "identity_kids", "DIVERSIFY takes": "process_kids"}
    for kind in kinds.ALL.values():
        cells = dict(zip(table.column("name"), table.column(kind.name), strict=True))
        for row, attribute in numbers.items():
            assert [int(kid, 16) for kid in cells.pop(row).split()] == sorted(
                getattr(kind, attribute)
            ), (kind.name, row)
        assert {name for name, cell in cells.items() if cell == "x"} == kind.commands, kind.name


# ****** Errors ******


def test_status_words_are_those_that_chips_say() -> None:
    (table,) = under("protocol.md", "word, meaning")
    written = {word for word in table.column("word") if word != "61xx"}
    known = {
        value
        for name, value in vars(core).items()
        if name.isupper() and isinstance(value, int) and value > 0x6000
    }
    assert {int(word, 16) for word in written} == known | {OK}


def test_codes_of_the_meter() -> None:
    cardfault = load_shared("card_errors")
    (table,) = under("protocol.md", "code, name, display, illegal")
    expected = []
    for name, code in cardfault._CODES.items():
        error = cardfault.CardError(code, "")
        expected.append([str(code), name, error.display, "yes" if error.illegal else "no"])
    assert [row[:4] for row in table.rows] == expected
    assert [int(code) for code in table.column("code")] == list(range(1, len(expected) + 1))
    assert len(expected) >= 21  # what public meters agree on


def test_every_choice_is_marked() -> None:
    for page in document.PAGES[:2]:
        for table in tables(page):
            for name in {"mark", "meaning"} & set(table.columns):
                if table.heading not in (TARIFF, "Status words"):
                    assert all(re.search(r"\[[po?]", cell) for cell in table.column(name)), (
                        page,
                        table.heading,
                    )


# ****** Worked examples ******


# The pages' functions are methods of the profile; these have other names there.
METHODS = {"div": "derive_key", "cipher8": "encipher8", "mac": "compute_mac"}


@pytest.mark.parametrize("title", [title for title in TITLES if "arithmetic" in title])
def test_arithmetic(title: str) -> None:
    profile = PROFILES[title.split()[1]]
    done: set[str] = set()
    for line in TITLES[title]:
        match = re.fullmatch(r"(\w+)\(([^)]*)\) *= ([0-9A-F ]+)", line)
        assert match, line
        arguments = [bytes.fromhex(part) for part in match[2].split(",")]
        done.add(match[1])
        if match[1] == "digits":
            assert f"{int.from_bytes(arguments[0], 'big') % 10**10:010}" == match[3], line
            continue
        name = METHODS.get(match[1], match[1])
        assert getattr(profile, name)(*arguments).hex(" ").upper() == match[3], line
    assert done == {"div", "cipher8", "mac", "wrap", "seal", "digits"}


@pytest.mark.parametrize("title", [title for title in TITLES if "arithmetic" not in title])
def test_chips_answer_as_the_page_says(title: str) -> None:
    lines = TITLES[title]
    chips = system(title.split()[1])
    for said, heard in zip(lines[::2], lines[1::2], strict=True):
        who, apdu = said.split(" > ")
        other, answer = heard.split(" < ")
        assert who == other
        found = chips.said(who, bytes.fromhex(apdu), bytes.fromhex(answer))
        assert found.hex(" ").upper() == bytes.fromhex(answer).hex(" ").upper(), said


def test_the_examples_are_whole() -> None:
    kinds_of = {"arithmetic", "session", "key seal", "quota", "closing"}
    assert set(TITLES) == {f"example {profile} {kind}" for profile in PROFILES for kind in kinds_of}
    for profile in PROFILES:
        said = [line for line in TITLES[f"example {profile} session"] if " > " in line]
        headers = [line.split(" > ")[1][:11] for line in said]
        for header in (
            "00 88 00 01",
            "00 82 00 02",
            "84 32 01 0C",
            "04 B0 81 04",
            "04 D6 82 00",
            "04 B0 87 00",
            "04 D6 85 00",
        ):
            assert header in headers, (profile, header)
        said = "".join(TITLES[f"example {profile} quota"])
        for header in (
            "control > 00 24 01 01",
            "control > 00 20 00 01",
            "part > 80 FA 0B 00",
            "control > 80 FA 0C 00",
            "control > 80 FA 05 00",
            "control > 80 FA 0A 00",
            "card > 04 B0 82 00",
            "control < 94 01",
            "control < 63 C2",
            "control < 69 88",
        ):
            assert header in said, (profile, header)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_closing_example_ends_in_its_statement(profile: str) -> None:
    lines = TITLES[f"example {profile} closing"]
    said = "".join(line for line in lines if " > " in line)
    for header in ("card > 04 B0 86 00", "ESAM > 84 30 02 0C", "ESAM > 80 30 00 0C"):
        assert header in said, header
    chips = system(profile)
    for line, heard in zip(lines[::2], lines[1::2], strict=True):
        who, apdu = line.split(" > ")
        chips.said(who, bytes.fromhex(apdu), bytes.fromhex(heard.split(" < ")[1]))
    assert not any(chips.chips["ESAM"].state.files[card_files.ESAM_WALLET][:4])
    block = chips.chips["card"].state.files[card_files.CARD_WRITE_BACK]
    command, data = card_files.unframe(block)
    assert command == card_files.CMD_STATEMENT
    record = card_files.unpack(card_files.STATEMENT, data)
    assert (record["balance_fen"], record["debt_fen"], record["count"]) == (1234, 0, 2)


def test_the_page_marks_what_it_explains() -> None:
    text = document.page("protocol.md")
    assert all(mark in text for mark in ("**[p]**", "**[o]**", "**[?]**"))
    assert bare("`x` [p]") == "x"
    for name in document.PAGES[1:]:
        assert f"({name})" in text, name
