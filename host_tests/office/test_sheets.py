"""Sheets out and in: nothing is changed on the way, and each bad cell is named."""

import csv
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from dianka.card_port import CardError
from estate_kit import make_actor, make_contract
from office_kit import drop_guards
from sheets_kit import MANAGER, PEOPLE, count_rows, take_in, try_rows, write_bytes, write_xlsx

LIVE = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# What people may have typed: all that clean_text lets through, and what spreadsheets make of it.
texts = st.text(
    st.characters(exclude_categories=("C", "Z")) | st.sampled_from(" =+-@#'\",;0０1.eE张"),
    min_size=1,
    max_size=12,
).filter(str.strip)
people = st.lists(st.tuples(texts, texts | st.just(""), texts | st.just("")), max_size=6)


@LIVE
@given(people=people, suffix=st.sampled_from([".xlsx", ".csv"]))
def test_what_goes_out_comes_in_again_unchanged(
    office: Path, tmp_path_factory: pytest.TempPathFactory, people: list, suffix: str
) -> None:
    from django.db import transaction

    from dianka.desk.office.customers.models import Customer
    from dianka.desk.office.customers.records import Details, add_customer
    from dianka.desk.office.sheets.exporting import export_sheet
    from dianka.desk.office.sheets.importing import import_sheet, try_import

    file = tmp_path_factory.mktemp("sheets") / f"people{suffix}"
    with transaction.atomic():
        add_customer(MANAGER, Details("always one"))
        for name, phone, note in people:
            add_customer(MANAGER, Details(name, phone.replace("*", ""), "", note))
        assert export_sheet(MANAGER, "customers", file, whole_numbers=True) == len(people) + 1
        again = try_import(MANAGER, "customers", file)
        assert (again.new, again.same, again.faults) == ([], len(people) + 1, [])
        fields = ("number", "name", "phone", "id_number", "note")
        before = list(Customer.objects.order_by("number").values(*fields))
        Customer.objects.all().delete()
        import_sheet(MANAGER, "customers", file)
        assert list(Customer.objects.order_by("number").values(*fields)) == before
        transaction.set_rollback(True)


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_a_whole_estate_moves(office: Path, tmp_path: Path, suffix: str) -> None:
    from dianka.desk.office.customers.models import Contract, Customer
    from dianka.desk.office.customers.search import search
    from dianka.desk.office.estate.models import Area, Meter, Premise
    from dianka.desk.office.figures.estate import fill_estate
    from dianka.desk.office.sheets.exporting import export_sheet
    from dianka.desk.office.sheets.importing import KINDS, import_sheet, try_import

    fill_estate(60)
    before = {name: list(kind.list_items()) for name, kind in KINDS.items()}
    for name in KINDS:
        export_sheet(MANAGER, name, tmp_path / f"{name}{suffix}", whole_numbers=True)
        assert try_import(MANAGER, name, tmp_path / f"{name}{suffix}").same == 60
    from dianka.desk.office.cards.models import Card

    drop_guards("cards")  # an office without this estate, for the length of the test
    for model in (Card, Contract, Customer, Meter, Premise, Area):
        model.objects.all().delete()
    for name in KINDS:
        outcome = import_sheet(MANAGER, name, tmp_path / f"{name}{suffix}")
        assert len(outcome.new) == 60 and not outcome.faults
    whole = {"customers": None}
    for name, kind in KINDS.items():
        assert list(kind.list_items()) == before[name], whole.get(name)
    some = Contract.objects.select_related("customer").all()[7]
    assert some.customer.pk in search(str(some.meter)), "what is imported is found"


def test_masked_numbers_go_out_and_change_nothing(office: Path, tmp_path: Path) -> None:
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.customers.models import Customer
    from dianka.desk.office.customers.records import Details, add_customer
    from dianka.desk.office.sheets.exporting import export_sheet
    from dianka.desk.office.sheets.importing import try_import

    add_customer(MANAGER, Details("张三", "13812345678", "110101199001011234"))
    file = tmp_path / "people.csv"
    with pytest.raises(CardError, match="may not see personal numbers"):
        export_sheet(make_actor("auditor"), "customers", file, whole_numbers=True)
    export_sheet(make_actor("auditor"), "customers", file)
    assert "138****5678" in file.read_text("utf-8") and "1381234" not in file.read_text("utf-8")
    assert Act.objects.order_by("pk").last().words == "1 rows as people.csv"
    assert try_import(MANAGER, "customers", file).same == 1
    with pytest.raises(CardError, match="is there already: name a new file"):
        export_sheet(MANAGER, "customers", file)
    Customer.objects.update(phone="13912345678")
    (fault,) = try_import(MANAGER, "customers", file).faults
    assert str(fault).startswith("row 2, 客户编号: the office has it with other values")
    Customer.objects.all().delete()
    assert [str(each) for each in try_import(MANAGER, "customers", file).faults] == [
        "row 2, 电话: a masked number: give the whole one",
        "row 2, 证件号码: a masked number: give the whole one",
    ]


