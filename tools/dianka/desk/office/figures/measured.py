"""One figure with its goal, and where all of them are kept with the machine they were taken on."""

import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_CPU = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Figure:
    """What was measured. `goal` is the highest value that is good enough, None if there is none.

    `at_least`: it is the lowest one.
    """

    name: str
    value: int
    unit: str
    goal: int | None = None
    at_least: bool = False

    @property
    def is_good(self) -> bool:
        if self.goal is None:
            return True
        return self.value >= self.goal if self.at_least else self.value <= self.goal


@dataclass(frozen=True)
class Size:
    """How large the office is that figures are taken on."""

    meters: int
    sales: int
    months: int
    seed: int = 1
    kills: int = 40


# A part of the figures: from the size of the office, each figure as soon as it is there.
Part = Callable[[Size], Iterator[Figure]]


def time_ms(act: Callable[[], Any], times: int = 3) -> int:
    """Return the median of the times that an act takes, in ms."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        taken.append(int((time.perf_counter() - began) * 1000))
    return sorted(taken)[len(taken) // 2]


def describe_machine() -> dict[str, Any]:
    """Return what the figures depend on: processors, load, database."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sqlite_version()" if connection.vendor == "sqlite" else "SHOW server_version"
        )
        (version,) = cursor.fetchone()
    return {
        "cpu": _find_cpu(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "database": f"{connection.vendor} {version}",
    }


def write_figures(file: Path, database: str, size: Size, figures: list[Figure]) -> None:
    """Write figures beside those of other databases and parts that the file has already."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        kept = {}
    of_database = kept.setdefault(database, {"figures": {}})
    of_database["machine"] = describe_machine()
    for figure in figures:
        of_database["figures"][figure.name] = asdict(figure) | {"size": asdict(size)}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _find_cpu() -> str:
    try:
        lines = _CPU.read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")
