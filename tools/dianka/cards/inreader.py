"""Work with cards that this process has not opened itself: telling what sits in a reader before anything is written to it."""

from dianka.cards import issue, keys, kinds
from dianka.cards.core import OK
from dianka.cards.files import cardfiles
from dianka.cards.port import CardError, CardPort, command, select_card
from dianka.cards.readers.base import Held

_READ_INFO = bytes.fromhex("00 B0 81 00 00")
_KINDS = {kinds.USER: "user", kinds.INIT: "initialisation", kinds.KEYS: "master-key change"}


def must_be_control(held: Held) -> None:
    """CardError unless this is a system control card: none but that derives from the public set for whoever asks."""
    held.port.power_on()
    _, sw = held.port.process(command(f"80FA00{keys.PUBLIC | keys.IDENTITY:02X}", keys.NO_FACTOR))
    if sw != OK:
        raise CardError(f"{held.name} is no system control card: choose another with --control")


def make_in_reader(control: CardPort, card: CardPort, kind: str, data: issue.UserData | issue.InitData | int) -> bytes:
    """The blank card in a reader becomes a card of this kind. Returns its serial."""
    serial = select_card(card)
    _must_be_blank(card, kind)
    if isinstance(data, issue.UserData):
        issue.make_user(control, card, data)
    elif isinstance(data, issue.InitData):
        issue.make_init(control, card, data)
    else:
        issue.make_keys(control, card, data)
    return serial


def _must_be_blank(card: CardPort, kind: str) -> None:
    """Keys once loaded are there for good, so look before: a chip of this kind, with nothing in file 01."""
    info, sw = card.process(_READ_INFO)
    if sw != OK or len(info) != kinds.ALL[kind].files[cardfiles.CARD_INFO].size:
        raise CardError(f"this is no blank {_KINDS[kind]} card: take one")
    if any(info):
        raise CardError("this card is issued already: take a blank one")
