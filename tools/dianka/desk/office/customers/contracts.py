"""Accounts: opened for an installed meter, changed, suspended and resumed."""

from dataclasses import dataclass

from django.db import transaction

from dianka.desk.amounts import check_alarms
from dianka.desk.office.audit import chain
from dianka.desk.office.customers.models import Contract, Customer, Tariff, TariffVersion
from dianka.desk.office.customers.own_readings import find_last_keys
from dianka.desk.office.customers.records import CustomerError, lock_customer, name_subject
from dianka.desk.office.customers.search import refresh
from dianka.desk.office.estate.meters import find_meter, lock_meter
from dianka.desk.office.estate.models import Meter
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.state.told import tell
from dianka.desk.prices import get_local_minute
from dianka.money import HIGHEST_FEN, yuan

_State = Contract.State


@dataclass(frozen=True)
class Terms:
    """What is agreed: the tariff's name, both alarms, the highest balance (0: the meter's own)."""

    tariff: str
    alarm1_fen: int
    alarm2_fen: int
    hoard_limit_fen: int = 0

    def check(self) -> None:
        """Raise CardError if the amounts can't be."""
        amounts = (self.alarm1_fen, self.alarm2_fen, self.hoard_limit_fen)
        if not all(0 <= amount <= HIGHEST_FEN for amount in amounts):
            raise CustomerError(f"alarms and limits are 0 to {yuan(HIGHEST_FEN)} yuan")
        check_alarms(self.alarm1_fen, self.alarm2_fen)


@needs("open an account")
def open_account(actor: Actor, customer_no: int, meter_no: int, terms: Terms) -> Contract:
    """Open a customer's account at an installed meter that has none."""
    with transaction.atomic():
        meter = lock_meter(meter_no)
        customer = lock_customer(customer_no)
        contract = make_contract(customer, meter, terms)
        tell_opening(actor, contract, "account opened")
    return contract


@needs("change a customer")
def suspend_account(actor: Actor, meter_no: int, reason: str) -> None:
    """Sell nothing more to this meter until the account is resumed."""
    _set_state(actor, meter_no, _State.OPEN, _State.SUSPENDED, "account suspended", reason)


@needs("change a customer")
def resume_account(actor: Actor, meter_no: int, reason: str) -> None:
    """Let an account that is suspended buy again."""
    _set_state(actor, meter_no, _State.SUSPENDED, _State.OPEN, "account resumed", reason)


def make_contract(customer: Customer, meter: Meter, terms: Terms, brought_fen: int = 0) -> Contract:
    """Make a contract at a locked, installed meter without one. CustomerError if it can't be."""
    terms.check()
    if meter.state != Meter.State.INSTALLED:
        raise CustomerError(f"meter {meter} is {meter.state}: install it first")
    there = find_contract(meter)
    if there:
        raise CustomerError(
            f"meter {meter} is {there.customer.name}'s: close that account or change the holder"
        )
    price = find_price(terms.tariff)
    contract = Contract.objects.create(
        customer=customer,
        meter=meter,
        premise=meter.premise,
        tariff=price.tariff,
        price=price,
        alarm1_fen=terms.alarm1_fen,
        alarm2_fen=terms.alarm2_fen,
        hoard_limit_fen=terms.hoard_limit_fen,
        former_count=int(brought_fen > 0),
        former_fen=brought_fen,
        brought_fen=brought_fen,
        opened_at=chain.read_time(),
        readings_before=find_last_keys([meter]).get(meter.pk, 0),
    )
    refresh([customer.pk])
    return contract


def terms_of(contract: Contract) -> Terms:
    """Return what is agreed in a contract."""
    amounts = contract.alarm1_fen, contract.alarm2_fen, contract.hoard_limit_fen
    return Terms(contract.tariff.name, *amounts)


def tell_opening(actor: Actor, contract: Contract, kind: str) -> None:
    """Append the act of an opening."""
    told = (
        f"meter {contract.meter} at {contract.premise}, {contract.tariff.name} version "
        f"{contract.price.number} at {contract.price.price_e4}, alarms {contract.alarm1_fen} and "
        f"{contract.alarm2_fen} fen, limit {contract.hoard_limit_fen} fen"
    )
    _append(actor, contract, kind, told)


def find_price(tariff_name: str) -> TariffVersion:
    """Return the version of a tariff that holds now. CustomerError if there is none."""
    tariff = Tariff.objects.filter(name=tariff_name, archived=False).first()
    held = TariffVersion.objects.filter(tariff=tariff, begins__lte=get_local_minute())
    price = held.select_related("tariff").order_by("-begins", "-number").first()
    if tariff is None or price is None:
        raise CustomerError(f"no price of a tariff {tariff_name!r} holds now: name another tariff")
    return price


def find_contract(meter: Meter) -> Contract | None:
    """Return the contract at this meter that has not ended, or None."""
    contracts = Contract.objects.select_related("customer", "meter", "premise__area", "tariff")
    return contracts.filter(meter=meter).exclude(state=_State.CLOSED).first()


def find_contract_at(meter_no: int) -> Contract:
    """Return the contract at the meter with this number. CardError if there is none."""
    contract = find_contract(find_meter(meter_no))
    if contract is None:
        raise _refuse(f"{meter_no:012d}")
    return contract


def lock_contract(meter: Meter) -> Contract:
    """Return the contract at this locked meter, locked. CustomerError if there is none."""
    found = find_contract(meter)
    if found is None:
        raise _refuse(meter)
    Contract.objects.select_for_update().get(pk=found.pk)
    return found


def _refuse(meter: object) -> CustomerError:
    return CustomerError(f"meter {meter} has no account: open one, or look at its history")


def _set_state(
    actor: Actor, meter_no: int, former: str, state: str, kind: str, reason: str
) -> None:
    if not reason.strip():
        raise CustomerError("that has a reason: give one")
    with transaction.atomic():
        contract = lock_contract(lock_meter(meter_no))
        if contract.state != former:
            raise CustomerError(f"the account of meter {contract.meter} is {contract.state}")
        contract.state = state
        contract.save(update_fields=["state"])
        told = f"meter {contract.meter}, {former} > {state}: {reason.strip()}"
        _append(actor, contract, kind, told)


def _append(actor: Actor, contract: Contract, kind: str, told: str) -> None:
    subject = name_subject(contract.customer)
    chain.append(actor.desk, actor.operator, kind, subject, told, rows=tell(contract))
