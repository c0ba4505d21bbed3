"""The pages in a test's process: Django's test client over the office of this process.

A test's office is in a transaction that is undone, so the pages' jobs with cards are done in this
process too.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import desk_stage
import shift_kit
from dianka.cardos.chip import Chip
from dianka.cardos.image import dump, load
from dianka.readers.changes import Snapshot
from dianka.readers.roles import Roles
from office_kit import PASSWORD

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.test import Client

ROLES = ("clerk", "technician", "supervisor", "manager", "auditor")
CHINESE, ENGLISH = "zh-hans", "en"


Value = TypeVar("Value")


class Here:
    """Does the jobs of the card process in this process: the test's transaction is in no other."""

    snapshot = Snapshot(trouble="this test has no PC/SC")

    def run(self, job: Callable[..., Value], *args: Any, deadline_s: float) -> Value:
        return job(*args)


class Slot:
    """A folder that is a reader."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder

    @property
    def word(self) -> str:
        """Return the reader's name."""
        return f"folder:{self.folder}"

    def put_in(self, chip: Chip, name: str = "lin.card") -> Path:
        """Put a card in, at once as a person does."""
        beside = self.folder.with_name(f"{self.folder.name}-{name}")
        beside.write_bytes(dump(chip.state))
        return beside.rename(self.folder / name)

    def take_out(self) -> Chip:
        """Take the card out."""
        (file,) = self.folder.glob("*.card")
        chip = Chip(load(file.read_bytes()))
        file.unlink()
        chip.power_on()
        return chip


class Desk:
    """A counter with two readers, over the office of this process."""

    def __init__(self, office: Path, folder: Path, control: Chip) -> None:
        from dianka.desk.web.station import Station, set_station

        self.control = control
        self.slot, self.control_slot = Slot(folder / "slot"), Slot(folder / "control")
        self.control_slot.put_in(control, "control.card")
        roles = Roles(self.slot.word, self.control_slot.word)
        self.station = Station(office, roles, Here())
        set_station(self.station)


class Web:
    """The pages, and a browser for each who uses them."""

    def open_browser(self, language: str = ENGLISH, strict: bool = False) -> "Client":
        """Return a new browser; a `strict` one needs what a form proves its origin by."""
        from django.test import Client

        return Client(enforce_csrf_checks=strict, headers={"Accept-Language": language})

    def sign_in(self, *roles: str, name: str = "", language: str = ENGLISH) -> "Client":
        """Return a browser in which somebody with these roles is signed in."""
        name = name or "-".join(("a", *roles))
        add_operator(name, *roles)
        client = self.open_browser(language)
        write_sign_in(client, name)
        return client


@contextmanager
def opened() -> Iterator[Web]:
    """Add the pages to the office of this process, for a test."""
    from django.test import override_settings

    from dianka.desk.web import catalog
    from dianka.desk.web.settings import Site, make_web_settings
    from dianka.desk.web.station import set_station

    site = Site("desk1", ("127.0.0.1", "localhost", "testserver"))
    with override_settings(**make_web_settings(site)):
        catalog.load()
        set_station(None)
        yield Web()


def add_operator(name: str, *roles: str) -> None:
    """Add an operator unless there is one of this name."""
    from dianka.desk.office.people.models import Operator

    if not Operator.objects.filter(username=name).exists():
        shift_kit.add_operator(name, *roles)


def write_sign_in(client: "Client", name: str, at_s: int | None = None) -> None:
    """Sign an operator in, in this browser; `at_s` is when he last did something."""
    from django.conf import settings
    from django.http import HttpResponse

    from dianka.desk.office.people.sign_in import sign_in
    from dianka.desk.web.signed_in import write_cookie

    response = HttpResponse()
    write_cookie(response, sign_in(name, PASSWORD, "desk1"), at_s)
    client.cookies[settings.SIGN_IN_COOKIE] = response.cookies[settings.SIGN_IN_COOKIE].value


def read_text(response: "HttpResponse") -> str:
    """Return what a page shows, without its tags, on one line."""
    page = response.content.decode()
    page = re.sub(r"(?s)<(script|style|head)\b.*?</\1>", " ", page)
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def read_field(response: Any, name: str) -> str:
    """Return the value of the first field of this name on a page."""
    import html

    page = response.content.decode()
    for tag in re.findall(r"<input\b[^>]*>", page):
        if f'name="{name}"' in tag:
            found = re.search(r'value="([^"]*)"', tag)
            return html.unescape(found[1]) if found else ""
    raise AssertionError(f"no field {name}")


def list_fields(response: Any, action: str) -> dict[str, str]:
    """Return what a form on a page sends if nothing is typed into it."""
    return desk_stage.list_fields(response.content.decode(), action)
