"""The office's lines in the reader's language.

What the office refuses it says in one English line (CardError), wherever it is asked: the command
line prints it as it is. A page in Chinese finds the line among the patterns of lines.po; what
varies in it, such as a number or another line, is taken over, and translated if it is a line too.
"""

import re
from functools import cache

from django.utils.translation import get_language

from dianka.desk.web.catalog import CHINESE, read_lines

_HOLE = re.compile(r"\{(\d)\}")
_DEEPEST = 4  # lines within lines


def translate_line(line: str) -> str:
    """Return a line of the office in the language of the page; as it is if none fits."""
    return _translate(line, _DEEPEST) if get_language() == CHINESE else line


def find_pattern(line: str) -> str:
    """Return the pattern that fits a line whole, empty if none does."""
    return next((text for pattern, text, _ in _patterns() if pattern.fullmatch(line)), "")


def _translate(line: str, deep: int) -> str:
    for pattern, _, told in _patterns() if deep else ():
        found = pattern.fullmatch(line)
        if found:
            parts = {key[1:]: value for key, value in found.groupdict().items()}
            done = {key: _translate(value, deep - 1) for key, value in parts.items()}
            return _HOLE.sub(lambda hole: done[hole[1]], told)  # noqa: B023
    return line


@cache
def _patterns() -> list[tuple[re.Pattern[str], str, str]]:
    """Return the patterns, those with the most fixed text first: they tell most."""
    lines = sorted(read_lines(), key=lambda line: -len(_HOLE.sub("", line[0])))
    return [(_compile(text), text, told) for text, told in lines]


def _compile(text: str) -> re.Pattern[str]:
    seen: set[str] = set()
    parts = []
    for number, piece in enumerate(_HOLE.split(text)):
        if number % 2 == 0:
            parts.append(re.escape(piece))
        elif piece in seen:
            parts.append(f"(?P=h{piece})")
        else:
            seen.add(piece)
            parts.append(f"(?P<h{piece}>.+?)")
    return re.compile("".join(parts), re.DOTALL)
