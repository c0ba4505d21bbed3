"""A tariff on models of memory and clock, without a meter, and the ESAM's files beside it."""

from fractions import Fraction
from typing import Any

from dianka.bench.models.ds3231 import ADDRESS as CLOCK_ADDRESS
from dianka.bench.models.ds3231 import Ds3231
from dianka.bench.models.fram import ADDRESS, Mb85rc256v
from dianka.cardos.files import pack_tariff
from parts import Parts

FLAT_E4, OTHER_E4 = 5000, 6543
RATES_E4 = [4000, 9000]
DAY = {"slots": [1, 4802]}  # quarters of an hour and rate: 1 from 00:00, 2 from 12:00
NOON_S = 4 * 3600  # UTC of 2000-01-01: 12:00 local
S = 1_000_000


class TariffRig:
    """A tariff with its store, memory and clock, at 08:00 local time of 2000-01-01."""

    def __init__(self, fram: bytes | None = None) -> None:
        self.parts = Parts()
        self.chip, self.memory = Ds3231(self.parts.clock, 0), Mb85rc256v(fram)
        devices = self.parts.mcu.get_i2c_bus(0).devices
        devices[CLOCK_ADDRESS], devices[ADDRESS] = self.chip, self.memory
        bus = self.parts.machine().I2C(0)
        fram_driver = self.parts.module("fram").Fram(bus)
        self.lines: list[str] = []
        self.files = self.parts.module("card_files")
        self.module = self.parts.module("tariff")
        self.store = self.parts.module("state_store").StateStore(fram_driver, self.lines.append)
        clock = self.parts.module("ds3231").Ds3231(
            bus, 8 * 3600, lambda: self.store.state.earliest_s
        )
        self.tariff = self.module.Tariff(self.store, clock, fram_driver, self.lines.append)
        self.sets = self.parts.module("parameter_memory")
        self.fram = fram_driver
        self.kwh_pj = self.parts.module("account").PJ_PER_KWH

    @property
    def state(self) -> Any:
        return self.store.state

    def frame(self, data: bytes) -> bytes:
        return self.files.frame(self.files.CMD_USER, data)

    def flat(self, price_e4: int = FLAT_E4) -> bytes:
        return self.frame(pack_tariff([price_e4]))

    def several(self, rates_e4: list[int] | None = None) -> bytes:
        return self.frame(make_several(rates_e4 or RATES_E4))

    def enter_several(self, rates_e4: list[int] | None = None) -> None:
        """Put a set of several prices into force, with its copy in the memory."""
        self.tariff.keep(self.several(rates_e4))
        self.module.set_price(self.state, self.several(rates_e4))

    def wait(self, seconds: int) -> None:
        self.parts.clock.advance(self.parts.clock.now_us + seconds * S)

    def fetch(self, esam: "EsamFiles") -> None:
        self.parts.run(self.tariff.fetch(esam, self.parts.runner.modules["asyncio"].Lock()))

    def garble_year(self, *years: int) -> None:
        """Let the next readings of the clock tell these years, in BCD; 0 leaves one as it is."""
        start, left = self.chip.start, list(years)

        def garbled(read: bool) -> bool:
            there = start(read)
            if read and self.chip._at == 0 and left:
                self.chip._registers[6] = left.pop(0) or self.chip._registers[6]
            return there

        self.chip.start = garbled

    def cost_fen(self) -> Fraction:
        fen = self.parts.module("account").FEN
        return -self.state.balance_fen + Fraction(self.state.remainder, fen)


def make_several(rates_e4: list[int]) -> bytes:
    return pack_tariff(rates_e4, DAY)


class EsamFiles:
    """An ESAM that has tariff sets by their file numbers, or raises this error at each reading."""

    def __init__(self, files: dict[int, bytes], error: Exception | None = None) -> None:
        self._files, self._error = files, error

    async def read(self, file: int, offset: int, count: int) -> bytes:
        if self._error:
            raise self._error
        return self._files[file][offset : offset + count]
