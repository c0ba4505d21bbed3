"""One measured number, with the limit that the project has set for it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`limit` is empty where the number is for information only."""

    name: str
    value: int | str
    unit: str
    limit: str = ""
