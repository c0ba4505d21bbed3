"""One household: what it uses by hour and season, and how it deals with its meter.

Facts: an urban household in China uses some 2,000 to 2,500 kWh a year, least at night, most in the
evening; cooling from June to September and heating from November to March add to it. All is drawn
from the seed, the meter's number and the day, so that a day is the same whatever came before it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

DAY_S = 86_400
_HOUR_S = 3_600
_SLOT_S = 300
# Mean load in W by the hour of the day, without the season's.
_DAY_W = (
    60, 50, 50, 50, 50, 60, 150, 250, 150, 90, 80, 150,
    260, 120, 90, 90, 100, 200, 380, 360, 300, 260, 170, 90,
)  # fmt: skip
# More by the month, from January on, in the hours in which people are at home.
_SEASON_W = (190, 170, 70, 0, 0, 90, 260, 270, 110, 0, 50, 160)
_AT_HOME = (*range(7), *range(17, 24))
_AWAY_W = 25
_COOKING_W = (1_500, 2_100, 3_300)


@dataclass(frozen=True)
class Character:
    """The residents. Shares are in percent, of days or of occasions."""

    scale: int  # of the load
    forgets: int  # to buy in time
    keeps_fen: int  # buys when less is left
    amounts_fen: tuple[int, ...]
    away: int  # days on which nobody is at home


class Household:
    """The residents of one meter, drawn from `seed` and `number`."""

    def __init__(self, seed: int, number: int) -> None:
        self._key = f"{seed}-{number}"
        draw = Random(f"{self._key}-who")
        self.who = Character(
            draw.randint(80, 125),
            draw.choice((5, 60, 90, 97)),
            draw.randrange(400, 4_000),
            tuple(draw.choice((1_000, 2_000, 3_000, 5_000, 5_017, 10_000)) for _ in range(4)),
            draw.randint(2, 8),
        )

    def draw(self, day: int, what: str) -> Random:
        """Return the source of what is random on this day, for one purpose."""
        return Random(f"{self._key}-{day}-{what}")

    def plan_load(self, day: int, month: int) -> Iterator[tuple[int, int]]:
        """Yield (second of the day, load in mW) of each change of the load, from 0 on."""
        draw = self.draw(day, "load")
        away = draw.randrange(100) < self.who.away
        second = 0
        while second < DAY_S:
            hour = second // _HOUR_S
            watts = _DAY_W[hour] + (_SEASON_W[month - 1] if hour in _AT_HOME else 0)
            yield (
                second,
                1000 * (_AWAY_W if away else watts * self.who.scale // 100) + draw.randrange(1000),
            )
            if not away and hour in (7, 11, 17, 18) and draw.randrange(3) == 0:
                yield second + 1_200, 1000 * draw.choice(_COOKING_W)
                yield second + 2_400, 1000 * watts
                second = (hour + 1) * _HOUR_S
            else:
                # At night a stretch of hours has one load.
                second = (hour + (3 if hour < 4 or hour in (13, 20) else 2)) * _HOUR_S
                second += draw.randrange(-6, 7) * _SLOT_S if second < DAY_S else 0
