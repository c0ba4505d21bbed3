"""The pages once more on a PostgreSQL of their own, and a desk's server that shares connections."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from desk_stage import DeskStage, Plain
from dianka.firmware import ROOT
from postgresql_kit import new_database, serving_postgresql

FILES = (
    "test_counter.py",
    "test_counter_broken.py",
    "test_receipt_pages.py",
    "test_every_address.py",
    "test_sign_in.py",
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving_postgresql() as address:
        yield address


@pytest.mark.postgresql
@pytest.mark.parametrize("name", FILES)
def test_the_same_on_postgresql(
    url: str, name: str, record_property: Callable[[str, object], None]
) -> None:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    own = new_database(url, f"web_{name.removesuffix('.py')}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", str(Path(__file__).with_name(name))],
        cwd=ROOT,
        env=kept | {"DIANKA_DATABASE": own},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    record_property("figure", f"{name} on PostgreSQL: {done.stdout.strip().splitlines()[-1]}")


@pytest.mark.postgresql
def test_a_desk_on_postgresql_sells_and_survives_a_restarted_server(
    url: str, tmp_path: Path
) -> None:
    import psycopg

    own = new_database(url, "web_desk")
    stage = DeskStage(tmp_path, 2, own)
    stage.start()
    try:
        clerk = Plain(stage)
        clerk.sign_in()
        stage.put_in(0)
        assert clerk.open("/counter") == 200 and stage.names[0] in clerk.text
        assert clerk.send("/counter/sell", amount="12.50") == 200
        assert "Sold: 12.50 yuan" in clerk.text
        with psycopg.connect(own, autocommit=True) as connection:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> "
            connection.execute(others + "pg_backend_pid() AND datname = current_database()")
        stage.take_out()
        stage.put_in(1)
        found = [clerk.open("/counter") for _ in range(3)]
        assert set(found) <= {200, 503} and found[-1] == 200, found
        assert stage.names[1] in clerk.text
    finally:
        assert "Traceback" not in stage.stop()
