"""Whether a figure keeps its limit, which is written as people say it.

"at most 50", "under 1000", "at least 8000", "over 102400", "exactly 0", or with <, <=, >, >=, =; a
unit behind it if it helps. Without one the figure only informs. A limit that can't be judged counts
as missed: a misspelling must not lose a check.
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


def met(figure: Figure) -> bool | None:
    """None where there is no limit."""
    if not figure.limit:
        return None
    found = _LIMIT.match(figure.limit)
    if not found or not isinstance(figure.value, int):
        return False
    return _WORDS[found[1]](figure.value, int(found[2].replace(",", "")))
