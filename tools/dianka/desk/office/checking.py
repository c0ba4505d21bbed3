"""Read audit, ledger and sales whole, and name each fault: `dianka office check` and `prove`."""

from collections.abc import Iterator

from dianka.desk.office import guards
from dianka.desk.office.audit import chain
from dianka.desk.office.ledger import proof
from dianka.desk.office.vending import proof as sales_proof
from dianka.desk.office.vending import refund_proof, shift_proof


def find_faults() -> Iterator[str]:
    """Yield one line for each fault; none if every act and every fen is as it was written."""
    yield from find_ledger_faults()
    yield from _prove_counters()


def find_ledger_faults() -> Iterator[str]:
    """Yield the faults of guards, chains and ledger alone, whatever stands on them."""
    yield from guards.find_missing()
    yield from chain.find_faults()
    yield from proof.find_faults()


def prove() -> Iterator[str]:
    """Yield one line for each fen that is not where it should be: in ledger, sales and drawers."""
    yield from proof.find_faults()
    yield from _prove_counters()


def _prove_counters() -> Iterator[str]:
    yield from sales_proof.find_faults()
    yield from refund_proof.find_faults()
    yield from shift_proof.find_faults()
