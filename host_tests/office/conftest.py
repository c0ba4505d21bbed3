"""The office of this process, and a test's own transaction in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from office_kit import new_office


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what commits to the office last: other tests find it as it was founded."""

    def commits(item: pytest.Item) -> bool:
        names = getattr(item, "fixturenames", ())
        return "office_folder" in names and not {"office", "web"} & set(names)

    items.sort(key=commits)


@pytest.fixture(scope="session")
def office_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_office(tmp_path_factory.mktemp("office"))


@pytest.fixture
def office(office_folder: Path) -> Iterator[Path]:
    """The office, as it was founded: what the test does in it is undone."""
    from django.db import transaction

    with transaction.atomic():
        yield office_folder
        transaction.set_rollback(True)
