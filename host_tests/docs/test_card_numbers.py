"""The numbers by which the meter knows files, commands and values against docs/cards/files.md."""

from cards_document import tables
from dianka.cardos.files import card_files

# What the meter calls a file, and how the page's row on it begins.
NAMED_FILES = {
    "user": {
        "CARD_INFO": "`PARAMS`",
        "CARD_WALLET": "`WALLET`: the purchase",
        "CARD_TARIFF_1": "tariff set 1",
        "CARD_TARIFF_2": "tariff set 2",
        "CARD_WRITE_BACK": "`WRITE_BACK`",
        "CARD_ORDER": "`WALLET`: no money",
    },
    "init": {"CARD_LIMITS": "`LIMITS`", "CARD_SUPPLY": "`SUPPLY`"},
    "esam": {
        "ESAM_WALLET": "`WALLET`",
        "ESAM_PARAMS": "`PARAMS`",
        "ESAM_TARIFF_1": "tariff set 1",
        "ESAM_TARIFF_2": "tariff set 2",
        "ESAM_KEY_INFO": "`KEY_INFO`",
        "ESAM_RUN_INFO": "`WRITE_BACK`",
        "ESAM_LIMITS": "`LIMITS`",
        "ESAM_SUPPLY": "`SUPPLY`",
        "ESAM_MIRROR": "`MIRROR`",
    },
}


def find_file(kind: str, content: str) -> list[str]:
    """The row of a kind's file whose content begins so."""
    (table,) = [each for each in tables("files.md") if each.above == f"Kind `{kind}`:"]
    (row,) = [row for row in table.rows if row[1].startswith(content)]
    return row


def test_the_meter_knows_each_file_by_its_number() -> None:
    known = {name: number for names in NAMED_FILES.values() for name, number in names.items()}
    prefixes = ("CARD_", "ESAM_")
    assert known.keys() == {name for name in vars(card_files) if name.startswith(prefixes)}
    for kind, names in NAMED_FILES.items():
        for name, content in names.items():
            assert int(find_file(kind, content)[0], 16) == getattr(card_files, name), name


def test_the_meter_knows_the_sizes_of_files() -> None:
    shape = f"log of {card_files.MIRRORS} x {card_files.MIRROR_SIZE}"
    assert find_file("esam", "`MIRROR`")[2] == shape
    for content, size in (
        ("`SUPPLY`", card_files.SUPPLY_SIZE),
        ("`WRITE_BACK`", card_files.WRITE_BACK_SIZE),
        ("tariff set 1", card_files.TARIFF_SIZE + card_files.FRAME_OVERHEAD),
    ):
        assert find_file("esam", content)[3] == str(size), content


# A word of the page on a field's value, and what the meter calls that value.
VALUES = {
    ("PARAMS", "card_type"): {
        "01 open account": "OPEN",
        "02 purchase": "PURCHASE",
        "03 replacement": "REPLACEMENT",
    },
    ("PARAMS", "user_type"): {"02 several": "SEVERAL_RATES"},
    ("KEY_INFO", "state"): {"00 public": "KEYS_PUBLIC", "01 private": "KEYS_PRIVATE"},
}
FLAGS = {
    "b0 tariff set 1": "UPDATE_TARIFF_1",
    "b1 tariff set 2": "UPDATE_TARIFF_2",
    "b7 the other parameters": "UPDATE_OTHER",
}


def tell_meaning(heading: str, field: str) -> str:
    """What the page says of a field."""
    (table,) = [each for each in tables("files.md") if each.heading == heading]
    return dict(zip(table.column("field"), table.column("meaning"), strict=True))[field]


def test_values_of_fields_are_those_that_the_page_tells() -> None:
    for (heading, field), words in VALUES.items():
        for word, name in words.items():
            assert word in tell_meaning(heading, field)
            assert int(word.split()[0], 16) == getattr(card_files, name), name
    for word, name in FLAGS.items():
        assert word in tell_meaning("PARAMS", "update_flag")
        assert 1 << int(word[1]) == getattr(card_files, name), name


COMMAND_NAMES = {
    "CMD_CONTROL": "system control card",
    "CMD_USER": "user card",
    "CMD_KEYS": "master-key change card",
    "CMD_KEYS_RESTORE": "master-key restore card",
    "CMD_INSPECTION": "inspection card",
    "CMD_INIT": "meter initialisation card",
    "CMD_TEST_CREDIT": "production test card for credit",
    "CMD_TEST_RELAY": "production test card for the meter",
    "CMD_CLOSE": "user card with a closing order",
}


def test_commands_have_the_bytes_of_their_cards() -> None:
    (table,) = [each for each in tables("files.md") if each.columns[0] == "command"]
    numbers = {row[1].partition(" (")[0]: int(row[0], 16) for row in table.rows}
    for name, card in COMMAND_NAMES.items():
        assert getattr(card_files, name) == numbers[card], name
    assert (card_files.CMD_WRITE_BACK, card_files.CMD_STATEMENT) == (0x11, 0x12)