def test_a_formula_does_not_leave_the_office(office: Path, tmp_path: Path) -> None:
    from dianka.desk.office.customers.records import Details, add_customer
    from dianka.desk.office.sheets.exporting import export_sheet

    for name in ("=1+1", "+1", "-1", "@SUM(A1)", "#N/A", "'=1"):
        add_customer(MANAGER, Details(name))
    export_sheet(MANAGER, "customers", tmp_path / "a.csv")
    export_sheet(MANAGER, "customers", tmp_path / "a.xlsx")
    rows = list(csv.reader((tmp_path / "a.csv").read_text("utf-8-sig").splitlines()))
    sheet = load_workbook(tmp_path / "a.xlsx").worksheets[0]
    cells = [row[1] for row in sheet.iter_rows(min_row=2)]
    assert [row[1] for row in rows[1:]] == [cell.value for cell in cells]
    assert all(cell.value.startswith("'") and cell.data_type == "s" for cell in cells)


def test_the_dry_run_names_each_bad_cell_and_changes_nothing(office: Path, tmp_path: Path) -> None:
    from dianka.desk.office.customers.records import Details, add_customer

    add_customer(MANAGER, Details("张三", "1"), 3)
    before = count_rows()
    rows = [
        PEOPLE,
        ["1", "good", 13812345678, "", ""],
        ["", "no number", "", "", ""],
        [2, "", "", "", ""],
        [3, "张三", "2", "", ""],
        [3, "张三", "1", "", ""],
        [5, "twice", "", "", ""],
        ["0005", "twice", "", "", ""],
        [6.5, "a part", "", "", ""],
        [1e21, "too much", "", "", ""],
        ["1.23457E+11", "as csv from a spreadsheet", "", "", ""],
        ["1234567890123", "13 digits", "", "", ""],
        [7, "=1+1", "", "", ""],
        [8, "an identity number", "", 110101199001011234, ""],
        [9, "masked", "138****5678", "", ""],
        [10, "date", time_of_day(), "", ""],
        [11, "x" * 61, "", "", ""],
        [None, None, None, None, None],
        ["000000000012", "good too", "", "", ""],
        [13, "one more", "", "", "", "cell"],
    ]
    outcome = try_rows(tmp_path, rows)
    assert [item.number for item in outcome.new] == [1, 5, 12]
    assert [item.details.phone for item in outcome.new] == ["13812345678", "", ""]
    assert [str(fault) for fault in outcome.faults] == [
        "row 3, 客户编号: '' is no number of up to 12 digits",
        "row 4, 姓名: there is no name: give one",
        "row 5, 客户编号: the office has it with other values: change it there",
        "row 6, 客户编号: the same as in row 5",
        "row 8, 客户编号: the same as in row 7",
        "row 9, 客户编号: '6.5' is no number of up to 12 digits",
        "row 10, 客户编号: 1e+21 may have lost digits: format the column as text and type it anew",
        "row 11, 客户编号: 1.23457E+11 has lost digits: format the column as text, type it anew",
        "row 12, 客户编号: '1234567890123' is no number of up to 12 digits",
        "row 13, 姓名: a formula: type what it says",
        "row 14, 证件号码: 1.101011990010112e+17 may have lost digits: format the column as text "
        "and type it anew",
        "row 15, 电话: a masked number: give the whole one",
        "row 16, 电话: a date or time: format the column as text and type it anew",
        "row 17, 姓名: the name has 61 signs: give up to 60",
        "row 20: 'cell' has no heading above it",
    ]
    with pytest.raises(CardError, match=r"^row .* bad cells in all"):
        take_in(tmp_path, rows)
    assert count_rows() == before


def time_of_day() -> Any:
    from datetime import datetime

    return datetime(2026, 1, 1)


def test_an_import_is_one_act_and_adds_nothing_twice(office: Path, tmp_path: Path) -> None:
    from dianka.desk.office.audit.models import Act

    rows = [PEOPLE[:2], ["1", "a"], ["2", "b"]]
    before = count_rows()
    assert len(take_in(tmp_path, rows).new) == 2
    act = Act.objects.order_by("pk").last()
    assert act and (act.kind, act.subject) == ("import", "customers")
    assert act.words.startswith("2 new of sheet.xlsx, SHA-256 ")
    again = take_in(tmp_path, rows)
    assert (again.new, again.same) == ([], 2)
    assert [now - then for now, then in zip(count_rows(), before, strict=True)] == [1, 0, 2, 0, 0]


