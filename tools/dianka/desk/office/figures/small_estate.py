"""A handful of residents with real chips: control card, cards and ESAMs as files, contracts."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from dianka.cardos import keys
from dianka.cardos.files import card_files
from dianka.cardos.image import CardFile
from dianka.desk import issue
from dianka.desk.control import Load, load_keys, plan_meter
from dianka.desk.office.audit import chain
from dianka.desk.office.customers.models import Contract, Customer, Tariff, TariffVersion
from dianka.desk.office.estate.models import Area, Meter, Premise
from dianka.desk.office.state.told import tell
from dianka.readers import find_reader

PRICE_E4, _ALARMS_FEN = 5000, (2000, 500)
_CHAIN = "estate"  # of acts that no desk has done


@dataclass(frozen=True)
class Resident:
    """One resident: the numbers, the card's file, and the file of the meter's ESAM."""

    meter_no: int
    card: Path
    esam: Path


def found_system(folder: Path, copies: int) -> list[Path]:
    """Make a control card, and copies of it for so many counters: none counts anything down."""
    first = folder / "control0.card"
    issue.issue_control(first)
    others = [folder / f"control{number}.card" for number in range(1, copies)]
    for other in others:
        shutil.copyfile(first, other)
    return [first, *others]


def make_resident(folder: Path, control: Path, number: int) -> Resident:
    """Make the card and the ESAM of one resident, and his contract."""
    resident = Resident(number, folder / f"{number}.card", folder / f"{number}.esam")
    with find_reader(str(control)).connect() as held:
        issue.issue_user(
            held.port, resident.card, number, number, *_ALARMS_FEN, rates_e4=[PRICE_E4]
        )
        issue.issue_esam(resident.esam)
        meter = keys.make_meter_factor(card_files.to_bcd(number, 6))
        with CardFile.open(resident.esam) as esam:
            esam.power_on()
            born_with = Load(keys.MASTER, keys.PUBLIC_SET, keys.NO_FACTOR)
            load_keys(held.port, esam, plan_meter(meter), born_with)
    make_contract(number)
    return resident


def make_contract(
    meter_no: int, customer_no: int = 0, area: str = "East", price_e4: int = PRICE_E4
) -> Contract:
    """Make an installed meter with an open contract, and its customer if he has no other."""
    with transaction.atomic():
        return _make_contract(meter_no, customer_no or meter_no, area, price_e4)


def _make_contract(meter_no: int, number: int, area: str, price_e4: int) -> Contract:
    place, _ = Area.objects.get_or_create(name=area)
    tariff, _ = Tariff.objects.get_or_create(name=f"flat {price_e4}")
    price, _ = TariffVersion.objects.get_or_create(
        tariff=tariff,
        number=1,
        defaults={"price_e4": price_e4, "begins": 0, "approved_by": "a-manager"},
    )
    premise = Premise.objects.create(area=place, building="1", room=str(meter_no))
    meter = Meter.objects.create(number=meter_no, state=Meter.State.INSTALLED, premise=premise)
    customer, _ = Customer.objects.get_or_create(
        number=number, defaults={"name": f"customer {number}"}
    )
    contract = Contract.objects.create(
        customer=customer,
        meter=meter,
        premise=premise,
        tariff=tariff,
        price=price,
        alarm1_fen=_ALARMS_FEN[0],
        alarm2_fen=_ALARMS_FEN[1],
        hoard_limit_fen=0,
        opened_at=chain.read_time(),
        readings_before=0,
    )
    made = tell(place, tariff, price, premise, meter, customer, contract)
    chain.append(_CHAIN, "figures", "resident made", f"{meter_no:012d}", rows=made)
    return contract
