"""The next card of a batch, made of the chip in the reader or counted as received.

A card that is none for this batch costs no item its turn: it is refused, and the next chip is tried
for the same item. What fails with a chip that is right stands at its item, and is tried again when
no open one is left.
"""

from dataclasses import dataclass
from pathlib import Path

from dianka.card_port import CardError, CardPort, serial_of
from dianka.cardos.chip import CardTorn
from dianka.desk.in_reader import is_blank
from dianka.desk.office.cards import batches, register
from dianka.desk.office.cards.batch_plans import plan_make, plan_making
from dianka.desk.office.cards.making import make_entered
from dianka.desk.office.cards.models import Batch, BatchItem
from dianka.desk.office.people.rights import Actor, needs


@dataclass(frozen=True)
class Tried:
    """What became of a chip: the place of its item, and why that failed, or nothing."""

    place: int
    serial: str
    error: str = ""
    is_new: bool = True  # not a card that was made or counted before


@needs("make cards")
def make_next(
    actor: Actor, control: CardPort, chip: CardPort, batch: Batch, folder: Path, after: int = 0
) -> Tried:
    """Make the chip that is in the card of the item whose turn it is.

    `after` is the place of the item that was tried last. CardError if the chip is none for this
    batch, or nothing is left to make.
    """
    serial = serial_of(chip.power_on())
    if known := batches.find_done(batch, serial.hex()):
        return Tried(known.place, serial.hex(), is_new=False)
    item = batches.find_next(batch, serial.hex(), after)
    if not _is_begun(item, serial) and not is_blank(chip, batch.kind):
        raise _refuse(serial, batch.kind)
    try:
        make = plan_make(item, folder)
        making = plan_making(item)
        make_entered(
            actor,
            control,
            chip,
            making,
            lambda begun: batches.begin_item(actor, item, begun, making),
            lambda card: make(control, card),
        )
        batches.note_done(item)
    except (CardError, CardTorn) as error:
        batches.note_failed(item, str(error))
        return Tried(item.place, serial.hex(), str(error))
    return Tried(item.place, serial.hex())


@needs("make cards")
def receive_next(actor: Actor, chip: CardPort, batch: Batch) -> Tried:
    """Count the blank chip that is in; CardError if it is none, or the register has it."""
    serial = serial_of(chip.power_on())
    if known := batches.find_done(batch, serial.hex()):
        return Tried(known.place, serial.hex(), is_new=False)
    item = batches.find_next(batch, serial.hex())
    batches.receive_item(actor, item, find_blank(chip, batch.kind))
    return Tried(item.place, serial.hex())


def find_blank(port: CardPort, kind: str) -> bytes:
    """Return the serial of a blank chip of this kind; CardError for any other card."""
    serial = serial_of(port.power_on())
    if not is_blank(port, kind):
        raise _refuse(serial, kind)
    return serial


def _is_begun(item: BatchItem, serial: bytes) -> bool:
    return register.is_begun(serial, plan_making(item))


def _refuse(serial: bytes, kind: str) -> CardError:
    return CardError(f"card {serial.hex()} is no blank {kind} card: put it aside")
