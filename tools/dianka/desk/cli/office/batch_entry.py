"""What the register is told of one card of a batch that the command line makes."""

from typing import TYPE_CHECKING

from dianka.desk.cli.plain import report_database
from dianka.desk.cli.registered import Entry

if TYPE_CHECKING:
    from dianka.desk.office.cards.models import BatchItem
    from dianka.desk.office.people.rights import Actor


class ItemEntry(Entry):
    """What the register is told of one card of a batch."""

    def __init__(self, actor: "Actor", item: "BatchItem") -> None:
        from dianka.desk.office.cards.batch_plans import plan_making

        super().__init__(actor, plan_making(item))
        self._item = item

    def begin(self, serial: bytes) -> None:
        """Enter the chip, and that it is this item's."""
        from dianka.desk.office.cards import batches

        with report_database():
            batches.begin_item(self.actor, self._item, serial, self.making)
