"""The card process with a real pcscd: a counter's day, and calls that never come back."""

import threading
from collections.abc import Iterator

import pytest

import card_jobs_kit as jobs
from cards_kit import control_card, user_card
from dianka.card_port import CardError
from dianka.cardos.chip import CardTorn
from dianka.cardos.t0 import Tpdu
from dianka.desk.counter import read_resident_card, sell_to_resident
from dianka.desk.sell import KEEP_MONEY, SaleBroken
from dianka.readers import card_process
from dianka.readers.card_process import CardProcess, JobLostError
from dianka.readers.changes import EventKind
from dianka.readers.roles import Roles
from pcsc_kit import Readers, other_program
from watch_kit import Heard

LONG_S = 60  # for whatever is to be done at once, on a busy machine
ROLES = Roles("Test", "Test reader")  # two alike readers


class Counter(Heard):
    """A card process, and what it said of the readers."""

    def __init__(self, cards: CardProcess) -> None:
        super().__init__()
        self.cards = cards
        threading.Thread(target=lambda: self.events.extend(cards.events()), daemon=True).start()


@pytest.fixture
def counter(pcsc: Readers) -> Iterator[Counter]:
    with CardProcess() as cards:
        counter = Counter(cards)
        counter.expect(
            (EventKind.SERVICE_BACK, "the card service runs"),
            (EventKind.READER_CAME, pcsc.names[0]),
            (EventKind.READER_CAME, pcsc.names[1]),
        )
        yield counter


def test_a_sale_finds_its_cards_in_two_alike_readers(pcsc: Readers, counter: Counter) -> None:
    """The resident's card in either, beside another resident's card, then a control card."""
    control, cards = control_card(), counter.cards
    card = user_card(control)
    with pcsc.holding(1, Tpdu(card)):
        counter.expect((EventKind.CARD_IN, card.state.serial.hex()))
        assert cards.run(read_resident_card, ROLES, deadline_s=LONG_S).count == 0
        with pytest.raises(CardError, match="no control card in any reader: put it in"):
            cards.run(sell_to_resident, ROLES, 500, deadline_s=LONG_S)
        with pcsc.holding(0, Tpdu(user_card(control, 3))):
            for job, args in ((read_resident_card, ()), (sell_to_resident, (500,))):
                with pytest.raises(CardError, match=r"^two cards, in .* and .*: take one out$"):
                    cards.run(job, ROLES, *args, deadline_s=LONG_S)
        with pcsc.holding(0, Tpdu(control)):
            receipt = cards.run(sell_to_resident, ROLES, 500, deadline_s=LONG_S)
            assert (receipt.serial, receipt.amount_fen) == (card.state.serial, 500)
        assert cards.snapshot.seen[1].atr.endswith(card.state.serial)


class Pulled(Tpdu):
    """The card is pulled as it has taken the money, before its answer."""

    def exchange(self, tpdu: bytes) -> tuple[bytes, int]:
        answer = super().exchange(tpdu)
        if tpdu[:3] == bytes.fromhex("04D682"):
            raise CardTorn("pulled")
        return answer


def test_pulled_as_it_gets_the_money(pcsc: Readers, counter: Counter) -> None:
    """The asker gets the sale's own error, with its exit code; the same sale completes it."""
    control = control_card()
    card = user_card(control)
    with pcsc.holding(1, Tpdu(control)):
        counter.expect((EventKind.CARD_IN, pcsc.names[1]))
        with pcsc.holding(0, Pulled(card)), pytest.raises(SaleBroken, match=KEEP_MONEY) as caught:
            counter.cards.run(sell_to_resident, ROLES, 500, deadline_s=LONG_S)
        counter.expect((EventKind.CARD_IN, pcsc.names[0]), (EventKind.CARD_OUT, pcsc.names[0]))
        assert caught.value.exit_code == 3
        with pcsc.holding(0, Tpdu(card)):
            assert counter.cards.run(read_resident_card, ROLES, deadline_s=LONG_S).count == 1


class Silent(Tpdu):
    """Never answers a command, until it is told to."""

    def __init__(self) -> None:
        super().__init__(user_card(control_card()))
        self.told = threading.Event()

    def exchange(self, tpdu: bytes) -> tuple[bytes, int]:
        self.told.wait(LONG_S)
        return super().exchange(tpdu)


def test_a_card_that_never_answers_costs_its_job_and_no_other(
    pcsc: Readers, counter: Counter
) -> None:
    """No call of PC/SC comes back by itself here: the process has to be ended."""
    silent, cards = Silent(), counter.cards
    other = user_card(control_card())
    with pcsc.holding(1, Tpdu(other)), pcsc.holding(0, silent):
        with pytest.raises(JobLostError, match=r"did not answer within 0\.5 s: take the card out"):
            cards.run(jobs.read_serial, "reader:0", deadline_s=0.5)
        serial = cards.run(jobs.read_serial, "reader:1", deadline_s=LONG_S)
        assert serial == other.state.serial
        silent.told.set()
        assert cards.run(jobs.read_serial, "reader:0", deadline_s=LONG_S)


def test_the_card_service_hangs(
    pcsc: Readers, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card_process, "_SILENT_S", 1.5)
    with pcsc.service.standing_still():
        with pytest.raises(JobLostError, match="did not answer"):
            counter.cards.run(jobs.read_serial, "reader:0", deadline_s=0.2)
        counter.expect((EventKind.SERVICE_GONE, "the card service does not answer: restart it"))
    counter.expect(
        (EventKind.SERVICE_BACK, "runs"),
        (EventKind.READER_CAME, pcsc.names[0]),
        (EventKind.READER_CAME, pcsc.names[1]),
    )


def test_the_card_service_restarts(pcsc: Readers, counter: Counter) -> None:
    """And another program holds the card for a while."""
    pcsc.service.stop()
    counter.expect((EventKind.SERVICE_GONE, "start pcscd"))
    with pytest.raises(CardError, match="the card service does not run: start pcscd"):
        counter.cards.run(jobs.read_serial, "reader:0", deadline_s=LONG_S)
    pcsc.service.start()
    card = user_card(control_card())
    with pcsc.holding(0, Tpdu(card)):
        with other_program(pcsc.names[0]), pytest.raises(CardError, match="in use by another"):
            counter.cards.run(jobs.read_serial, "reader:0", deadline_s=LONG_S)
        serial = counter.cards.run(jobs.read_serial, "reader:0", deadline_s=LONG_S)
    assert serial == card.state.serial
