"""The seeds of fuzzing: answers to reset of real cards, real talk of a meter and its cards."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chips
import files

from dianka.bench.campaign import resident
from dianka.bench.campaign.trial import USER, Trial
from dianka.cardos.chip import Chip
from dianka.desk.event_log import event_chain, make_log
from dianka.desk.log_file import dump_log
from dianka.reading.frames import ANY, READ, Frame
from dianka.reading.items import ITEMS
from port_frames import ASK_ADDRESS, CAPTURED

REAL_ATRS = Path(__file__).parents[1] / "readers" / "real_atrs.txt"


def real_atrs() -> list[bytes]:
    return [bytes.fromhex(line) for line in REAL_ATRS.read_text(encoding="ascii").split()]


def requests() -> Iterator[bytes]:
    """A request for each thing that can be read, and those that others have sent to meters."""
    for item in ITEMS:
        name = item.identifier.to_bytes(4, "little")
        yield b"\x3f" + Frame(ANY, READ, name).encode()
    for request, answer, _, _ in CAPTURED:
        yield b"\x0f" + bytes.fromhex(request) + bytes.fromhex(answer)
    yield b"\x05" + bytes.fromhex(ASK_ADDRESS) + bytes(12)


class Sessions:
    """Everything that a meter's first cards and two purchases bring.

    T=0 exchanges, APDUs, files.
    """

    def __init__(self) -> None:
        self.exchanges: list[bytes] = []  # as characters.exchange reads them
        self.apdus: dict[str, list[bytes]] = {}  # by kind of chip
        self.files: list[bytes] = []
        process = Chip.process

        def listened(chip: Chip, apdu: bytes) -> Any:
            self.apdus.setdefault(chip.kind, []).append(bytes(apdu))
            return process(chip, apdu)

        Chip.process = listened
        try:
            with tempfile.TemporaryDirectory(prefix="dianka-") as folder:
                self._play(Trial(Path(folder)))
        finally:
            Chip.process = process

    def _play(self, trial: Trial) -> None:
        resident.prepare_purchase(trial)
        line = trial.rig.runner.modules["line"]
        line.Exchange = _listening(line.Exchange, self.exchanges)
        assert trial.run_session(USER).code == 0
        self.files += trial.esam.state.files.values()
        for path in Path(trial.folder).glob("*.card"):
            if path != Path(trial.folder) / "control.card":
                self.files += trial.read_card_state(Path(path.name)).files.values()
        trial.close()


def _listening(exchange: type, into: list[bytes]) -> type:
    class Listening(exchange):
        def __init__(
            self, cla: int, ins: int, p1: int, p2: int, data: bytes = b"", le: int = 0
        ) -> None:
            super().__init__(cla, ins, p1, p2, data, le)
            self._own_ins, self._at = ins, len(into)
            into.append(bytes((len(data), min(le, 255))))

        def receive(self, chunk: bytes) -> None:
            super().receive(chunk)
            # The targets' command has one INS; where the card repeats that of its own command it
            # repeats this one.
            swap = {self._own_ins: 0xB0, self._own_ins ^ 0xFF: 0x4F}
            first = len(into[self._at]) == 2
            into[self._at] += bytes(
                swap.get(chunk[0], chunk[0]) if first and n == 0 else c for n, c in enumerate(chunk)
            )

    return Listening


def logs() -> Iterator[bytes]:
    """Files of logs: whole ones of a ring with up to three entries, and the same cut."""
    for count in range(4):
        before, entries = event_chain.START, []
        for number in range(1, count + 1):
            content = number.to_bytes(4, "big") + bytes(5) + bytes((3, 2)) + bytes(13)
            before = event_chain.compute_hash(before, content)
            entries.append(content + before)
        rings = b"".join(
            (1).to_bytes(4, "big") + bytes((count if kind == 3 else 0,)) + bytes(8)
            for kind in range(10, 0, -1)
        )
        head = bytes(28) + b"\x0a" + rings
        whole = dump_log(make_log(head, tuple(entries)))
        yield from (whole, whole[:-30], whole[:400])


def of(target: str, heard: Sessions) -> Iterator[bytes]:
    """The beginning corpus of a target."""
    if target == "atr":
        yield from real_atrs()
    elif target == "exchange":
        yield from heard.exchanges
    elif target == "pps":
        yield from (
            bytes((n,)) + text
            for n in range(3)
            for text in (b"\xff\x00\xff", b"\xff\x10\x12\xfd", b"\xff\x10\x13\xfc")
        )
    elif target == "log":
        yield from logs()
    elif target == "port":
        yield from requests()
    elif target == "commands":
        for n, chip in enumerate(chips.CHIPS):
            said = heard.apdus.get(chip.kind, [])
            for at in range(0, min(len(said), 200), chips.MOST_COMMANDS // 2):
                some = b"".join(
                    bytes((len(apdu),)) + apdu for apdu in said[at : at + chips.MOST_COMMANDS // 2]
                )
                yield bytes((n,)) + some
                yield bytes((n | chips.AS_CHARACTERS,)) + some
    else:
        heads = {
            "frame": [b""],
            "record": [bytes((n,)) for n in range(len(files.NAMES))],
            "tariff": [b"\0"],
            "money": [b""],
        }
        for head in heads[target]:
            yield from (head + content for content in heard.files)
            yield from (head + content[4:-2] for content in heard.files if content[:1] == b"\x68")
