"""One measured number, with the limit that the project sets for it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One figure. `limit` (see limit.py) is empty if the number is for information only."""

    name: str
    value: int | str
    unit: str
    limit: str = ""
