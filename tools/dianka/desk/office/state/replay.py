"""Compare the tables that acts alone change with what the acts say of them.

Whoever edits such a row by hand leaves no act of it, or has to make a chain anew, which nights and
their files show. Acts are read once, in their order, and each table once; memory does not grow with
either.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model, Q

from dianka.card_port import CardError
from dianka.desk.office.audit import records, times
from dianka.desk.office.audit.digests import read_key
from dianka.desk.office.audit.models import Act
from dianka.desk.office.state.before import Before, read_counts
from dianka.desk.office.state.expected import Expected, Told
from dianka.desk.office.state.tables import TABLES, Table, list_paths, shape, tell_time
from dianka.desk.office.state.told import hide

_ROWS = 2000  # read at once
_SHOWN = 20  # faults of a table, in full
_LONGEST = 60  # signs of a value


@dataclass
class Replayed:
    """What was found. `unproved` are rows from before acts told of them, by table."""

    faults: list[str] = field(default_factory=list)
    unproved: dict[str, int] = field(default_factory=dict)

    def describe_unproved(self) -> str:
        """Return the rows that can't be proved in one line, empty if there are none."""
        told = ", ".join(f"{count} of {name}" for name, count in self.unproved.items())
        return f"not provable, as no act of this version has told of them yet: {told}" * bool(told)


def replay() -> Replayed:
    """Compare all tables with all acts, in the caller's view of the database."""
    done, expected = Replayed(), Expected()
    try:
        key = read_key()
        expected.add(_list_told(done))
        before = read_counts()
        for table in TABLES.values():
            _Comparison(table, key, expected, before.get(table.name, Before()), done).run()
        done.faults += [
            f"{name} {row}: its acts are not in the order of their times"
            for name, row in expected.list_odd(_SHOWN)
        ]
    except CardError as error:
        done.faults.append(str(error))
    finally:
        expected.close()
    return done


def _list_told(done: Replayed) -> Iterator[Told]:
    """Yield what acts say of rows, in the order in which they were appended."""
    lasts: dict[int, int] = {}  # by chain: the number of the act before
    told_of = Q(detail__contains=records.MARK) | Q(kind=times.ACCEPTED)
    acts = Act.objects.filter(told_of).order_by("pk")
    columns = ("pk", "chain", "number", "time", "detail", "kind")
    clocks = 0  # that were accepted: times of different ones say nothing of an order
    for pk, chain, number, time, detail, kind in acts.values_list(*columns).iterator(_ROWS):
        clocks += kind == times.ACCEPTED
        if number <= lasts.get(chain, 0):
            done.faults.append(f"act {number}, row {pk}: it stands behind act {lasts[chain]}")
        lasts[chain] = number
        for line in records.split(detail)[1]:
            try:
                name, key, *values = json.loads(line)
                told = json.dumps(values[0], ensure_ascii=False) if values else None
                timed = TABLES[name].timed
            except (ValueError, KeyError, TypeError):
                done.faults.append(f"act {number}, row {pk}: what it tells can't be read")
                continue
            yield Told(name, f"{key}/{tell_time(time)}" if timed else key, told, clocks, time)


class _Comparison:
    """One table beside what the acts say of it."""

    def __init__(
        self, table: Table, key: bytes, expected: Expected, before: Before, done: Replayed
    ) -> None:
        self.table, self.key, self.expected = table, key, expected
        self.before, self.done = before, done
        self.faults = self.matched = self.from_before = self.unproved = 0

    def run(self) -> None:
        for rows in self._list_rows():
            self._compare(rows)
        if self.matched != self.expected.count(self.table.name):
            self._name_missing()
        had, there = self.before.count, self.from_before
        if there > had or (there < had and not self.table.is_emptied):
            self._say(f"{there} rows of {self.table.name} are from before, {had} were counted")
        if self.unproved:
            self.done.unproved[self.table.name] = self.unproved
        if self.faults > _SHOWN:
            more = self.faults - _SHOWN
            self.done.faults.append(f"{self.table.name}: {more} more are not as the acts say")

    def _list_rows(self) -> Iterator[list[tuple[int, str, list[Any]]]]:
        """Yield number, key and values of all rows, some at a time."""
        model: type[Model] = self.table.model
        rows = model._default_manager.order_by("pk").values_list("pk", *list_paths(self.table))
        some = []
        for pk, *columns in rows.iterator(_ROWS):
            some.append((pk, *shape(self.table, columns)))
            if len(some) == _ROWS:
                yield some
                some = []
        yield some

    def _compare(self, rows: list[tuple[int, str, list[Any]]]) -> None:
        said = self.expected.find(self.table.name, [key for _, key, _ in rows])
        for pk, key, values in rows:
            self.from_before += pk <= self.before.last
            if key not in said:
                self._take_untold(pk, key)
            elif said[key] is None:
                self._say(f"{self.table.name} {key}: it is there, the acts say that it is gone")
            else:
                self.matched += 1
                self._compare_row(key, values, json.loads(said[key] or "[]"))

    def _take_untold(self, pk: int, key: str) -> None:
        if pk <= self.before.last:
            self.unproved += 1
        elif not self.table.made_unasked:
            self._say(f"{self.table.name} {key}: no act has made it")

    def _compare_row(self, key: str, values: list[Any], said: list[Any]) -> None:
        hidden = hide(self.table, values, self.key)
        if hidden == said:
            return
        for name, value, told in zip(self.table.fields, hidden, said, strict=False):
            if value == told:
                continue
            if name in self.table.secret:
                self._say(f"{self.table.name} {key}: its {name} is not the one of the acts")
            else:
                told, value = (_clip(each) for each in (told, value))
                self._say(f"{self.table.name} {key}: its {name} is {value}, the acts say {told}")

    def _name_missing(self) -> None:
        """Name the rows that are not there, and those that are there twice."""
        for rows in self._list_rows():
            keys = [key for _, key, _ in rows]
            said = self.expected.find(self.table.name, keys)
            for at, key in enumerate(keys):
                if said.get(key) is not None and key in keys[:at]:
                    self._say(f"{self.table.name} {key}: it is there twice")
            self.expected.forget(self.table.name, keys)
        for key in self.expected.list_left(self.table.name, _SHOWN):
            self._say(f"{self.table.name} {key}: it is gone, the acts have it")
        if not self.faults:
            self._say(f"{self.table.name}: a row is there twice")

    def _say(self, fault: str) -> None:
        self.faults += 1
        if self.faults <= _SHOWN:
            self.done.faults.append(fault)


def _clip(value: Any) -> str:
    text = "nothing" if value in (None, "") else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
