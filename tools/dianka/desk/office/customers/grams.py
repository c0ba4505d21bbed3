"""The index of search.py: each 2, 3 and 5 characters that follow one another in a word.

Numbers of one make begin alike and are full of zeros, so that every row has the same three digits
of them; five are rare enough.

On SQLite it is a full-text table without content, written here line by line; on PostgreSQL a GIN
index on a function of the words, which the database keeps by itself. (Its pg_trgm would do without
the function, but is an extension that may be missing, and finds no two characters.)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

_SIZES = (2, 3, 5)
MARK = "^"  # before each word of a line
# A word that one line in a hundred has is found among these; the index would tell of all of them.
_FIRST_LINES = "SELECT customer_id, words FROM customers_searchtext LIMIT %s"
# Rows with all grams and not the word itself are few, but for words such as 0000000000: an end.
_MOST_COMPARED = 20_000
_MOST_GUESSED = 5000
_BULK_BYTES = 1 << 26
_USUAL_BYTES = 1 << 20
# Without content, and without places in it: the grams alone. All signs but ASCII's are letters.
_SQLITE = (
    "CREATE VIRTUAL TABLE customers_gram USING fts5(grams, content='', detail=none, "
    f"columnsize=0, tokenize=\"ascii tokenchars '{MARK}'\")"
)
_FUNCTION = (
    "CREATE FUNCTION customers_grams(words text) RETURNS text[] LANGUAGE sql IMMUTABLE "
    "PARALLEL SAFE AS $$ SELECT coalesce(array_agg(substr(word, place, size)), '{}') "
    f"FROM unnest(string_to_array(words, ' ')) AS word, unnest(ARRAY{list(_SIZES)}) AS size, "
    "generate_series(1, length(word) - size + 1) AS place $$"
)
_GIN = "CREATE INDEX customers_gram ON customers_searchtext USING gin (customers_grams(words))"
_FILL = "INSERT INTO customers_gram (rowid, grams) VALUES (%s, %s)"
_EMPTY = "INSERT INTO customers_gram (customers_gram, rowid, grams) VALUES ('delete', %s, %s)"
_ORDER = "INSERT INTO customers_gram (customers_gram, rank) VALUES (%s, %s)"
_TELL = "INSERT INTO customers_gram (customers_gram) VALUES (%s)"
_CANDIDATES = {
    "sqlite": "SELECT text.customer_id, text.words FROM (SELECT rowid FROM customers_gram "
    "WHERE customers_gram MATCH %s LIMIT %s) AS gram "
    "JOIN customers_searchtext AS text ON text.customer_id = gram.rowid",
    "postgresql": "SELECT customer_id, words FROM customers_searchtext WHERE {fits} LIMIT %s",
}
# To compute the grams of row after row, as the planner likes to for common ones, takes seconds.
_BY_INDEX = "SELECT set_config('enable_seqscan', 'off', true), set_config('work_mem', '32MB', true)"
# An index of a million customers takes minutes, and no row may wait for its keys to be checked.
_IN_BULK = (
    "SET LOCAL statement_timeout = '60min'",
    "SET LOCAL maintenance_work_mem = '256MB'",
    "SET CONSTRAINTS ALL IMMEDIATE",
)


def make_index(_apps: Any, editor: Any) -> None:
    """Make the index, as the operation of a migration."""
    for statement in (_SQLITE,) if editor.connection.vendor == "sqlite" else (_FUNCTION, _GIN):
        editor.execute(statement, params=None)  # or % would want to be filled in


@dataclass(frozen=True)
class Way:
    """One way in which a line may have what is looked for: part of a word, or a whole one."""

    text: str
    whole: bool = False

    def find_like(self, mark: str) -> str:
        """Return the pattern of lines that have it; a line has a space behind its last word."""
        if self.whole:
            return f"%{MARK}{self.text} %"
        return f"%{MARK if len(self.text) == 1 else mark}{self.text}%"

    def pick_grams(self, mark: str) -> list[str]:
        """Return the longest grams that a line with it must have."""
        return sorted(_pick_grams(self.text, MARK if self.whole else mark))


def find_lines(words: list[list[Way]], mark: str, most: int) -> list[int]:
    """Return up to `most` customers whose lines have each of these words in one of its ways.

    Words begin so (MARK), or hold it anywhere (""). One character finds words that begin with it,
    in either case.
    """
    likes = [[way.find_like(mark) for way in ways] for ways in words]
    with transaction.atomic(), connection.cursor() as cursor:
        found = _compare(cursor, _FIRST_LINES, [_MOST_GUESSED], likes, most)
        if len(found) == most:
            return found
        grams = [[way.pick_grams(mark) for way in ways] for ways in words]
        if connection.vendor == "postgresql":
            cursor.execute(_BY_INDEX)
            fits, given = _match_postgresql(grams)
            candidates = _CANDIDATES["postgresql"].format(fits=fits)
        else:
            candidates, given = _CANDIDATES["sqlite"], [_match_sqlite(grams)]
        return _compare(cursor, candidates, [*given, _MOST_COMPARED], likes, most)


def _match_sqlite(words: list[list[list[str]]]) -> str:
    """Return what the full-text table is asked: each word's grams in one of its ways."""
    return " AND ".join(
        "({})".format(" OR ".join(f"({' AND '.join(map(_quote, grams))})" for grams in ways))
        for ways in words
    )


