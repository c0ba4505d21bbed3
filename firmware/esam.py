"""Send the ESAM's commands (docs/cards/protocol.md).

Wallet, keys and parameters are in the ESAM; the meter relays sealed blocks. Every method is one
command unless it says otherwise. EsamError if the chip refuses or does not answer; its text says
which.
"""

from micropython import const

from card_files import (
    ESAM_KEY_INFO,
    ESAM_RUN_INFO,
    ESAM_WALLET,
    KEY_INFO,
    WRITE_BACK_SIZE,
    size_of,
    unframe,
    unpack,
    with_inverse,
)
from line import Channel, LineError

_RECORD_ALL = const(0)
RECORD_MONEY = const(1)
RECORD_COUNT = const(3)
_WALLET = const(0x0C)  # P2 of wallet commands: file 01, record addressing
IDENTITY = const(1)  # key numbers for `encipher`
EXTERNAL = const(2)
_COMMAND_MS = const(2_000)


class EsamError(Exception):
    """The ESAM does not answer, is out of step or refuses.

    `sw` is its status word, 0 if there was none.
    """

    def __init__(self, text: str, sw: int = 0) -> None:
        super().__init__(text)
        self.sw = sw


class Esam:
    """One ESAM on its channel. `alive` is True if its newest command was answered."""

    def __init__(self, channel: "Channel") -> None:
        self._channel = channel
        self.serial = b""
        self.alive = False

    async def start(self) -> None:
        """Reset the chip and select its main file."""
        self.alive = False
        self._start_deadline()
        try:
            atr = await self._channel.reset()
        except LineError as error:
            raise EsamError("reset: " + str(error)) from None
        self.serial = bytes(atr.raw[-8:])
        await self._ask(0x00, 0xA4, 0x00, 0x00, b"\x3f\x00")

    async def get_challenge(self, size: int) -> bytes:
        """Return random bytes, 4 or 8; the chip keeps them for one use."""
        return await self._ask(0x00, 0x84, 0x00, 0x00, le=size)

    async def read_wallet(self) -> tuple:
        """Return (money in fen, purchase count); EsamError if they do not match their inverse.

        The UART passes flipped bits on, and these numbers carry no checksum.
        """
        found = await self._ask(0x00, 0xB2, _RECORD_ALL, _WALLET, le=16)
        if found != with_inverse(found[:8]):
            self.alive = False
            raise EsamError("wallet and its inverse differ")
        return int.from_bytes(found[:4], "big"), int.from_bytes(found[4:8], "big")

    async def debit(self, amount_fen: int) -> None:
        """Take the amount from the wallet; the chip refuses one whose inverse differs."""
        await self._ask(0x80, 0x30, 0x00, _WALLET, with_inverse(amount_fen.to_bytes(4, "big")))

    async def credit(self, block: bytes) -> None:
        """Send a user card's money ‖ count ‖ MAC.

        The chip checks the MAC, and that the count is the next one.
        """
        await self._ask(0x84, 0x32, 0x01, _WALLET, block)

    async def refund(self, block: bytes) -> None:
        """Send the money ‖ count ‖ MAC of an order; the chip checks MAC and count as for CREDIT."""
        await self._ask(0x84, 0x30, 0x02, _WALLET, block)

    async def init_money(self, block: bytes) -> None:
        await self._ask(0x04, 0xDC, RECORD_MONEY, _WALLET, block)

    async def init_count(self, block: bytes) -> None:
        await self._ask(0x04, 0xDC, RECORD_COUNT, _WALLET, block)

    async def encipher(self, key: int, factor: bytes, data: bytes) -> bytes:
        """Return `data` (8 bytes) enciphered under root `key` diversified with a card's serial."""
        return self._check_size(await self._ask(0x80, 0xFA, 0x00, key, factor + data), 8)

    async def read(self, file: int, offset: int, size: int) -> bytes:
        return await self._ask(0x00, 0xB0, 0x80 | file, offset, le=size)

    async def read_record(self, file: int, fields: tuple) -> dict:
        """Read a record that carries no checksum, in two readings.

        EsamError if they differ, or if the record does not hold these fields.
        """
        size = size_of(fields)
        found = await self.read(file, 0, size)
        if await self.read(file, 0, size) != found:
            raise EsamError("two readings of file %02d differ" % file)
        try:
            return unpack(fields, found)
        except ValueError as error:
            raise EsamError("file %02d unreadable: %s" % (file, error)) from None

    async def update(self, file: int, block: bytes, at: int = 0) -> None:
        """Send data ‖ MAC for a file from offset `at` on.

        A card has sealed them for exactly this command.
        """
        await self._ask(0x04, 0xD6, 0x80 | file, at, block)

    async def append(self, file: int, record: bytes) -> None:
        """Put a record in front of a log; the chip does it whole or not at all."""
        await self._ask(0x00, 0xE2, 0x00, file << 3 | 4, record)

    async def read_log(self, file: int, number: int, size: int) -> bytes:
        """Return a record of a log, 1 being the newest."""
        return await self._ask(0x00, 0xB2, number, file << 3 | 4, le=size)

    async def read_key_state(self) -> int:
        """Return KEYS_PUBLIC or KEYS_PRIVATE."""
        try:
            _, data = unframe(await self.read(ESAM_KEY_INFO, 0, 10))
            return unpack(KEY_INFO, data)["state"]
        except ValueError:
            raise EsamError("key info unreadable") from None

    async def install_key(self, key: int, block: bytes) -> None:
        await self._ask(0x84, 0xD4, 0x01, key, block)

    async def seal_receipt(self, run_info: bytes, challenge: bytes, serial: bytes) -> bytes:
        """Store the framed run info. Return data ‖ MAC, sealed for the card's write-back file.

        Two commands.
        """
        await self.set_run_info(run_info)
        target = bytes((0x04, 0xD6, 0x85, 0x00, WRITE_BACK_SIZE + 4))
        return await self.seal_run_info(run_info, target, challenge, serial)

    async def set_run_info(self, run_info: bytes) -> None:
        """Store the run info that the chip is to seal for a card next."""
        await self._ask(0x00, 0xD6, 0x80 | ESAM_RUN_INFO, 0x00, run_info)

    async def seal_run_info(
        self,
        run_info: bytes,
        target: bytes,
        challenge: bytes,
        serial: bytes,
    ) -> bytes:
        """Seal the run info that was set; EsamError if the chip seals any other."""
        sealed = await self.seal(ESAM_RUN_INFO, 0x00, target, challenge, serial)
        if sealed[:-4] != run_info:
            raise EsamError("run info sealed is not what was sent")
        return sealed

    async def seal(
        self, file: int, at: int, target: bytes, challenge: bytes, serial: bytes
    ) -> bytes:
        """Return data ‖ MAC of a file from offset `at` on, for the card's command `target`.

        For the wallet `at` is the record's number.
        """
        order = challenge + target + serial
        if file == ESAM_WALLET:
            return self._check_size(await self._ask(0x04, 0xB2, at, _WALLET, order), target[4])
        return self._check_size(await self._ask(0x04, 0xB0, 0x80 | file, at, order), target[4])

    async def _ask(
        self, cla: int, ins: int, p1: int, p2: int, data: bytes = b"", le: int = 0
    ) -> bytes:
        self._start_deadline()
        try:
            answer, sw = await self._channel.command(cla, ins, p1, p2, data, le)
        except LineError as error:
            self.alive = False
            raise EsamError(str(error)) from None
        self.alive = True
        if sw != 0x9000:
            raise EsamError("status %04X to %02X%02X" % (sw, cla, ins), sw)
        return self._check_size(answer, le)

    def _check_size(self, answer: bytes, size: int) -> bytes:
        """Return the answer; EsamError if it is shorter than `size`.

        Otherwise a balance would be read from half a number, or an identity accepted from nothing.
        """
        if len(answer) < size:
            self.alive = False
            raise EsamError("answer cut short")
        return answer

    def _start_deadline(self) -> None:
        """Give each command the same deadline, whatever the chip does."""
        self._channel.end_within(_COMMAND_MS)
