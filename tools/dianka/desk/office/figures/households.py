"""People with meters, from a seed: who lives how, who forgets to buy, who goes round the meter.

Day by day in whole Wh and fen: seasons, empty flats, new tenants that nobody tells of, forgetful
buyers, and bypasses that take a share of the load from a day on. What comes out is what the office
sees of it: sales, receipts and the feeders' totals. Who has a bypass only the population knows, so
that the list of suspects can be judged.
"""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dianka.desk.office.customers.models import TariffVersion
from dianka.desk.office.estate.models import Premise
from dianka.desk.office.figures.books import Books, Purchase, Receipt
from dianka.desk.office.figures.bulk import Bulk
from dianka.desk.office.figures.plain_estate import fill_estate
from dianka.desk.office.figures.telling import tell_of_all
from dianka.desk.office.statistics.models import FeederReading
from dianka.desk.office.statistics.times import first_of_month
from dianka.desk.prices import UTC_OFFSET, card_minute

METERS_OF_AREA, ROOMS = 60, 30
BYPASS_PERCENT = 5  # of the households
TECHNICAL_PERMILLE = 50  # of the feeder's energy is lost in its wires
_SEASON = (115, 110, 92, 85, 88, 105, 140, 150, 112, 88, 90, 108)  # per cent of the mean, by month
_AMOUNTS_FEN = (3000, 5000, 10_000, 20_000)
_EVENING_H, _NOON_H = 19, 12
_FEN_E5 = 100_000  # Wh * 0.0001 yuan per kWh: this much is one fen


@dataclass
class Household:
    """One place: how its people live and buy. Shares are in per cent."""

    base_wh: int  # a day, in the mean
    season: int  # how much of the season it feels
    amount_fen: int
    reserve_days: int  # of credit at which it buys
    forgets: bool
    looks: bool  # puts the card in before it goes to buy
    away: tuple[int, int] = (0, 0)  # days: an empty flat
    told: bool = False  # the office knows that it is empty
    moved: int = 0  # the day of new tenants; 0: none
    after_move: int = 100  # what they use of what the former used
    bypass: int = 0  # the day from which it stands; 0: none
    bypass_share: int = 0


@dataclass
class Meter:
    """The meter of a household, and the card that goes to and fro."""

    price_e4: int
    balance_fen: int = 0
    rest: int = 0  # of the price, below a fen
    used_fen: int = 0  # since the last statement
    sent_fen: int = 0  # on the card, not yet proved
    card: Receipt | None = None  # as the meter wrote it last
    empty_days: int = 0


@dataclass(frozen=True)
class Visit:
    """A visit to the counter."""

    day: int
    place: int
    fen: int
    receipt: Receipt | None


@dataclass
class Population:
    """Who has a bypass, by the customers' 12 digits, and what stood in the simulation."""

    households: list[Household]
    bypassed: set[str] = field(default_factory=set)
    sales: int = 0


