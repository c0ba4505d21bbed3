"""The office's lines in Chinese: each line of each module that pages stand on has a translation."""

import re

import polib
import pytest

import words_kit
from web_kit import CHINESE, ENGLISH, Desk, Web, read_text

WITHIN = "within a line"  # the comment of an entry that is no line by itself


def read_entries() -> list[polib.POEntry]:
    from dianka.desk.web.catalog import LINES

    return list(polib.pofile(str(LINES)))


def holes(text: str) -> list[str]:
    return sorted(set(re.findall(r"\{\d\}", text)))


def test_every_line_of_the_modules_that_pages_stand_on_is_in_chinese(web: Web) -> None:
    lines = words_kit.list_lines()
    assert len(lines) > 200
    told = {entry.msgid: entry.msgstr for entry in read_entries()}
    assert {line: where for line, where in lines.items() if not told.get(line)} == {}
    own = [entry.msgid for entry in read_entries() if entry.tcomment != WITHIN]
    assert sorted(set(own) - set(lines)) == [], "lines that no module has any more"


def test_each_translation_keeps_what_varies(web: Web) -> None:
    for entry in read_entries():
        assert holes(entry.msgid) == holes(entry.msgstr), entry.msgid


def test_every_module_that_is_listed_is_there() -> None:
    missing = [name for name in words_kit.LINES_OF if not (words_kit.TOOLS / name).is_file()]
    assert missing == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "no shift is open at desk1: count the float and open one",
            "desk1 没有开班：请清点备用金并开班",
        ),
        (
            "the card was pulled: the purchase may be on the card: keep the money and sell the "
            "same amount again to complete it (sale 7)",
            "卡被拔出：购电可能已写到卡上：请收好钱款，再售同样金额以完成它（售电 7）",
        ),
        (
            "zhao (auditor, technician) may not sell: ask a clerk or manager or supervisor",
            "zhao（审计员、技术员）无权售电：请找营业员或经理或主管",
        ),
        (
            "sale 3 of 50.00 yuan is on the card, and posted now",
            "售电 3（50.00 元）已在卡上，现已入账",
        ),
        (
            "This password is too short. It must contain at least 10 characters. Give another one.",
            "密码太短，至少 10 个字符。请另给一个。",
        ),
        (
            "purchase 2 of 30.00 yuan is on the card, but the books can't be reached (gone): keep "
            "the money and wait, up to 60 s",
            "第 2 次购电（30.00 元）已在卡上，但账务数据库无法访问（gone）：请收好钱款并等待，"
            "最多 60 秒",
        ),
        ("a line that nobody knows", "a line that nobody knows"),
        ("", ""),
    ],
)
def test_lines_within_lines_are_translated_too(web: Web, line: str, told: str) -> None:
    from django.utils.translation import override

    from dianka.desk.web.words import translate_line

    with override(CHINESE):
        assert translate_line(line) == told
    with override(ENGLISH):
        assert translate_line(line) == line


def test_a_line_of_any_length_is_translated_or_left_at_once(web: Web) -> None:
    from django.utils.translation import override

    from dianka.desk.web.words import translate_line

    with override(CHINESE):
        for line in ("x: " * 5_000, "a, " * 300, "{0}", "sale " * 190, ": ", "; ", "\\1"):
            assert translate_line(line).count("x") == line.count("x")


def test_what_the_office_refuses_is_chinese_on_a_chinese_page(web: Web, desk: Desk) -> None:
    client = web.sign_in("clerk", language=CHINESE)
    desk.control_slot.take_out()
    text = read_text(client.get("/counter"))
    assert "插卡" in text
    text = read_text(web.sign_in("auditor", language=CHINESE).get("/counter"))
    assert "无权售电" in text and "may not" not in text
    text = read_text(client.get("/counter/sale/77"))
    assert "desk1 没有售电 77：请查询用户" in text


# What the pages name by its command, since there is no page of it: the system's own cards, which
# are founded and restored at the technician's PC, and options of commands alone.
_NO_PAGE = re.compile(
    r"dianka (keys (init|restore)|reader|card issue|card close)|--(file|reader|again|desk|former|"
    r"customer|price|alarm|count|at-once)\b"
)


def test_pages_name_pages_and_not_commands(web: Web) -> None:
    from django.utils.translation import override

    from dianka.desk.web.pages import PAGES
    from dianka.desk.web.words import translate_line

    with override(ENGLISH):
        titles = {str(page.title) for page in PAGES}
        left = [translate_line(line) for line in words_kit.list_lines()]
    bare = [line for line in left if re.search("dianka |--[a-z]", line)]
    assert [line for line in bare if not _NO_PAGE.search(line)] == []
    named = {
        name for line in left for name in re.findall(r"the (?:page|button) ([A-Z][^,;:]*)", line)
    }
    unknown = {
        each for each in named if not any(each.startswith(title) for title in titles if title)
    }
    assert len(named) > 8 and unknown == set()
    told = {entry.msgid: entry.msgstr for entry in read_entries()}
    for line in words_kit.list_lines():
        if re.search("dianka [a-z]|--[a-z]", told[line]):
            assert _NO_PAGE.search(told[line]), line


def test_acts_tell_amounts_in_yuan(web: Web) -> None:
    import shift_kit
    from estate_kit import make_actor, make_contract

    clerk = make_actor("clerk", "desk1", "zhao")
    from dianka.desk.office.vending import shifts

    contract = make_contract(7, 1)
    shifts.open_shift(clerk, shift_kit.count_notes(10_000))
    shift_kit.sell(clerk, contract, 3_801)
    for language, amount, unit in ((ENGLISH, "38.01 yuan", "fen"), (CHINESE, "38.01 元", "分")):
        client = web.sign_in("manager", language=language)
        for address in ("/customers/1", "/acts"):
            text = read_text(client.get(address))
            assert amount in text and f"3801 {unit}" not in text, address
