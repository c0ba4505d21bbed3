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
    "enter_statement": "within take_statement and take_inspection",
    "complete": "within an act that has its right",
    "set_state": "within an act that has its right",
    "make_entered": "within an act that has its right",
    "make_row": "within an act that has its right",
    "make_report": "calls a report, which has its right",
    "tell_opening": "within an act that has its right",
    "settle": "within an act that has its right",
    "install_locked": "within an act that has its right",
    "take_down": "within an act that has its right",
    "pick_mask": "looks, and changes nothing",
    "raise_if_to_count": "within an act that has its right",
    "resolve": "within look and sell; posts by an act that has its right",
}

# The right of each act, written down once more: a decorator that is changed is no mere mistake.
BY_RIGHT = {
    "sell": (
        "vending.counter.sell",
        "vending.receipts_text.copy_receipt",
        "vending.receipts_text.enter_copy",
        "vending.receipts_text.find_sale",
        "vending.sales.begin",
        "vending.sales.post",
        "vending.sales.void",
    ),
    "refund": (
        "vending.refund_counter.refund",
        "vending.refunds.begin",
        "vending.refunds.find_paid",
        "vending.refunds.find_sale",
        "vending.refunds.post",
        "vending.refunds.void",
    ),
    "take in purchases": (
        "vending.outside.name_outside",
        "vending.outside.take_in_purchases",
    ),
    "replace a card": (
        "cards.clearing.clear_replaced",
        "cards.register.begin_replacement",
        "cards.register.finish_making",
        "cards.register.note_cleared",
        "cards.register.note_discarded",
        "cards.replacing.make_planned",
        "cards.replacing.plan_card",
        "customers.lost.report_lost",
    ),
    "open an account": ("customers.contracts.open_account",),
    "close an account": (
        "customers.closing.change_holder",
        "customers.closing.close_account",
        "customers.closing.name_change",
        "customers.closing.name_closing",
        "vending.statement_cards.take_statement",
    ),
    "change a customer": (
        "customers.contracts.resume_account",
        "customers.contracts.suspend_account",
        "customers.new_terms.change_terms",
        "customers.new_terms.plan_terms",
        "customers.records.add_customer",
        "customers.records.archive_customer",
        "customers.records.change_customer",
        "customers.records.restore_customer",
    ),
    "see personal numbers": ("customers.records.reveal_numbers",),
    "keep the control card": (
        "cards.control_cards.approve_order",
        "cards.control_cards.carry_out",
        "cards.control_cards.set_pin",
        "cards.control_cards.write_order",
    ),
    "make cards": (
        "cards.batch_making.make_next",
        "cards.batch_making.receive_next",
        "cards.batches.begin_batch",
        "cards.batches.begin_item",
        "cards.batches.receive_item",
        "cards.register.begin_making",
        "cards.register.receive_blank",
        "cards.register.scrap",
    ),
    "change the estate": (
        "estate.meters.add_meters",
        "estate.meters.install_meter",
        "estate.meters.remove_meter",
        "estate.meters.scrap_meter",
        "estate.places.add_area",
        "estate.places.add_premises",
        "estate.places.archive_area",
        "estate.places.archive_premise",
        "estate.places.restore_area",
        "estate.places.restore_premise",
        "estate.places.set_vacant",
    ),
    "exchange a meter": (
        "customers.closing.exchange_meter",
        "customers.closing.name_exchange",
    ),
    "work a shift": (
        "vending.shifts.close_shift",
        "vending.shifts.hand_over",
        "vending.shifts.open_shift",
    ),
    "see a shift's sums": ("vending.shifts.read_expected",),
    "change tariffs": (
        "customers.tariffs.add_tariff",
        "customers.tariffs.add_version",
    ),
    "change desks": (
        "vending.desk_list.add_desk",
        "vending.desk_list.close_desk",
        "vending.desk_roles.make_role",
    ),
    "change people": (
        "people.people.add_operator",
        "people.people.close",
        "people.people.give",
        "people.people.reopen",
        "people.people.reset_password",
        "people.people.take",
    ),
    "change limits": (
        "statistics.limits.set_limit",
        "vending.limits.set_limit",
    ),
    "import": (
        "sheets.importing.import_sheet",
        "sheets.importing.try_import",
    ),
    "accept a clock": ("clock.accept",),
    "export": (
        "backup_here.list_backups",
        "backup_here.make_backup",
        "sheets.acts.export_acts",
        "sheets.exporting.export_sheet",
    ),
    "record an inspection": (
        "statistics.inspections.record_feeder_reading",
        "statistics.inspections.record_inspection",
        "statistics.inspections.record_meter_log",
        "statistics.inspections.record_outage",
        "vending.inspection_cards.take_inspection",
    ),
    "see statistics": (
        "statistics.field_reports.balance",
        "statistics.field_reports.days_left",
        "statistics.field_reports.energy",
        "statistics.field_reports.loss",
        "statistics.field_reports.not_bought",
        "statistics.field_reports.transit",
        "statistics.inspections.hit_rate",
        "statistics.sales_reports.operators",
        "statistics.sales_reports.sales",
        "statistics.suspects.make_list",
        "statistics.suspects.suspects",
    ),
    "read acts": ("vending.act_list.find_acts",),
    "look things up": (
        "cards.batches.list_batches",
        "cards.batches.list_items",
        "cards.control_cards.read_control",
        "cards.listing.list_cards",
        "cards.recognising.recognise",
        "cards.verifying.verify_in_office",
        "customers.history.list_card_history",
        "customers.history.list_history",
        "customers.history.list_meter_history",
        "customers.records.find_customers",
        "customers.records.show_customer",
        "customers.tariffs.list_tariffs",
        "estate.meter_list.list_meters",
        "estate.meter_list.list_meters_at",
        "estate.places.find_premise",
        "estate.places.list_areas",
        "estate.places.list_premises",
        "people.people.change_password",
        "people.people.list_people",
        "statistics.statement.statement",
        "vending.counter.look",
        "vending.desk_list.list_desks",
        "vending.limits.list_limits",
        "vending.shift_list.list_shifts",
        "vending.shift_list.read_closed",
        "vending.shifts.find_to_close",
        "vending.shifts.read_report",
    ),
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
    rights = {f"dianka.desk.office.{name}": right for right in BY_RIGHT for name in BY_RIGHT[right]}
    assert rights.keys() == ACTS.keys(), "each act has its right written in BY_RIGHT"
    for name, (_, act) in ACTS.items():
        for role in ROLES:
            refused = is_refused(act, role)
            assert refused == (role not in table[rights[name]]), f"{name} as {role or 'nobody'}"
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
