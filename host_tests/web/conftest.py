"""The office of this process in a browser: a test's own transaction, and the pages over it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import cards_kit
from browser_kit import open_browser
from clerk_kit import Counter
from desk_stage import DeskStage
from keyboard_kit import Clerk, open_desk
from office_kit import new_office
from web_kit import Desk, Web, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CUSTOMERS = 70  # with a card, at the stage of a file of browser tests


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


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskStage]:
    stage = DeskStage(tmp_path_factory.mktemp("stage"), CUSTOMERS)
    stage.start()
    yield stage
    stage.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def clerk(stage: DeskStage, browser: "Browser") -> Iterator[Clerk]:
    with open_desk(stage, browser) as clerk:
        clerk.sign_in()
        clerk.page.wait_for_url("**/counter")
        yield clerk
        assert clerk.said == [], "the browser complains"
