"""All targets by name, and the modules whose branches guide the fuzzing of each."""

from collections.abc import Callable
from types import ModuleType

import characters
import chips
import files
import meter_port

from dianka.cardos import chip, commands, core, orders, pin, quota, records, sam, secure, t0, wallet
from dianka.desk import event_log, log_check, log_file, log_words

Target = Callable[[bytes], None]
_ISO = [characters.ISO]
_FILES = [files.FILES]
_CHIP = [chip, core, commands, records, sam, secure, wallet, t0, pin, quota, orders]
TARGETS: dict[str, tuple[Target, list[ModuleType], int]] = {
    # what it does, what it watches, the longest text
    "atr": (characters.atr, _ISO, 48),
    "exchange": (characters.exchange, _ISO, 700),
    "pps": (characters.pps, [characters.PPS], 12),
    "frame": (files.frame, _FILES, 300),
    "record": (files.record, _FILES, 160),
    "tariff": (files.tariff, _FILES, 260),
    "log": (files.log, [event_log, log_check, log_file, log_words], 1_000),
    "money": (files.money, _FILES, 16),
    "commands": (chips.commands, _CHIP, 600),
    "port": (meter_port.port, meter_port.build().modules, 500),
}
