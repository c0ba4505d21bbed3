"""The office of this process in a browser: a test's own transaction, and the pages over it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import cards_kit
from clerk_kit import Counter
from office_kit import new_office
from web_kit import Desk, Web, opened


@pytest.fixture(scope="session")
def office_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_office(tmp_path_factory.mktemp("office"))


@pytest.fixture
def web(office_folder: Path) -> Iterator[Web]:
    """The pages of desk1; what the test does in the office is undone."""
    from django.db import transaction

    with transaction.atomic(), opened() as web:
        yield web
        transaction.set_rollback(True)


@pytest.fixture
def desk(web: Web, office_folder: Path, tmp_path: Path) -> Desk:
    """The readers of desk1: two folders, the control card in one of them."""
    return Desk(office_folder, tmp_path, cards_kit.control_card())


@pytest.fixture
def counter(web: Web, desk: Desk) -> Counter:
    """A clerk in his shift, with a customer's card in the reader."""
    return Counter(web, desk)
