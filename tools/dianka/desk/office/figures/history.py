"""Years of a large office in bulk, from a seed: what the figures of reports are taken on.

Everybody buys, puts the card into the meter within a day, and brings the receipt along with the
next purchase. Of 200 sales one is void. Use has no pattern: households.py has people in it.
"""

import random
import time
from array import array
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from dianka.card_port import CardError
from dianka.desk.office.audit import chain
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.figures.books import Books, Made, Purchase, Receipt
from dianka.desk.office.figures.bulk import Bulk, unguarded, without_indexes
from dianka.desk.office.figures.plain_estate import fill_estate
from dianka.desk.office.figures.telling import tell_of_all
from dianka.desk.office.vending.models import Sale
from dianka.desk.prices import UTC_OFFSET, card_minute

_METHODS = ("notes", "notes", "wechat", "alipay")
_AMOUNTS_FEN = (2000, 5000, 5000, 10_000, 10_000, 20_000)
_VOID_EACH = 200
_DAY_S = 86_400
_OPEN_S, _SELLING_S = 8 * 3600, 10 * 3600  # a counter's local opening, and how long it sells
_COMMIT_EACH = 50  # days
_LONG_TABLES = ("audit_act", "ledger_entry", "estate_reading", "vending_sale")
_METERS_OF_DESK, _MOST_DESKS = 20_000, 50


def make_history(
    meters: int,
    sales: int,
    months: int,
    seed: int = 1,
    at_last_day: Callable[[], None] | None = None,
    methods: Sequence[str] = _METHODS,
) -> Made:
    """Fill an office that has sold nothing yet with its history up to now.

    Its contracts are taken, or `meters` plain ones are made if there are none. `at_last_day` is
    called when all but the last day is in the books, and these are closed. `methods` of payment are
    as frequent as they are named. CardError if sales are there.
    """
    if Sale.objects.exists():
        raise CardError("this office has sold: make a history in a new office")
    began, now = time.monotonic(), chain.read_time()
    begin = now - timedelta(days=months * 365 // 12)
    with unguarded(), without_indexes(*_LONG_TABLES):
        if not Contract.objects.exists():
            middle = card_minute(now - (now - begin) / 2 + UTC_OFFSET)
            fill_estate(Bulk(), meters, begin, middle // 10_000 * 10_000)
        tell_of_all()
        desks = min(max(meters // _METERS_OF_DESK, 2), _MOST_DESKS)
        history = _History(Books(desks), begin, now, sales, random.Random(seed), methods)
        history.run(until_day=history.days - 1)
    history.books.made.seconds = time.monotonic() - began
    if at_last_day:
        at_last_day()
    with unguarded():
        history.run(until_day=history.days + 1)
    return history.books.made


class _History:
    def __init__(
        self,
        books: Books,
        begin: datetime,
        now: datetime,
        sales: int,
        rng: random.Random,
        methods: Sequence[str],
    ) -> None:
        self.books, self.begin, self.now, self.rng, self.methods = books, begin, now, rng, methods
        count = len(books.contracts)
        self.days = (now - begin).days
        self.interval_s = max(self.days * _DAY_S * count // max(sales, 1), 3600)
        self.bought = array("q", [0]) * count  # the last purchase, fen
        self.put_in = array("q", [0]) * count  # when the card was put in after it, s since begin
        self.holds = array("q", [0]) * count  # the meter, fen
        local = begin + UTC_OFFSET
        self.midnight_s = (local.hour * 60 + local.minute) * 60 + local.second
        self.lived = 0  # days, when this run ends
        self.coming: set[int] = set()  # who will bring a receipt after that end
        self.visits: dict[int, list[tuple[int, int]]] = defaultdict(list)  # by day: when, who
        for place in range(count):
            at = self._find_open_time(rng.randrange(min(self.interval_s, self.days * _DAY_S)))
            self.visits[at // _DAY_S].append((at, place))

    def run(self, until_day: int) -> None:
        """Live on through all days before this one; one transaction is some weeks."""
        self.books.open()
        begun, self.lived = self.lived, until_day
        for first in range(begun, until_day, _COMMIT_EACH):
            with transaction.atomic():
                for day in range(first, min(first + _COMMIT_EACH, until_day)):
                    for at, place in sorted(self.visits.pop(day, [])):
                        after = self._visit(place, at)
                        self.visits[after // _DAY_S].append((after, place))
        with transaction.atomic():
            self.books.close()

    def _find_open_time(self, at: int) -> int:
        """Return a time of about this day at which a counter is open, in s since begin."""
        opens = at // _DAY_S * _DAY_S + (_OPEN_S - self.midnight_s) % _DAY_S
        return opens + self.rng.randrange(_SELLING_S)

    def _visit(self, place: int, at: int) -> int:
        """Bring the last receipt and buy; return the time of the next visit."""
        rng, books = self.rng, self.books
        after = self._find_open_time(at + self.interval_s * rng.randrange(60, 141) // 100)
        if after <= at:
            after += _DAY_S
        when = self.begin + timedelta(seconds=at)
        if when >= self.now:
            return self.days * _DAY_S * 2  # never
        area = books.contracts[place][3] or 0
        desk = (rng.randrange(1000) if rng.randrange(10) == 0 else area) % len(books.desks)
        operator = f"clerk{desk + 1}{'ab'[at // _DAY_S % 2]}"
        if place in self.coming:
            self.coming.discard(place)
            books.load(place, when)
        if books.count[place]:
            books.take_receipt(desk, operator, place, when, self._make_receipt(place, at))
        fen, method = rng.choice(_AMOUNTS_FEN), rng.choice(self.methods)
        if rng.randrange(_VOID_EACH) == 0:
            books.sell(desk, operator, place, when, Purchase(fen, method, None, True))
        next_at = self.begin + timedelta(seconds=after)
        comes = next_at < self.now
        if comes and after // _DAY_S >= self.lived:  # when the books are closed once before
            self.coming.add(place)
        loaded_at = next_at if comes and place not in self.coming else None
        books.sell(desk, operator, place, when, Purchase(fen, method, loaded_at))
        self.bought[place] = fen
        self.put_in[place] = at + rng.randrange(600, min(_DAY_S, after - at) + 601)
        return after

    def _make_receipt(self, place: int, at: int) -> Receipt:
        loaded, held = self.bought[place], self.holds[place]
        used = held * self.rng.randrange(80, 101) // 100
        self.holds[place] = held - used + loaded
        put_in = self.begin + timedelta(seconds=min(self.put_in[place], at)) + UTC_OFFSET
        return Receipt(card_minute(put_in), self.holds[place], loaded, used)
