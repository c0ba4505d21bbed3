"""What can be read of a meter, by the names that people use: identifier, form and unit of each.

docs/read.md has the same table, and a test compares the two.
"""

from collections.abc import Callable
from dataclasses import dataclass

WORDS_OF_BITS = {
    1: {
        2: "clock battery empty",
        4: "power flows backwards",
        8: "relay does not follow",
        9: "ESAM fault",
        13: "memory fault",
        14: "in debt",
        15: "clock fault",
    },
    2: {0: "phase A backwards", 1: "phase B backwards", 2: "phase C backwards"},
    3: {4: "supply is off", 6: "supply has to be off", 7: "low balance", 14: "not opened"},
    4: {1: "voltage too low", 2: "voltage too high", 5: "overload"},
    7: {9: "case opened"},
}
_PREPAID = 0x200  # in status word 3: a meter that counts money
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


class ValueUnknown(ValueError):
    """The answer is not of the form that this item has."""


@dataclass(frozen=True)
class Item:
    """Something to be read. `many`: there are so many of it, `step` apart in the identifier."""

    name: str
    identifier: int
    size: int
    form: Callable[[bytes], str]
    words: str
    unit: str = ""
    many: int = 1
    step: int = 1

    def find_identifier(self, number: int = 1) -> int:
        return self.identifier + (number - 1) * self.step

    def decode(self, data: bytes) -> str:
        """Return the value as people read it; `data` as it comes, the lowest byte first."""
        if len(data) != self.size:
            raise ValueUnknown(f"{self.name}: {len(data)} bytes instead of {self.size}")
        return self.form(bytes(reversed(data)))


def _digits(data: bytes) -> str:
    text = data.hex()
    if not text.isdigit():
        raise ValueUnknown("not decimal")
    return text


def _decimal(places: int, signed: bool = False) -> Callable[[bytes], str]:
    def form(data: bytes) -> str:
        sign = "-" if signed and data[0] & 0x80 else ""
        first = data[0] & 0x7F if signed else data[0]
        digits = str(int(_digits(bytes((first, *data[1:]))))).zfill(places + 1)
        return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)

    return form


def _moment(data: bytes) -> str:
    """Return YYMMDDhhmm or YYMMDDhhmmss as people write it; "unknown" for zeros."""
    pairs = [f"{byte:02x}" for byte in data]
    _digits(data)
    if not any(data):
        return "unknown"
    return f"20{pairs[0]}-{pairs[1]}-{pairs[2]} " + ":".join(pairs[3:])


def _date(data: bytes) -> str:
    if data[3] >= len(_WEEKDAYS):
        raise ValueUnknown("no weekday")
    return _moment(data[:3]).strip() + " " + _WEEKDAYS[data[3]]


def _clock(data: bytes) -> str:
    return _date(data[:4]) + " " + _time(data[4:])


def _time(data: bytes) -> str:
    _digits(data)
    return ":".join(f"{byte:02x}" for byte in data)


def _clock_set(data: bytes) -> str:
    return f"{_moment(data[6:12])} -> {_moment(data[:6])}"


def _power_failure(data: bytes) -> str:
    return f"{_moment(data[6:])} to {_moment(data[:6])}"


def _word(number: int) -> Callable[[bytes], str]:
    def form(data: bytes) -> str:
        value = int.from_bytes(data, "big")
        known = WORDS_OF_BITS.get(number, {})
        said = [text for bit, text in known.items() if value >> bit & 1]
        rest = value & ~sum(1 << bit for bit in known) & ~(_PREPAID if number == 3 else 0)
        if rest:
            said.append(f"{rest:04X}H")
        return ", ".join(said) or "nothing to report"

    return form


