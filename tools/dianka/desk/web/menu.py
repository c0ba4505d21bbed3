"""The menu: of each group the pages that the roles of who is signed in have a right to."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import get_resolver, reverse

from dianka.desk.office.people.rights import Actor
from dianka.desk.web.page import GROUPS, PUBLIC, Page, Text
from dianka.desk.web.request import get_actor, get_page


@dataclass(frozen=True)
class Entry:
    """One line of the menu."""

    title: Text
    address: str
    here: bool


def add_menu(request: HttpRequest) -> dict[str, Any]:
    """Return what every page shows around itself."""
    actor, page = get_actor(request), getattr(request, "page", None)
    return {
        "actor": actor,
        "desk_name": settings.DESK_NAME,
        "menu": list_menu(actor, page) if actor else [],
        "page": page,
    }


def list_menu(actor: Actor, here: Page | None) -> list[tuple[Text, list[Entry]]]:
    """Return the groups that are not empty, with their pages in the order of the table."""
    shown = [page for page in list_pages() if page.menu and is_for(actor, page)]
    above = _find_above(here, shown)
    found = [
        (
            title,
            [
                Entry(page.title, reverse(page.name), page is above)
                for page in shown
                if page.menu == group
            ],
        )
        for group, title in GROUPS.items()
    ]
    return [(title, entries) for title, entries in found if entries]


def _find_above(here: Page | None, shown: list[Page]) -> Page | None:
    """Return the page of the menu that this page is, or stands below."""
    if here is None or here.menu:
        return here
    above = [page for page in shown if here.address.startswith(f"{page.address}/")]
    return max(above, key=lambda page: len(page.address), default=None)


def list_pages() -> list[Page]:
    """Return all pages that have an address, in the order of the table."""
    return [get_page(pattern.callback) for pattern in get_resolver().url_patterns]


def is_for(actor: Actor, page: Page) -> bool:
    """Return whether one of the actor's roles has the page's right."""
    return page.right in ("", PUBLIC) or actor.may(page.right)
