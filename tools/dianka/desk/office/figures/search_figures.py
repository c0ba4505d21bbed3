"""How long searches of all kinds take among all customers of a large office."""

from collections.abc import Iterator

from dianka.desk.office.figures.estate import fill_estate
from dianka.desk.office.figures.measured import Figure, Size
from dianka.desk.office.figures.search import time_searches

_SEARCH_MS = 200


def measure(size: Size) -> Iterator[Figure]:
    """Make so many customers, then yield the slowest and the median search among them."""
    fill_estate(size.meters, seed=size.seed)
    yield Figure("customers searched", size.meters, "")
    yield from measure_searches()


def measure_searches() -> Iterator[Figure]:
    """Yield the slowest and the median search among the customers that are there."""
    taken = sorted((timed.worst_us, timed.words) for timed in time_searches())
    slowest_us, words = taken[-1]
    yield Figure(f"slowest search ({words})", slowest_us // 1000, "ms", _SEARCH_MS)
    yield Figure("search, median", taken[len(taken) // 2][0] // 1000, "ms", _SEARCH_MS)
