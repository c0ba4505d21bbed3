"""The office's one-word states and kinds in the reader's language: filters of the templates."""

from django.utils.translation import gettext_lazy as _

from dianka.desk.web.page import Text

STATES: dict[str, Text] = {
    "open": _("open"),
    "suspended": _("suspended"),
    "closed": _("closed"),
    "stock": _("in stock"),
    "making": _("being made"),
    "used": _("in use"),
    "replaced": _("replaced"),
    "cleared": _("cleared"),
    "scrapped": _("scrapped"),
    "installed": _("installed"),
    "removed": _("removed"),
}
EVENTS: dict[str, Text] = {
    "act": _("act"),
    "sale": _("sale"),
    "reading": _("reading"),
    "card": _("card"),
    "contract": _("account"),
}
CARDS: dict[str, Text] = {
    "user": _("Customer's card"),
    "init": _("Initialisation card"),
    "keys": _("Key change card"),
    "restore": _("Key restore card"),
    "inspection": _("Inspection card"),
    "test-credit": _("Test credit card"),
    "test": _("Test card"),
    "part": _("Part card"),
    "control": _("Control card"),
}
ITEMS: dict[str, Text] = {
    "open": _("not made yet"),
    "done": _("done"),
    "failed": _("failed"),
}
FOUND: dict[str, Text] = {
    "theft": _("theft"),
    "fault": _("a fault"),
    "nothing": _("nothing"),
    "no access": _("no access"),
}
ROLES: dict[str, Text] = {
    "clerk": _("clerk"),
    "technician": _("technician"),
    "supervisor": _("supervisor"),
    "manager": _("manager"),
    "auditor": _("auditor"),
}
