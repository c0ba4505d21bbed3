"""The monthly list of places that should be visited, made by the rules from all histories.

It goes through all contracts, area by area, and is kept: the report reads what was kept.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from dianka.card_port import CardError
from dianka.desk.office.audit import chain
from dianka.desk.office.estate.models import Area
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.statistics import losses
from dianka.desk.office.statistics.histories import History, find_median
from dianka.desk.office.statistics.limits import Limits, read_limits
from dianka.desk.office.statistics.load import Prices, load_area
from dianka.desk.office.statistics.losses import Loss
from dianka.desk.office.statistics.models import AreaLoss, SuspectList, Suspicion
from dianka.desk.office.statistics.operators import find_odd_operators
from dianka.desk.office.statistics.query import NO_KEY, Query
from dianka.desk.office.statistics.rules import (
    NAMES,
    Around,
    Hit,
    find_hits,
    measure_former_use,
    measure_use,
)
from dianka.desk.office.statistics.table import Cell, Column, Kind, Table
from dianka.desk.office.statistics.times import first_of_month, local_day, to_minutes

MOST_ROWS = 1000
_WHOLE = 1000  # permille
_LEAST_RATIOS = 5  # of places whose use of both years is known


@dataclass
class Found:
    """What the rules say of all: hits by contract, by operator and by area; and the losses."""

    contracts: int = 0
    hits: list[tuple[History, list[Hit]]] = field(default_factory=list)
    others: list[tuple[str, Hit]] = field(default_factory=list)
    losses: list[tuple[int, Loss]] = field(default_factory=list)


@needs("see statistics")
def make_list(actor: Actor) -> int:
    """Make this month's list and return how many places are on it. CardError if there is one."""
    now, limits = chain.read_time(), read_limits()
    month = first_of_month(local_day(now))
    if SuspectList.objects.filter(month=month).exists():
        raise CardError(
            f"the list of {month:%Y-%m} is made: dianka office report suspects shows it"
        )
    found = search(now, limits)
    found.others += find_odd_operators(local_day(now), limits)
    with transaction.atomic():
        made = SuspectList.objects.create(
            month=month, made_at=now, made_by=actor.operator, contracts=found.contracts
        )
        rows = [*_make_rows(made, found, limits)]
        Suspicion.objects.bulk_create(rows, batch_size=1000)
        AreaLoss.objects.filter(month__in={loss.month for _, loss in found.losses}).delete()
        AreaLoss.objects.bulk_create(
            AreaLoss(
                area_id=area,
                month=loss.month,
                feeder_wh=loss.feeder_wh,
                used_wh=loss.used_wh,
                meters=loss.meters,
                unread=loss.unread,
            )
            for area, loss in found.losses
        )
        places = len({row.subject for row in rows} - {subject for subject, _ in found.others})
        chain.append(
            actor.desk, actor.operator, "suspect list", f"{month:%Y-%m}", f"{places} places"
        )
    return places


def search(now: datetime, limits: Limits) -> Found:
    """Return what the rules find in all contracts, nothing stored."""
    found, prices = Found(), Prices()
    areas: list[int | None] = [*Area.objects.order_by("id").values_list("id", flat=True), None]
    for area in areas:
        histories = load_area(area, now, prices)
        lossy = _find_losses(found, area, histories, now, limits) if area else ""
        _search_area(found, [one for one in histories if one.closed is None], now, limits, lossy)
    return found


@needs("see statistics")
def suspects(actor: Actor, query: Query) -> Table:
    """Return the list of a month, the highest score first: places to visit, and why."""
    lists = SuspectList.objects.order_by("-month")
    made = lists.filter(month=first_of_month(query.month)).first() if query.month else lists.first()
    if made is None:
        raise CardError("no list of suspects is made yet: run dianka office suspects")
    hits = Suspicion.objects.filter(list=made).select_related("contract__premise__area")
    rows: list[tuple[Cell, ...]] = [
        (
            hit.subject,
            str(hit.contract.premise or "") if hit.contract else "",
            hit.score,
            f"{hit.rule} {NAMES[hit.rule]}",
            hit.points,
            hit.words,
        )
        for hit in hits.order_by("-score", "subject", "-points", "rule")[:MOST_ROWS]
    ]
    return Table(
        f"稽查名单 {made.month:%Y-%m}",
        "Places that should be visited",
        (
            Column("户号", "customer", Kind.TEXT),
            Column("地址", "premise", Kind.TEXT),
            Column("总分", "score", Kind.COUNT, summed=False),
            Column("规则", "rule", Kind.TEXT),
            Column("分", "points", Kind.COUNT, summed=False),
            Column("依据", "numbers", Kind.TEXT),
        ),
        rows,
        drawn=2,
        notes=(
            f"{made.contracts} accounts were looked at on {local_day(made.made_at)}.",
            "Visits, not thieves: write to the customer first, and record what is found.",
        ),
    )


def _find_losses(
    found: Found, area: int, histories: list[History], now: datetime, limits: Limits
) -> str:
    months = losses.find_months(now, limits)
    some = [losses.compute_loss(area, month, histories, limits) for month in months]
    found.losses += [(area, loss) for loss in some if loss]
    told = losses.describe_f1(some, limits)
    if told:
        name = Area.objects.values_list("name", flat=True).get(pk=area)
        found.others.append((name, Hit("F1", limits.visit_points, told)))
    return told


def _search_area(
    found: Found, histories: list[History], now: datetime, limits: Limits, lossy: str
) -> None:
    uses = {one.contract: measure_use(one, limits) for one in histories}
    peers, ratios = defaultdict(list), defaultdict(list)
    for one in histories:
        use, former = uses[one.contract], measure_former_use(one, limits)
        if use is not None and not one.vacant:
            peers[one.tariff, one.building].append((one.contract, use))
            if former:
                for group in (one.building, NO_KEY):
                    ratios[group].append(use * _WHOLE // former)
    typical = {
        group: find_median(some) for group, some in ratios.items() if len(some) >= _LEAST_RATIOS
    }
    for one in histories:
        around = Around(
            to_minutes(now),
            limits,
            [use for other, use in peers[one.tariff, one.building] if other != one.contract],
            min(typical.get(one.building, _WHOLE), typical.get(NO_KEY, _WHOLE)),
            lossy,
        )
        hits = find_hits(one, around)
        if hits:
            found.hits.append((one, hits))
    found.contracts += len(histories)


def _make_rows(made: SuspectList, found: Found, limits: Limits) -> list[Suspicion]:
    rows = [
        Suspicion(list=made, subject=subject, rule=hit.rule, points=hit.points,
                  score=hit.points, words=hit.words)
        for subject, hit in found.others
    ]  # fmt: skip
    for history, hits in found.hits:
        score = sum(hit.points for hit in hits)
        if score >= limits.visit_points:
            rows += [
                Suspicion(
                    list=made,
                    contract_id=history.contract,
                    subject=history.subject,
                    rule=hit.rule,
                    points=hit.points,
                    score=score,
                    words=f"{hit.words}; but {hit.excuse}" if hit.excuse else hit.words,
                )
                for hit in hits
            ]
    return rows
