"""Shifts: opened with a counted float, closed by a blind count, handed over, their reports."""

from collections.abc import Mapping

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dianka.desk.office.people.rights import Actor
from dianka.desk.office.vending import shift_list, shifts
from dianka.desk.office.vending.counting import NOTES, PIECES_FEN, Count
from dianka.desk.office.vending.models import Desk, Shift
from dianka.desk.web import typed
from dianka.desk.web.counter_form import METHOD_NAMES
from dianka.desk.web.done_line import lead
from dianka.desk.web.fields import FieldError
from dianka.desk.web.forms import (
    MAYBE_SECOND,
    Field,
    Form,
    Values,
    get_consent,
    label_fields,
    show_form,
)
from dianka.desk.web.page import Page
from dianka.desk.web.request import DeskRequest, require_actor
from dianka.desk.web.told import list_links, page_of
from dianka.money import yuan

_MOST_PIECES = 100_000
_PIECES = tuple(
    Field(
        f"piece-{piece_fen}",
        yuan(piece_fen) if piece_fen % 100 else str(piece_fen // 100),
        typed.maybe(typed.number(0, _MOST_PIECES), 0),
        needed=False,
        digits=True,
    )
    for piece_fen in PIECES_FEN
)
_GIVEN = Field(
    "given",
    gettext_lazy("Of that from the safe, yuan"),
    typed.maybe(typed.fen(), 0),
    needed=False,
    digits=True,
)
_TOTALS = tuple(
    Field(method, title, typed.signed_fen, needed=False, digits=True)
    for method, title in (
        ("card", gettext_lazy("Total by bank card, yuan")),
        ("mobile", gettext_lazy("Total by phone, yuan")),
        ("transfer", gettext_lazy("Total by transfer, yuan")),
    )
)
_HANDED = Field(
    "handed",
    gettext_lazy("Of the notes handed over, yuan"),
    typed.maybe(typed.fen(), 0),
    needed=False,
    digits=True,
    hint=gettext_lazy("The rest stays in the drawer for the next shift."),
)
_SHIFT = Field("shift", "", typed.number(1, 10**12), "hidden")
_OPENING = (*_PIECES, _GIVEN)
_CLOSING = (_SHIFT, *_PIECES, *_TOTALS, _HANDED, *MAYBE_SECOND)
_AMOUNT = Field("amount", gettext_lazy("Amount, yuan"), typed.fen(1), digits=True)
_HANDING = (_AMOUNT, *MAYBE_SECOND)
_TEMPLATE = "office/count.html"


def list_shifts(request: DeskRequest) -> HttpResponseBase:
    """Show whose shift is open at this desk, what may be done, and the shifts before."""
    actor = require_actor(request)
    now = _find_open(settings.DESK_NAME)
    names = ("close-shift", "hand-over") if now else ("open-shift",)
    told = {
        "now": now,
        "links": list_links(actor, names),
        "part": page_of(request, shift_list.list_shifts(actor)),
        "may_expect": actor.may("see a shift's sums"),
    }
    return render(request, "office/shifts.html", told)


def open_shift(request: DeskRequest) -> HttpResponseBase:
    """Open a shift with the notes that are in the drawer."""

    def act(actor: Actor, values: Values) -> str:
        shift = shifts.open_shift(actor, Count(_read_pieces(values)), values["given"])
        told = {"number": shift.number, "amount": yuan(shift.float_fen)}
        line = _("Shift %(number)d is open with %(amount)s yuan.") % told
        return lead("shifts", line)

    form = Form(_("Open a shift"), _("Open the shift"), _OPENING, back=reverse("shifts"))
    form.notes = [_("Count the notes and coins in the drawer.")]
    told = {"pieces": len(_PIECES)}
    return show_form(request, form, act, _TEMPLATE, told)


def close_shift(request: DeskRequest) -> HttpResponseBase:
    """Close the shift by what was counted; what should be there is shown after that alone."""
    number = shifts.find_to_close(require_actor(request))

    def act(actor: Actor, values: Values) -> str:
        totals = {method: values[method] for method in METHOD_NAMES if method != NOTES}
        count, handed_fen = Count(_read_pieces(values), totals), values["handed"]
        given = get_consent(actor, values, shifts.HAND_OVER, actor.desk, handed_fen)
        shift = shifts.close_shift(actor, values["shift"], count, handed_fen, given)
        line = _("The shift is closed.")
        return lead("shift-report", line, desk=shift.desk.name, number=shift.number)

    form = Form(
        _("Close the shift"),
        _("Close the shift"),
        _CLOSING,
        {"shift": str(number)},
        back=reverse("shifts"),
        notes=[
            _(
                "Count before you know what should be there: it is shown when the shift is closed. "
                "The count can't be changed then."
            )
        ],
    )
    return show_form(request, form, act, _TEMPLATE, {"pieces": len(_PIECES) + 1})


def hand_over(request: DeskRequest) -> HttpResponseBase:
    """Hand notes over in the middle of a shift."""

    def act(actor: Actor, values: Values) -> str:
        amount_fen = values["amount"]
        given = get_consent(actor, values, shifts.HAND_OVER, actor.desk, amount_fen)
        shifts.hand_over(actor, amount_fen, given)
        line = _("%(amount)s yuan are handed over.") % {"amount": yuan(amount_fen)}
        return lead("shifts", line)

    form = Form(_("Hand money over"), _("Hand it over"), _HANDING, back=reverse("shifts"))
    form.notes = [_("Who receives the money gives his or her name and password.")]
    return show_form(request, form, act)


def show_sum(request: DeskRequest) -> HttpResponseBase:
    """Show the sum of the notes that are typed so far."""
    pieces: dict[int, int] = {}
    for piece_fen, field in zip(PIECES_FEN, _PIECES, strict=True):
        try:
            pieces[piece_fen] = field.read(request.GET.get(field.name, "")[:20])
        except FieldError:
            continue
    return render(request, "office/sum.html", {"fen": Count(pieces).notes_fen})


def show_report(request: DeskRequest, desk: str, number: int) -> HttpResponseBase:
    """Show the closing report of a shift."""
    closed = shift_list.read_closed(require_actor(request), desk, number)
    counts = [
        (METHOD_NAMES.get(row.method, row.method), row, row.counted_fen - row.expected_fen)
        for row in closed.counts
        if row.method == NOTES or row.counted_fen or row.expected_fen
    ]
    return render(request, "office/shift_report.html", {"shift": closed.shift, "counts": counts})


def give_paper(request: DeskRequest, desk: str, number: int) -> HttpResponseBase:
    """Return the report as it was printed first."""
    paper = shifts.read_report(require_actor(request), number, desk)
    return HttpResponse(paper, content_type="text/plain; charset=utf-8")


def show_expected(request: DeskRequest, desk: str) -> HttpResponseBase:
    """Show what another one's open shift should have; his own nobody sees."""
    found = shifts.read_expected(require_actor(request), desk)
    rows = [(METHOD_NAMES.get(method, method), fen) for method, fen in found.items()]
    return render(request, "office/shift_expected.html", {"desk": desk, "rows": rows})


def _read_pieces(values: Values) -> Mapping[int, int]:
    named = {piece_fen: values[f"piece-{piece_fen}"] for piece_fen in PIECES_FEN}
    return {piece_fen: number for piece_fen, number in named.items() if number}


def _find_open(name: str) -> Shift | None:
    desk = Desk.objects.filter(name=name).first()
    return shifts.find_open(desk) if desk else None


_BOTH = ("GET", "POST")
_REPORT = {"desk": "desk1", "number": 1}
PAGES = (
    Page(
        "shifts",
        "shifts",
        list_shifts,
        "look things up",
        gettext_lazy("Shifts"),
        menu="money",
    ),
    Page(
        "shifts/open",
        "open-shift",
        open_shift,
        "work a shift",
        gettext_lazy("Open a shift"),
        methods=_BOTH,
        fields=label_fields(_OPENING),
    ),
    Page(
        "shifts/close",
        "close-shift",
        close_shift,
        "work a shift",
        gettext_lazy("Close the shift"),
        methods=_BOTH,
        fields=label_fields(_CLOSING),
    ),
    Page(
        "shifts/hand-over",
        "hand-over",
        hand_over,
        "work a shift",
        gettext_lazy("Hand money over"),
        methods=_BOTH,
        fields=label_fields(_HANDING),
    ),
    Page("shifts/sum", "notes-sum", show_sum, "work a shift", gettext_lazy("Sum")),
    Page(
        "shifts/<str:desk>/<int:number>",
        "shift-report",
        show_report,
        "look things up",
        gettext_lazy("Closing report"),
        example=_REPORT,
    ),
    Page(
        "shifts/<str:desk>/<int:number>/paper",
        "shift-paper",
        give_paper,
        "look things up",
        gettext_lazy("Printed report"),
        example=_REPORT,
    ),
    Page(
        "shifts/<str:desk>/expected",
        "shift-expected",
        show_expected,
        "see a shift's sums",
        gettext_lazy("What should be there"),
        example={"desk": "desk1"},
    ),
)
