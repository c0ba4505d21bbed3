"""Find customers by any part of any word: name, initials, phone, place, meter, number, card.

Each customer has one line of words (SearchText), written by `refresh`; whoever changes a customer,
a contract, a meter's place or a card calls it in the same transaction. A word is letters and digits
alone, in lower case. An index (grams.py) finds the lines that hold all short pieces of what is
looked for; they are then compared with the words themselves. So one character finds the words that
begin with it, two or more the words that hold them anywhere.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator

from django.db import transaction

from dianka.card_port import CardError
from dianka.desk.office.cards.models import Card
from dianka.desk.office.customers.grams import MARK, find_lines, index_lines, rebuild_index
from dianka.desk.office.customers.models import Contract, Customer, SearchText

MOST_FOUND = 50
_MOST_WORDS = 8
_MOST_LETTERS = 40
_MOST_READINGS = 8  # of a name with characters that are read in several ways
_BATCH = 1000


def search(text: str) -> list[int]:
    """Return the ids of up to MOST_FOUND customers who have all words of this text, best first.

    Best is a number that is the text itself, then words that begin with it, then any part.
    """
    words = split_words(text)
    if not words or len(words) > _MOST_WORDS or max(map(len, words)) > _MOST_LETTERS:
        raise CardError(
            f"look for 1 to {_MOST_WORDS} words of up to {_MOST_LETTERS} letters or digits: a "
            "name, a room, a phone, a meter, a customer or a card"
        )
    found: dict[int, None] = {}
    found.update(dict.fromkeys(_find_exact(words)))
    for mark in (MARK, ""):
        if len(found) < MOST_FOUND:
            found.update(dict.fromkeys(find_lines(words, mark, MOST_FOUND)))
    return list(found)[:MOST_FOUND]


def split_words(text: str) -> list[str]:
    """Return the words of a text: letters and digits, lower case, wide forms made narrow."""
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold())


def _find_exact(words: list[str]) -> Iterator[int]:
    """Yield who has this number, this meter or this card."""
    if len(words) != 1:
        return
    (word,) = words
    if re.fullmatch("[0-9]{1,12}", word):
        number = int(word)
        yield from Customer.objects.filter(number=number).values_list("pk", flat=True)
        yield from (
            Contract.objects.filter(meter__number=number)
            .exclude(state=Contract.State.CLOSED)
            .values_list("customer_id", flat=True)
        )
    if re.fullmatch("[0-9a-f]{16}", word):
        cards = Card.objects.filter(serial=word).exclude(contract=None)
        yield from cards.values_list("contract__customer_id", flat=True)


def refresh(customers: Iterable[int]) -> None:
    """Write the lines of these customers anew. The caller is in the transaction of the change."""
    ids = sorted(set(customers))
    for at in range(0, len(ids), _BATCH):
        lines = _compose_lines(ids[at : at + _BATCH])
        former = dict(SearchText.objects.filter(pk__in=lines).values_list("pk", "words"))
        changed = {key: line for key, line in lines.items() if former.get(key) != line}
        SearchText.objects.bulk_create(
            [SearchText(customer_id=key, words=line) for key, line in changed.items()],
            update_conflicts=True,
            unique_fields=["customer"],
            update_fields=["words"],
        )
        index_lines(changed, former)


def rebuild() -> None:
    """Write all lines and their index anew: after changes in bulk, or if they got out of step."""
    ids = Customer.objects.order_by("pk").values_list("pk", flat=True)
    with transaction.atomic():
        SearchText.objects.all().delete()
        rebuild_index(_write_all(ids.iterator(_BATCH)))


def _write_all(ids: Iterator[int]) -> Iterator[dict[int, str]]:
    while batch := list(itertools.islice(ids, _BATCH)):
        lines = _compose_lines(batch)
        SearchText.objects.bulk_create(
            SearchText(customer_id=key, words=line) for key, line in lines.items()
        )
        yield lines


def _compose_lines(ids: list[int]) -> dict[int, str]:
    """Return the line of each of these customers."""
    words: dict[int, list[str]] = {}
    for customer in Customer.objects.filter(pk__in=ids):
        words[customer.pk] = [
            *split_words(customer.name),
            *read_initials(customer.name),
            "".join(split_words(customer.phone)),
            *_show_number(customer.number),
        ]
    contracts = Contract.objects.filter(customer__in=ids).exclude(state=Contract.State.CLOSED)
    for contract in contracts.select_related("customer", "meter", "premise__area"):
        words[contract.customer.pk] += _show_number(contract.meter.number)
        if contract.premise:
            words[contract.customer.pk] += split_words(str(contract.premise))
    cards = Card.objects.filter(contract__customer__in=ids)
    for customer_id, serial in cards.values_list("contract__customer_id", "serial"):
        words[customer_id].append(serial)
    return {key: join_words(found) for key, found in words.items()}


def join_words(words: Iterable[str]) -> str:
    """Return the line of these words, each once."""
    return " ".join(MARK + word for word in dict.fromkeys(words) if word)


def _show_number(number: int) -> tuple[str, str]:
    """Return a number as it is printed, and as people type it."""
    return f"{number:012d}", str(number)


def read_initials(name: str) -> list[str]:
    """Return the initials of a Chinese name in pinyin: zs of 张三, zg and cg of 曾国."""
    from pypinyin import Style, pinyin  # 0.2 s, and only who writes names needs it

    letters = pinyin(name, style=Style.FIRST_LETTER, heteronym=True, errors="ignore")
    readings = itertools.islice(itertools.product(*letters), _MOST_READINGS)
    return ["".join(reading) for reading in readings]
