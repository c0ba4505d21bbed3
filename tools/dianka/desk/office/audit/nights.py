"""The nights: acts in a chain of the office's own, each of which ties the chains of all desks.

The detail of such an act is the checkpoint of a proof that found nothing: how far each chain went,
what was proved up to there, and which night was the last that proved it from the first entry on. It
is covered by the act's hash, and can't be changed unseen more than any other act. A night's file
outside (files.py) shows that the whole was not made anew.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dianka.card_port import CardError
from dianka.desk.office import server
from dianka.desk.office.audit import chain
from dianka.desk.office.audit.links import Head, find_different
from dianka.desk.office.audit.models import Act

OFFICE = f"{server.OWN}nights"
KIND = "night"
_FORM = 1


class NightError(CardError):
    """A night that can't be read, or not be tied. Nothing is done."""


@dataclass(frozen=True)
class Night:
    """What a night's act tells. `number` is the act's, in the office's chain."""

    number: int
    heads: tuple[Head, ...]
    series: Mapping[str, tuple[int, int]]  # by desk: the last numbers of sales and receipts
    proved: bytes  # SHA-256 over the sums of all accounts up to these heads
    sums_fen: Mapping[str, int] = field(default_factory=dict)  # by kind of account
    sales: int = 0  # posted since the night before
    sold_fen: int = 0
    whole: int = 0  # the last night, maybe this one, that proved from the first entry on
    remade: int = 0  # sums that were not as the night before had left them, and were made anew

    def encode(self) -> str:
        """Return the detail of the night's act."""
        told = {
            "form": _FORM,
            "heads": [[head.desk, head.length, head.hash.hex()] for head in self.heads],
            "series": [[desk, *numbers] for desk, numbers in sorted(self.series.items())],
            "proved": self.proved.hex(),
            "sums_fen": dict(sorted(self.sums_fen.items())),
            "sales": self.sales,
            "sold_fen": self.sold_fen,
            "whole": self.whole,
            "remade": self.remade,
        }
        return json.dumps(told, ensure_ascii=False)


def parse(number: int, detail: str) -> Night:
    """Return what a night's act tells. NightError if it is none, or of a newer version."""
    try:
        told = json.loads(detail)
        if told["form"] != _FORM:
            raise NightError(f"night {number} is of a newer version of dianka: install that one")
        return Night(
            number,
            tuple(Head(desk, int(length), bytes.fromhex(h)) for desk, length, h in told["heads"]),
            {desk: (int(sales), int(receipts)) for desk, sales, receipts in told["series"]},
            bytes.fromhex(told["proved"]),
            {kind: int(fen) for kind, fen in told["sums_fen"].items()},
            int(told["sales"]),
            int(told["sold_fen"]),
            int(told["whole"]),
            int(told["remade"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        raise NightError(f"night {number} can't be read: it was not written by dianka") from None


def read_last() -> Night | None:
    """Return the last night, None if there is none. NightError if it can't be read."""
    act = Act.objects.filter(chain__desk=OFFICE).order_by("number").last()
    return parse(act.number, act.detail) if act else None


def read(number: int) -> Night:
    """Return the night of this number, which is there. NightError if it can't be read."""
    act = Act.objects.get(chain__desk=OFFICE, number=number)
    return parse(act.number, act.detail)


def find_faults() -> Iterator[str]:
    """Yield one line for each chain that is not what a night has tied: the first such link."""
    tied: dict[str, dict[int, bytes]] = defaultdict(dict)
    by: dict[tuple[str, int], int] = {}
    for act in Act.objects.filter(chain__desk=OFFICE).order_by("number").iterator(100):
        for head in parse(act.number, act.detail).heads:
            tied[head.desk].setdefault(head.length, head.hash)
            by.setdefault((head.desk, head.length), act.number)
    for desk, links in sorted(tied.items()):
        for length in find_different(desk, links)[:1]:
            night = by[desk, length]
            yield f"audit chain of desk {desk}: act {length} is not the one that night {night} tied"


def tie(night: Night, operator: str) -> Act:
    """Append a night's act, for a caller whose transaction an error ends.

    NightError if another proof was first.
    """
    act = chain.append(OFFICE, operator, KIND, f"night {night.number}", night.encode())
    if act.number != night.number:
        raise NightError("another proof has tied the chains meanwhile: nothing is left to do")
    return act
