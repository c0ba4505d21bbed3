"""A table given as a file of a spreadsheet, in the language of the page."""

from pathlib import Path
from tempfile import TemporaryDirectory

from django.http import HttpResponse

from dianka.desk.office.statistics.sheet import write_xlsx
from dianka.desk.office.statistics.table import Table
from dianka.desk.web.report_words import make_english, pick_language

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def give_sheet(table: Table, name: str) -> HttpResponse:
    """Return the table as a file with this name."""
    table = make_english(table) if pick_language() == "en" else table
    with TemporaryDirectory() as folder:
        file = Path(folder) / "report.xlsx"
        write_xlsx(table, file)
        content = file.read_bytes()
    response = HttpResponse(content, content_type=_XLSX)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
