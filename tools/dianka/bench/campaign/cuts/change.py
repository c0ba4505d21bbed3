"""Judge a change of price by time: what the mains has delivered by then, and what was charged so.

The price changes with a minute of the clock chip, the first that begins after the books. It falls
into the operation, into the dark, or into the time after it.
"""

from dianka.bench.campaign.cuts.books import Books
from dianka.bench.campaign.trial import MS, Trial
from dianka.bench.models.clock import Timer

_MINUTE_US = 60_000_000
# From the use of energy to its charge: a report may be 0.26 s late (docs/journal.md).
_LATE_US = 400 * MS
_PJ_PER_NJ = 1000


class Change:
    """The change of price in one operation. `load_mw` is drawn around it."""

    def __init__(self, trial: Trial, books: Books, load_mw: int) -> None:
        self._bench = trial.rig.bench
        self._books = books
        self._late_pj = load_mw * _LATE_US * _PJ_PER_NJ
        self._at_us = -(-self._bench.clock_chip.time_us // _MINUTE_US) * _MINUTE_US
        self._timer: Timer | None = None
        self._noted_nj: int | None = None
        self._unbroken_nj = 0

    def await_it(self) -> None:
        """Note from here on what the mains has delivered when the minute begins."""
        if self._timer:
            self._timer.cancel()
        self._timer = self._noted_nj = None
        left_us = self._at_us - self._bench.clock_chip.time_us
        if left_us > 0:
            self._timer = self._bench.clock.call_after(left_us, self._note)

    def _note(self) -> None:
        self._noted_nj = self._bench.mains.energy_nj

    def keep_unbroken(self) -> None:
        """Keep what was noted as that of the operation that nobody has cut."""
        assert self._noted_nj is not None, "the price does not change in this operation"
        self._unbroken_nj = self._noted_nj

    def check(self, state: object, time_us: int, nj: tuple[int, int, int], lost_pj: int) -> None:
        """Check a meter in the end. AssertionError if the price did not change, or at another time.

        `time_us` is when the power went. `nj`: what was delivered by the first and by the last of
        the cuts that leave the same, and when the meter was put into the state that they leave.
        `lost_pj` is the most that they have cost.
        """
        first_nj, last_nj, begun_nj = nj
        if time_us < self._at_us:
            assert self._noted_nj is not None, "the meter was judged before the price changes"
            least_nj, most_nj = (each + self._noted_nj - begun_nj for each in (first_nj, last_nj))
            lost_pj = max(lost_pj - (last_nj - first_nj) * _PJ_PER_NJ, 0)  # by the first of them
        else:
            least_nj = most_nj = self._unbroken_nj
        self._books.check_change(
            state,
            least_nj * _PJ_PER_NJ - lost_pj - self._late_pj,
            most_nj * _PJ_PER_NJ + self._late_pj,
        )
