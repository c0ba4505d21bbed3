"""Verify the chains of acts: from their first act on, or from heads that are known to be right.

Read in one view (one_view.py), so no desk waits for it, and no act is read without the others.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from dianka.desk.office.audit.chain import START, encode
from dianka.desk.office.audit.models import Act, Chain

_ACTS = 2000  # read at once
_NUMBERS = 500  # in a statement


@dataclass(frozen=True)
class Head:
    """A chain up to one of its acts: that act's number and hash."""

    desk: str
    length: int
    hash: bytes


def read_heads() -> list[Head]:
    """Return the heads of all chains, by their desks."""
    rows = Chain.objects.order_by("desk").values_list("desk", "length", "head")
    return [Head(desk, length, bytes(head)) for desk, length, head in rows]


def find_faults(since: Iterable[Head] = ()) -> Iterator[str]:
    """Yield one line for each chain that is not whole: its first broken link.

    A chain that `since` has a head of is verified from there on; that head must be in it.
    """
    starts = {head.desk: head for head in since}
    for chain in Chain.objects.order_by("desk"):
        fault = find_fault(chain, starts.pop(chain.desk, None))
        if fault:
            yield f"audit chain of desk {chain.desk}: {fault}"
    for desk, head in sorted(starts.items()):
        yield f"audit chain of desk {desk}: it is gone, and had {head.length} acts"


def find_fault(chain: Chain, start: Head | None = None) -> str:
    """Return the first broken link of a chain, or an empty text."""
    number, former = (start.length, start.hash) if start else (0, START)
    if number and not is_there(chain, number, former):
        return f"act {number} is not the one that was there when the chains were tied"
    for act in list_acts(chain, number):
        number += 1
        act.chain = chain
        if act.number != number:
            return f"act {number} is missing"
        if bytes(act.hash) != hashlib.sha256(encode(act, former)).digest():
            return f"act {number} ({act.kind}, {act.subject}) is not as it was written"
        former = bytes(act.hash)
    if (chain.length, bytes(chain.head)) != (number, former):
        return f"{number} acts are there, the chain's head tells {chain.length}"
    return ""


def is_there(chain: Chain, number: int, expected: bytes) -> bool:
    """Return whether the chain's act of this number has this hash."""
    found = Act.objects.filter(chain=chain, number=number).values_list("hash", flat=True).first()
    return found is not None and bytes(found) == expected


def list_acts(chain: Chain, after: int, last: int | None = None) -> Iterator[Act]:
    """Yield the acts after a number and up to another, some at a time: years fill no memory."""
    acts = Act.objects.filter(chain=chain).order_by("number")
    if last is not None:
        acts = acts.filter(number__lte=last)
    some = list((acts.filter(number__gt=after) if after else acts)[:_ACTS])
    while some:
        yield from some
        some = list(acts.filter(number__gt=some[-1].number)[:_ACTS])


def find_different(desk: str, links: Mapping[int, bytes]) -> list[int]:
    """Return by number which acts of a desk's chain have not these hashes, or are not there."""
    numbers, there = sorted(links), {0: START}
    for at in range(0, len(numbers), _NUMBERS):
        rows = Act.objects.filter(chain__desk=desk, number__in=numbers[at : at + _NUMBERS])
        there |= {number: bytes(hashed) for number, hashed in rows.values_list("number", "hash")}
    return [number for number in numbers if there.get(number) != links[number]]
