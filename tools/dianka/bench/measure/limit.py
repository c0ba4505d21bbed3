"""Judges whether a figure keeps its limit, which is written in words.

The words are "at most 50", "under 1000", "at least 8000", "over 102400", "exactly 0", or the signs
<, <=, >, >=, =; a unit may follow the number. A figure without a limit is for information only. A
limit that can't be read counts as missed, since a misspelling must not disable a check.
"""

import operator
import re
from collections.abc import Callable

from dianka.bench.measure.figure import Figure

_WORDS: dict[str, Callable[[int, int], bool]] = {
    "at most": operator.le,
    "<=": operator.le,
    "under": operator.lt,
    "<": operator.lt,
    "at least": operator.ge,
    ">=": operator.ge,
    "over": operator.gt,
    ">": operator.gt,
    "exactly": operator.eq,
    "=": operator.eq,
}
_LIMIT = re.compile(rf"({'|'.join(sorted(_WORDS, key=len, reverse=True))}) ?(\d[\d,]*)(?![\d.])")


def is_met(figure: Figure) -> bool | None:
    """Return whether the figure keeps its limit, or None if it has no limit."""
    if not figure.limit:
        return None
    found = _LIMIT.match(figure.limit)
    if not found or not isinstance(figure.value, int):
        return False
    return _WORDS[found[1]](figure.value, int(found[2].replace(",", "")))
