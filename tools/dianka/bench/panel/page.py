"""Composes the panel's page: its frame, in the language of who asks; scripts draw the rest."""

import json
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from dianka.bench.models.bench import LAMPS
from dianka.bench.panel.http import Request
from dianka.bench.panel.words import CHINESE, ENGLISH, choose

LANGUAGE_COOKIE = "dianka_language"  # the counter's, so that one switch is good for both
_HTML_LANGUAGES = {ENGLISH: "en", CHINESE: "zh-Hans"}


def pick_language(request: Request) -> str:
    """Return the language of the cookie, else the first of the browser's that is known."""
    cookies = request.headers.get("cookie", "").split(";")
    chosen = [each.strip().partition("=") for each in cookies]
    wanted = [value for name, _, value in chosen if name == LANGUAGE_COOKIE]
    wanted += [each.partition(";")[0] for each in _sort_accepted(request)]
    for each in wanted:
        for language in (ENGLISH, CHINESE):
            if each.strip().lower().startswith(language):
                return language
    return ENGLISH


def compose_page(language: str, token: str, panel: dict[str, Any], counter: str) -> bytes:
    """Return the page. `panel` is what the scripts draw from, `counter` the counter's path."""
    words = choose(language)
    content = {**panel, "lamps": LAMPS, "counter": counter, "language": language, "words": words}
    frame = files("dianka.bench.panel").joinpath("front", "panel.html")
    fields = {key.replace(".", "_").replace("-", "_"): escape(text) for key, text in words.items()}
    page = Template(frame.read_text(encoding="utf-8")).substitute(
        fields,
        html_language=_HTML_LANGUAGES[language],
        other=ENGLISH if language == CHINESE else CHINESE,
        other_html_language=_HTML_LANGUAGES[ENGLISH if language == CHINESE else CHINESE],
        token=escape(token),
        panel=_embed(content),
        kind="with-counter" if counter else "alone",
        text_lead=escape(words["lead.counter" if counter else "lead"]),
    )
    return page.encode()


def _embed(content: object) -> str:
    """Return JSON that can stand in a script element: no tag may end it."""
    return json.dumps(content, ensure_ascii=False).replace("<", "\\u003c").replace("&", "\\u0026")


def _sort_accepted(request: Request) -> list[str]:
    """Return the browser's languages, the one that it likes best first."""
    accepted = [each for each in request.headers.get("accept-language", "").split(",") if each]

    def weigh(each: str) -> float:
        _, _, weight = each.partition(";q=")
        try:
            return -float(weight or 1)
        except ValueError:
            return 0

    return sorted(accepted, key=weigh)
