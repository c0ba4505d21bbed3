"""A receipt as PDF: a slip of 80 mm, or a page of A4, with the signs that it uses embedded.

A PDF is what is kept or sent, so it is in Chinese as the printed receipt is.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pylopdf_fonts_zh_cn as fonts

from dianka.desk.office.vending.receipts_text import Receipt

if TYPE_CHECKING:
    from fpdf import FPDF

_FONT = "noto"


@dataclass(frozen=True)
class Paper:
    """A kind of paper: sizes in mm, of the font in points."""

    width_mm: int
    height_mm: int  # 0: as long as the receipt
    margin_mm: int
    line_mm: int
    font_pt: int
    title_pt: int


PAPERS = {
    "80": Paper(80, 0, 4, 5, 9, 13),
    "a4": Paper(210, 297, 25, 8, 12, 20),
}


def draw_pdf(receipt: Receipt, paper_name: str) -> bytes:
    """Return the receipt on this paper."""
    from fpdf import FPDF  # imported here, as it takes a second that no other page needs

    paper = PAPERS[paper_name]
    lines = sum(len(group) for group in receipt.groups)
    height_mm = paper.height_mm or 2 * paper.margin_mm + paper.line_mm * (2 * lines + 6)
    pdf = FPDF(unit="mm", format=(paper.width_mm, height_mm))
    pdf.set_margin(paper.margin_mm)
    pdf.set_auto_page_break(False)
    pdf.add_page()
    pdf.add_font(_FONT, fname=fonts.sans_path())
    pdf.set_lang("zh-CN")
    pdf.set_title(receipt.title)
    copy = f" 副本 {receipt.copy}" if receipt.copy else ""
    pdf.set_font(_FONT, size=paper.title_pt)
    pdf.cell(0, 2 * paper.line_mm, receipt.title + copy, align="C", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font(_FONT, size=paper.font_pt)
    for group in receipt.groups:
        y_mm = pdf.get_y() + 1
        pdf.line(paper.margin_mm, y_mm, paper.width_mm - paper.margin_mm, y_mm)
        pdf.set_y(y_mm + 1)
        for label, text in group:
            _draw_line(pdf, paper, label, text)
    return bytes(pdf.output())


def _draw_line(pdf: "FPDF", paper: Paper, label: str, text: str) -> None:
    """Draw a label at the left and its text at the right, on as many lines as it takes."""
    room_mm = paper.width_mm - 2 * paper.margin_mm
    label_mm = min(pdf.get_string_width(label) + 3, room_mm / 2)
    pdf.cell(label_mm, paper.line_mm, label)
    pdf.multi_cell(
        room_mm - label_mm, paper.line_mm, text, align="R", new_x="LMARGIN", new_y="NEXT"
    )
