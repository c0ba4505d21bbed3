"""What card and ESAM are told in one session of a whole meter, every command in its order."""

from collections.abc import Callable
from pathlib import Path

from dianka.cardos.chip import Chip
from meter_kit import MeterKit
from sessions_document import Step


class Heard:
    """Every command that card and ESAM get in one session, in hex; `both` has the two together."""

    def __init__(self, kit: MeterKit, card: Path) -> None:
        self.card: list[str] = []
        self.esam: list[str] = []
        self.both: list[Step] = []
        esam = kit.esam
        undo = self._tap(esam, "ESAM", self.esam)
        self.session = kit.run_session(
            card, spoil=lambda chip: self._tap(chip, "card", self.card) and None
        )
        undo()

    def _tap(self, chip: Chip, who: str, into: list[str]) -> Callable[[], None]:
        process = chip.process
        again = False  # the same command with the length that the chip has named

        def listen(apdu: bytes) -> tuple[bytes, int]:
            nonlocal again
            answer, sw = process(apdu)
            if not again:
                self.both.append((who, bytes(apdu).hex()))
            again = sw >> 8 == 0x6C
            if sw != 0x6985 and sw >> 8 != 0x6C:
                into.append(bytes(apdu).hex())
            return answer, sw

        chip.process = listen
        return lambda: setattr(chip, "process", process)
