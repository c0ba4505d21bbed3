"""The desk as processes, without a browser: plain HTTP is enough, and a card process that dies."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from desk_stage import DeskStage, Plain
from dianka.cardos.image import CardFile
from dianka.cardos.t0 import Tpdu
from pcsc_kit import Readers

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux' /proc")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskStage]:
    stage = DeskStage(tmp_path_factory.mktemp("stage"), 6)
    stage.start()
    yield stage
    stage.stop()


@pytest.fixture
def clerk(stage: DeskStage) -> Iterator[Plain]:
    stage.empty()
    clerk = Plain(stage)
    clerk.sign_in()
    yield clerk
    stage.empty()


@pytest.mark.slow
def test_a_sale_without_any_script(stage: DeskStage, clerk: Plain) -> None:
    before = len(stage.list_sales())
    stage.put_in(0)
    assert clerk.open("/counter") == 200 and stage.names[0] in clerk.text
    assert clerk.send("/counter/sell", amount="12.50", tendered="20") == 200
    assert "Sold: 12.50 yuan" in clerk.text and "Change to give back: 7.50 yuan" in clerk.text
    assert stage.list_sales()[before:] == [(1250, "written")]


def test_a_card_process_that_was_killed_is_there_again(stage: DeskStage, clerk: Plain) -> None:
    stage.put_in(1)
    assert clerk.open("/counter") == 200 and stage.names[1] in clerk.text
    former = stage.find_card_process()
    os.kill(former, signal.SIGKILL)
    assert clerk.open("/counter") == 200
    if stage.names[1] not in clerk.text:  # the job met the end of the process
        assert "take the card out, put it in again" in clerk.text
        assert clerk.open("/counter") == 200 and stage.names[1] in clerk.text
    assert stage.find_card_process() != former


def test_a_card_process_that_dies_in_a_sale_leaves_one_sale(stage: DeskStage, clerk: Plain) -> None:
    before = len(stage.list_sales())
    stage.put_in(2)
    clerk.open("/counter")
    told: list[int] = []
    with stage.locked():
        selling = threading.Thread(
            target=lambda: told.append(clerk.send("/counter/sell", amount="5"))
        )
        selling.start()
        stage.await_card_in_use()
        os.kill(stage.find_card_process(), signal.SIGKILL)
    selling.join(180)
    assert told == [409] and "the card process ended" in clerk.text
    clerk.open("/counter")
    if 'action="/counter/sell"' in clerk.page:
        clerk.send("/counter/sell", amount="5")
    states = [state for _, state in stage.list_sales()[before:]]
    assert states.count("written") == 1 and set(states) <= {"written", "void"}


@pytest.mark.slow
def test_a_card_process_that_hangs_is_ended_and_started_again(
    stage: DeskStage, clerk: Plain
) -> None:
    stage.put_in(3)
    assert clerk.open("/counter") == 200
    hanging = stage.find_card_process()
    os.kill(hanging, signal.SIGSTOP)
    assert clerk.open("/counter") == 200
    assert stage.find_card_process() != hanging
    if stage.names[3] not in clerk.text:
        assert clerk.open("/counter") == 200
    assert stage.names[3] in clerk.text


def test_no_password_pin_or_token_is_in_what_the_desk_prints(
    stage: DeskStage, clerk: Plain
) -> None:
    clerk.open("/sign-in")
    clerk.send("/sign-in", name="zhao", password="a wrong secret")
    stage.put_in(4)
    for address in ("/counter", "/static/desk.css", "/none", "/counter/sale/1/receipt.pdf"):
        clerk.open(address)
    said = stage.stop()
    stage.start()
    assert said == ""


@pytest.mark.slow
def test_readers_on_pcsc_however_they_are_plugged_in(
    tmp_path: Path, pcsc: Readers, record_property: Callable[[str, object], None]
) -> None:
    """The resident's card in either of two alike readers; then the service is started again."""
    stage = DeskStage(tmp_path, 2)
    with (
        CardFile.open(stage.tray / "0.card") as resident,
        CardFile.open(stage.control_slot / "control.card") as control,
    ):
        stage.start("--control", "Test reader")  # either of them
        try:
            clerk = Plain(stage)
            clerk.sign_in()
            with pcsc.holding(0, Tpdu(resident.chip)), pcsc.holding(1, Tpdu(control.chip)):
                clerk.await_text("/counter", stage.names[0])
                clerk.send("/counter/sell", amount="12.50")
                assert "Sold: 12.50 yuan" in clerk.text, clerk.text
            with pcsc.holding(1, Tpdu(resident.chip)), pcsc.holding(0, Tpdu(control.chip)):
                clerk.await_text("/counter", "has not been in its meter")
            pcsc.service.stop()
            clerk.await_text("/counter", "the card service does not run")
            pcsc.service.start()
            with pcsc.holding(0, Tpdu(resident.chip)), pcsc.holding(1, Tpdu(control.chip)):
                clerk.await_text("/counter", "has not been in its meter")
        finally:
            assert "Traceback" not in stage.stop()
    assert stage.list_sales() == [(1250, "written")]
    record_property("figure", "a desk's pages sold through pcscd and two virtual readers")
