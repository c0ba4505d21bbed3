"""The parts at each of a board's pins, for the wiring picture.

The pins' numbers are in board.py, not here. Contacts and values are from the parts' datasheets; the
boards' README.md says why they were chosen.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One wire from a part's `contact` to the pin that board.py calls `name`."""

    name: str
    contact: str
    between: str = ""  # what the wire goes through
    to_chip: bool = False
    from_chip: bool = False


@dataclass(frozen=True)
class Part:
    """One part; `step` is the one of docs/building.md in which it is built in."""

    name: str
    rows: tuple[Row, ...]
    step: int
    mains: bool = False  # it is on the mains: only an isolator may lie between it and the pin
    warning: str = ""  # in red under the name: another side of the part is on the mains


@dataclass(frozen=True)
class Supply:
    """The names of the board's supply pins, and where they are."""

    power: str  # takes 5 V
    logic: str  # gives 3.3 V
    ground: str
    usb: str  # must not be fed


@dataclass(frozen=True)
class PictureBoard:
    """A board with its parts, and the places of its pins."""

    title: str
    chip: str
    prefix: str  # before a pin's number
    left: tuple[Part, ...]
    right: tuple[Part, ...]
    places: dict[int, str]  # pin number to the place on the board's edge
    supply: Supply


def make_pin_label(board: PictureBoard, pin: int) -> str:
    """Return a pin's name on the board, with its place."""
    place = board.places.get(pin)
    return f"{board.prefix}{pin} ({place})" if place else f"{board.prefix}{pin}"


NOTES = (
    (
        "Red parts are connected to the mains. Only the isolators that are drawn may bridge the "
        "dashed line. Cables to a PC and"
    ),
    (
        "instruments belong on the safe side. VCC of slot and ESAM is switched 3.3 V (class B), "
        "and I/O is pulled up to it."
    ),
    (
        "The mains path, all pins of the HLW8032 and the supplies are in mains.svg. "
        "The relay's contacts are on the mains too,"
    ),
    "8 mm from its coils. Of the two 68 k before an H11AA1, one lies in L and one in N.",
    (
        "Not drawn: GND; 100 nF at each supply pin; ESD protection of the slot's contacts. "
        "See README.md."
    ),
)


def _make_input(name: str, contact: str, between: str = "") -> Row:
    return Row(name, contact, between, to_chip=True)


def _make_output(name: str, contact: str, between: str = "") -> Row:
    return Row(name, contact, between, from_chip=True)


def _make_both_ways(name: str, contact: str, between: str = "") -> Row:
    return Row(name, contact, between, to_chip=True, from_chip=True)


_MAINS_PARTS = (
    Part(
        "HLW8032, 5 V, on the mains",
        (
            _make_input("METERING_RX", "TX", "ISO7720, 1st channel"),
            _make_input("PULSE", "PF", "ISO7720, 2nd channel"),
        ),
        step=8,
        mains=True,
    ),
    Part(
        "mains, load side",
        (_make_input("RELAY_FEEDBACK", "L behind relay, N", "2 x 68 k; H11AA1; 100 k, 1 uF"),),
        step=8,
        mains=True,
    ),
    Part(
        "mains, line side",
        (_make_input("POWER_FAIL", "L before relay, N", "2 x 68 k; H11AA1; 100 k, 220 nF"),),
        step=8,
        mains=True,
    ),
)

_RELAY = Part(
    "latching relay: coils 12 V,",
    (
        _make_output("RELAY_CLOSE", "set coil", "ULN2803A; 10 k to GND"),
        _make_output("RELAY_OPEN", "reset coil", "ULN2803A; 10 k to GND"),
    ),
    step=6,
    warning="contacts on the mains",
)

_I2C = Part(
    "MB85RC256V, DS3231, 3.3 V",
    (
        _make_both_ways("SDA", "SDA of both", "4.7 k to 3.3 V"),
        _make_output("SCL", "SCL of both", "4.7 k to 3.3 V"),
    ),
    step=4,
)

_DISPLAY = Part(
    "TM1638 with 8 digits, 5 V",
    (
        _make_output("DISPLAY_SCK", "CLK", "74AHCT125"),
        _make_output("DISPLAY_DIO", "DIO", "74AHCT125"),
        _make_output("DISPLAY_STROBE", "STB", "74AHCT125"),
    ),
    step=3,
)


def _make_contacts(
    name: str, prefix: str, line: tuple[Row, ...], more: tuple[Row, ...] = ()
) -> Part:
    rows = (
        _make_output(f"{prefix}_POWER", "C1 VCC", "TPS2553; 100 k to GND"),
        _make_output(f"{prefix}_RESET", "C2 RST", "100 R; 100 k to GND"),
        _make_output(f"{prefix}_CLOCK", "C3 CLK", "100 R; 100 k to GND"),
    )
    return Part(name, rows + line + more, step=5)


