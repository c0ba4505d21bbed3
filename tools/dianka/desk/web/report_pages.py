"""Statistics: each report of the office as chart, table and sheet; statements of customers."""

from collections.abc import Callable
from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dianka.card_port import CardError
from dianka.desk.office.people.rights import Actor, RightError
from dianka.desk.office.statistics import field_reports, limits, sales_reports, suspects
from dianka.desk.office.statistics.chart import draw
from dianka.desk.office.statistics.query import Query, find_period, read_today
from dianka.desk.office.statistics.reports import REPORTS, make_report
from dianka.desk.office.statistics.statement import statement
from dianka.desk.office.statistics.table import Kind, Table, format_cell
from dianka.desk.office.statistics.times import Period, first_of_month
from dianka.desk.web import typed
from dianka.desk.web.done_line import lead
from dianka.desk.web.fields import FieldError
from dianka.desk.web.forms import Field, Form, Values, label_fields, show_form
from dianka.desk.web.given import give_sheet
from dianka.desk.web.page import Page, Text
from dianka.desk.web.report_words import (
    name_column,
    name_table,
    pick_language,
    speak,
)
from dianka.desk.web.request import DeskRequest, require_actor
from dianka.desk.web.told import list_links, page_of
from dianka.desk.web.words import translate_line

_ROWS = 100
# Each report: what it is called, what it shows, and what may be asked of it.
NAMES: dict[str, tuple[Text, Text, tuple[str, ...]]] = {
    "sales": (gettext_lazy("Sales"), gettext_lazy("What was sold."), ("from", "to", "by")),
    "operators": (
        gettext_lazy("By operator"),
        gettext_lazy("Refunds, voids, reversals and copies of receipts by operator."),
        ("from", "to"),
    ),
    "energy": (
        gettext_lazy("Energy used"),
        gettext_lazy("What was used, as receipts show it."),
        ("from", "to", "by"),
    ),
    "transit": (
        gettext_lazy("Money on its way"),
        gettext_lazy("What is sold and not yet known to be in its meter, by age."),
        (),
    ),
    "balance": (gettext_lazy("In the meters"), gettext_lazy("Money in the meters, by area."), ()),
    "not-bought": (
        gettext_lazy("Has not bought"),
        gettext_lazy("Who has not bought for so many days."),
        ("days",),
    ),
    "days-left": (
        gettext_lazy("Soon without credit"),
        gettext_lazy("Whose credit will end within so many days."),
        ("days",),
    ),
    "loss": (
        gettext_lazy("Losses"),
        gettext_lazy("Loss of each area against its feeder meter."),
        ("month",),
    ),
    "suspects": (
        gettext_lazy("To be visited"),
        gettext_lazy("Places that should be visited, and why."),
        ("month",),
    ),
    "hit-rate": (
        gettext_lazy("Inspections"),
        gettext_lazy("What inspections found, by rule."),
        ("from", "to"),
    ),
}
GROUPINGS: dict[str, Text] = {
    "hour": gettext_lazy("hour of the day"),
    "day": gettext_lazy("day"),
    "month": gettext_lazy("month"),
    "desk": gettext_lazy("desk"),
    "operator": gettext_lazy("operator"),
    "area": gettext_lazy("area"),
    "method": gettext_lazy("way of paying"),
    "tariff": gettext_lazy("tariff"),
}
_TAKEN = {"sales": tuple(sales_reports.GROUPINGS), "energy": tuple(field_reports.GROUPINGS)}


def list_reports(request: DeskRequest) -> HttpResponseBase:
    """List the reports."""
    rows = [(name, title, text) for name, (title, text, _asked) in NAMES.items()]
    told = {"rows": rows, "links": list_links(require_actor(request), ("suspect-list", "rules"))}
    return render(request, "office/reports.html", told)


def show_report(request: DeskRequest, name: str) -> HttpResponseBase:
    """Show a report as chart and table."""
    actor, asked = require_actor(request), _ask(request, name)
    told: dict[str, Any] = {
        "name": name,
        "title": NAMES[name][0],
        "about": NAMES[name][1],
        "asks": NAMES[name][2],
        "groupings": [(each, GROUPINGS[each]) for each in _TAKEN.get(name, ())],
        "typed": asked,
        "wrong": {},
    }
    try:
        table = speak(make_report(actor, name, _read_query(name, asked)))
    except RightError:
        raise
    except AtReportError as error:
        told["wrong"] = {error.name: str(error)}
        return render(request, "office/report.html", told, status=422)
    except CardError as error:
        told["line"] = translate_line(str(error))
        return render(request, "office/report.html", told)
    if "from" in asked and not asked["from"] and not asked["to"]:  # what is shown then
        period = find_period(Query())
        told["typed"] = {**asked, "from": str(period.first), "to": str(period.last)}
    told |= _tell_table(request, table)
    told["words"] = urlencode({key: text for key, text in asked.items() if text})
    return render(request, "office/report.html", told)


def give_report(request: DeskRequest, name: str) -> HttpResponseBase:
    """Return a report as a sheet."""
    actor, asked = require_actor(request), _ask(request, name)
    table = speak(make_report(actor, name, _read_query(name, asked)))
    return give_sheet(table, f"{name}.xlsx")


def show_statement(request: DeskRequest, number: int) -> HttpResponseBase:
    """Show all purchases and receipts of a customer, and where his money is."""
    table = speak(statement(require_actor(request), number))
    told = {"number": number, **_tell_table(request, table)}
    return render(request, "office/statement.html", told)


