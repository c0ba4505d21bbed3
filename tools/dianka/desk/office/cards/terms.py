"""What a contract says that its card carries: numbers, alarms, price."""

from dianka.card_port import CardError
from dianka.desk.issue import UserData
from dianka.desk.office.customers import tariffs
from dianka.desk.office.customers.models import Contract, TariffVersion
from dianka.desk.office.vending.models import Sale
from dianka.desk.prices import format_price, get_local_minute
from dianka.desk.replace import LastPurchase
from dianka.desk.words import format_number
from dianka.money import yuan


def find_contract(number: int | None = None, meter_no: int | None = None) -> Contract:
    """Return the open contract with this number, or at this meter. CardError if there is none."""
    if number is None and meter_no is None:
        raise CardError("say whose card it is: give --contract or --meter")
    found = Contract.objects.select_related("customer", "meter", "price", "tariff")
    if number is not None:
        found = found.filter(pk=number)
    if meter_no is not None:
        found = found.filter(meter__number=meter_no)
    contract = found.order_by("closed_at").exclude(state=Contract.State.CLOSED).first()
    if contract is None:
        at = f"meter {format_number(meter_no)}" if meter_no is not None else f"number {number}"
        raise CardError(f"no open contract has {at}: open the account first, or look it up again")
    return contract


def make_user_data(contract: Contract, opens: bool, now: int | None = None) -> UserData:
    """Return what the contract's card carries beside its purchase.

    A card that opens the account sets the meter's price, so it has the price in force. Any other
    has it too, and brings along what the meter may not have: a price that is due, or that of a sale
    which is not known to be in the meter and may be lost with the former card. `now` is a local
    minute.
    """
    now = get_local_minute() if now is None else now
    numbers = contract.meter.number, contract.customer.number
    alarms = contract.alarm1_fen, contract.alarm2_fen
    if opens:
        return UserData(*numbers, *alarms, [_find_price(contract, now).price_e4])
    due = tariffs.pick_version(contract, now)
    held = due if due.begins <= now else _find_price(contract, now)
    if due.pk == contract.price.pk and _has_price(contract):
        return UserData(*numbers, *alarms, [held.price_e4])
    # The first version of a tariff holds from the start: its minute is now, as in a sale.
    plan = {"switch_time": due.begins or now, "next_rates_e4": [due.price_e4]}
    return UserData(*numbers, *alarms, [held.price_e4], **plan)


def must_agree(
    contract: Contract,
    data: UserData,
    customer_no: int | None,
    alarms_fen: tuple[int | None, int | None],
    rates_e4: list[int],
) -> None:
    """Raise CardError if what was given by hand is not what the contract says."""
    wrong = []
    if customer_no not in (None, data.customer_no):
        wrong.append(f"--customer is {format_number(data.customer_no)}")
    for number, given, of_contract in zip(
        (1, 2), alarms_fen, (data.alarm1_fen, data.alarm2_fen), strict=True
    ):
        if given not in (None, of_contract):
            wrong.append(f"--alarm{number} is {yuan(of_contract)}")
    if rates_e4 and rates_e4 != list(data.rates_e4):
        price = format_price(data.rates_e4[0]) if data.rates_e4 else "the meter's own"
        wrong.append(f"--price is {price}")
    if wrong:
        raise CardError(
            f"contract {contract.pk} says otherwise ({', '.join(wrong)}): leave these words out, "
            "or change the contract first"
        )


def must_be_last(last: LastPurchase, count: int | None, amount_fen: int | None) -> LastPurchase:
    """Return the purchase that the new card carries; CardError if what was given by hand differs.

    An amount of zero leaves the money out that is in transit.
    """
    known_fen = 0 if last.in_meter else last.amount_fen
    if count not in (None, last.count) or amount_fen not in (None, 0, known_fen):
        raise CardError(
            f"the office's last purchase is {last.count} with {yuan(known_fen)} yuan in transit: "
            "leave --count and --amount out, or give --amount 0 to carry no money"
        )
    return LastPurchase(last.count, 0, in_meter=True) if amount_fen == 0 else last


def _find_price(contract: Contract, now: int) -> TariffVersion:
    """Return the price that is in force by the contract's tariff."""
    price = tariffs.find_in_force(tariffs.list_versions(contract.tariff), now)
    if price is None:
        raise CardError(f"no price of contract {contract.pk} is in force yet: make its card later")
    return price


def _has_price(contract: Contract) -> bool:
    """Return whether the meter has the contract's price: no sale that may have brought it is out.

    Without such a sale it is what the meter was opened with, or has shown to have.
    """
    sales = Sale.objects.filter(contract=contract)
    if not sales.filter(state__in=(Sale.State.PENDING, Sale.State.WRITTEN)).exists():
        return True
    return sales.filter(state=Sale.State.LOADED, price=contract.price).exists()
