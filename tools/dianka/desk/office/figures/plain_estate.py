"""A plain estate in bulk: areas, buildings, meters, customers, their contracts and cards."""

import random
from datetime import datetime

from dianka.desk.office.figures.bulk import Bulk
from dianka.desk.office.figures.estate import name_person, pick_phone

METERS_OF_AREA, ROOMS_OF_BUILDING = 1000, 60
_TARIFFS = (("居民", 5283), ("商业", 8125), ("农业", 4760))
_RAISE_PERCENT = 105  # what the second price is of the first


def fill_estate(
    bulk: Bulk,
    meters: int,
    opened_at: datetime,
    raised_at: int,
    meters_of_area: int = METERS_OF_AREA,
    rooms: int = ROOMS_OF_BUILDING,
) -> None:
    """Make so many meters, each with a contract opened then; the price is raised once.

    `raised_at` is a local minute, YYMMDDhhmm.
    """
    _name_tables(bulk)
    areas, rng = max(meters // meters_of_area, 1), random.Random(meters)
    for area in range(1, areas + 1):
        bulk.add("estate_area", area, f"{area} 号台区", False)
    for number, (name, price_e4) in enumerate(_TARIFFS, 1):
        bulk.add("customers_tariff", number, name, False)
        raised = price_e4 * _RAISE_PERCENT // 100
        for version, price, begins in ((1, price_e4, 0), (2, raised, raised_at)):
            row = (2 * number - 2 + version, number, version, price, begins, "figures")
            bulk.add("customers_tariffversion", *row)
    for meter in range(1, meters + 1):
        area, room = meter % areas + 1, meter // areas
        tariff = 1 if meter % 11 else 2 + meter // 11 % 2
        place = (str(room // rooms + 1), "", f"{room % rooms // 4 + 1}0{room % 4 + 1}")
        bulk.add("estate_premise", meter, area, *place, False, False)
        bulk.add("estate_meter", meter, meter, "", "installed", meter)
        person = (name_person(rng), pick_phone(rng), "", "", False)
        bulk.add("customers_customer", meter, meter, *person)
        limits = (2000, 500, 0, "open", 0, 0, 0)
        who = (meter, meter, meter, meter, tariff, 2 * tariff)
        bulk.add("customers_contract", *who, *limits, opened_at, None)
        made = ("", "desk1", "figures", opened_at, opened_at)
        bulk.add("cards_card", f"{meter:016x}", "user", "used", meter, False, 0, 0, *made)
    bulk.flush()


def _name_tables(bulk: Bulk) -> None:
    bulk.table("estate_area", "id", "name", "archived")
    bulk.table("estate_premise", "id", "area_id", "building", "unit", "room", "vacant", "archived")
    bulk.table("estate_meter", "id", "number", "model", "state", "premise_id")
    bulk.table("customers_tariff", "id", "name", "archived")
    bulk.table(
        "customers_tariffversion", "id", "tariff_id", "number", "price_e4", "begins", "approved_by"
    )
    bulk.table(
        "customers_customer", "id", "number", "name", "phone", "id_number", "note", "archived"
    )
    who = ("id", "customer_id", "meter_id", "premise_id", "tariff_id", "price_id")
    limits = ("alarm1_fen", "alarm2_fen", "hoard_limit_fen", "state", "former_count")
    former = ("former_fen", "brought_fen")
    bulk.table("customers_contract", *who, *limits, *former, "opened_at", "closed_at")
    card = ("serial", "kind", "state", "contract_id", "again", "count", "money_fen")
    bulk.table("cards_card", *card, "holder", "desk", "made_by", "made_at", "seen_at")
