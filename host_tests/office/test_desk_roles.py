"""A desk's own role of the database: it sells all day, and rewrites nothing."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from estate_kit import make_actor
from postgresql_kit import new_database, serving_postgresql
from roles_kit import CHECKING, FOUNDING, PROVING, REFUSED, REWRITING, SELLING, run


@pytest.fixture(scope="module")
def owner_url() -> Iterator[str]:
    with serving_postgresql() as url:
        yield new_database(url, "roles")


@pytest.fixture(scope="module")
def founded(owner_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """An office, and the addresses of the database for its two desks."""
    folder = tmp_path_factory.mktemp("roles") / "office"
    return folder, run(FOUNDING, folder, owner_url)


@pytest.mark.slow
def test_a_desk_works_all_day_with_its_role(
    owner_url: str, founded: tuple[Path, list[str]]
) -> None:
    """And what it has written can be added to, and not rewritten, by who has its password."""
    folder, (address, _) = founded
    assert address.startswith("postgresql://roles_desk_1:") and "/roles?" in address
    *copies, sums = run(SELLING, folder, address)
    assert copies == ["售电收据 副本 1"] * 4
    assert sums == [22_000, 22_000]
    said = run(REWRITING, folder, address, json.dumps(list(REFUSED)))
    for (statement, wanted), line in zip(REFUSED.items(), said, strict=True):
        assert wanted in line, statement
    assert run(CHECKING, folder, owner_url) == []


def test_a_desk_ties_no_chains(owner_url: str, founded: tuple[Path, list[str]]) -> None:
    """It may prove what is there, and no proof of its own is believed by the next one."""
    folder, (address, _) = founded
    line, last = run(PROVING, folder, address)
    assert line.startswith("this address of the database may not tie the chains (a desk does not")
    assert "\n" not in line and last is None
    assert run(PROVING, folder, owner_url) == [[[], 1], 1]
    assert run(PROVING, folder, address)[1] == 1


def test_a_desk_makes_no_roles(founded: tuple[Path, list[str]]) -> None:
    folder, (address, _) = founded
    making = """
from dianka.desk.office.opening import open_office
open_office(folder)
from dianka.card_port import CardError
from dianka.desk.office.vending import desk_roles
from estate_kit import make_actor
try:
    said.append(desk_roles.make_role(make_actor("manager"), "desk2"))
except CardError as error:
    said.append(str(error))
"""
    (line,) = run(making, folder, address)
    assert "this address of the database may not make roles" in line and "\n" not in line


def test_an_office_of_one_file_has_no_roles(office: Path) -> None:
    from dianka.card_port import CardError
    from dianka.desk.office.vending import desk_roles

    with pytest.raises(CardError, match="roles are for an office on PostgreSQL"):
        desk_roles.make_role(make_actor("manager"), "desk1")


def test_a_new_password_ends_the_former_one_and_a_closed_desk_ends_all(
    owner_url: str, founded: tuple[Path, list[str]]
) -> None:
    folder, (_, former) = founded
    verifier = "SELECT rolpassword FROM pg_authid WHERE rolname = 'roles_desk_2'"
    again = """
from dianka.desk.office.opening import open_office
open_office(folder)
from dianka.desk.office.vending import desk_roles
from dianka.desk.office.vending import desk_list
from django.db import connection
from estate_kit import make_actor
manager = make_actor("manager")
with connection.cursor() as cursor:
    cursor.execute(words[0])
    before = cursor.fetchone()
    said.append(desk_roles.make_role(manager, "desk2"))
    cursor.execute(words[0])
    said.append([before != cursor.fetchone(), before[0][:14]])
desk_list.close_desk(manager, "desk2")
"""
    address, verifiers = run(again, folder, owner_url, verifier)
    assert address != former and verifiers == [True, "SCRAM-SHA-256$"]
    with pytest.raises(AssertionError, match="not permitted to log in"):
        run(CHECKING, folder, address)
