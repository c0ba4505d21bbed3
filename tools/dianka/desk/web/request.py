"""A request as the pages get it: who is signed in, which page it is, whether htmx asks."""

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    from dianka.desk.office.people.rights import Actor
    from dianka.desk.web.page import Page


class DeskRequest(HttpRequest):
    """What middleware and registry add to a request."""

    htmx: "HtmxDetails"
    page: "Page"
    actor: "Actor | None"


def get_actor(request: HttpRequest) -> "Actor | None":
    """Return who is signed in, None if nobody is or nobody has looked yet."""
    return getattr(request, "actor", None)


def require_actor(request: DeskRequest) -> "Actor":
    """Return who is signed in; the registry lets nobody else come here."""
    actor: Any = get_actor(request)
    assert actor is not None
    return actor


def get_page(view: Any) -> "Page":
    """Return the page that the registry has put behind its checks."""
    return view.page
