"""Jobs for the card process: functions of a module, as it wants them."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from dianka.card_port import CardError, CardRefused, select_card
from dianka.cardos.chip import CardTorn
from dianka.desk.sell import SaleBroken
from dianka.readers import find_reader


def read_serial(place: str) -> bytes:
    with find_reader(place).connect() as held:
        return select_card(held.port)


def get_pid() -> int:
    return os.getpid()


def sleep(for_s: float, value: Any = None) -> Any:
    time.sleep(for_s)
    return value


def write_slowly(path: Path, steps: int) -> None:
    """Append one character each 50 ms, as a session sends one command after another."""
    for step in range(steps):
        with path.open("a") as file:
            file.write(str(step % 10))
        time.sleep(0.05)


def end_process(number: signal.Signals) -> str:
    os.kill(os.getpid(), number)
    time.sleep(0.1)
    return "to the end"


class OddError(CardError):
    """Can be pickled and not unpickled."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def fail(how: str) -> None:
    if how == "odd":
        raise OddError(1, 2)
    if how == "refused":
        raise CardRefused("read file 05", 0x6982)
    if how == "torn":
        raise CardTorn("the card went away")
    if how == "broken":
        error = SaleBroken("keep the money")
        error.exit_code = 143
        raise error
    raise RuntimeError("two\nlines")


def give_lambda() -> Any:
    return lambda: None
