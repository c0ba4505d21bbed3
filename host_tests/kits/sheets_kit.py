"""Sheets for tests: written as people have them, and counted before and after."""

from pathlib import Path
from typing import Any

from openpyxl import Workbook

from estate_kit import make_actor

MANAGER = make_actor("manager")
PEOPLE = ["客户编号", "姓名", "电话", "证件号码", "备注"]


def try_rows(folder: Path, rows: list[list[Any]], kind: str = "customers") -> Any:
    from dianka.desk.office.sheets.importing import try_import

    return try_import(MANAGER, kind, write_xlsx(folder, rows))


def take_in(folder: Path, rows: list[list[Any]], kind: str = "customers") -> Any:
    from dianka.desk.office.sheets.importing import import_sheet

    return import_sheet(MANAGER, kind, write_xlsx(folder, rows))


def write_xlsx(folder: Path, rows: list[list[Any]], name: str = "sheet.xlsx") -> Path:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows:
        sheet.append(row)
    book.save(folder / name)
    return folder / name


def write_bytes(folder: Path, content: bytes, name: str = "sheet.csv") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def count_rows() -> tuple[int, ...]:
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.customers.models import Contract, Customer
    from dianka.desk.office.estate.models import Meter, Premise

    return tuple(model.objects.count() for model in (Act, Contract, Customer, Meter, Premise))
