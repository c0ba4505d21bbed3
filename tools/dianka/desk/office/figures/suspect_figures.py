"""How right the list of suspects is on people whose bypasses are known."""

from collections.abc import Iterator

from dianka.desk.office.audit import chain
from dianka.desk.office.figures.households import Population, fill_population
from dianka.desk.office.figures.measured import Figure, Size
from dianka.desk.office.statistics.limits import read_limits
from dianka.desk.office.statistics.suspects import Found, search

DAYS = 800


def measure(size: Size) -> Iterator[Figure]:
    """Simulate so many households, and yield precision and recall of the list, and of each rule."""
    from django.db import transaction

    now = chain.read_time()
    with transaction.atomic():
        people = fill_population(size.meters, DAYS, size.seed, now)
    limits = read_limits()
    yield from judge(people, search(now, limits), limits.visit_points)


def judge(people: Population, found: Found, visit_points: int) -> Iterator[Figure]:
    """Yield how many of the visits would be right, and how many of the bypasses are on the list."""
    visited = {
        history.subject
        for history, hits in found.hits
        if sum(hit.points for hit in hits) >= visit_points
    }
    right = len(visited & people.bypassed)
    yield Figure("households", len(people.households), "")
    yield Figure("with a bypass", len(people.bypassed), "")
    yield Figure("visits", len(visited), "")
    yield Figure("visits in vain", len(visited) - right, "")
    yield Figure("precision", right * 100 // max(len(visited), 1), "%")
    yield Figure("recall", right * 100 // max(len(people.bypassed), 1), "%")
    rules: dict[str, list[bool]] = {}
    for history, hits in found.hits:
        for hit in hits:
            if hit.points:
                rules.setdefault(hit.rule, []).append(history.subject in people.bypassed)
    for rule in sorted(rules):
        yield Figure(f"{rule} hits", len(rules[rule]), "")
        yield Figure(f"{rule} right", sum(rules[rule]), "")