def fill_population(meters: int, days: int, seed: int, now: datetime) -> Population:
    """Fill an office without contracts with so many households and their days up to `now`."""
    rng = random.Random(seed)
    begin = now - timedelta(days=days)
    raised = card_minute(now - timedelta(days=days // 2) + UTC_OFFSET) // 10_000 * 10_000
    fill_estate(Bulk(), meters, begin, raised, METERS_OF_AREA, ROOMS)
    tell_of_all()
    books = Books(2)
    homes = [_move_in(rng, days) for _ in books.contracts]
    life = _Life(rng, begin, days, books, homes, raised)
    life.run()
    tell_of_all()  # of what inspectors and feeders said meanwhile
    found = Population(homes, sales=books.made.sales)
    for place, home in enumerate(homes):
        if home.bypass:
            found.bypassed.add(f"{books.contracts[place][2]:012d}")
    return found


def _move_in(rng: random.Random, days: int) -> Household:
    """Return a household, thrown by the dice."""
    base_wh = rng.choice((2500, 3500, 4500, 6000, 8000, 11_000)) * rng.randrange(80, 121) // 100
    home = Household(
        base_wh,
        rng.randrange(0, 161),
        rng.choice(_AMOUNTS_FEN),
        rng.randrange(2, 8),
        rng.randrange(100) < 15,
        rng.randrange(100) < 30,
    )
    if rng.randrange(100) < 10:
        start = rng.randrange(days)
        home.away = start, start + rng.randrange(30, 240)
        home.told = home.away[1] >= days and rng.randrange(2) == 0
    if rng.randrange(100) < 12:
        home.moved, home.after_move = rng.randrange(60, days), rng.randrange(40, 181)
    if rng.randrange(100) < BYPASS_PERCENT:
        home.bypass = rng.randrange(days // 2, days - 60)
        home.bypass_share = rng.randrange(40, 96)
    return home


class _Life:
    def __init__(
        self,
        rng: random.Random,
        begin: datetime,
        days: int,
        books: Books,
        homes: list[Household],
        raised: int,
    ) -> None:
        self.rng, self.begin, self.days, self.books = rng, begin, days, books
        self.homes, self.raised = homes, raised
        prices = dict(TariffVersion.objects.values_list("id", "price_e4"))
        self.prices = [(prices[row[4] - 1], prices[row[4]]) for row in books.contracts]
        self.areas = [row[3] or 0 for row in books.contracts]
        self.meters = [Meter(pair[0]) for pair in self.prices]
        self.visits: list[Visit] = []
        self.feeder_wh = dict.fromkeys(self.areas, 0)
        self.feeders: list[FeederReading] = []

    def run(self) -> None:
        """Live all days, then write down what the office saw."""
        for day in range(self.days):
            at = self.begin + timedelta(days=day)
            local = at + UTC_OFFSET
            if local.date() == first_of_month(local.date()):
                self._read_feeders(at)
            for place, home in enumerate(self.homes):
                self._live(place, home, day, local)
        self._write()

    def _live(self, place: int, home: Household, day: int, local: datetime) -> None:
        meter = self.meters[place]
        if card_minute(local) >= self.raised:
            meter.price_e4 = self.prices[place][1]
        load_wh = self._use(home, day, local)
        if meter.balance_fen <= 0:
            load_wh = load_wh * home.bypass_share // 100 if 0 < home.bypass <= day else 0
            self.feeder_wh[self.areas[place]] += load_wh
        else:
            self.feeder_wh[self.areas[place]] += load_wh
            around = home.bypass_share if 0 < home.bypass <= day else 0
            whole = (load_wh - load_wh * around // 100) * meter.price_e4 + meter.rest
            cost, meter.rest = divmod(whole, _FEN_E5)
            meter.balance_fen -= cost
            meter.used_fen += cost
        if self._goes_to_buy(home, meter, day, load_wh):
            self._buy(place, home, day)

    def _use(self, home: Household, day: int, local: datetime) -> int:
        season = 100 + (_SEASON[local.month - 1] - 100) * home.season // 100
        use_wh = home.base_wh * season // 100 * self.rng.randrange(75, 126) // 100
        if local.weekday() >= 5:
            use_wh = use_wh * 110 // 100
        if home.moved and day >= home.moved:
            use_wh = use_wh * home.after_move // 100
        return use_wh * 3 // 100 if home.away[0] <= day < home.away[1] else use_wh

    def _goes_to_buy(self, home: Household, meter: Meter, day: int, load_wh: int) -> bool:
        if home.away[0] <= day < home.away[1]:
            return False
        if meter.balance_fen <= 0:
            meter.empty_days += 1
            return not home.forgets or meter.empty_days > self.rng.randrange(3)
        meter.empty_days = 0
        reserve = 0 if home.forgets else home.reserve_days * load_wh * meter.price_e4 // _FEN_E5
        return meter.balance_fen < reserve and self.rng.randrange(2) == 0

    def _buy(self, place: int, home: Household, day: int) -> None:
        meter = self.meters[place]
        if home.looks and meter.card:
            self._put_in(meter, day, _NOON_H)
        fen = home.amount_fen * (2 if self.rng.randrange(5) == 0 else 1)
        self.visits.append(Visit(day, place, fen, meter.card))
        meter.card, meter.sent_fen = None, fen
        meter.balance_fen += fen
        self._put_in(meter, day, _EVENING_H)

    def _put_in(self, meter: Meter, day: int, hour: int) -> None:
        """Let the meter write what it holds to the card, on what it wrote there before."""
        at = (self.begin + timedelta(days=day)).replace(minute=0) + timedelta(hours=hour)
        before = meter.card
        loaded_fen = before.loaded_fen if before else meter.sent_fen
        used_fen = meter.used_fen + (before.used_fen if before else 0)
        meter.card = Receipt(card_minute(at + UTC_OFFSET), meter.balance_fen, loaded_fen, used_fen)
        meter.used_fen = meter.sent_fen = 0

    def _read_feeders(self, at: datetime) -> None:
        for area, wh in self.feeder_wh.items():
            total = wh * 1000 // (1000 - TECHNICAL_PERMILLE)
            row = FeederReading(area_id=area, read_at=at, energy_wh=total, operator="figures")
            self.feeders.append(row)

    def _write(self) -> None:
        books, upcoming = self.books, self._find_next_days()
        for number, visit in enumerate(self.visits):
            when = self._time_of(visit.day, number)
            desk = visit.place % len(books.desks)
            operator = f"clerk{desk + 1}"
            if visit.receipt:
                books.take_receipt(desk, operator, visit.place, when, visit.receipt)
            after = upcoming[number]
            loaded_at = None if after is None else self._time_of(*after)
            books.sell(desk, operator, visit.place, when, Purchase(visit.fen, "notes", loaded_at))
        books.close()
        FeederReading.objects.bulk_create(self.feeders, batch_size=500)
        empty = [row[1] for row, home in zip(books.contracts, self.homes, strict=True) if home.told]
        Premise.objects.filter(meter__in=empty).update(vacant=True)

    def _time_of(self, day: int, number: int) -> datetime:
        return self.begin + timedelta(days=day, hours=_NOON_H + 1, seconds=number % 3600)

    def _find_next_days(self) -> list[tuple[int, int] | None]:
        """Return for each visit the day and number of the next one of that place."""
        later: dict[int, tuple[int, int]] = {}
        found: list[tuple[int, int] | None] = [None] * len(self.visits)
        for number in reversed(range(len(self.visits))):
            visit = self.visits[number]
            found[number] = later.get(visit.place)
            later[visit.place] = visit.day, number
        return found
