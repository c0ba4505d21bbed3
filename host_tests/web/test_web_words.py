"""No untranslated word in either language: the words of all templates and views are found."""

import re
import string
from pathlib import Path

import polib
import pytest

import words_kit
from web_kit import CHINESE, ENGLISH, Web, read_text


def read_catalogs() -> list[polib.POEntry]:
    from dianka.desk.web.catalog import list_catalogs

    return [entry for file in list_catalogs() for entry in polib.pofile(str(file))]


def holes(text: str) -> list[str]:
    """Return what is filled in, by its names."""
    named = re.findall(r"%\((\w+)\)[sd]", text)
    return sorted(named + [name for _, name, _, _ in string.Formatter().parse(text) if name])


def test_no_template_shows_a_bare_word() -> None:
    assert len(words_kit.list_templates()) > 5
    bare = {
        str(file.relative_to(words_kit.TEMPLATES)): list(words_kit.find_bare_text(file))
        for file in words_kit.list_templates()
    }
    assert {file: texts for file, texts in bare.items() if texts} == {}


def test_a_bare_word_is_found(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text('<p title="Name">{% translate "Name" %}: {{ name }}</p><b>Sum</b>')
    assert list(words_kit.find_bare_text(file)) == ["Name", "Sum"]


def test_every_word_of_the_pages_is_in_chinese(web: Web) -> None:
    words = words_kit.list_words()
    told = {entry.msgid: entry.msgstr for entry in read_catalogs()}
    missing = {word: where for word, where in words.items() if not told.get(word)}
    assert missing == {}
    assert sorted(set(told) - set(words)) == [], "words that no page has any more"
    for word in words:
        assert holes(word) == holes(told[word]), word
        assert not word.endswith(" ") and any(sign >= "\u4e00" for sign in told[word]), word


def test_no_word_is_translated_twice() -> None:
    told: dict[str, str] = {}
    for entry in read_catalogs():
        assert told.setdefault(entry.msgid, entry.msgstr) == entry.msgstr, entry.msgid
        assert "fuzzy" not in entry.flags


@pytest.mark.parametrize("language", (CHINESE, ENGLISH))
def test_the_pages_come_in_the_browsers_language(web: Web, language: str) -> None:
    from django.urls import reverse

    from dianka.desk.web.pages import PAGES

    client = web.sign_in("manager", language=language)
    for page in PAGES:
        if "GET" not in page.methods:
            continue
        response = client.get(reverse(page.name, kwargs=dict(page.example)))
        if response.status_code != 200 or not response["Content-Type"].startswith("text/html"):
            continue
        shown = response.content.decode()
        assert f'<html lang="{language}">' in shown or "<html" not in shown, page.name
        if language == ENGLISH:
            text = read_text(response).replace("中文", "")
            assert not re.search("[\u4e00-\u9fff]", text), (page.name, text)


def test_the_switch_keeps_the_language(web: Web) -> None:
    client = web.open_browser(ENGLISH)
    assert "Sign in" in read_text(client.get("/sign-in"))
    response = client.post("/language", {"language": CHINESE, "next": "/sign-in"})
    assert (response.status_code, response["Location"]) == (302, "/sign-in")
    assert "登录" in read_text(client.get("/sign-in"))


def test_another_browser_language_gets_chinese(web: Web) -> None:
    assert "登录" in read_text(web.open_browser("fi").get("/sign-in"))
