"""Time searches of all kinds in an estate: what people type, and what is hard to find."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from dianka.desk.office.cards.models import Card
from dianka.desk.office.customers.models import Contract, Customer
from dianka.desk.office.customers.search import search

# Common, rare, not there; short and long; digits that nearly every number of the estate has.
_ANYWHERE = (
    *("王", "伟", "1", "zs", "04", "13", "138", "604", "花园", "花园 604", "王 604"),
    *("3栋 2单元 101", "王伟 138", "不有的", "zzzzzz", "000", "000000", "0000012", "999999"),
    *("9999999999", "000 111 222", "2026000", "2026005", "6000000", "0260000000", "20260000000"),
)


@dataclass(frozen=True)
class Timed:
    """One search: the words, how many it found, and its slowest time in microseconds."""

    words: str
    found: int
    worst_us: int


def time_searches(times: int = 3) -> Iterator[Timed]:
    """Search for one customer in all his words and their parts, and for _ANYWHERE."""
    for words in (*_list_words_of_one(), *_ANYWHERE):
        worst_us, found = 0, []
        for _ in range(times):
            began_us = time.perf_counter_ns() // 1000
            found = search(words, any_phone=True)
            worst_us = max(worst_us, time.perf_counter_ns() // 1000 - began_us)
        yield Timed(words, len(found), worst_us)


def _list_words_of_one() -> Iterator[str]:
    """Yield words and parts of words of the customer two thirds down the estate."""
    number = Customer.objects.count() * 2 // 3
    customer = Customer.objects.get(number=number)
    meter = str(Contract.objects.get(customer=customer).meter.number)
    serial = Card.objects.get(contract__customer=customer).serial
    yield from (customer.name, customer.name[1:], customer.name[:2])
    yield from (customer.phone, customer.phone[3:8], customer.phone[-4:])
    yield from (meter, meter[-5:], meter[3:9] or meter, str(number), str(number)[:3])
    yield from (serial, serial[4:9], serial[-3:])
