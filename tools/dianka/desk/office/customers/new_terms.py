"""New terms of a contract that goes on: another tariff, other alarms, another highest balance.

The price is brought to the meter by the next card that is written: a sale's (tariffs.py), or that
of a replacement (cards/terms.py). `Contract.price` stays what the meter has until then. The highest
balance holds from now on, as it is the desk that keeps it. The alarms go on the card with the next
sale; a meter takes them from the card that opens its account alone (docs/cards/sessions.md, step 7
of the user card).
"""

from dataclasses import replace

from django.db import transaction

from dianka.desk.office.audit import chain
from dianka.desk.office.customers.contracts import (
    Terms,
    find_contract_at,
    find_price,
    lock_contract,
    terms_of,
)
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.customers.records import CustomerError, name_subject
from dianka.desk.office.customers.tariffs import pick_version, read_minute
from dianka.desk.office.estate.meters import lock_meter
from dianka.desk.office.people.consent import use_consent
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.state.told import tell
from dianka.desk.office.vending.sales import find_last_count
from dianka.desk.prices import format_price, format_time
from dianka.money import yuan

CONSENT = "terms"  # the kind of the consent; its subject is `name_terms`


@needs("change a customer")
def plan_terms(
    actor: Actor,
    meter_no: int,
    tariff: str | None = None,
    alarm1_fen: int | None = None,
    alarm2_fen: int | None = None,
    hoard_limit_fen: int | None = None,
) -> Terms:
    """Return the terms that a contract would have; what is not given stays as it is.

    CardError if they can't be, or are those that it has.
    """
    contract = find_contract_at(meter_no)
    given = {
        "tariff": tariff,
        "alarm1_fen": alarm1_fen,
        "alarm2_fen": alarm2_fen,
        "hoard_limit_fen": hoard_limit_fen,
    }
    former = terms_of(contract)
    terms = replace(former, **{name: value for name, value in given.items() if value is not None})
    _check(contract, former, terms)
    return terms


@needs("change a customer")
def change_terms(actor: Actor, meter_no: int, terms: Terms, consent: int | None) -> Contract:
    """Give the contract of a meter these terms, with a second person's consent to just them."""
    with transaction.atomic():
        contract = lock_contract(lock_meter(meter_no))
        former = terms_of(contract)
        _check(contract, former, terms)
        by = use_consent(actor, consent, CONSENT, name_terms(meter_no, terms))
        contract.tariff = find_price(terms.tariff).tariff
        contract.alarm1_fen, contract.alarm2_fen = terms.alarm1_fen, terms.alarm2_fen
        contract.hoard_limit_fen = terms.hoard_limit_fen
        contract.save(update_fields=["tariff", "alarm1_fen", "alarm2_fen", "hoard_limit_fen"])
        told = f"meter {contract.meter}, {describe(former)} > {describe(terms)}; consent of {by}"
        subject, rows = name_subject(contract.customer), tell(contract)
        chain.append(actor.desk, actor.operator, "terms changed", subject, told, rows=rows)
    return contract


def name_terms(meter_no: int, terms: Terms) -> str:
    """Return what a second person consents to: the meter, tariff, alarms and limit in fen.

    It has at most 80 characters, as many as a consent keeps.
    """
    amounts = f"{terms.alarm1_fen} {terms.alarm2_fen} {terms.hoard_limit_fen}"
    return f"{meter_no:012d} {terms.tariff} {amounts}"


def describe_due(contract: Contract, alarms: bool) -> list[str]:
    """Return a line for each new term that the contract's meter does not have yet.

    `alarms` says that they have changed.
    """
    lines, now = [], read_minute()
    due = pick_version(contract, now)
    if due.pk != contract.price.pk:
        begins = f" from {format_time(due.begins)}" if due.begins > now else ""
        lines.append(f"the next card brings {format_price(due.price_e4)}{begins} to the meter")
    if alarms and not find_last_count(contract):
        lines.append("the first sale brings the alarms to the meter")
    elif alarms:
        lines.append(
            "the meter keeps its former alarms until it is opened anew: it takes alarms from an "
            "opening card alone"
        )
    return lines


def describe(terms: Terms) -> str:
    """Return terms in words."""
    alarms = f"alarms {yuan(terms.alarm1_fen)} and {yuan(terms.alarm2_fen)}"
    return f"{terms.tariff}, {alarms}, limit {yuan(terms.hoard_limit_fen)}"


def _check(contract: Contract, former: Terms, terms: Terms) -> None:
    terms.check()
    find_price(terms.tariff)
    if terms == former:
        raise CustomerError(
            f"meter {contract.meter} has these terms already ({describe(terms)}): nothing to change"
        )
