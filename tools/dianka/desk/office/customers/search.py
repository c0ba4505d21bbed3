"""Find customers by any part of any word: name, initials, phone, place, meter, number, card.

Each customer has one line of words (SearchText), written by `refresh`; whoever changes a customer,
a contract, a meter's place or a card calls it in the same transaction. A word is letters and digits
alone, in lower case. An index (grams.py) finds the lines that hold all short pieces of what is
looked for; they are then compared with the words themselves. So one character finds the words that
begin with it, two or more the words that hold them anywhere.

Digits of a phone stand in the line as other signs (_PHONE), so that phones may be left out: who may
not see personal numbers finds a phone by seven digits or the whole number alone. Else he could find
any number out, one digit after the other.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator

from django.db import transaction

from dianka.card_port import CardError
from dianka.desk.office.cards.models import Card
from dianka.desk.office.customers.grams import MARK, Way, find_lines, index_lines, rebuild_index
from dianka.desk.office.customers.models import Contract, Customer, SearchText

MOST_FOUND = 50
_MOST_WORDS = 8
_MOST_LETTERS = 40
_MOST_READINGS = 8  # of a name with characters that are read in several ways
_BATCH = 1000
_PHONE = str.maketrans("0123456789", "ÀÁÂÃÄÅÆÇÈÉ")  # capitals, which no other word has
_DIGITS = "0123456789"
FEWEST_DIGITS = 7


def search(text: str, any_phone: bool = False) -> list[int]:
    """Return the ids of up to MOST_FOUND customers who have all words of this text, best first.

    Best is a number that is the text itself, then words that begin with it, then any part. Phones
    are found by FEWEST_DIGITS or the whole number, with `any_phone` by any part.
    """
    words = split_words(text)
    if not words or len(words) > _MOST_WORDS or max(map(len, words)) > _MOST_LETTERS:
        raise CardError(
            f"look for 1 to {_MOST_WORDS} words of up to {_MOST_LETTERS} letters or digits: a "
            "name, a room, a phone, a meter, a customer or a card"
        )
    found: dict[int, None] = {}
    found.update(dict.fromkeys(_find_exact(words)))
    ways = [_find_ways(word, any_phone) for word in words]
    tries = [(ways, MARK), (ways, "")]
    if not any_phone and len(words) > 1 and set("".join(words)) <= set(_DIGITS):
        tries.insert(0, ([_find_ways("".join(words), any_phone)[1:]], ""))  # 138-1234-5678
    for each, mark in tries:
        if len(found) < MOST_FOUND:
            found.update(dict.fromkeys(find_lines(each, mark, MOST_FOUND)))
    return list(found)[:MOST_FOUND]


def _find_ways(word: str, any_phone: bool) -> list[Way]:
    """Return in which ways a line may have a word: as it is, or in a phone."""
    in_phone = word.translate(_PHONE)
    if in_phone == word:
        return [Way(word)]
    digits = sum(sign in _DIGITS for sign in word)
    return [Way(word), Way(in_phone, whole=not any_phone and digits < FEWEST_DIGITS)]


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
    """Return the line of each of these customers.

    Columns are named one by one: a step of an upgrade (migrations/0004) meets older tables.
    """
    words: dict[int, list[str]] = {}
    people = Customer.objects.filter(pk__in=ids)
    for key, name, phone, number in people.values_list("pk", "name", "phone", "number"):
        words[key] = [
            *split_words(name),
            *read_initials(name),
            "".join(split_words(phone)).translate(_PHONE),
            *_show_number(number),
        ]
    contracts = Contract.objects.filter(customer__in=ids).exclude(state=Contract.State.CLOSED)
    place = [f"premise__{name}" for name in ("area__name", "building", "unit", "room")]
    for key, number, *place_words in contracts.order_by("pk").values_list(
        "customer_id", "meter__number", *place
    ):
        words[key] += _show_number(number)
        words[key] += split_words(" ".join(word for word in place_words if word))
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