_MONEY = _decimal(2)
ITEMS = (
    Item("energy", 0x00010000, 4, _decimal(2), "energy used", "kWh"),
    Item("energy-backwards", 0x00020000, 4, _decimal(2), "energy that flowed backwards", "kWh"),
    Item("balance", 0x00900200, 4, _MONEY, "balance", "yuan"),
    Item("overdraft", 0x00900201, 4, _MONEY, "debt", "yuan"),
    Item("purchases", 0x03330201, 2, _decimal(0), "purchases so far"),
    Item("bought", 0x03330601, 4, _MONEY, "bought so far", "yuan"),
    Item("price", 0x02800020, 4, _decimal(4), "price now", "yuan/kWh"),
    Item("volts", 0x02010100, 2, _decimal(1), "voltage", "V", 3, 0x100),
    Item("amperes", 0x02020100, 3, _decimal(3), "current", "A", 3, 0x100),
    Item("power", 0x02030000, 3, _decimal(4, True), "power of all phases", "kW"),
    Item("phase-power", 0x02030100, 3, _decimal(4, True), "power of a phase", "kW", 3, 0x100),
    Item("power-factor", 0x02060000, 2, _decimal(3, True), "power factor"),
    Item("clock", 0x0400010C, 7, _clock, "date and time"),
    Item("date", 0x04000101, 4, _date, "date"),
    Item("time", 0x04000102, 3, _time, "time"),
    Item("meter-number", 0x04000402, 6, _digits, "meter number"),
    Item("customer-number", 0x0400040E, 6, _digits, "customer number"),
    Item("alarm1", 0x04001001, 4, _MONEY, "low-balance lamp at", "yuan"),
    Item("alarm2", 0x04001002, 4, _MONEY, "low-balance trip at", "yuan"),
    Item("overdraft-limit", 0x04001003, 4, _MONEY, "debt that is granted", "yuan"),
    Item("hoard-limit", 0x04001004, 4, _MONEY, "highest balance", "yuan"),
    Item("close-above", 0x04001005, 4, _MONEY, "after a debt on again above", "yuan"),
    Item("switch-time", 0x04000108, 5, _moment, "planned prices from"),
    Item("rates", 0x04000204, 1, _decimal(0), "rates"),
    Item("steps", 0x04000207, 1, _decimal(0), "limits of steps"),
    Item("rate", 0x04050101, 4, _decimal(4), "price of a rate", "yuan/kWh", 4),
    Item("planned-rate", 0x04050201, 4, _decimal(4), "planned price of a rate", "yuan/kWh", 4),
    Item("step-limit", 0x04060001, 4, _decimal(2), "limit of a step", "kWh", 6),
    Item("step-price", 0x04060101, 4, _decimal(4), "added in a step", "yuan/kWh", 7),
    Item("status", 0x04000501, 2, _word(1), "status 1: parts"),
    Item("directions", 0x04000502, 2, _word(2), "status 2: directions"),
    Item("supply", 0x04000503, 2, _word(3), "status 3: supply"),
    Item("faults", 0x04000504, 2, _word(4), "status 4: mains"),
    Item("case", 0x04000507, 2, _word(7), "status 7: case"),
    Item("purchase-time", 0x03330101, 5, _moment, "when it was bought", many=10),
    Item("purchase-count", 0x03330201, 2, _decimal(0), "its count", many=10),
    Item("purchase-amount", 0x03330301, 4, _MONEY, "amount", "yuan", 10),
    Item("purchase-before", 0x03330401, 4, _MONEY, "balance before it", "yuan", 10),
    Item("purchase-after", 0x03330501, 4, _MONEY, "balance after it", "yuan", 10),
    Item("clock-sets", 0x03300400, 3, _decimal(0), "settings of the clock"),
    Item("clock-set", 0x03300401, 16, _clock_set, "clock set", many=10),
    Item("power-failure", 0x03110001, 12, _power_failure, "last power failure"),
)
BY_NAME = {item.name: item for item in ITEMS}
# Read when nothing is named.
USUAL = (
    "energy", "balance", "overdraft", "purchases", "bought", "price", "volts", "amperes", "power",
    "power-factor", "clock", "alarm1", "alarm2", "overdraft-limit", "hoard-limit", "status",
    "supply", "purchase-time", "purchase-amount",
)  # fmt: skip


def find_item(text: str) -> tuple[Item, int]:
    """Return the item of a name such as `volts` or `purchase-amount:2`, and which one of it.

    ValueError, with one line, if there is no such item.
    """
    name, _, number = text.partition(":")
    item = BY_NAME.get(name)
    if not item:
        raise ValueError(f"nothing is called {name}: dianka read --list says what there is")
    if number and not (number.isdigit() and 1 <= int(number) <= item.many):
        raise ValueError(f"{name} has the numbers 1 to {item.many}, as in {name}:1")
    return item, int(number or 1)
