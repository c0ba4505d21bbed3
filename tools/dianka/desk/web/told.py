"""What several pages show in the same way: links to what may be done, long lists page by page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import get_resolver, reverse
from django.utils.http import urlencode

from dianka.desk.office.people.rights import Actor
from dianka.desk.web.menu import is_for
from dianka.desk.web.page import Page, Text
from dianka.desk.web.request import get_page

ROWS = 50  # of a list on one page


@dataclass(frozen=True)
class Link:
    """One thing that may be done."""

    title: Text
    address: str


@dataclass(frozen=True)
class Part:
    """One page of a long list, and the addresses of the ones before and after, or nothing."""

    rows: Sequence[Any]
    total: int
    first: int
    before: str = ""
    after: str = ""

    @property
    def last(self) -> int:
        """Return the number of the last row."""
        return self.first + len(self.rows) - 1


def list_links(actor: Actor, names: Iterable[str], **parts: Any) -> list[Link]:
    """Return a link to each of these pages that the actor has a right to."""
    pages = {page.name: page for page in _list_pages()}
    return [
        Link(pages[name].title, reverse(name, kwargs=parts))
        for name in names
        if is_for(actor, pages[name])
    ]


def page_of(request: HttpRequest, rows: Sequence[Any], size: int = ROWS) -> Part:
    """Return the part of a list that the request asks for by `page`, from 1."""
    word = request.GET.get("page", "")[:6]
    highest = max(-(-len(rows) // size), 1)
    number = min(max(int(word) if word.isascii() and word.isdigit() else 1, 1), highest)
    begin = (number - 1) * size
    return Part(
        rows[begin : begin + size],
        len(rows),
        begin + 1 if rows else 0,
        _address(request, number - 1) if number > 1 else "",
        _address(request, number + 1) if number < highest else "",
    )


def _address(request: HttpRequest, number: int) -> str:
    words = {key: str(value) for key, value in request.GET.items() if key not in ("page", "done")}
    return f"{request.path}?{urlencode({**words, 'page': str(number)})}"


def _list_pages() -> list[Page]:
    return [get_page(pattern.callback) for pattern in get_resolver().url_patterns]
