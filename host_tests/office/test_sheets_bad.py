"""Files that are no sheets, or hostile ones: each is refused in one line and changes nothing."""

import io
import re
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook

from dianka.card_port import CardError
from sheets_kit import MANAGER, PEOPLE, count_rows, write_bytes, write_xlsx

HEAD = ",".join(PEOPLE) + "\r\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no column"),
        (HEAD.encode("utf-16"), "is neither UTF-8 nor GB18030|has a column|is no csv"),
        (HEAD.encode() + b"\xff\xff\xff,a\r\n", "is neither UTF-8 nor GB18030"),
        (HEAD.encode() + b'1,"a"b\r\n', "is no csv"),
        (HEAD.encode() + b'1,"a\r\n', "is no csv"),
        (HEAD.encode() + b"1," + b"a" * 200_000, "is no csv"),
        (HEAD.encode() + b"1,a\x00\r\n", "is no csv of text"),
        (HEAD.encode(), "has no rows below its headings"),
        (HEAD.replace(",", ";").encode() + b"1;a\r\n", "has a column"),
        ("姓名,姓名,客户编号\r\n".encode(), "has the column 姓名 twice"),
        ("姓名\r\na\r\n".encode(), "has no column 客户编号 in its first row"),
        ("客户编号,姓名,余额\r\n".encode(), "has a column '余额', which customers have not"),
        (
            "客户编号,姓名\r\n".encode() + b"1,a\r\n" * 200_001,
            "has more than 200000 rows|1000 cells",
        ),
    ],
)
def test_a_csv_that_is_none(office: Path, tmp_path: Path, content: bytes, said: str) -> None:
    refuse(write_bytes(tmp_path, content), said)


def refuse(file: Path, said: str) -> None:
    from dianka.desk.office.sheets.importing import try_import

    before = count_rows()
    with pytest.raises(CardError, match=said) as raised:
        try_import(MANAGER, "customers", file)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400
    assert count_rows() == before


def small_xlsx(parts: dict[str, bytes] | None = None) -> bytes:
    """A good xlsx, with some of its parts in another form."""
    made, out = io.BytesIO(), io.BytesIO()
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(PEOPLE)
    sheet.append(["1", "a"])
    book.save(made)
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, (parts or {}).pop(name, None) or old.read(name))
        for name, content in (parts or {}).items():
            new.writestr(name, content)
    return out.getvalue()


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(
        b'<!ENTITY %c "%s">' % (98 + depth, b"&%c;" % (97 + depth) * 10) for depth in range(9)
    )
    + (
        b"]><worksheet><sheetData><row><c t='inlineStr'><is><t>&j;</t></is></c></row></sheetData>"
        b"</worksheet>"
    )
)
BAD = {
    "no zip": (lambda: b"PK\x03\x04 nothing", "is no xlsx that can be read"),
    "empty": (lambda: b"", "is no xlsx that can be read"),
    "cut": (lambda: small_xlsx()[:-200], "is no xlsx that can be read"),
    "no workbook": (lambda: zipped({"a.txt": b"a"}), "is no xlsx that can be read"),
    "many parts": (
        lambda: zipped({f"{number}": b"" for number in range(1001)}),
        "unpacks to far more",
    ),
    "laughs": (
        lambda: small_xlsx({"xl/worksheets/sheet1.xml": LAUGHS}),
        "is no xlsx that can be read",
    ),
    "no sheet xml": (
        lambda: small_xlsx({"xl/worksheets/sheet1.xml": b"<worksheet><sheetData><row"}),
        "is no xlsx that can be read",
    ),
}


def zipped(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("name", BAD)
def test_an_xlsx_that_is_none(office: Path, tmp_path: Path, name: str) -> None:
    make, said = BAD[name]
    refuse(write_bytes(tmp_path, make(), "sheet.xlsx"), said)


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("999999999999", ""),
        ("110101199001011000", "may have lost digits"),  # as some office programs write it
        ("1.10101199001011E+17", "may have lost digits"),
        ("12.0", "is no number of up to 12 digits"),
        ("NaN", "may have lost digits|is no xlsx"),
    ],
)
def test_numbers_as_spreadsheets_keep_them(
    office: Path, tmp_path: Path, value: str, fault: str
) -> None:
    from dianka.desk.office.sheets.importing import try_import

    cells = "".join(f'<c t="inlineStr"><is><t>{word}</t></is></c>' for word in PEOPLE[:2])
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        f'<row r="1">{cells}</row><row r="2"><c r="A2"><v>{value}</v></c>'
        '<c r="B2" t="inlineStr"><is><t>a</t></is></c></row></sheetData></worksheet>'
    )
    content = small_xlsx({"xl/worksheets/sheet1.xml": sheet.encode()})
    try:
        outcome = try_import(MANAGER, "customers", write_bytes(tmp_path, content, "sheet.xlsx"))
        said = " ".join(map(str, outcome.faults))
    except CardError as error:
        said = str(error)
    assert re.search(fault, said) and bool(said) == bool(fault), said


def test_a_bomb_is_not_unpacked(
    office: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dianka.desk.office.sheets import opening

    bomb = small_xlsx({"xl/media/image.png": bytes(1_000_000)})
    file = write_bytes(tmp_path, bomb, "sheet.xlsx")
    assert len(bomb) < 20_000
    monkeypatch.setattr(opening, "_MOST_UNPACKED", 1_000_000)
    refuse(file, "unpacks to far more than a sheet")


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_too_many_rows(
    office: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    from dianka.desk.office.sheets import opening
    from dianka.desk.office.sheets.importing import try_import

    monkeypatch.setattr(opening, "MOST_ROWS", 30)
    file = tmp_path / f"sheet{suffix}"
    for count in (30, 31):
        rows = [PEOPLE[:2], *([str(number), "a"] for number in range(1, count + 1))]
        if suffix == ".csv":
            file.write_text("\n".join(map(",".join, rows)), encoding="utf-8")
        else:
            write_xlsx(tmp_path, rows, file.name)
        if count == 30:
            assert len(try_import(MANAGER, "customers", file).new) == 30
    refuse(file, "has more than 30 rows: split it")


def test_merged_cells(office: Path, tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(PEOPLE)
    sheet.append(["1", "a"])
    sheet.merge_cells("A2:A3")
    book.save(tmp_path / "sheet.xlsx")
    refuse(tmp_path / "sheet.xlsx", "has merged cells: split them all")


def test_a_million_empty_rows_end(office: Path, tmp_path: Path) -> None:
    """As some office programs save a sheet: the last row is a formatted one."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(PEOPLE)
    sheet.append(["1", "a"])
    sheet.cell(1_048_576, 1, " ")
    book.save(tmp_path / "sheet.xlsx")
    began_s = time.monotonic()
    from dianka.desk.office.sheets.importing import try_import

    assert len(try_import(MANAGER, "customers", tmp_path / "sheet.xlsx").new) == 1
    assert time.monotonic() - began_s < 2


def test_a_large_file_is_not_read(office: Path, tmp_path: Path) -> None:
    with (tmp_path / "sheet.csv").open("wb") as made:
        made.truncate(60_000_000)
    tracemalloc.start()
    refuse(tmp_path / "sheet.csv", "has more than 50 MB")
    assert tracemalloc.get_traced_memory()[1] < 60_000_000
    tracemalloc.stop()
    refuse(tmp_path / "none.csv", "can't be read .No such file")
    refuse(write_bytes(tmp_path, b"x", "sheet.xls"), "is neither xlsx nor csv")
