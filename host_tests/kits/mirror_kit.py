"""A meter's books on a real ESAM, without wire and time: journal, settlement, mirror, and cuts.

Every byte for the memory and every command for the ESAM can be the last one before a cut.
"""

from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import cards_kit
from dianka.card_port import make_command, send
from dianka.cardos.chip import Chip
from dianka.cardos.files import card_files
from parts import Parts

SIZE = 32 * 1024
PRICE_E4 = 5000
CREDIT_HEADER = bytes.fromhex("8432010C0C")
CARD_SERIAL = 0x1122334455667788
_PJ_PER_FEN = 3_600_000_000_000_000_000 // 50


class PowerLost(Exception):
    """The meter has no power from here on."""


class Power:
    """The supply: it fails at the event that `left` counts down to; None: it lasts."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.events = 0
        self.commands: list[int] = []  # events that belong to the ESAM

    def spend(self, command: bool = False) -> None:
        self.events += 1
        if command:
            self.commands.append(self.events)
        if self.left is not None:
            self.left -= 1
            if self.left <= 0:
                raise PowerLost


class Memory:
    """A FRAM: each byte written is an event."""

    def __init__(self, power: Power) -> None:
        self.content, self._power, self.size = bytearray(SIZE), power, SIZE

    def read(self, address: int, count: int) -> bytes:
        return bytes(self.content[address : address + count])

    def write(self, address: int, data: bytes) -> None:
        for at, byte in enumerate(data):
            self._power.spend()
            self.content[address + at] = byte


class Channel:
    """The way to the ESAM: a command is two events, before and after the chip carries it out."""

    def __init__(self, chip: Chip, power: Power) -> None:
        self.chip, self._power = chip, power
        self.sent: list[bytes] = []
        self.refuse: Callable[[bytes], int] = lambda header: 0

    def end_within(self, ms: int) -> None:
        assert ms > 0

    async def reset(self) -> Any:
        return SimpleNamespace(raw=self.chip.power_on())

    async def command(
        self, cla: int, ins: int, p1: int, p2: int, data: bytes = b"", le: int = 0
    ) -> tuple[bytes, int]:
        self._power.spend(command=True)
        header = bytes((cla, ins, p1, p2))
        self.sent.append(header)
        sw = self.refuse(header)
        answer = (b"", sw) if sw else self.chip.process(header + self._pack(data, le))
        self._power.spend(command=True)
        return answer

    def _pack(self, data: bytes, le: int) -> bytes:
        return bytes((len(data),)) + bytes(data) if data else bytes((le,))


def drive(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that waits for nothing, and return its result."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return ended.value
    coroutine.close()
    raise AssertionError("it waits")


class Books:
    """A meter in use, opened with no money: its parts of the firmware begin anew at each start."""

    def __init__(self) -> None:
        self._parts = Parts()
        control = cards_kit.control_card()
        self._card = cards_kit.user_card(control)
        self.chip = cards_kit.private_esam(control)
        self.set_params(customer_no=cards_kit.CUSTOMER_NO)
        self.power = Power()
        self.memory = Memory(self.power)
        self.channel = Channel(self.chip, self.power)
        self.lines: list[str] = []
        self.restored: list[tuple[int, int]] = []
        self.records = self._parts.module("state")
        self._account, self._supply = self._parts.module("account"), self._parts.module("supply")
        self.start()
        self._begin()

    def _begin(self) -> None:
        state, records = self.state, self.records
        state.meter_no, state.customer_no = cards_kit.METER_NO, cards_kit.CUSTOMER_NO
        state.card_serial, state.price_e4 = CARD_SERIAL, PRICE_E4
        state.alarm1_fen, state.alarm2_fen = 2000, 500
        state.overdraft_limit_fen, state.close_above_fen = 1000, 1
        state.flags = records.INITIALISED | records.OPENED
        self._supply.update(state)
        self.store.commit()
        self.start()

    @property
    def state(self) -> Any:
        return self.store.state

    @property
    def wallet(self) -> tuple[int, int]:
        return cards_kit.wallet(self.chip)

    def write_file(self, sfi: int, content: bytes) -> None:
        self.chip.state = self.chip.state.copy()
        self.chip.state.files[sfi] = content

    def set_params(self, **changes: int) -> None:
        """Write to the ESAM's parameters."""
        content = self.chip.state.files[card_files.ESAM_PARAMS]
        params = card_files.unpack(card_files.PARAMS, content) | changes
        self.write_file(card_files.ESAM_PARAMS, card_files.pack(card_files.PARAMS, params))

    def put_esam(self, chip: Chip) -> None:
        self.chip = self.channel.chip = chip

    def start(self) -> None:
        """Restart: memory read, ESAM started and compared."""
        self.power.left = None
        self.start_cut_short()

    def start_cut_short(self) -> None:
        """As `start`, with the cut that is set."""
        module = self._parts.module
        self.store = module("state_store").StateStore(self.memory, self.lines.append)
        self.esam = module("esam").Esam(self.channel)
        self.settlement = module("settlement").Settlement(
            self.esam,
            self.store,
            lambda *noted: None,
            lambda *noted: self.restored.append(noted),
            self.lines.append,
        )
        drive(self.settlement.keep_in_step(False))

    def use(self, parts_of_a_fen: int) -> None:
        """Use so many thousandths of a fen."""
        self._account.debit(self.state, _PJ_PER_FEN * parts_of_a_fen // 1000)
        self._supply.update(self.state)
        self.store.commit()

    def settle(self) -> bool:
        """Settle. Return whether all of it was done."""
        drive(self.settlement.keep_in_step(True))
        return not self.settlement.failures

    def look(self) -> None:
        """What the meter does each second."""
        if self.settlement.behind:
            drive(self.settlement.catch_up())

    def buy(self, amount_fen: int) -> None:
        """Take a purchase over."""
        count = self.state.count + 1
        wallet = card_files.pack(card_files.WALLET, {"money_fen": amount_fen, "count": count})
        self._card.state.files[card_files.CARD_WALLET] = wallet
        cards_kit.open_card(self._card)
        order = drive(self.esam.get_challenge(4)) + CREDIT_HEADER
        block = send(self._card, make_command("04B08200", order), "seal")
        drive(self.settlement.credit(block, amount_fen, count))
        self._supply.release(self.state)
        self.store.commit()

    def keep(self) -> tuple[Any, bytes]:
        """Return ESAM and memory as they are now, for `put_back`."""
        return self.chip.state.copy(), bytes(self.memory.content)

    def put_back(self, kept: tuple[Any, bytes]) -> None:
        """Return to what `keep` returned, and restart."""
        self.chip.state, self.memory.content[:] = kept[0].copy(), kept[1]
        self.start()

    def count_events(self, act: Callable[[], object], lost: bool = False) -> tuple[int, list[int]]:
        """Return how many events an act has, and which are the ESAM's. Nothing else is left of it.

        Without `lost`, a restart comes before it.
        """
        kept = self.keep()
        if not lost:
            self.start()
        self.power.events, self.power.commands = 0, []
        act()
        found = self.power.events, self.power.commands
        self.chip.state, self.memory.content[:] = kept[0].copy(), kept[1]
        if not lost:
            self.start()
        return found

    def lose_memory(self) -> None:
        self.memory.content[:] = bytes(SIZE)
