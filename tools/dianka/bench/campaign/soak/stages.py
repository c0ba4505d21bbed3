"""What the supply of a falling balance must be, by docs/operations.md, "Why the supply is off"."""

from dataclasses import dataclass


@dataclass
class Stages:
    """The stages of one account: alarm 2, zero, the limit of the overdraft."""

    alarm2_fen: int
    overdraft_limit_fen: int
    close_above_fen: int
    locked: bool = False
    _passed_alarm2: bool = False
    _passed_zero: bool = False

    def follow(self, balance_fen: int) -> None:
        """Take note of a balance that has changed."""
        if balance_fen > self.alarm2_fen:
            self._passed_alarm2 = False
        if balance_fen > 0:
            self._passed_zero = False
        elif -balance_fen >= self.overdraft_limit_fen:
            self.locked = True
        if balance_fen > self.close_above_fen:
            self.locked = False

    def put_card_in(self, balance_fen: int) -> None:
        """Release what the resident's card releases."""
        self.follow(balance_fen)
        self._passed_alarm2 = balance_fen <= self.alarm2_fen
        self._passed_zero = balance_fen <= 0 and not self.locked

    def hold_key(self, balance_fen: int) -> None:
        """Release what the key releases."""
        if 0 < balance_fen <= self.alarm2_fen:
            self._passed_alarm2 = True

    def is_on(self, balance_fen: int) -> bool:
        """Return whether the account gives supply."""
        self.follow(balance_fen)
        if self.locked:
            return False
        if balance_fen <= 0:
            return self._passed_zero
        return balance_fen > self.alarm2_fen or self._passed_alarm2

    def find_next(self, balance_fen: int) -> int | None:
        """Return the balance of the next stage below, None behind the last."""
        stages = (self.alarm2_fen, 0, -self.overdraft_limit_fen)
        return next((stage for stage in stages if stage < balance_fen), None)
