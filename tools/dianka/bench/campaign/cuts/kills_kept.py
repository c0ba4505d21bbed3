"""What kills have found, kept after each operation: a campaign of hours goes on after a break.

Kept are the figures of each whole operation, in the file that programs read. They count for the
same firmware, seed and number of kills alone.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from dianka.bench.campaign.cuts.campaign import Figures
from dianka.firmware import FIRMWARE

_DIGITS = 8
_NAMES = ("operation", "session", "distinct", "played", "most_lost_pj", "processor_ms", "beyond")


@dataclass(frozen=True)
class Heading:
    """What a campaign of kills is one of: figures of others can't be added to it."""

    rung: str
    seed: int
    kills_each: int
    firmware: str


def make_heading(rung: str, seed: int, kills_each: int) -> Heading:
    """Return the heading of a campaign with the firmware as it is here."""
    whole = sha256()
    for path in sorted(FIRMWARE.glob("*.py")):
        whole.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return Heading(rung, seed, kills_each, whole.hexdigest()[:_DIGITS])


def write(path: Path, heading: Heading, rows: Sequence[Figures]) -> None:
    """Write what has been found so far, for programs and for `read`."""
    content = asdict(heading) | {"operations": [_pack(row) for row in rows]}
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    new.replace(path)


def read(path: Path, heading: Heading) -> list[Figures]:
    """Return the operations that have ended without a violation; none if there is no such file.

    ValueError if the file is of another campaign, or cannot be read.
    """
    if not path.exists():
        return []
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = {name: content[name] for name in asdict(heading)}
        rows = [_unpack(row) for row in content["operations"] if not row["violations"]]
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{path} is no file of kills: remove it, and begin anew") from None
    if found != asdict(heading):
        raise ValueError(
            f"{path} is of another firmware, seed or number of kills: begin anew without --resume"
        )
    return rows


def _pack(row: Figures) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _NAMES} | {
        "ways": dict(row.ways),
        "violations": [one.text for one in row.violations],
    }


def _unpack(row: dict[str, Any]) -> Figures:
    made = Figures(**{name: row[name] for name in _NAMES})
    made.ways.update(row["ways"])
    return made
