"""The daily proof: prove the books, and tie all chains in one act of the office's own chain.

A proof that finds anything changes nothing: the next one goes on from the last night that found
nothing. A night's act and the sums that it stands on are one transaction.
"""

from dataclasses import dataclass

from django.db import ProgrammingError, transaction

from dianka.card_port import CardError
from dianka.desk.office.audit import nights
from dianka.desk.office.audit.nights import Night
from dianka.desk.office.checking import Books, read_books
from dianka.desk.office.ledger import sums
from dianka.desk.office.one_view import be_patient

OPERATOR = "office"  # nobody signs in for a proof


@dataclass(frozen=True)
class Proof:
    """What a proof found, and the night that it left if that is nothing.

    `odd_sums` are what is wrong with the sums that were kept, which may be made anew; `faults` have
    them as well, unless that was done.
    """

    books: Books
    faults: list[str]
    odd_sums: list[str]
    night: Night | None


def prove(whole: bool = False, anew: bool = False) -> Proof:
    """Prove where each fen is, and tie the chains if each is where it should be.

    Daily: what has come since the last night. Whole: from the first entry on. Anew: the whole, and
    the sums that were kept, if somebody has changed them, are made anew from the entries.
    """
    books = read_books(whole or anew)
    odd_sums = books.compared.odd_sums
    faults = [*books.faults, *([] if anew else odd_sums)]
    return Proof(books, faults, odd_sums, None if faults else _tie(books))


def _tie(books: Books) -> Night:
    former, compared = books.former, books.compared
    number = 1 + next((head.length for head in books.heads if head.desk == nights.OFFICE), 0)
    night = Night(
        number=number,
        heads=tuple(books.heads),
        series=books.series,
        proved=compared.proved,
        sums_fen=compared.sums_fen,
        sales=books.sold.sales,
        sold_fen=books.sold.fen,
        whole=number if books.whole or not former else former.whole,
        remade=len(compared.odd_sums),
    )
    try:
        with transaction.atomic():
            be_patient()
            nights.tie(night, OPERATOR)  # its chain stays locked: nobody else keeps sums now
            sums.keep(night.heads)
    except ProgrammingError as error:
        raise CardError(
            f"this address of the database may not tie the chains ({str(error).splitlines()[0]}): "
            "prove at the office, with the owner's"
        ) from None
    return night