def test_rules_of_meters_and_contracts(office: Path, tmp_path: Path) -> None:
    from dianka.desk.office.customers.models import Contract, Customer
    from dianka.desk.office.estate.models import Meter, Premise

    contract = make_contract(7)
    area = contract.premise.area
    Premise.objects.create(area=area, building="1", unit="", room="8")
    Premise.objects.create(area=area, building="1", unit="", room="9", archived=True)
    head = ["表号", "状态", "小区", "楼栋", "单元", "房间"]
    rows = [
        head,
        ["20", "已装", "East", "1", "", "8"],
        ["21", "installed", "East", "1", "", "8"],
        ["22", "已装", "East", "1", "", "7"],
        ["23", "已装", "East", "1", "", "10"],
        ["24", "已装", "East", "1", "", "9"],
        ["25", "报废", "", "", "", ""],
        ["26", "库存", "East", "", "", ""],
        ["27", "broken", "", "", "", ""],
        ["28", "已装", "", "", "", ""],
        ["29", "", "", "", "", ""],
    ]
    outcome = try_rows(tmp_path, rows, "meters")
    assert sorted({fault.row for fault in outcome.faults}) == [3, 4, 5, 6, 7, 8, 9, 10]
    said = {fault.row: f"{fault.column}: {fault.why}" for fault in outcome.faults}
    assert (
        said[3] == "房间: the same as in row 2"
        and said[4] == "房间: East 1 7 has meter 000000000007"
    )
    assert "no premise East 1 10" in said[5] and "archived" in said[6]
    assert said[8].startswith("状态: only a meter that is 已装 has a place")
    take_in(tmp_path, [head, rows[1], rows[10]], "meters")
    assert [str(meter.premise or "") for meter in Meter.objects.order_by("number")] == [
        "East 1 7",
        "East 1 8",
        "",
    ]
    Customer.objects.create(number=30, name="thirty")
    head = ["客户编号", "表号", "电价", "报警一", "报警二", "囤积限额"]
    rows = [
        head,
        ["30", "20", "flat 5000", 20.5, "5", ""],
        ["31", "20", "flat 5000", "20", "5", ""],
        ["30", "29", "none", "20", "5", ""],
        ["30", "21", "flat 5000", "4", "5", ""],
        ["30", "22", "flat 5000", "", "5", ""],
        ["30", "7", "flat 5000", "20", "5", ""],
        ["7", "7", "flat 5000", "20", "5.00", "0"],
        ["30", "23", "flat 5000", "20.005", "5", ""],
    ]
    outcome = try_rows(tmp_path, rows, "contracts")
    assert sorted({fault.row for fault in outcome.faults}) == [3, 4, 5, 6, 7, 8, 9]
    outcome = try_rows(tmp_path, [head, rows[7], rows[2], rows[3]], "contracts")
    assert outcome.same == 1 and [str(fault) for fault in outcome.faults] == [
        "row 3, 客户编号: there is no customer 000000000031",
        "row 4, 表号: no meter 000000000029 is installed",
        "row 4, 电价: no price of a tariff 'none' holds now: name another tariff",
    ]
    take_in(tmp_path, rows[:2], "contracts")
    made = Contract.objects.get(meter__number=20)
    assert (made.alarm1_fen, made.alarm2_fen, made.former_count) == (2050, 500, 0)
    assert made.premise == made.meter.premise


