"""The record of one card session, as the bench counts characters and measures time."""

from dataclasses import dataclass, field

from dianka.bench.stage.traffic import CARD, ESAM, Traffic


@dataclass
class Session:
    """One session, as `Stand` (stand.py) observed it."""

    since: int  # how many lines the stand had before it
    began_us: int  # when the card closed the presence switch
    begun: bool = False  # the meter noticed the card
    ended: bool = False  # within the limit
    cut: bool = False  # the supply was gone when it ended
    over_us: int = 0  # from the switch to the end of the session
    traffic: Traffic = field(default_factory=Traffic)
    texts: list[str] = field(default_factory=list)  # of the display, in their order
    log: list[str] = field(default_factory=list)

    @property
    def code(self) -> int:
        """The error code of the session, 0 if it went well."""
        return find_code(self.log)

    @property
    def took_us(self) -> int:
        """From the switch to the end of the last character on the slot, 0 if there was none."""
        return max(self.traffic.line_ended_ns.get(CARD, 0) // 1000 - self.began_us, 0)

    @property
    def whole_us(self) -> int:
        """From the switch to the end of the last character on either line."""
        return max(self.traffic.ended_ns // 1000 - self.began_us, 0)

    @property
    def floor_us(self) -> int:
        """The duration of its characters, one after the other: no reader can be faster."""
        return self.traffic.floor_ns // 1000

    @property
    def slot_characters(self) -> int:
        return self.traffic.counts[CARD]

    @property
    def esam_characters(self) -> int:
        return self.traffic.counts[ESAM]


def find_code(log: list[str]) -> int:
    """Return the first error code that the meter reported in these lines, 0 if none."""
    for line in log:
        if ", code " in line:
            return int(line.split(", code ")[1].split(":")[0])
    return 0
