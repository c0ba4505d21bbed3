"""Sheets: premises, customers, meters and contracts exported, tried, and taken in."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dianka.card_port import CardError
from dianka.desk.office.people.rights import RightError
from dianka.desk.office.sheets.acts import export_acts
from dianka.desk.office.sheets.exporting import export_sheet
from dianka.desk.office.sheets.importing import import_sheet, try_import
from dianka.desk.office.sheets.opening import MOST_BYTES
from dianka.desk.web.done_line import lead
from dianka.desk.web.page import Page, Text
from dianka.desk.web.request import DeskRequest, require_actor
from dianka.desk.web.words import translate_line

KINDS: dict[str, Text] = {
    "premises": gettext_lazy("Premises"),
    "customers": gettext_lazy("Customers"),
    "meters": gettext_lazy("Meters"),
    "contracts": gettext_lazy("Accounts"),
}
_ACTS = "acts"
_SHOWN = 200  # faults
_MOST_KEPT = 8  # sheets that were tried and wait to be taken in
_TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl; charset=utf-8",
}


@dataclass(frozen=True)
class _Kept:
    """A sheet that was tried: whose, of which kind, its file's name and content."""

    operator: str
    kind: str
    name: str
    content: bytes


_kept: OrderedDict[str, _Kept] = OrderedDict()


def show_exports(request: DeskRequest) -> HttpResponseBase:
    """Offer what may be exported."""
    may_whole = require_actor(request).may("see personal numbers")
    return render(
        request,
        "office/exports.html",
        {"kinds": KINDS, "may_whole": may_whole, "endings": ("xlsx", "csv")},
    )


def give_export(request: DeskRequest) -> HttpResponseBase:
    """Return a sheet of all rows of a kind, or all acts. It is an act itself."""
    actor, kind = require_actor(request), request.POST.get("kind", "")
    form = request.POST.get("form", "")
    if kind not in (*KINDS, _ACTS):
        raise CardError(_("Choose one of these."))
    ending = "jsonl" if kind == _ACTS else form if form in ("xlsx", "csv") else "xlsx"
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"{kind}.{ending}"
        if kind == _ACTS:
            export_acts(actor, file)
        else:
            export_sheet(actor, kind, file, request.POST.get("whole") == "yes")
        content = file.read_bytes()
    response = HttpResponse(content, content_type=_TYPES[ending])
    response["Content-Disposition"] = f'attachment; filename="{kind}.{ending}"'
    return response


def try_sheet(request: DeskRequest) -> HttpResponseBase:
    """Try a sheet: name each bad cell, or say what would be taken in. Nothing is changed."""
    actor, kind = require_actor(request), request.POST.get("kind", "")
    told: dict[str, Any] = {"kinds": KINDS, "kind": kind}
    if request.method != "POST":
        return render(request, "office/imports.html", told)
    file = request.FILES.get("file")
    if kind not in KINDS:
        told["wrong_kind"] = _("Choose one of these.")
    elif file is None or not file.size:
        told["wrong_file"] = _("Choose a file: it has headings in its first row.")
    elif file.size > MOST_BYTES:
        told["wrong_file"] = _("This file is too large: split it.")
    else:
        sheet = _Kept(actor.operator, kind, Path(file.name or "").name[:100], file.read())
        try:
            outcome = _with_file(sheet, lambda path: try_import(actor, kind, path))
        except RightError:
            raise
        except CardError as error:
            told["wrong_file"] = translate_line(str(error))
        else:
            told |= {"outcome": outcome, "faults": outcome.faults[:_SHOWN], "file": sheet.name}
            told["mark"] = "" if outcome.faults else _keep(sheet)
            status = 422 if outcome.faults else 200
            return render(request, "office/imports.html", told, status=status)
    return render(request, "office/imports.html", told, status=422)


def take_sheet(request: DeskRequest) -> HttpResponseBase:
    """Take the sheet in that was tried, all or nothing; twice adds nothing the second time."""
    actor = require_actor(request)
    sheet = _kept.get(request.POST.get("mark", ""))
    if sheet is None or sheet.operator != actor.operator:
        told = {"kinds": KINDS, "wrong_file": _("Choose the file once more, and try it.")}
        return render(request, "office/imports.html", told, status=422)
    outcome = _with_file(sheet, lambda path: import_sheet(actor, sheet.kind, path))
    told = {"count": len(outcome.new), "same": outcome.same}
    line = _("%(count)d rows are taken in; %(same)d are there as they are.") % told
    return HttpResponseRedirect(lead("import-sheet", line))


def _keep(sheet: _Kept) -> str:
    mark = hashlib.sha256(repr((sheet.operator, sheet.kind, sheet.name)).encode() + sheet.content)
    while len(_kept) >= _MOST_KEPT:
        _kept.popitem(last=False)
    _kept[mark.hexdigest()] = sheet
    return mark.hexdigest()


def _with_file(sheet: _Kept, act: Any) -> Any:
    """Do something with a sheet as a file, which goes again."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"sheet{Path(sheet.name).suffix.lower()[:10]}"
        path.write_bytes(sheet.content)
        return act(path)


PAGES = (
    Page("export", "exports", show_exports, "export", gettext_lazy("Export"), menu="office"),
    Page(
        "export/file",
        "export-file",
        give_export,
        "export",
        gettext_lazy("Export"),
        methods=("POST",),
    ),
    Page(
        "import",
        "import-sheet",
        try_sheet,
        "import",
        gettext_lazy("Import"),
        menu="office",
        methods=("GET", "POST"),
    ),
    Page(
        "import/take",
        "take-sheet",
        take_sheet,
        "import",
        gettext_lazy("Take it in"),
        methods=("POST",),
    ),
)
