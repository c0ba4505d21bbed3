"""A card that others touch, reset or take away with the whole service, through a real pcscd."""

import contextlib
import signal
import threading

import pytest

from cards_kit import control_card, user_card
from dianka.card_port import select_card
from dianka.cardos.chip import CardTorn, Chip
from dianka.cardos.t0 import Tpdu
from dianka.desk.sell import KEEP_MONEY, NOTHING_SENT, SaleBroken, SaleError, read_user_card, sell
from dianka.readers import find_reader
from dianka.readers.pcsc import PcscPort
from pcsc_kit import Readers, Service, other_program

CHALLENGE = bytes.fromhex("00 84 00 00 04")


def test_a_card_that_is_in_use_for_a_moment_is_waited_for(pcsc: Readers) -> None:
    with pcsc.holding(0, Tpdu(user_card(control_card()))), contextlib.ExitStack() as other:
        other.enter_context(other_program(pcsc.names[0]))
        free = threading.Timer(0.4, other.pop_all().close)
        free.start()
        with find_reader("reader:0").connect() as held:
            assert select_card(held.port)
        free.join()


def test_a_card_that_another_program_reset_is_torn_and_works_from_the_start(
    pcsc: Readers,
) -> None:
    """Only a card that is shared can be reset by others. Windows resets an exclusive one too."""
    shared, name = "SCARD_SHARE_SHARED", pcsc.names[0]
    with (
        pcsc.holding(0, Tpdu(user_card(control_card()))),
        other_program(name, shared) as (context, card),
        other_program(name, shared) as (_, others),
    ):
        port = PcscPort(context, name, card)
        scard = context.scard
        assert port.process(CHALLENGE)[1] == 0x9000
        how = scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T0, scard.SCARD_RESET_CARD
        assert scard.SCardReconnect(others, *how)[0] == 0
        for _ in range(2):  # however often it is tried
            with pytest.raises(CardTorn, match="another program reset the card") as caught:
                port.process(CHALLENGE)
            assert "\n" not in str(caught.value)
        scard.SCardDisconnect(others, scard.SCARD_LEAVE_CARD)
        assert select_card(port)  # a session begins with a reset of our own
        assert port.process(CHALLENGE)[1] == 0x9000


class Ending(Tpdu):
    """The card service is killed while a command that begins so is at the card."""

    def __init__(self, chip: Chip, begins: str, service: Service) -> None:
        super().__init__(chip)
        self.begins, self.service = bytes.fromhex(begins), service

    def exchange(self, tpdu: bytes) -> tuple[bytes, int]:
        if tpdu.startswith(self.begins):
            self.service.stop(signal.SIGKILL)
        return super().exchange(tpdu)


@pytest.mark.parametrize(("begins", "keep"), [("04D681", False), ("04D682", True)])
def test_the_service_ends_in_a_sale(pcsc: Readers, begins: str, keep: bool) -> None:
    """While the card takes its parameters, and while it takes the money."""
    control = control_card()
    card = user_card(control)
    slot = contextlib.ExitStack()
    slot.enter_context(pcsc.holding(0, Ending(card, begins, pcsc.service)))
    with find_reader("reader:0").connect() as held, pytest.raises(SaleError) as caught:
        sell(control, held.port, 500)
    said = str(caught.value)
    assert isinstance(caught.value, SaleBroken) is keep
    assert "\n" not in said and (KEEP_MONEY if keep else NOTHING_SENT) in said
    pcsc.service.start()
    slot.close()
    with pcsc.holding(0, Tpdu(card)), find_reader("reader:0").connect() as held:
        assert read_user_card(held.port).count == keep
