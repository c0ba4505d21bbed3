"""The handbook and the pages: each page of the menu is in both books; what they quote is real."""

import re

import polib
import pytest

from dianka.bench.handbook.scenes import name_picture
from dianka.firmware import ROOT
from web_kit import CHINESE, ENGLISH, Web

BOOKS = {ENGLISH: (ROOT / "docs" / "desk.md", "en"), CHINESE: (ROOT / "docs" / "desk.zh.md", "zh")}
_SENTENCE = re.compile(r"[.。，,]|不要|bold|粗体|^Keep the money|^Pay nothing")


def read_book(language: str) -> str:
    return BOOKS[language][0].read_text(encoding="utf-8")


def read_words(language: str) -> set[str]:
    """Return the words of all pages in this language."""
    from dianka.desk.web.catalog import list_catalogs

    entries = [entry for file in list_catalogs() for entry in polib.pofile(str(file))]
    return {entry.msgid if language == ENGLISH else entry.msgstr for entry in entries}


@pytest.mark.parametrize("language", BOOKS)
def test_each_page_of_the_menu_is_named_and_pictured(web: Web, language: str) -> None:
    from django.utils.translation import override

    from dianka.desk.web.pages import PAGES

    book, ending = read_book(language), BOOKS[language][1]
    with override(language):
        shown = [(str(page.title), page.address) for page in PAGES if page.menu]
    assert len(shown) > 18
    for title, address in shown:
        assert f"**{title}**" in book, title
        assert f"(desk/{name_picture(address)}.{ending}.webp)" in book, address


@pytest.mark.parametrize("language", BOOKS)
def test_each_picture_is_there_and_in_its_book(language: str) -> None:
    book, ending = read_book(language), BOOKS[language][1]
    linked = set(re.findall(r"!\[[^\]]+\]\(desk/([^)]+)\)", book))
    drawn = {file.name for file in (ROOT / "docs" / "desk").glob(f"*.{ending}.webp")}
    assert linked == drawn and len(drawn) > 30
    sizes = [file.stat().st_size for file in (ROOT / "docs" / "desk").iterdir()]
    assert sum(sizes) < 3_000_000


@pytest.mark.parametrize("language", BOOKS)
def test_what_is_bold_is_a_word_of_the_pages(web: Web, language: str) -> None:
    bold = set(re.findall(r"\*\*([^*]+)\*\*", read_book(language)))
    names = {each for each in bold if not _SENTENCE.search(each)}
    assert names - read_words(language) == set() and len(names) > 30


@pytest.mark.parametrize("language", BOOKS)
def test_each_refusal_is_one_of_the_office(web: Web, language: str) -> None:
    from dianka.desk.web.catalog import read_lines
    from dianka.desk.web.page_names import name_pages

    lines = [name_pages(each) if language == ENGLISH else told for each, told in read_lines()]
    patterns = [
        ".+".join(map(re.escape, re.split(r"\{\d\}", line)))
        for line in lines
        if len(re.sub(r"\{\d\}", "", line)) > 6
    ]
    quoted = re.findall(r"(?m)^\| (`{1,2})(.+?)\1 \|", read_book(language))
    assert len(quoted) == 18
    for _, line in quoted:
        assert any(re.fullmatch(pattern, line) for pattern in patterns), line
