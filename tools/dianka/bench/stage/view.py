"""What a person in front of the meter sees at one moment."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class View:
    """A snapshot of all that a person at the meter sees, and of the mains figures."""

    at_us: int
    when: datetime
    display: str
    lamps: dict[str, bool]
    relay_closed: bool
    volts_mv: int
    current_ma: int
    power_mw: int
    slot: str
    powered: bool
