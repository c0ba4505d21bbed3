"""Every act as every role: the rights are checked where a thing is done."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dianka.card_port import CardError
from dianka.firmware import ROOT
from estate_kit import make_actor

ROLES = ("clerk", "technician", "supervisor", "manager", "auditor", "")
OFFICE = ROOT / "tools" / "dianka" / "desk" / "office"
# Functions with an actor that do not begin with a check of his rights, and why that is right.
INSIDE = {
    "give_consent": "the second person's right is checked, not the actor's",
    "use_consent": "within an act that has its right",
    "require_shift": "within an act that has its right",
    "raise_if_not_working": "within a sale",
    "check_limits": "within a sale",
    "is_alone": "looks, and changes nothing",
    "take_in": "within look and sell",
    "find_contract": "within look, sell and what takes a card in",
    "take_receipt": "within look and sell",
    "complete": "within an act that has its right",
    "set_state": "within an act that has its right",
    "make_row": "within an act that has its right",
    "make_report": "calls a report, which has its right",
    "tell_opening": "within an act that has its right",
    "settle": "within an act that has its right",
    "install_locked": "within an act that has its right",
    "take_down": "within an act that has its right",
    "resolve": "within look and sell; posts by an act that has its right",
}


def load_all() -> None:
    package = importlib.import_module("dianka.desk.office")
    for found in pkgutil.walk_packages(package.__path__, "dianka.desk.office."):
        if ".migrations." not in found.name:
            importlib.import_module(found.name)


def read_table() -> dict[str, set[str]]:
    """The rights as docs/office.md tells them."""
    page = (ROOT / "docs" / "office.md").read_text(encoding="utf-8")
    rows = page.partition("| right | clerk |")[2].partition("\n\n")[0].splitlines()[2:]
    table = {}
    for row in rows:
        right, *marks = (cell.strip() for cell in row.strip("|").split("|"))
        table[right] = {role for role, mark in zip(ROLES, marks, strict=False) if mark == "x"}
    return table


def test_the_page_has_the_rights(office: Path) -> None:
    from dianka.desk.office.people.rights import RIGHTS

    assert read_table() == {right: set(roles) for right, roles in RIGHTS.items()}


def test_every_act_as_every_role(office: Path) -> None:
    """Called with an actor alone, an act refuses him, or misses its other words."""
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.people.rights import ACTS

    load_all()
    table, before = read_table(), Act.objects.count()
    assert len(ACTS) > 20
    for name, (right, act) in ACTS.items():
        for role in ROLES:
            refused = is_refused(act, role)
            assert refused == (role not in table[right]), f"{name} as {role or 'nobody'}"
    assert Act.objects.count() == before


def is_refused(act: Callable[..., object], role: str) -> bool:
    from django.db import transaction

    from dianka.desk.office.people.rights import RightError

    try:
        with transaction.atomic():  # without what else it wants: the right comes first
            act(make_actor(role))
            transaction.set_rollback(True)
    except RightError:
        return True
    except (CardError, TypeError):
        return False
    return False


def functions_with_actor() -> Iterator[tuple[str, str, list[str]]]:
    """Each public function of the office that has an actor first: its file, name, decorators."""
    for path in sorted(OFFICE.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                first = node.args.args[0] if node.args.args else None
                if first and first.annotation and ast.unparse(first.annotation) == "Actor":
                    marks = [ast.unparse(mark) for mark in node.decorator_list]
                    yield path.name, node.name, marks


def test_no_act_goes_without_a_right() -> None:
    found = list(functions_with_actor())
    assert len(found) > 25
    for file, name, marks in found:
        marked = any(re.match(r"needs\(", mark) for mark in marks)
        assert marked != (name in INSIDE), f"{file}: {name} {'is' if marked else 'is not'} marked"


def test_a_right_that_is_not_there_can_t_be_asked_for(office: Path) -> None:
    from dianka.desk.office.people.rights import needs

    with pytest.raises(ValueError, match="is no right"):
        needs("print money")
