"""The next card of a batch: a job for the card process, as jobs.py has them."""

from typing import TYPE_CHECKING

from dianka.desk import counter as cards
from dianka.desk.web.jobs import Work, working

if TYPE_CHECKING:
    from dianka.desk.office.cards.batch_making import Tried


def make_next(work: Work, number: int, after: int) -> "Tried":
    """Make, or count, the chip that is in as the next card of this batch."""
    with working(work):
        from dianka.desk.office.cards import batch_making, batches

        batch = batches.find_batch(number)
        if batch.received:
            with cards.hold_resident(work.roles) as held:
                return batch_making.receive_next(work.actor, held.port, batch)
        with cards.hold_cards(work.roles, work.pin) as (control, held):
            where = work.actor, control.port, held.port
            return batch_making.make_next(*where, batch, work.folder, after)