# Of each kind: the rows of a sheet, and how each line about them begins.
BAD_ROWS: dict[str, tuple[list[list[str]], list[str]]] = {
    "customers": (
        [PEOPLE, ["x", "", "=1", "1" * 31, "n" * 501, "?"], ["1", "a"], ["1", "", "9*"]],
        [
            "row 2, 客户编号: 'x' is no number of up to 12 digits",
            "row 2, 姓名: there is no name: give one",
            "row 2, 电话: a formula: type what it says",
            "row 2, 证件号码: the id number has 31 signs: give up to 30",
            "row 2, 备注: the note has 501 signs: give up to 500",
            "row 2: '?' has no heading above it",
            "row 4, 客户编号: the same as in row 3",
            "row 4, 姓名: there is no name: give one",
            "row 4, 电话: a masked number: give the whole one",
        ],
    ),
    "meters": (
        [
            ["表号", "型号", "状态", "小区", "楼栋", "单元", "房间"],
            ["0", "m" * 41, "已装", "East", "", "", ""],
            ["7", "", "new", "East", "1", "", "7"],
            ["9", "m" * 41, "已装", "East", "1", "", "8"],
            ["9", "", "报废", "East", "", "", ""],
        ],
        [
            "row 2, 表号: '0' is no number of up to 12 digits",
            "row 2, 型号: the model has 41 signs: give up to 40",
            "row 2, 楼栋: there is no building: give one",
            "row 2, 房间: there is no room: give one",
            "row 3, 状态: 'new' is none of 库存, 已装, 已拆, 报废",
            "row 4, 型号: the model has 41 signs: give up to 40",
            "row 4, 房间: there is no premise East 1 8: import it",
            "row 5, 表号: the same as in row 4",
            "row 5, 状态: only a meter that is 已装 has a place",
            "row 5, 状态: a new meter is 库存 or 已装",
        ],
    ),
    "premises": (
        [
            ["小区", "楼栋", "单元", "房间", "空置"],
            ["West", "", "u" * 21, "1", "perhaps"],
            ["West", "1", "", "1", "maybe"],
        ],
        [
            "row 2, 小区: area West is archived: restore it first",
            "row 2, 楼栋: there is no building: give one",
            "row 2, 单元: the unit has 21 signs: give up to 20",
            "row 2, 空置: 'perhaps' is neither 是 nor 否",
            "row 3, 小区: area West is archived: restore it first",
            "row 3, 空置: 'maybe' is neither 是 nor 否",
        ],
    ),
    "contracts": (
        [
            ["客户编号", "表号", "电价", "报警一", "报警二", "囤积限额"],
            ["99", "8", "none", "", "x", "1.005"],
            ["99", "x", "", "4", "5", ""],
            ["99", "8", "none", "4", "5", "-1"],
        ],
        [
            "row 2, 客户编号: there is no customer 000000000099",
            "row 2, 表号: no meter 000000000008 is installed",
            "row 2, 电价: no price of a tariff 'none' holds now: name another tariff",
            "row 2, 报警一: empty: the meter will hold to it, so nothing is assumed",
            "row 2, 报警二: ",
            "row 2, 囤积限额: ",
            "row 3, 客户编号: there is no customer 000000000099",
            "row 3, 表号: 'x' is no number of up to 12 digits",
            "row 3, 电价: there is no tariff: give one",
            "row 3, 报警一: ",
            "row 4, 客户编号: there is no customer 000000000099",
            "row 4, 表号: the same as in row 2",
            "row 4, 表号: no meter 000000000008 is installed",
            "row 4, 电价: no price of a tariff 'none' holds now: name another tariff",
            "row 4, 囤积限额: ",
        ],
    ),
}


def test_a_bad_row_is_told_all_its_faults_at_once(office: Path, tmp_path: Path) -> None:
    """What can be judged of it is judged: cells, twice the same, and what the office has."""
    from dianka.desk.office.estate.models import Area

    make_contract(7)
    Area.objects.create(name="West", archived=True)
    before = count_rows()
    for kind, (rows, right) in BAD_ROWS.items():
        outcome = try_rows(tmp_path, rows, kind)
        told = [str(fault) for fault in outcome.faults]
        assert len(told) == len(right), told
        for line, begin in zip(told, right, strict=True):
            assert line.startswith(begin), (line, begin)
        assert [item for item in outcome.new if kind != "customers"] == []
    assert count_rows() == before


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_encodings_and_english_headings(office: Path, tmp_path: Path, encoding: str) -> None:
    from dianka.desk.office.sheets.importing import try_import

    file = write_bytes(tmp_path, "Number,Name,电话\n7,'=张三𠀀,+86 138\n".encode(encoding))
    (item,) = try_import(MANAGER, "customers", file).new
    assert (item.details.name, item.details.phone) == ("=张三𠀀", "+86 138")


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_an_import_is_quick(
    office: Path, tmp_path: Path, suffix: str, record_property: Callable[[str, object], None]
) -> None:
    from dianka.desk.office.sheets.importing import import_sheet

    rows = [PEOPLE, *([number, f"张{number}", f"1380000{number:04d}"] for number in range(1, 2001))]
    file = tmp_path / f"people{suffix}"
    if suffix == ".xlsx":
        write_xlsx(tmp_path, rows, file.name)
    else:
        text = "\n".join(",".join(map(str, row)) for row in rows)
        file.write_text(text, encoding="utf-8")
    began_s = time.process_time()
    assert len(import_sheet(MANAGER, "customers", file).new) == 2000
    took_s = time.process_time() - began_s
    assert took_s < 2, "a fifth of what ten thousand may take"
    record_property("figure", f"2,000 customers imported from {suffix} in {took_s:.2f} s of CPU")
