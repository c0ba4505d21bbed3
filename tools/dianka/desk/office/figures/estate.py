"""Generate an estate of any size: areas, premises, meters, customers, contracts, cards.

By a seed, in bulk, without acts: it is ground to measure on, not an office to work in.
"""

import random
from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from dianka.desk.office.audit import chain
from dianka.desk.office.cards.models import Card
from dianka.desk.office.customers import search
from dianka.desk.office.customers.models import Contract, Customer, Tariff, TariffVersion
from dianka.desk.office.estate.models import Area, Meter, Premise

BATCH = 5000
_ROOMS = 1000  # of an area: 25 buildings, 2 units, 5 floors, 4 doors
FIRST_METER = 202_600_000_000
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡"
_GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华文玉建国春梅志红兰飞鹏凤玲金海波斌宇浩凯健俊帆"
    "雪琴云丹萍鑫龙慧晶莉"
)
_ESTATES = "东湖西苑南山北辰锦绣金桂翠竹紫荆海棠丹枫"


def fill_estate(
    customers: int, tell: Callable[[int], None] = lambda done: None, seed: int = 7
) -> None:
    """Add this many customers, each with premise, meter, contract and card.

    `tell` hears after each batch how many there are.
    """
    first = Customer.objects.count()
    rng = random.Random(f"{seed} {first}")
    tariff, _ = Tariff.objects.get_or_create(name="居民")
    price, _ = TariffVersion.objects.get_or_create(
        tariff=tariff, number=1, defaults={"price_e4": 5469, "begins": 0, "approved_by": "figures"}
    )
    for at in range(first, first + customers, BATCH):
        with transaction.atomic():
            numbers = range(at, min(at + BATCH, first + customers))
            _fill_batch(rng, numbers, price, chain.read_time())
        tell(numbers.stop - first)
    search.rebuild()


def _fill_batch(rng: random.Random, numbers: range, price: TariffVersion, now: datetime) -> None:
    areas: dict[int, Area] = {}
    for number in {number // _ROOMS for number in numbers}:
        areas[number], _ = Area.objects.get_or_create(name=_name_area(number))
    premises = Premise.objects.bulk_create(
        [_make_premise(areas[number // _ROOMS], number % _ROOMS) for number in numbers]
    )
    meters = Meter.objects.bulk_create(
        Meter(number=FIRST_METER + number, state=Meter.State.INSTALLED, premise=premise)
        for number, premise in zip(numbers, premises, strict=True)
    )
    people = Customer.objects.bulk_create(
        Customer(number=number + 1, name=name_person(rng), phone=pick_phone(rng))
        for number in numbers
    )
    contracts = Contract.objects.bulk_create(
        Contract(
            customer=customer,
            meter=meter,
            premise=premise,
            tariff=price.tariff,
            price=price,
            alarm1_fen=2000,
            alarm2_fen=500,
            hoard_limit_fen=0,
            opened_at=now,
        )
        for customer, meter, premise in zip(people, meters, premises, strict=True)
    )
    Card.objects.bulk_create(
        Card(
            serial=f"{rng.getrandbits(64):016x}",
            kind="user",
            state=Card.State.USED,
            contract=contract,
            desk="desk1",
            made_by="figures",
            made_at=now,
            seen_at=now,
        )
        for contract in contracts
    )


def _name_area(number: int) -> str:
    first, second = divmod(number, len(_ESTATES))
    return f"{_ESTATES[second]}{_ESTATES[first % len(_ESTATES)]}花园{number + 1}区"


def _make_premise(area: Area, number: int) -> Premise:
    building, rest = divmod(number, 40)
    unit, rest = divmod(rest, 20)
    floor, door = divmod(rest, 4)
    return Premise(
        area=area,
        building=f"{building + 1}栋",
        unit=f"{unit + 1}单元",
        room=f"{floor + 1}0{door + 1}",
    )


def name_person(rng: random.Random) -> str:
    """Return a name of two or three characters."""
    return rng.choice(_SURNAMES) + "".join(rng.choices(_GIVEN, k=rng.choice((1, 2, 2))))


def pick_phone(rng: random.Random) -> str:
    """Return a mobile number, mostly another one each time."""
    return f"1{rng.choice('35789')}{rng.randrange(10**9):09d}"
