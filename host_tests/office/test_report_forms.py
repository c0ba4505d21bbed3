"""A report as text, comma-separated values, sheet and chart."""

import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dianka.card_port import CardError


def make_table(*values: int) -> Any:
    from dianka.desk.office.statistics.table import Column, Kind, Table

    columns = (
        Column("名称", "name", Kind.TEXT),
        Column("金额", "amount", Kind.FEN),
        Column("电量", "energy", Kind.KWH),
        Column("笔数", "count", Kind.COUNT, summed=False),
        Column("占比", "share", Kind.PERMILLE),
    )
    rows = [(name, value, value, value, value) for name, value in zip(NAMES, values, strict=False)]
    return Table("标题", "Title", columns, rows, drawn=1, notes=("a note",))


NAMES = ("=1+1", "+2", "-3", "@SUM(A1)", "\tx", "窗口 1", "<b>&")


def test_a_table_is_text_and_csv() -> None:
    from dianka.desk.office.statistics.table import to_csv, to_lines

    table = make_table(1, -1, 0, 123_456, 5, 6, 99)
    assert table.totals == (None, 123_566, 123_566, None, None)
    lines = list(to_lines(table))
    assert lines[0] == "标题  Title" and lines[-1] == "a note"
    assert lines[2].split() == ["=1+1", "0.01", "0.001", "1", "0.1"]
    assert lines[3].split() == ["+2", "-0.01", "-0.001", "-1", "-0.1"]
    assert lines[5].split() == ["@SUM(A1)", "1234.56", "123.456", "123456", "12345.6"]
    words = [row.split(",")[0] for row in to_csv(table).splitlines()]
    assert words[1:] == ["'=1+1", "'+2", "'-3", "'@SUM(A1)", "'\tx", "窗口 1", "<b>&"]
    assert to_csv(table).splitlines()[2] == "'+2,-0.01,-0.001,-1,-0.1"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-(10**15) + 1, 10**15 - 1), min_size=7, max_size=7))
def test_a_sheet_gives_back_each_fen(tmp_path_factory: Any, values: list[int]) -> None:
    from openpyxl import load_workbook

    from dianka.desk.office.statistics.sheet import write_xlsx
    from dianka.desk.office.statistics.table import Kind, format_cell

    file = tmp_path_factory.mktemp("sheet") / "a.xlsx"
    write_xlsx(make_table(*values), file)
    with zipfile.ZipFile(file) as packed:
        xml = packed.read("xl/worksheets/sheet1.xml").decode()
    book = load_workbook(file, read_only=True)
    rows = list(book.worksheets[0].iter_rows(min_row=3, max_row=9))
    for name, value, row in zip(NAMES, values, rows, strict=True):
        assert (row[0].value, row[0].data_type) == (name, "s"), "never a formula"
        assert f"<v>{format_cell(value, Kind.FEN)}</v>" in xml, "its decimals, exactly"
        assert [
            round(cell.value * unit) for cell, unit in zip(row[1:], (100, 1000, 1, 10), strict=True)
        ] == [value] * 4
    book.close()


def test_a_number_that_no_sheet_keeps_is_text(tmp_path: Path) -> None:
    from openpyxl import load_workbook

    from dianka.desk.office.statistics.sheet import write_xlsx

    write_xlsx(make_table(10**15 + 1), tmp_path / "a.xlsx")
    book = load_workbook(tmp_path / "a.xlsx")
    assert book.worksheets[0]["B3"].value == "10000000000000.01"
    with pytest.raises(CardError, match="exists: name a new file"):
        write_xlsx(make_table(1), tmp_path / "a.xlsx")


@pytest.mark.parametrize("ordered", [False, True], ids=["bars", "columns"])
@pytest.mark.parametrize("values", [(), (0,), (5, -3), (1,) * 7, (10**14, 1, 2)])
def test_a_chart_is_drawn_within_its_frame(values: tuple[int, ...], ordered: bool) -> None:
    from dataclasses import replace

    from dianka.desk.office.statistics.chart import draw

    root = ET.fromstring(draw(replace(make_table(*values), ordered=ordered)))
    _, _, width, height = map(int, root.attrib["viewBox"].split())
    bars = [each for each in root if each.tag.endswith("rect")][1:]
    assert len(bars) == len(values)
    if ordered and len(values) == 7:
        assert all(int(bar.attrib["width"]) > 80 for bar in bars), "they fill their room"
    for bar in bars:
        x, y, wide, tall = (int(bar.attrib[name]) for name in ("x", "y", "width", "height"))
        assert x >= 0 and x + wide <= width and y >= 0 and y + tall <= height
    texts = [each.text or "" for each in root if each.tag.endswith("text")]
    assert "标题：金额（元）" in texts
    assert all(0 <= int(each.attrib["y"]) <= height for each in root if "y" in each.attrib)


def test_many_bars_are_folded_and_nothing_is_lost() -> None:
    from dataclasses import replace

    from dianka.desk.office.statistics.chart import draw

    rows = [(f"area {number}", number, 0, 0, 0) for number in range(500)]
    text = draw(replace(make_table(), rows=rows))
    shown = sum(range(500 - 39, 500))
    assert ">其余 461 项</text>" in text
    whole, rest = divmod(sum(range(500)) - shown, 100)
    assert f">{whole}.{rest:02d}</text>" in text
    with pytest.raises(CardError, match="leave --svg out"):
        draw(replace(make_table(), drawn=None))


def test_days_are_not_summed_up_and_a_place_is_drawn_once() -> None:
    from dataclasses import replace

    from dianka.desk.office.statistics.chart import draw

    rows = [(f"customer {number // 2}", 0, 0, number // 2, 0) for number in range(100)]
    text = draw(replace(make_table(), rows=rows, drawn=3))
    assert "前 40 项" in text and "其余" not in text
    assert text.count(">customer ") == 40
