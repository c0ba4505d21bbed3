"""Our side of vpcd's link, against a reader played here.

Every message, in any pieces, and a reader that does not want us.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from cards_kit import control_card, user_card
from dianka.cardos.chip import CardTorn
from dianka.cardos.t0 import Tpdu
from dianka.readers import vpcd
from dianka.readers.vpcd import SlotError, VirtualSlot


class PlayedReader:
    """What vpcd does on its port."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(5)
        self.port = self.listener.getsockname()[1]
        self.link: socket.socket | None = None

    def say(self, body: bytes) -> None:
        assert self.link
        self.link.sendall(struct.pack(">H", len(body)))
        self.link.sendall(body)

    def hear(self) -> bytes:
        assert self.link
        return self._exactly(*struct.unpack(">H", self._exactly(2)))

    def ask(self, body: str) -> str:
        self.say(bytes.fromhex(body))
        return self.hear().hex()

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.link.recv(count - len(data))
            assert piece, "the card is out"
            data += piece
        return data

    @contextlib.contextmanager
    def with_card(self, engine: Tpdu) -> Iterator[VirtualSlot]:
        slot = VirtualSlot(engine, self.port)
        thread = threading.Thread(target=lambda: (slot.insert(), slot.serve()), daemon=True)
        thread.start()
        self.link, _ = self.listener.accept()
        self.link.settimeout(5)
        try:
            yield slot
        finally:
            self.link.close()
            thread.join(5)
            assert not thread.is_alive()


@pytest.fixture
def reader() -> Iterator[PlayedReader]:
    played = PlayedReader()
    yield played
    played.listener.close()


def test_power_atr_and_commands(reader: PlayedReader) -> None:
    chip = user_card(control_card())
    atr = "3b69000041" + chip.state.serial.hex()
    with reader.with_card(Tpdu(chip)) as slot:
        assert reader.ask("04") == atr
        reader.say(b"\x01")
        assert reader.ask("04") == atr
        assert reader.ask("00A4000002DF01") == "9000"
        assert reader.ask("00B0810000") == "6c2d"
        reader.say(b"\x07")  # no such control: nothing happens
        assert reader.ask("00B0810004") == "680100279000"
        assert reader.ask("0088000108" + "00" * 8) == "6108"
        assert len(reader.ask("00C0000008")) == 20
        reader.say(b"\x02")  # a reset: back to the master file
        assert reader.ask("00B0810004") == "6a82"
        for nonsense in ("", "00A4", "00A400", "00A40000", "00A4000000", "FF" * 300):
            assert reader.ask(nonsense)[:1] == "6"
        assert slot.commands == 12
        reader.say(b"\x00")
        assert reader.ask("04") == atr


def test_a_command_in_single_bytes(reader: PlayedReader) -> None:
    with reader.with_card(Tpdu(user_card(control_card()))):
        reader.say(b"\x04")
        reader.hear()
        reader.say(b"\x01")
        for byte in bytes.fromhex("000700A4000002DF01"):
            reader.link.sendall(bytes((byte,)))
        assert reader.hear() == b"\x90\x00"


class Falling(Tpdu):
    """Loses its power at the first command."""

    def exchange(self, tpdu: bytes) -> tuple[bytes, int]:
        raise CardTorn("power lost")


@pytest.mark.parametrize("engine", [Tpdu, Falling])
def test_a_card_without_power_is_out(reader: PlayedReader, engine: type[Tpdu]) -> None:
    with reader.with_card(engine(user_card(control_card()))):
        reader.say(b"\x04")
        reader.hear()
        reader.say(bytes.fromhex("00A4000002DF01"))
        assert reader.link.recv(1) == b""


def test_refused_in_one_line(reader: PlayedReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vpcd, "GREETING_S", 0.05)
    slot = VirtualSlot(Tpdu(control_card()), reader.port)
    with pytest.raises(SlotError, match="pull the other one out first"):
        slot.insert()  # vpcd leaves a second card waiting: no word from it
    reader.listener.close()
    with pytest.raises(SlotError, match="start pcscd"):
        slot.insert()


def test_another_service_on_the_port(reader: PlayedReader) -> None:
    slot = VirtualSlot(Tpdu(control_card()), reader.port)
    caught: list[str] = []

    def insert() -> None:
        try:
            slot.insert()
        except SlotError as error:
            caught.append(str(error))

    thread = threading.Thread(target=insert)
    thread.start()
    reader.listener.accept()[0].close()
    thread.join(5)
    assert "no virtual reader" in caught[0]
