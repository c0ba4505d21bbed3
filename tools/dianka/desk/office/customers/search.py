"""Find customers by any part of any word: name, initials, phone, place, meter, number, card.

Each customer has one line of words (SearchText), written by `refresh`; whoever changes a customer,
a contract, a meter's place or a card calls it in the same transaction. A word is letters and digits
alone, in lower case, and begins with MARK in the line. An index holds each two and three characters
that follow one another in a word (its grams): SQLite in a full-text table, PostgreSQL in a GIN
index. Rows with all grams of what is looked for are then compared with the words themselves. So
one character finds the words that begin with it, two or more the words that hold them anywhere.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator

from django.db import connection, transaction

from dianka.card_port import CardError
from dianka.desk.office.cards.models import Card
from dianka.desk.office.customers.models import Contract, Customer, SearchText

MARK = "^"
MOST_FOUND = 50
_MOST_WORDS = 8
_MOST_LETTERS = 40
# Rows with all grams and not the word itself are few, but for words such as 000000: an end to them.
_MOST_COMPARED = 20_000
_MOST_READINGS = 8  # of a name with characters that are read in several ways
_BATCH = 1000
_CANDIDATES = {
    "sqlite": "SELECT text.customer_id, text.words FROM (SELECT rowid FROM customers_gram "
    "WHERE customers_gram MATCH %s LIMIT %s) AS gram "
    "JOIN customers_searchtext AS text ON text.customer_id = gram.rowid",
    "postgresql": "SELECT customer_id, words FROM customers_searchtext "
    "WHERE customers_grams(words) @> %s LIMIT %s",
}

# To compute the grams of row after row, as the planner likes to for common ones, takes seconds.
_BY_INDEX = "SELECT set_config('enable_seqscan', 'off', true), set_config('work_mem', '32MB', true)"


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
    for stage in (_find_exact(words), _find(words, MARK), _find(words, "")):
        found.update(dict.fromkeys(stage))
        if len(found) >= MOST_FOUND:
            break
    return list(found)[:MOST_FOUND]


def split_words(text: str) -> list[str]:
    """Return the words of a text: letters and digits, lower case, wide forms made narrow."""
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold())


def make_grams(marked: str) -> set[str]:
    """Return each two and three characters that follow one another in a word with its MARK."""
    return {marked[at : at + size] for size in (2, 3) for at in range(len(marked) - size + 1)}


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


def _find(words: list[str], mark: str) -> list[int]:
    """Return up to MOST_FOUND customers with words that begin so (MARK), or hold it anywhere."""
    grams = sorted({gram for word in words for gram in _grams_of_query(word, mark)})
    match: object = grams
    if connection.vendor == "sqlite":
        match = " ".join(f'"{gram}"' for gram in grams)
    likes = [f"%{mark or (MARK if len(word) == 1 else '')}{word}%" for word in words]
    statement = (
        f"SELECT customer_id FROM ({_CANDIDATES[connection.vendor]}) AS candidate WHERE "
        + " AND ".join(["words LIKE %s"] * len(likes))
        + " LIMIT %s"
    )
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_BY_INDEX)
        cursor.execute(statement, [match, _MOST_COMPARED, *likes, MOST_FOUND])
        return [row[0] for row in cursor.fetchall()]


def _grams_of_query(word: str, mark: str) -> set[str]:
    """Return the longest grams that a line with this word must have."""
    if len(word) == 1:
        return {MARK + word}
    marked = mark + word
    return {gram for gram in make_grams(marked) if len(gram) == min(3, len(marked))}


def refresh(customers: Iterable[int]) -> None:
    """Write the lines of these customers anew. The caller is in the transaction of the change."""
    ids = sorted(set(customers))
    for at in range(0, len(ids), _BATCH):
        write_lines(_compose_lines(ids[at : at + _BATCH]))


def write_lines(lines: dict[int, str]) -> None:
    """Write each customer's line, and its grams where no index of the database makes them."""
    former = dict(SearchText.objects.filter(customer__in=lines).values_list("customer_id", "words"))
    changed = {key: line for key, line in lines.items() if former.get(key) != line}
    SearchText.objects.bulk_create(
        [SearchText(customer_id=key, words=line) for key, line in changed.items()],
        update_conflicts=True,
        unique_fields=["customer"],
        update_fields=["words"],
    )
    if connection.vendor == "sqlite":
        _write_grams(changed, former)


def _write_grams(lines: dict[int, str], former: dict[int, str]) -> None:
    """Write the grams of lines; a table without content is told what it had."""
    gone = [(key, _join_grams(former[key])) for key in lines if key in former]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO customers_gram (customers_gram, rowid, grams) VALUES ('delete', %s, %s)",
            gone,
        )
        cursor.executemany(
            "INSERT INTO customers_gram (rowid, grams) VALUES (%s, %s)",
            [(key, _join_grams(line)) for key, line in lines.items()],
        )


def _join_grams(line: str) -> str:
    return " ".join(sorted(set().union(*map(make_grams, line.split()))))


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
