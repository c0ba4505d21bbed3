"""Books with money in journal and ESAM, for tests of single steps of the settlement.

What was sent, committed, logged and noted since `clear` is there to be looked at.
"""

from typing import Any

import cards_kit
from dianka.card_port import make_command, send
from dianka.cardos.files import card_files
from mirror_kit import CREDIT_HEADER, Books, drive

READ, DEBIT, CREDIT, APPEND = b"\x00\xb2\x00\x0c", b"\x80\x30\x00\x0c", b"\x84\x32\x01\x0c", 0xE2
NO_ANSWER = "no answer"
KEEPS_NOT = "memory does not keep what is written"


class SettlementRig(Books):
    """Books with 100.00 yuan in journal and ESAM, which keep what is noted of purchases."""

    def __init__(self) -> None:
        self.noted: list[tuple] = []
        super().__init__()
        self.buy(10_000)
        self.settle()
        self.clear()

    def start_cut_short(self) -> None:
        """As the meter's own start, with the purchases noted."""
        module = self._parts.module
        self.store = module("state_store").StateStore(self.memory, self.lines.append)
        self.esam = module("esam").Esam(self.channel)
        self.settlement = self.make_settlement()
        drive(self.settlement.keep_in_step(False))

    def make_settlement(self) -> Any:
        return self._parts.module("settlement").Settlement(
            self.esam,
            self.store,
            lambda *noted: self.noted.append(noted),
            lambda *noted: self.restored.append(noted),
            self.lines.append,
        )

    def clear(self) -> None:
        for log in (self.lines, self.noted, self.restored, self.channel.sent):
            log.clear()
        self.power.events, self.first = 0, self.store._journal._sequence

    @property
    def commits(self) -> int:
        return self.store._journal._sequence - self.first

    @property
    def error(self) -> Any:
        return self._parts.module("esam").EsamError

    @property
    def journal_error(self) -> Any:
        return self._parts.module("journal").JournalError

    def silence(self, *headers: bytes) -> None:
        """Let the ESAM not answer these commands, all of them without any."""
        error = self._parts.module("line").LineError

        def refuse(header: bytes) -> int:
            if not headers or header in headers:
                raise error(NO_ANSWER)
            return 0

        self.channel.refuse = refuse

    def answer(self) -> None:
        self.channel.refuse = lambda header: 0

    def protect(self, on: bool = True) -> None:
        """Let the memory keep nothing."""
        write = type(self.memory).write.__get__(self.memory)
        self.memory.write = (lambda address, data: None) if on else write

    def committed(self) -> Any:
        """Return the state that a start would find now."""
        module = self._parts.module
        return module("state_store").StateStore(self.memory, lambda line: None).state

    def make_block(self, amount_fen: int, count: int) -> bytes:
        """Return a purchase as the card seals it for this ESAM."""
        wallet = card_files.pack(card_files.WALLET, {"money_fen": amount_fen, "count": count})
        self._card.state.files[card_files.CARD_WALLET] = wallet
        cards_kit.open_card(self._card)
        order = drive(self.esam.get_challenge(4)) + CREDIT_HEADER
        return send(self._card, make_command("04B08200", order), "seal")

    def set_wallet(self, money_fen: int, count: int) -> None:
        record = card_files.pack(card_files.WALLET, {"money_fen": money_fen, "count": count})
        self.write_file(card_files.ESAM_WALLET, record)

    def watch(self, header: bytes) -> list[Any]:
        """Return a list that gets the committed state whenever this command is sent."""
        found: list[Any] = []

        def look(sent: bytes) -> int:
            if sent == header:
                found.append(self.committed())
            return 0

        self.channel.refuse = look
        return found
