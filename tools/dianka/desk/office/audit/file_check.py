"""Check files of acts: each link in them, and the same links in the database if there is one."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dianka.desk.office.audit.chain import START, encode
from dianka.desk.office.audit.files import make_act, read_rows
from dianka.desk.office.audit.links import find_different
from dianka.desk.office.audit.models import Chain
from dianka.desk.office.audit.nights import KIND, OFFICE, NightError, parse

_AT_ONCE = 2000  # links that wait to be compared


@dataclass
class _Chain:
    """What is known of a chain: its last act in this file or one before; whether a link broke."""

    number: int = 0
    hash: bytes = START
    begun: bool = False
    broken: bool = False


class FileCheck:
    """Checks file after file; `faults` are those found so far, the first of each chain."""

    def __init__(self, with_database: bool) -> None:
        self.with_database = with_database
        self.faults: list[str] = []
        self.acts = self.heads = 0
        self._ends: dict[str, _Chain] = {}  # by desk: where the files before have left its chain
        self._waiting: dict[str, dict[int, bytes]] = defaultdict(dict)
        self._same: dict[str, int] = {}  # by desk: the last act that the database has as a file
        self._different: dict[str, tuple[int, str]] = {}  # the first that it has not, which file

    def add(self, file: Path) -> None:
        """Check a file. CardError if it can't be read to its end."""
        chains: dict[str, _Chain] = {}
        tied: dict[str, dict[int, tuple[bytes, int]]] = defaultdict(dict)
        for row in read_rows(file):
            self.acts += 1
            chain = chains.get(row["desk"])
            if chain is None:
                end = self._ends.get(row["desk"], _Chain())
                chain = chains[row["desk"]] = _Chain(end.number, end.hash)
            fault = "" if chain.broken else self._check(chain, row, tied)
            chain.number, chain.hash = row["number"], row["hash"]
            if fault:
                chain.broken = True
                self.faults.append(f"{file}, chain of desk {row['desk']}: {fault}")
            self._wait(file, row["desk"], row["number"], row["hash"])
        for desk, heads in sorted(tied.items()):
            self.heads += len(heads)
            chain = chains.get(desk)
            if chain and not chain.broken and max(heads) > chain.number:
                self.faults.append(
                    f"{file}, chain of desk {desk}: it ends at act {chain.number}, "
                    f"night {heads[max(heads)][1]} tied act {max(heads)}"
                )
            for length, (hashed, _) in heads.items():
                self._wait(file, desk, length, hashed)
        self._ends |= chains
        self._compare(file)

    def close(self) -> None:
        """Name the first link of each chain that the database has not as the files have it."""
        for desk, (number, file) in sorted(self._different.items()):
            there = Chain.objects.filter(desk=desk).values_list("length", flat=True).first() or 0
            same = self._same.get(desk)
            before = f"act {same} is" if same else "no act before it is known"
            self.faults.append(
                f"audit chain of desk {desk}: act {number} is not the one of {file}; {before}"
                if number <= there
                else f"audit chain of desk {desk}: it ends at act {there}, {file} has act {number}"
            )

    def _check(
        self, chain: _Chain, row: dict[str, Any], tied: dict[str, dict[int, tuple[bytes, int]]]
    ) -> str:
        """Return what is wrong with an act, and remember which heads a night has tied."""
        number, told = row["number"], f"act {row['number']} ({row['kind']}, {row['subject']})"
        if not chain.begun and number != chain.number + 1:  # a file may begin anywhere in a chain
            chain.number, chain.hash = number - 1, row["former"] if number > 1 else START
        chain.begun = True
        if number != chain.number + 1:
            return f"act {chain.number + 1} is missing"
        if row["former"] != chain.hash:
            return f"{told} does not follow the act before it"
        if hashlib.sha256(encode(make_act(row), row["former"])).digest() != row["hash"]:
            return f"{told} is not as it was written"
        if row["desk"] == OFFICE and row["kind"] == KIND:
            return _remember(row, tied)
        head = tied.get(row["desk"], {}).get(number)
        if head and head[0] != row["hash"]:
            return f"{told} is not the one that night {head[1]} tied"
        return ""

    def _wait(self, file: Path, desk: str, number: int, hashed: bytes) -> None:
        if not self.with_database or number == 0:
            return
        self._waiting[desk][number] = hashed
        if sum(map(len, self._waiting.values())) >= _AT_ONCE:
            self._compare(file)

    def _compare(self, file: Path) -> None:
        for desk, links in self._waiting.items():
            different = set(find_different(desk, links))
            for number in links:
                if number not in different:
                    self._same[desk] = max(number, self._same.get(desk, 0))
                elif number < self._different.get(desk, (1 << 63, ""))[0]:
                    self._different[desk] = number, str(file)
        self._waiting.clear()


def check_files(files: Iterable[Path], with_database: bool) -> FileCheck:
    """Check these files, each alone and all with the database. In one view if there is one."""
    check = FileCheck(with_database)
    for file in files:
        check.add(file)
    if with_database:
        check.close()
    return check


def _remember(row: dict[str, Any], tied: dict[str, dict[int, tuple[bytes, int]]]) -> str:
    try:
        night = parse(row["number"], row["detail"])
    except NightError as error:
        return str(error)
    for head in night.heads:
        if head.desk != OFFICE:  # its own act covers that
            tied[head.desk].setdefault(head.length, (head.hash, night.number))
    return ""