def give_statement(request: DeskRequest, number: int) -> HttpResponseBase:
    """Return a customer's statement as a sheet."""
    table = speak(statement(require_actor(request), number))
    return give_sheet(table, f"statement-{number:012d}.xlsx")


def make_list(request: DeskRequest) -> HttpResponseBase:
    """Make this month's list of places that should be visited."""

    def act(actor: Actor, values: Values) -> str:
        told = {"count": suspects.make_list(actor)}
        line = _("%(count)d places are on the list.") % told
        return lead("report", line, name="suspects")

    form = Form(_("Make this month's list"), _("Make the list"))
    form.notes = [_("It goes through all accounts, and is made once a month.")]
    return show_form(request, form, act)


def show_rules(request: DeskRequest) -> HttpResponseBase:
    """Show the thresholds of the rules, and set one."""
    now = vars(limits.read_limits())

    def act(actor: Actor, values: Values) -> str:
        limits.set_limit(actor, values["name"], values["value"])
        return lead("rules", _("The threshold is set."))

    form = Form(_("Thresholds of the rules"), _("Set it"), _RULE_FIELDS)
    form.fields = (_make_choice(tuple(now)), _RULE_FIELDS[1])
    return show_form(request, form, act, "office/rules.html", {"rows": now.items()})


class AtReportError(FieldError):
    """What is asked of a report can't be: in which field, and why."""

    def __init__(self, name: str, line: str) -> None:
        super().__init__(line)
        self.name = name


def _ask(request: HttpRequest, name: str) -> dict[str, str]:
    if name not in REPORTS:
        raise CardError(f"there is no report {name!r}: take one of {', '.join(REPORTS)}")
    return {each: request.GET.get(each, "")[:200] for each in NAMES[name][2]}


def _read_query(name: str, asked: dict[str, str]) -> Query:
    period = None
    if asked.get("from") or asked.get("to"):
        last = _read(asked, "to", typed.day) or read_today()
        first = _read(asked, "from", typed.day) or first_of_month(last)
        if first > last:
            raise AtReportError("to", _("It ends before it begins: give a later day."))
        period = Period(first, last)
    by = asked.get("by", "")
    if by and by not in _TAKEN[name]:
        raise AtReportError("by", _("Choose one of these."))
    days = _read(asked, "days", typed.number(0, 3650)) or 0
    return Query(period, by, days, _read(asked, "month", _read_month))


def _read(asked: dict[str, str], name: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(asked[name]) if asked.get(name, "").strip() else None
    except FieldError as error:
        raise AtReportError(name, str(error)) from None


def _read_month(text: str) -> date:
    try:
        return typed.day(f"{text.strip()}-01")
    except FieldError:
        raise FieldError(_("That is no month: write it as 2026-03.")) from None


def _tell_table(request: HttpRequest, table: Table) -> dict[str, Any]:
    part = page_of(request, table.rows, _ROWS)
    numbers = [column.kind != Kind.TEXT for column in table.columns]
    kinds = [column.kind for column in table.columns]
    totals = table.totals
    chart = ""
    if table.drawn is not None and table.rows and part.first <= 1:
        chart = SafeString(draw(table, pick_language()))  # its texts are escaped
    return {
        "table_title": name_table(table),
        "heads": list(zip(map(name_column, table.columns), numbers, strict=True)),
        "rows": [_format(row, kinds, numbers) for row in part.rows],
        "foot": _format(totals, kinds, numbers) if any(each is not None for each in totals) else [],
        "notes": table.notes,
        "part": part,
        "chart": chart,
    }


def _format(row: Any, kinds: list[Kind], numbers: list[bool]) -> list[tuple[str, bool]]:
    words = [format_cell(value, kind) for value, kind in zip(row, kinds, strict=True)]
    return list(zip(words, numbers, strict=True))


def _make_choice(names: tuple[str, ...]) -> Field:
    choices = [(each, each) for each in names]
    return Field("name", gettext_lazy("Threshold"), typed.one_of(*names), choices=choices)


_RULE_FIELDS = (
    Field("name", gettext_lazy("Threshold"), str),
    Field("value", gettext_lazy("New value"), typed.number(0, limits.HIGHEST), digits=True),
)
_BOTH = ("GET", "POST")
_RIGHT = "see statistics"
PAGES = (
    Page("reports", "reports", list_reports, _RIGHT, gettext_lazy("Reports"), menu="figures"),
    Page(
        "reports/suspects/make",
        "suspect-list",
        make_list,
        _RIGHT,
        gettext_lazy("Make this month's list"),
        methods=_BOTH,
    ),
    Page(
        "reports/rules",
        "rules",
        show_rules,
        "change limits",
        gettext_lazy("Thresholds of the rules"),
        methods=_BOTH,
        fields=label_fields(_RULE_FIELDS),
    ),
    Page(
        "reports/<slug:name>",
        "report",
        show_report,
        _RIGHT,
        gettext_lazy("Report"),
        example={"name": "sales"},
    ),
    Page(
        "reports/<slug:name>/xlsx",
        "report-sheet",
        give_report,
        _RIGHT,
        gettext_lazy("As a sheet"),
        example={"name": "sales"},
    ),
    Page(
        "customers/<int:number>/statement",
        "customer-statement",
        show_statement,
        "look things up",
        gettext_lazy("Statement"),
        example={"number": 1},
    ),
    Page(
        "customers/<int:number>/statement/xlsx",
        "statement-sheet",
        give_statement,
        "look things up",
        gettext_lazy("As a sheet"),
        example={"number": 1},
    ),
)
