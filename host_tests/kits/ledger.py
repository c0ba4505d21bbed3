"""What the bench itself counts, the firmware having no part in it: money and energy of a meter, time and wire of a session."""

from fractions import Fraction
from typing import Any

from dianka.bench.models.hlw8032 import Hlw8032Model
from dianka.firmware import shared

FEN = shared("account").FEN
PJ_PER_WH = shared("account").PJ_PER_KWH // 1000
ETU_US = Fraction(1_000_000, 9600)
CHARACTER_ETU = 12


class Session:
    """What one session did on the wire, by the bench's own count."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.log: list[str] = []
        self.took_us = 0  # from the presence switch to the last character on the slot
        self.over_us = 0  # from the presence switch to the end of the session
        self.slot_characters = 0
        self.esam_characters = 0

    @property
    def floor_us(self) -> int:
        """No reader at 9600 baud can be faster than its characters, one after the other."""
        return int((self.slot_characters + self.esam_characters) * CHARACTER_ETU * ETU_US)

    @property
    def code(self) -> int:
        """The error code of the session, 0 if it went well."""
        for line in self.log:
            if ", code " in line:
                return int(line.split(", code ")[1].split(":")[0])
        return 0


class Ledger:
    """Bought and used, by the bench's figures alone."""

    def __init__(self, chip: Hlw8032Model) -> None:
        self._chip = chip
        self.bought_fen = 0
        self.price_e4 = 0
        self._owed = 0  # picojoules times price, of what has been counted so far
        self._energy_pj = 0
        self._seen = 0
        self._life = -1  # when the chip's count began

    def reset(self) -> None:
        self.count()
        self._owed = self._energy_pj = self.bought_fen = 0

    def count(self) -> None:
        """Take what the chip has counted since the last time, at the present price; before each change and each cut."""
        chip = self._chip
        if chip._up_us != self._life:
            self._life, self._seen = chip._up_us, 0
        pulses = chip.pulses
        new, self._seen = pulses - self._seen, pulses
        self._energy_pj += new * chip.params.pulse_pj
        self._owed += new * chip.params.pulse_pj * self.price_e4

    @property
    def energy_pj(self) -> int:
        self.count()
        return self._energy_pj

    @property
    def owed_fen(self) -> Fraction:
        self.count()
        return Fraction(self._owed, FEN)


def used_fen(state: Any) -> Fraction:
    """What the meter itself says it has taken."""
    return state.bought_fen - state.balance_fen + Fraction(state.remainder, FEN)
