"""The books checked and proved, and backups of the office."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dianka.desk.office import backup_here, nightly
from dianka.desk.office.checking import check
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.privacy import find_open
from dianka.desk.office.vending.shifts import has_open_shift
from dianka.desk.web.done_line import lead
from dianka.desk.web.forms import Form, Values, show_form
from dianka.desk.web.page import Page, Text
from dianka.desk.web.request import DeskRequest, require_actor

_SHOWN = 20  # faults in full
# What the sum of the accounts of each kind is called, and the sign that makes it a number of yuan.
SUMS: dict[str, tuple[Text, int]] = {
    "cash": (gettext_lazy("Taken over the counters"), 1),
    "transit": (gettext_lazy("On its way to the meters"), -1),
    "meter": (gettext_lazy("In the meters"), -1),
    "used": (gettext_lazy("Used"), -1),
    "refund": (gettext_lazy("Paid back"), -1),
    "safe": (gettext_lazy("Handed over to safe and bank"), 1),
    "difference": (gettext_lazy("Counted too little"), 1),
    "outside": (gettext_lazy("Bought outside of these books"), 1),
}


def show_proofs(request: DeskRequest) -> HttpResponseBase:
    """Say what check and proof are, and offer them."""
    return _draw(request, {})


def check_books(request: DeskRequest) -> HttpResponseBase:
    """Name each act, entry and row that is not as it was written."""
    faults, unproved = check()
    wide = find_open(Path(settings.OFFICE_FOLDER)) if settings.OFFICE_FOLDER else []
    told = {"faults": [*wide, *faults][:_SHOWN], "count": len(faults) + len(wide)}
    return _draw(request, {"checked": told, "unproved": unproved})


def prove_books(request: DeskRequest) -> HttpResponseBase:
    """Prove where each fen is, and tie all chains; no sums while a shift is open."""
    blind = has_open_shift()
    proof = nightly.prove(whole=request.POST.get("whole") == "yes")
    found = proof.faults or proof.odd_sums
    told: dict[str, Any] = {
        "faults": found[:_SHOWN],
        "count": len(found),
        "blind": blind,
        "night": proof.night,
        "sums": [],
    }
    if not blind:
        sums_fen = proof.books.compared.sums_fen
        rows = ((text, sign * sums_fen.get(kind, 0)) for kind, (text, sign) in SUMS.items())
        told["sums"] = list(rows)
    return _draw(request, {"proved": told})


def _draw(request: DeskRequest, told: dict[str, Any]) -> HttpResponseBase:
    told["clock"] = require_actor(request).may("accept a clock")
    return render(request, "office/proofs.html", told)


def make_backup(request: DeskRequest) -> HttpResponseBase:
    """Write a verified copy of the office, and list those that are there."""
    actor = require_actor(request)
    office = Path(settings.OFFICE_FOLDER)

    def act(actor: Actor, values: Values) -> str:
        file, acts = backup_here.make_backup(actor, office)
        told = {"name": file.name, "acts": acts}
        return lead("backups", _("%(name)s holds %(acts)d acts, read back whole.") % told)

    form = Form(_("Backups"), _("Make a backup"))
    form.notes = [
        _(
            "The copy is written into the office's folder while the office works, and read back "
            "whole. Keep it on another machine: it has everybody's names in it."
        ),
        _(
            "Bringing a copy back replaces the database, so it is a command, with all desks "
            "closed: dianka office restore FILE. It reads the copy whole first, and overwrites "
            "nothing; dianka office check then reads every act and row. A copy of an older "
            "version is upgraded by dianka office upgrade FILE."
        ),
    ]
    told = {"files": backup_here.list_backups(actor, office), "folder": backup_here.FOLDER}
    return show_form(request, form, act, "office/backups.html", told)


PAGES = (
    Page("proof", "proofs", show_proofs, "read acts", gettext_lazy("Proof"), menu="office"),
    Page(
        "proof/check",
        "check-books",
        check_books,
        "read acts",
        gettext_lazy("Check"),
        methods=("POST",),
    ),
    Page(
        "proof/prove",
        "prove-books",
        prove_books,
        "read acts",
        gettext_lazy("Prove"),
        methods=("POST",),
    ),
    Page(
        "backups",
        "backups",
        make_backup,
        "export",
        gettext_lazy("Backups"),
        menu="office",
        methods=("GET", "POST"),
    ),
)
