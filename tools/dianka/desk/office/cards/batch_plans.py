"""How each card of a batch is made: from its contract, or from what the batch has in common."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dianka.card_port import CardError, CardPort, serial_of
from dianka.cardos import kinds
from dianka.desk import issue, register, service
from dianka.desk.office.cards.models import BatchItem
from dianka.desk.office.cards.register import Making
from dianka.desk.office.cards.terms import make_user_data
from dianka.desk.prices import get_local_minute

Make = Callable[[CardPort, CardPort], None]  # control card, new chip

# What `dianka card issue KIND` makes without any option: uses, and what else the kind has.
SERVICE_USES = {kinds.KEYS: 10, kinds.RESTORE: 1, kinds.TEST: 100, kinds.TEST_CREDIT: 100}
SERVICE = (kinds.INSPECTION, *SERVICE_USES)
_TEST_CREDIT_FEN = 100


def plan_making(item: BatchItem) -> Making:
    """Return what the register is told of this item's card."""
    return Making(item.batch.kind, contract=item.contract, meter_no=item.meter_no)


def plan_make(item: BatchItem, folder: Path) -> Make:
    """Return how a chip becomes this item's card. `folder` is that of the control card."""
    kind, terms = item.batch.kind, json.loads(item.batch.terms)
    if kind == kinds.USER and item.contract:
        data = make_user_data(item.contract, opens=True)
        return lambda control, chip: issue.make_user(control, chip, data)
    if kind == kinds.INIT and item.meter_no:
        now = get_local_minute()
        return _plan_init(issue.InitData(item.meter_no, **terms, desk_time=now), folder)
    return _plan_service(kind, terms)


def _plan_init(data: issue.InitData, folder: Path) -> Make:
    issue.pack_init_files(data)

    def make(control: CardPort, chip: CardPort) -> None:
        register.enter_number(folder, data.meter_no, serial_of(chip.power_on()))
        issue.make_init(control, chip, data)

    return make


def _plan_service(kind: str, terms: dict[str, Any]) -> Make:
    uses = terms.get("uses", 0)
    makes: dict[str, Make] = {
        kinds.INSPECTION: lambda control, chip: service.make_inspection(
            control, chip, service.InspectionData()
        ),
        kinds.KEYS: lambda control, chip: issue.make_keys(control, chip, uses),
        kinds.RESTORE: lambda control, chip: service.make_restore(
            control, chip, service.RestoreData(uses)
        ),
        kinds.TEST: lambda control, chip: service.make_test(control, chip, service.TestData(uses)),
        kinds.TEST_CREDIT: lambda control, chip: service.make_test_credit(
            control, chip, service.TestCreditData(_TEST_CREDIT_FEN, uses)
        ),
    }
    if kind not in makes:
        raise CardError(f"{kind} cards are not made in batches: give one of {', '.join(makes)}")
    return makes[kind]