def _quote(gram: str) -> str:
    return f'"{gram}"'


def _match_postgresql(words: list[list[list[str]]]) -> tuple[str, list[object]]:
    """Return the condition that asks the index, and its values.

    Words with one way are one condition: the index then counts all their grams at once.
    """
    alone = sorted({gram for ways in words if len(ways) == 1 for gram in ways[0]})
    groups: list[list[list[str]]] = [ways for ways in words if len(ways) > 1]
    groups += [[alone]] if alone else []
    fits = [" OR ".join(["customers_grams(words) @> %s"] * len(ways)) for ways in groups]
    return " AND ".join(f"({fit})" for fit in fits), [grams for ways in groups for grams in ways]


def _compare(
    cursor: Any, candidates: str, given: list[object], likes: list[list[str]], most: int
) -> list[int]:
    """Return up to `most` of these candidates whose lines are like one of each of these."""
    fits = (" OR ".join(["words || ' ' LIKE %s"] * len(ways)) for ways in likes)
    fit = " AND ".join(f"({each})" for each in fits)
    statement = f"SELECT customer_id FROM ({candidates}) AS candidate WHERE {fit} LIMIT %s"
    cursor.execute(statement, [*given, *(like for ways in likes for like in ways), most])
    return [row[0] for row in cursor.fetchall()]


def index_lines(lines: dict[int, str], former: dict[int, str]) -> None:
    """Index the lines of these customers; `former` are those that the index has of them."""
    if connection.vendor != "sqlite":
        return
    gone = [(key, _join_grams(former[key])) for key in lines if key in former]
    with connection.cursor() as cursor:
        cursor.executemany(_EMPTY, gone)
        cursor.executemany(_FILL, [(key, _join_grams(line)) for key, line in lines.items()])


def rebuild_index(batches: Iterable[dict[int, str]]) -> None:
    """Make the index anew; each batch is written by the iterator, and indexed in order."""
    sqlite = connection.vendor == "sqlite"
    with transaction.atomic(), connection.cursor() as cursor:
        if sqlite:
            cursor.execute(_TELL, ["delete-all"])
            cursor.execute(_ORDER, ["hashsize", _BULK_BYTES])
        else:
            cursor.execute("DROP INDEX customers_gram")
        for lines in batches:
            index_lines(lines, {})
        if sqlite:
            cursor.execute(_TELL, ["optimize"])
            cursor.execute(_ORDER, ["hashsize", _USUAL_BYTES])
        else:
            for statement in _IN_BULK:
                cursor.execute(statement)
            cursor.execute(_GIN)


def make_grams(marked: str) -> set[str]:
    """Return all grams of a word with its MARK."""
    return {gram for size in _SIZES for gram in _cut(marked, size)}


def _pick_grams(word: str, mark: str) -> set[str]:
    """Return the longest grams that a line with this word must have."""
    marked = (mark or MARK) + word if len(word) == 1 else mark + word
    return _cut(marked, max(size for size in _SIZES if size <= len(marked)))


def _cut(marked: str, size: int) -> set[str]:
    return {marked[at : at + size] for at in range(len(marked) - size + 1)}


def _join_grams(line: str) -> str:
    return " ".join(sorted(set().union(*map(make_grams, line.split()))))