def _make_pico_line(prefix: str) -> tuple[Row, ...]:
    return (_make_both_ways(f"{prefix}_IO", "C7 I/O", "100 R; 10 k to C1"),)


def _make_esp32_line(prefix: str) -> tuple[Row, ...]:
    return (
        _make_output(f"{prefix}_TX", "C7 I/O", "74LVC1G07, open drain"),
        _make_input(f"{prefix}_RX", "C7 I/O", "100 R; 10 k to C1"),
    )


_SWITCH = (_make_input("SLOT_SWITCH", "switch, to GND", "1 k; 10 k to 3.3 V"),)


def _make_safe_side(line: Callable[[str], tuple[Row, ...]]) -> tuple[Part, ...]:
    slot = _make_contacts("card slot, ISO 7816", "CARD", line("CARD"), _SWITCH)
    return (slot, _make_contacts("ESAM, ISO 7816", "ESAM", line("ESAM")), _I2C, _DISPLAY)


# From +5 V; the relay's driver has channels to spare. No pin of the ESP32 is left over for it.
_BUZZER = Part("active buzzer, 5 V", (_make_output("BUZZER", "minus", "ULN2803A"),), step=6)
_KEY = Part(
    "push button, insulated cap", (_make_input("KEY", "to GND", "1 k; 10 k to 3.3 V"),), step=3
)

# The ESP32 has no pin left for it.
_CASE = Part(
    "case contact, shut",
    (_make_input("CASE_CONTACT", "to GND", "1 k; 10 k to 3.3 V"),),
    step=6,
)

# No UART of the ESP32 is left over beside a metering chip.
_DATA = Part(
    "data port, 2400 bit/s 8E1",
    (
        _make_output("DATA_TX", "RX of the reader", "ISO7721, 1st channel"),
        _make_input("DATA_RX", "TX of the reader", "ISO7721, 2nd channel"),
    ),
    step=7,
)

# RP2040 pin to pin of the Pico, where a GND follows the first two and then every fourth; Raspberry
# Pi Pico datasheet, figure 4.
_PICO_EDGE = {pin: pin + 1 + (pin + 2) // 4 for pin in range(16)} | dict(
    zip(
        (16, 17, 18, 19, 20, 21, 22, 26, 27, 28),
        (21, 22, 24, 25, 26, 27, 29, 31, 32, 34),
        strict=True,
    )
)
_PICO_PLACES = {pin: f"pin {place}" for pin, place in _PICO_EDGE.items()}

# Pin to place on the header; Espressif, ESP32-DevKitC V4 getting started guide. Some drawings call
# J1 J2.
_DEVKIT_J1 = {
    36: 3,
    39: 4,
    34: 5,
    35: 6,
    32: 7,
    33: 8,
    25: 9,
    26: 10,
    27: 11,
    14: 12,
    12: 13,
    13: 15,
}
_DEVKIT_J3 = {
    23: 2,
    22: 3,
    1: 4,
    3: 5,
    21: 6,
    19: 8,
    18: 9,
    5: 10,
    17: 11,
    16: 12,
    4: 13,
    0: 14,
    2: 15,
    15: 16,
}
_DEVKIT_PLACES = {pin: f"J1-{place}" for pin, place in _DEVKIT_J1.items()} | {
    pin: f"J3-{place}" for pin, place in _DEVKIT_J3.items()
}

BOARDS = {
    "rp2_pico": PictureBoard(
        title="Dianka on the Raspberry Pi Pico",
        chip="Raspberry Pi Pico",
        prefix="GP",
        left=(*_MAINS_PARTS, _RELAY, _KEY, _CASE, _BUZZER),
        right=(*_make_safe_side(_make_pico_line), _DATA),
        places=_PICO_PLACES,
        supply=Supply("VSYS (pin 39)", "3V3 OUT (pin 36)", "GND (pin 38)", "VBUS (pin 40)"),
    ),
    "rp2_pico2": PictureBoard(
        title="Dianka on the Raspberry Pi Pico 2",
        chip="Raspberry Pi Pico 2",
        prefix="GP",
        left=(*_MAINS_PARTS, _RELAY, _KEY, _CASE, _BUZZER),
        right=(*_make_safe_side(_make_pico_line), _DATA),
        places=_PICO_PLACES,
        supply=Supply("VSYS (pin 39)", "3V3 OUT (pin 36)", "GND (pin 38)", "VBUS (pin 40)"),
    ),
    "esp32_devkit": PictureBoard(
        title="Dianka on the ESP32-DevKitC",
        chip="ESP32-DevKitC",
        prefix="IO",
        left=(*_MAINS_PARTS, _RELAY, _KEY),
        right=_make_safe_side(_make_esp32_line),
        places=_DEVKIT_PLACES,
        supply=Supply("5V (J1-19)", "3V3 (J1-1)", "GND (J1-14)", "USB"),
    ),
}
