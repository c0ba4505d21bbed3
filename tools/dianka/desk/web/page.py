"""A row of the table of pages: where a page is, who may see it, how it is called."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponseBase
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

PUBLIC = "public"  # in place of a right: for anybody
SIGNED_IN = ""  # for whoever is signed in
View = Callable[..., HttpResponseBase]
Text = str | Promise

# The groups of the menu, in their order.
GROUPS: dict[str, Text] = {
    "counter": _("Counter"),
    "customers": _("Customers"),
    "estate": _("Meters and cards"),
    "money": _("Money"),
    "figures": _("Figures"),
    "office": _("Office"),
}


@dataclass(frozen=True)
class Page:
    """One address. `right` is one of the office's RIGHTS, SIGNED_IN or PUBLIC.

    `menu` names one of GROUPS, or is empty. `fields` are the labels of what is typed, shown when a
    form is sent again after signing in; fields without a label go along unseen. `example` has
    values for the parts of the address, for the tests. `polled`: asked by the page itself and not
    by a person, so it keeps no sign-in alive.
    """

    address: str
    name: str
    view: View
    right: str
    title: Text
    menu: str = ""
    methods: tuple[str, ...] = ("GET",)
    fields: Mapping[str, Text] = field(default_factory=dict)
    example: Mapping[str, Any] = field(default_factory=dict)
    polled: bool = False
