"""The tests that touch money or the database once more, on a PostgreSQL of their own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dianka.firmware import ROOT
from postgresql_kit import new_database, serving_postgresql

ALWAYS = ("test_ledger.py",)
OTHERS = (  # `make test-postgresql`
    "test_cards.py",
    "test_cards_recognised.py",
    "test_carried.py",
    "test_clock.py",
    "test_clock_back.py",
    "test_customers_closing.py",
    "test_customers_desks.py",
    "test_act_files.py",
    "test_forged_receipts.py",
    "test_hand_edits.py",
    "test_histories.py",
    "test_ledger_proof.py",
    "test_limits.py",
    "test_limits_at_once.py",
    "test_new_terms.py",
    "test_many_desks.py",
    "test_nights.py",
    "test_outside.py",
    "test_people.py",
    "test_posting.py",
    "test_receipts.py",
    "test_refunds.py",
    "test_replaced_lives.py",
    "test_sale_edits.py",
    "test_sale_steps.py",
    "test_sales.py",
    "test_search.py",
    "test_shifts.py",
    "test_statistics.py",
    "test_suspects.py",
    "test_tariffs.py",
    "test_voids.py",
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving_postgresql() as address:
        yield address


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [*ALWAYS, *(pytest.param(name, marks=pytest.mark.postgresql) for name in OTHERS)]
)
def test_the_same_on_postgresql(
    url: str, name: str, record_property: Callable[[str, object], None]
) -> None:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    own = new_database(url, name.removesuffix(".py"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", str(Path(__file__).with_name(name))],
        cwd=ROOT,
        env=kept | {"DIANKA_DATABASE": own},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    record_property("figure", f"{name} on PostgreSQL: {done.stdout.strip().splitlines()[-1]}")
