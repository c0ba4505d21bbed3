"""Serves the office of the pictures to a browser: `python -m` this with its folder.

Jobs with cards are done in this process, whose clock stands still. Its address is printed. Each
line of the standard input is a thing to do that no page does; it ends when that ends.
"""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from dianka.bench.demo.office import DESK, METER_NO
from dianka.bench.handbook.clock import stopped_clock
from dianka.bench.handbook.office import Places, break_a_sale
from dianka.desk.office.opening import open_office
from dianka.desk.web.server import Address, open_socket, replace_port, serve
from dianka.desk.web.settings import Site, make_web_settings
from dianka.readers.changes import Snapshot
from dianka.readers.roles import Roles

BROKEN_FEN = 3000  # of the sale that `break` leaves unfinished
Value = TypeVar("Value")


class Here:
    """Does the jobs of the card process in this process, one at a time."""

    snapshot = Snapshot()

    def __init__(self) -> None:
        self._turn = threading.Lock()

    def run(self, job: Callable[..., Value], *args: Any, deadline_s: float) -> Value:
        """Do a job and return its value."""
        with self._turn:
            return job(*args)


def open_station(places: Places) -> None:
    """Let the pages use the folders of this office as their readers."""
    from dianka.desk.web.station import Station, set_station

    roles = Roles(f"folder:{places.slot}", f"folder:{places.control.parent}")
    set_station(Station(places.office, roles, Here()))


def obey(places: Places) -> None:
    """Do what the standard input says, and say when it is done; end with it."""
    for line in sys.stdin:
        word, _, card = line.strip().partition(" ")
        if word == "break":
            break_a_sale(places, card, METER_NO + 1, BROKEN_FEN)
        _say("done")
    os._exit(0)  # nothing is kept: the folder is thrown away


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(root: Path) -> None:
    """Serve the office until the standard input ends."""
    places = Places(root)
    open_office(places.office, make_web_settings(Site(DESK)))
    open_station(places)
    address = Address(port=0)
    listening = open_socket(address)
    url = replace_port(address, listening).url
    threading.Thread(target=obey, args=(places,), daemon=True).start()
    serve(address, listening, lambda: _say(url))


if __name__ == "__main__":
    with stopped_clock():
        main(Path(sys.argv[1]))
