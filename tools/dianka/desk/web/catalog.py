"""The translations: read from their .po files when the pages are opened, kept in memory.

So no compiler of catalogues is needed, and a file that was changed holds from the next start on.
The words of templates and views are English in the source. `lines.po` has the office's own lines,
which words.py translates; every other file in the folder has words of pages.
"""

import io
from functools import cache
from gettext import GNUTranslations
from pathlib import Path

import polib
from django.utils.translation import trans_real

from dianka.desk.web.settings import HERE

CHINESE = "zh-hans"
FOLDER = HERE / "locale" / "zh_Hans"
LINES = FOLDER / "lines.po"


def list_catalogs() -> list[Path]:
    """Return the files with words of pages."""
    return [file for file in sorted(FOLDER.glob("*.po")) if file != LINES]


def load() -> None:
    """Give Django the words of all pages."""
    translation = trans_real.translation(CHINESE)
    for file in list_catalogs():
        binary = polib.pofile(str(file)).to_binary()
        translation.merge(GNUTranslations(io.BytesIO(binary)))


@cache
def read_lines() -> list[tuple[str, str]]:
    """Return the office's lines, each with its translation; {0}, {1} stand for what varies."""
    return [(entry.msgid, entry.msgstr) for entry in polib.pofile(str(LINES)) if entry.msgstr]
