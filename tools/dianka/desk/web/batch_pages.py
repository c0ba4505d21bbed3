"""Batches of cards: listed, worked through card after card in the reader, the sheet of each.

The page of a batch that is worked on asks what is in the reader. A card that was not there before
is made, or counted, by a form that the page sends by itself, or with a button where no script runs.
What is done stands in the database, so that the page may be left and opened again at any time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy

from dianka.card_port import CardError
from dianka.cardos.chip import CardTorn
from dianka.desk.counter import PinWantedError
from dianka.desk.office.cards import batches
from dianka.desk.office.cards.batch_making import Tried
from dianka.desk.office.cards.models import Batch, BatchItem
from dianka.desk.office.people.rights import Actor, RightError
from dianka.desk.office.statistics.table import Column, Kind, Table
from dianka.desk.pin import WrongPin
from dianka.desk.web import batch_jobs, batch_orders
from dianka.desk.web.fields import plain_number
from dianka.desk.web.given import give_sheet
from dianka.desk.web.page import Page
from dianka.desk.web.request import DeskRequest, require_actor
from dianka.desk.web.states import ITEMS
from dianka.desk.web.station import Presence, get_station
from dianka.desk.web.told import list_links, page_of

_NO_READER = Presence("none", False)
_ORDERS = tuple(page.name for page in batch_orders.PAGES)


@dataclass
class Panel:
    """A batch that is worked on: what is in the reader, and what became of the last card."""

    batch: Batch
    counts: dict[str, int]
    presence: Presence = _NO_READER
    tried: Tried | None = None
    line: str = ""
    pin: bool = False  # the control card's is asked for
    goes: bool = False  # another card is in: the page sends its form
    after: int = 0

    @property
    def total(self) -> int:
        """Return how many cards the batch has."""
        return sum(self.counts.values())

    @property
    def is_done(self) -> bool:
        """Return whether nothing is left to do."""
        return self.counts["done"] == self.total

    @property
    def known(self) -> str:
        """Return the serials of the cards that are in, as the page brings them along."""
        return ",".join(sorted(self.presence.serials))


def show_batches(request: DeskRequest) -> HttpResponseBase:
    """List the newest batches, and what may be ordered."""
    actor = require_actor(request)
    rows = batches.list_batches(actor, 50)
    told = {"rows": rows, "links": list_links(actor, _ORDERS)}
    return render(request, "office/batches.html", told)


def show_batch(request: DeskRequest, batch: int) -> HttpResponseBase:
    """Show the sheet of a batch: each card, whose it is, and how it stands."""
    actor, found = require_actor(request), batches.find_batch(batch)
    items = batches.list_items(actor, found)
    names = ["work-batch"] if any(item.state != "done" for item in items) else []
    told = {
        "batch": found,
        "counts": batches.count_items(found),
        "part": page_of(request, items, 100),
        "links": list_links(actor, [*names, "batch-sheet"], batch=found.pk),
    }
    return render(request, "office/batch.html", told)


def give_batch_sheet(request: DeskRequest, batch: int) -> HttpResponseBase:
    """Return the sheet of a batch as a file of a spreadsheet."""
    actor, found = require_actor(request), batches.find_batch(batch)
    rows = [_tell_item(item) for item in batches.list_items(actor, found)]
    table = Table(f"批次 {found.pk}", f"Batch {found.pk}", _COLUMNS, rows)
    return give_sheet(table, f"batch-{found.pk}.xlsx")


def work_batch(request: DeskRequest, batch: int) -> HttpResponseBase:
    """Show a batch that is worked on; a form that is sent tries the card that is in."""
    actor, panel = require_actor(request), _make_panel(batches.find_batch(batch))
    if request.method == "POST":
        panel.after = _read_place(request.POST.get("after", ""))
        _try_card(actor, panel)
    else:
        panel.presence = _see(panel)
        panel.goes = panel.presence.is_filled and not panel.is_done
    return _draw(request, panel, "office/batch_work.html")


def poll_batch(request: DeskRequest, batch: int) -> HttpResponseBase:
    """Answer with nothing while the readers are as the page knows; else with what is in now."""
    mark, known = request.GET.get("mark", ""), set(request.GET.get("known", "")[:500].split(","))
    if not connection.in_atomic_block:
        connection.close()  # others need it meanwhile
    try:
        presence = get_station().await_change(mark)
    except CardError:
        return HttpResponse(status=204)
    if presence.mark == mark:
        return HttpResponse(status=204)
    panel = _make_panel(batches.find_batch(batch))
    panel.presence, panel.line = presence, presence.line
    panel.after = _read_place(request.GET.get("after", ""))
    panel.goes = bool(presence.serials - known) and not panel.is_done
    return render(request, "office/batch_panel.html", {"panel": panel})


def give_pin(request: DeskRequest, batch: int) -> HttpResponseBase:
    """Give the control card its PIN, and go on with the batch."""
    actor, panel = require_actor(request), _make_panel(batches.find_batch(batch))
    try:
        get_station().give_pin(actor, plain_number(request.POST.get("pin", "")[:20]))
    except (CardError, CardTorn) as error:
        panel.line, panel.pin = str(error), True
        return render(request, "office/batch_work.html", {"panel": panel}, status=422)
    return redirect("work-batch", batch=batch)


def _try_card(actor: Actor, panel: Panel) -> None:
    """Make or count the card that is in; the panel says what became of it."""
    try:
        station = get_station()
        panel.presence = station.see()
        number, after = panel.batch.pk, panel.after
        panel.tried = station.run(batch_jobs.make_next, actor, number, after)
        panel.after = panel.tried.place
    except RightError:
        raise
    except (CardError, CardTorn) as error:
        panel.line = str(error)
        panel.pin = isinstance(error, (PinWantedError, WrongPin))
    panel.counts = batches.count_items(panel.batch)


def _make_panel(batch: Batch) -> Panel:
    return Panel(batch, batches.count_items(batch))


def _see(panel: Panel) -> Presence:
    try:
        presence = get_station().see()
    except CardError as error:
        panel.line = str(error)
        return _NO_READER
    panel.line = presence.line
    return presence


def _draw(request: DeskRequest, panel: Panel, page: str) -> HttpResponse:
    is_part = request.htmx and not request.htmx.boosted
    return render(request, "office/batch_panel.html" if is_part else page, {"panel": panel})


def _read_place(word: str) -> int:
    return int(word) if word.isascii() and word.isdigit() and len(word) < 6 else 0


def _tell_item(item: BatchItem) -> tuple[int | str | None, ...]:
    contract, card = item.contract, item.card
    meter_no = contract.meter.number if contract else item.meter_no
    return (
        item.place,
        "" if meter_no is None else f"{meter_no:012d}",
        contract.customer.name if contract else "",
        str(contract.premise or "") if contract else "",
        card.serial if card and item.state == BatchItem.State.DONE else "",
        str(ITEMS[item.state]),
        item.error,
    )


def _make_columns(names: Iterable[tuple[str, str]]) -> tuple[Column, ...]:
    return tuple(Column(zh, en, Kind.TEXT, summed=False) for zh, en in names)


_COLUMNS = (
    Column("序号", "place", Kind.COUNT, summed=False),
    *_make_columns(
        (
            ("表号", "meter"),
            ("用户", "customer"),
            ("房间", "premise"),
            ("卡序列号", "card"),
            ("状态", "state"),
            ("原因", "why"),
        )
    ),
)
_RIGHT = "make cards"
_EXAMPLE: dict[str, Any] = {"batch": 1}
_BATCH = gettext_lazy("Batch")
PAGES = (
    Page("cards/batches", "batches", show_batches, _RIGHT, gettext_lazy("Batches"), menu="estate"),
    *batch_orders.PAGES,
    Page("cards/batches/<int:batch>", "batch", show_batch, _RIGHT, _BATCH, example=_EXAMPLE),
    Page(
        "cards/batches/<int:batch>/work",
        "work-batch",
        work_batch,
        _RIGHT,
        gettext_lazy("Work through the batch"),
        methods=("GET", "POST"),
        example=_EXAMPLE,
    ),
    Page(
        "cards/batches/<int:batch>/changed",
        "batch-changed",
        poll_batch,
        _RIGHT,
        _BATCH,
        example=_EXAMPLE,
        polled=True,
    ),
    Page(
        "cards/batches/<int:batch>/pin",
        "batch-pin",
        give_pin,
        _RIGHT,
        gettext_lazy("PIN"),
        methods=("POST",),
        example=_EXAMPLE,
    ),
    Page(
        "cards/batches/<int:batch>/sheet",
        "batch-sheet",
        give_batch_sheet,
        _RIGHT,
        gettext_lazy("The sheet"),
        example=_EXAMPLE,
    ),
)
