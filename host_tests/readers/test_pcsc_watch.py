"""The watcher on a real pcscd: what happens to readers in a day, each found again and said once."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from cards_kit import control_card, user_card
from dianka.cardos.chip import CardTorn
from dianka.cardos.t0 import Tpdu
from dianka.readers import find_reader
from dianka.readers.changes import NO_SNAPSHOT, EventKind, compare_snapshots
from dianka.readers.vpcd import VirtualSlot
from dianka.readers.watch import Watcher, read_clock_ms
from pcsc_kit import Readers, other_program, until
from watch_kit import Heard

WAIT_MS, STILL_MS = 200, 1000


class Listening(Heard):
    """A watcher in a thread of its own, and what it said."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        watcher, before = Watcher(WAIT_MS, STILL_MS), NO_SNAPSHOT
        while not self._ended.is_set():
            snapshot = watcher.take_snapshot()
            self.looks += 1
            self.events += compare_snapshots(before, snapshot)
            before = snapshot
        watcher.close()

    @contextlib.contextmanager
    def running(self) -> Iterator["Listening"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            self._thread.join(10)
            assert not self._thread.is_alive()


@pytest.fixture
def day(pcsc: Readers) -> Iterator[Listening]:
    with Listening().running() as day:
        day.expect(
            (EventKind.SERVICE_BACK, "the card service runs"),
            (EventKind.READER_CAME, pcsc.names[0]),
            (EventKind.READER_CAME, pcsc.names[1]),
        )
        yield day


def test_cards_in_and_out_of_two_readers(pcsc: Readers, day: Listening) -> None:
    card, control = user_card(control_card()), control_card()
    with pcsc.holding(0, Tpdu(card)):
        day.expect((EventKind.CARD_IN, f"{pcsc.names[0]}: electricity meter card"))
        assert day.events[-1].atr.endswith(card.state.serial)
        with pcsc.holding(1, Tpdu(control)):
            day.expect((EventKind.CARD_IN, control.state.serial.hex()))
        day.expect((EventKind.CARD_OUT, pcsc.names[1]))
    day.expect((EventKind.CARD_OUT, pcsc.names[0]))


def restart(pcsc: Readers, day: Listening, name: str) -> None:
    """Stop the service, see that it is looked for, in no hurry, and start it with such readers."""
    pcsc.service.stop()
    day.expect((EventKind.SERVICE_GONE, "the card service does not run: start pcscd"))
    before, began_ms = day.looks, read_clock_ms()
    until(lambda: day.looks >= before + 4, "it gave up")
    assert read_clock_ms() - began_ms >= 2 * WAIT_MS, "it tries without growing pauses"
    pcsc.service.start(name)


def test_the_service_stops_and_comes_back_with_other_readers(pcsc: Readers, day: Listening) -> None:
    """Readers unplugged and plugged in again, as far as serial ones can be: over a restart."""
    restart(pcsc, day, "")
    day.expect((EventKind.SERVICE_BACK, "there is no card reader: plug one in"))
    restart(pcsc, day, "Other reader")
    day.expect(
        (EventKind.SERVICE_BACK, "runs"),
        (EventKind.READER_CAME, "Other reader 00 00"),
        (EventKind.READER_CAME, "Other reader 00 01"),
    )


def test_a_card_exchanged_while_nobody_looked(pcsc: Readers) -> None:
    card, watcher = Tpdu(user_card(control_card())), Watcher(WAIT_MS, STILL_MS)
    with contextlib.closing(watcher):
        with pcsc.holding(0, card):
            before = watcher.take_snapshot()
        with pcsc.holding(0, card):
            said = [event.kind for event in compare_snapshots(before, watcher.take_snapshot())]
    assert said == [EventKind.CARD_OUT, EventKind.CARD_IN]


def test_the_pc_sleeps(pcsc: Readers, day: Listening) -> None:
    """All stands still for longer than a wait may take: cards may be others since."""
    with pcsc.holding(0, Tpdu(user_card(control_card()))):
        day.expect((EventKind.CARD_IN, pcsc.names[0]))
        with pcsc.service.standing_still():
            time.sleep((2 * WAIT_MS + STILL_MS) / 1000)
        day.expect((EventKind.AWAKE, "slept"), (EventKind.CARD_IN, pcsc.names[0]))
        day.expect()


def test_another_program_holds_the_card(pcsc: Readers, day: Listening) -> None:
    """Said when it lasts; never of what this process holds itself."""
    with pcsc.holding(0, Tpdu(user_card(control_card()))):
        day.expect((EventKind.CARD_IN, pcsc.names[0]))
        with find_reader("reader:0").connect():
            time.sleep(4 * WAIT_MS / 1000)
        day.expect()
        with other_program(pcsc.names[0], "SCARD_SHARE_SHARED"):
            day.expect((EventKind.IN_USE, "in use by another program: close that first"))
        day.expect((EventKind.FREE, pcsc.names[0]))


class MuteSlot(VirtualSlot):
    """A chip that loses its contacts as it gets power: pcscd hears nothing from it."""

    def _answer(self, link: socket.socket, body: bytes) -> None:
        if body == b"\1":
            raise CardTorn("power lost")
        super()._answer(link, body)


def test_a_mute_card(pcsc: Readers, day: Listening) -> None:
    slot = MuteSlot(Tpdu(user_card(control_card())), pcsc.ports[0])
    slot.insert()
    thread = threading.Thread(target=slot.serve, daemon=True)
    thread.start()
    day.expect(
        (EventKind.CARD_MUTE, "does not answer: turn it round"),
        (EventKind.CARD_OUT, pcsc.names[0]),
    )
    thread.join(10)
