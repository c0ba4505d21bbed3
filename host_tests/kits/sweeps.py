"""Exhaustive sweeps: `make test` plays one point in so many of each, `make campaign` all."""

import pytest


def sweep(sample: int) -> pytest.MarkDecorator:
    """Give a test the argument `every`: one point in `sample`, and in the campaign each point."""
    whole = pytest.param(1, id="all", marks=pytest.mark.campaign)
    return pytest.mark.parametrize("every", [pytest.param(sample, id="sample"), whole])


def points(count: int, every: int, last: int = 4) -> list[int]:
    """Return one in `every` of the points 1 to `count`, and the last ones, which decide most."""
    return sorted({*range(1, count + 1, every), *range(max(1, count - last + 1), count + 1)})
