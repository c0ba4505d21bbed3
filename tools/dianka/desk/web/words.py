"""The office's lines in the reader's language.

What the office refuses it says in one English line (CardError), wherever it is asked: the command
line prints it as it is. A page in Chinese finds the line among the patterns of lines.po; what
varies in it, such as a number or another line, is taken over, and translated if it is a line too.
"""

import re
from dataclasses import dataclass
from functools import cache

from django.utils.translation import get_language

from dianka.desk.web.catalog import CHINESE, read_lines
from dianka.desk.web.page_names import name_pages

_HOLE = re.compile(r"\{(\d)\}")
_DEEPEST = 4  # lines within lines
_LONGEST = 1000  # signs: a longer line stays as it is
_JOINT = 6  # signs that a pattern has at most which only joins lines
_ENGLISH = re.compile(r"[a-z]{2} [a-z]")


@dataclass(frozen=True)
class _Pattern:
    """A line with holes: its fixed pieces, which hole follows each, and the translation."""

    pieces: tuple[str, ...]
    holes: tuple[str, ...]
    told: str

    @classmethod
    def read(cls, text: str, told: str) -> "_Pattern":
        parts = _HOLE.split(text)
        return cls(tuple(parts[::2]), tuple(parts[1::2]), told)

    @property
    def joins(self) -> bool:
        """Return whether the pattern only joins others, as a colon does."""
        return bool(self.holes) and sum(map(len, self.pieces)) <= _JOINT

    def match(self, line: str) -> dict[str, str] | None:
        """Return what stands in the holes if the line is this one, else None.

        Each piece is taken where it comes first, so that no line takes long.
        """
        first, last = self.pieces[0], self.pieces[-1]
        if not self.holes:
            return {} if line == first else None
        if not line.startswith(first) or not line.endswith(last):
            return None
        at, end, found = len(first), len(line) - len(last), []
        for piece in self.pieces[1:-1]:
            next_at = line.find(piece, at + 1, end)
            if next_at < 0:
                return None
            found.append(line[at:next_at])
            at = next_at + len(piece)
        if at >= end:
            return None
        return dict(zip(self.holes, [*found, line[at:end]], strict=True))


def translate_line(line: str) -> str:
    """Return a line of the office in the language of the page; as it is if none fits."""
    if get_language() != CHINESE:
        return name_pages(line)
    if len(line) > _LONGEST:
        return line
    return _translate(line, _DEEPEST)[0]


def _translate(line: str, deep: int) -> tuple[str, bool]:
    """Return a line translated, and whether no English is left of it.

    A pattern that only joins two lines is taken if both are translated, or if no other fits.
    """
    joined = ""
    for pattern in _patterns() if deep else ():
        found = pattern.match(line)
        if found is None:
            continue
        done = {hole: _translate(text, deep - 1) for hole, text in found.items()}
        told = _fill(pattern.told, {hole: text for hole, (text, _) in done.items()})
        whole = all(is_whole for _, is_whole in done.values())
        if whole or not pattern.joins:
            return told, whole
        joined = joined or told
    return joined or line, not (joined or _ENGLISH.search(line))


def _fill(told: str, done: dict[str, str]) -> str:
    return _HOLE.sub(lambda hole: done[hole[1]], told)


@cache
def _patterns() -> list[_Pattern]:
    """Return the patterns, those with the most fixed text first: they tell most."""
    lines = sorted(read_lines(), key=lambda line: -len(_HOLE.sub("", line[0])))
    return [_Pattern.read(text, told) for text, told in lines]
