"""Wire up the ESP32-DevKitC (ESP32-WROOM-32E): every pin named once, every bus built once.

Of the chip's three UARTs MicroPython keeps UART0 for its console. UART1 receives from the HLW8032;
card and ESAM share UART2, which is switched between them (line_shared.py). Pulses are counted by a
PCNT unit. LEDC makes the card clocks: its divider gives exactly 4 MHz, but not 3.57 MHz. FRAM and
clock are on one I2C bus, the TM1638 on SPI. Wiring and parts: README.md.
"""

from machine import PWM, SPI, UART, Pin
from micropython import const

from ds3231 import Ds3231
from fram import Fram
from i2c_bus import I2cBus
from line_shared import SharedLine, SharedUart
from tm1638 import Tm1638

METERING = "hlw8032"  # or "att7022", "pulse_meter": docs/hardware.md, "Metering chips"
_METERING_UART = const(1)
_METERING_RX = const(34)
_PULSE = const(19)
_PULSE_UNIT = const(0)
_LINES_UART = const(2)
_CARD_TX = const(17)
_CARD_RX = const(35)
_CARD_POWER = const(18)
_CARD_RESET = const(12)  # low while the chip starts, as this pin must be then
_CARD_CLOCK = const(4)
_SLOT_SWITCH = const(23)
_ESAM_TX = const(25)
_ESAM_RX = const(36)
_ESAM_POWER = const(26)
_ESAM_RESET = const(2)  # low while the chip starts, as this pin must be for flashing
_ESAM_CLOCK = const(33)
_I2C_BUS = const(0)
_SDA = const(21)
_SCL = const(22)
_DISPLAY_SPI = const(1)
_DISPLAY_SCK = const(14)
_DISPLAY_DIO = const(13)
_DISPLAY_STROBE = const(5)
_ATT7022_SELECT = const(19)  # with an ATT7022, on the display's bus
_ATT7022_MISO = const(34)
_RELAY_CLOSE = const(32)
_RELAY_OPEN = const(16)
_RELAY_FEEDBACK = const(27)
_KEY = const(15)
_POWER_FAIL = const(39)
_DATA_UART = const(1)  # with pulses alone: UART and RX are those of the HLW8032
_DATA_TX = const(0)  # high while the chip starts, as an idle line is and as this pin must be then
_DATA_RX = const(34)

_KV_MILLI = const(1880)
_KI_MILLI = const(1000)
MAX_POWER_MW = 9_000_000  # of a phase: 30.9 A, the HLW8032's limit behind 1 milliohm, at 290 V
_IMP_PER_KWH = const(1600)  # of the pulse source, where that is all there is
_PULSE_US = const(1_000)  # shorter is noise: a pulse lasts tens of milliseconds
_DISPLAY_MODE = const((500_000, 1, 1))  # rate, polarity and phase
_ATT7022_MODE = const((500_000, 0, 1))
_CARD_CLOCK_HZ = const(4_000_000)
_CARD_BAUD = const(10_753)  # _CARD_CLOCK_HZ / 372

# Opened at import: the chip reports while the rest of the firmware is loaded, and 10 reports fill
# the ring. Nothing is ever sent, but without a TX the port would take its default, IO10, which
# belongs to the flash. No pin is left over, so TX is the strobe: it rests high like an idle UART,
# and `display` takes it back.
if METERING == "hlw8032":
    _metering = UART(
        _METERING_UART,
        baudrate=4800,
        bits=8,
        parity=0,
        stop=1,
        tx=Pin(_DISPLAY_STROBE),
        rx=Pin(_METERING_RX),
        rxbuf=256,
    )
_buses = {}


def i2c() -> I2cBus:
    """Return the bus of FRAM and clock chip."""
    if "i2c" not in _buses:
        # The longest transfer, a record of the journal, takes 3 ms; a stuck bus must not keep
        # every task waiting.
        _buses["i2c"] = I2cBus(_I2C_BUS, sda=_SDA, scl=_SCL, timeout_us=10_000)
    return _buses["i2c"]


def memory() -> Fram:
    return Fram(i2c())


def clock(earliest_s=lambda: 0) -> Ds3231:
    """Return the clock chip; `earliest_s` returns the earliest time that it may show."""
    return Ds3231(i2c(), earliest_s=earliest_s)


def metering_chip():
    """Return the driver of the chip that METERING names; no other is imported."""
    if METERING == "hlw8032":
        from hlw8032 import Hlw8032

        return Hlw8032(_metering, _KV_MILLI, _KI_MILLI)
    if METERING == "att7022":
        import att7022_parts as parts
        from att7022 import Att7022
        from spi_guest import SpiGuest

        bus = SpiGuest(_spi(), _ATT7022_MODE, _DISPLAY_MODE)
        select = Pin(_ATT7022_SELECT, Pin.OUT, value=1)
        return Att7022(bus, select, parts.CONSTANTS, parts.IMP_PER_KWH, parts.N_MILLI)
    if METERING == "pulse_meter":
        from pulse_meter import PulseMeter

        return PulseMeter(pulse_counter(_PULSE_US), _IMP_PER_KWH, MAX_POWER_MW)
    raise ValueError("METERING names no chip: " + METERING)


def find_calibrator():
    """Return the class that calibrates this chip."""
    if METERING == "att7022":
        from calibrator_att import AttCalibrator

        return AttCalibrator
    from calibrator import Calibrator

    return Calibrator


def pulse_counter(min_width_us: int = 0):
    """Return the counter at the metering chip's PF pin, or at the pulse source's output."""
    from pulse_counter import PulseCounter

    return PulseCounter(Pin(_PULSE, Pin.IN), _PULSE_UNIT, min_width_us)


def card_line() -> SharedLine:
    return _make_line(_CARD_TX, _CARD_RX, _CARD_POWER, _CARD_RESET, _CARD_CLOCK)


def esam_line() -> SharedLine:
    return _make_line(_ESAM_TX, _ESAM_RX, _ESAM_POWER, _ESAM_RESET, _ESAM_CLOCK)


def display() -> Tm1638:
    return Tm1638(_spi(), Pin(_DISPLAY_STROBE, Pin.OUT, value=1))


def relay_close() -> Pin:
    return Pin(_RELAY_CLOSE, Pin.OUT, value=0)


def relay_open() -> Pin:
    return Pin(_RELAY_OPEN, Pin.OUT, value=0)


def relay_feedback() -> Pin:
    """Return the pin that is 1 while the load side is live."""
    return Pin(_RELAY_FEEDBACK, Pin.IN)


def key() -> Pin:
    """Return the pin that is 0 while the key is pressed."""
    return Pin(_KEY, Pin.IN, Pin.PULL_UP)


def slot_switch() -> Pin:
    """Return the pin that is 0 while a card is in the slot."""
    return Pin(_SLOT_SWITCH, Pin.IN, Pin.PULL_UP)


def power_fail() -> Pin:
    """Return the pin that is 0 as soon as the mains fails, some 100 ms before the supply does."""
    return Pin(_POWER_FAIL, Pin.IN)


def buzzer() -> None:
    """Return None: no pin is left over for a buzzer."""


def data_port() -> "UART | None":
    """Return the UART at which the meter is read from outside (docs/read.md).

    None with a metering chip: then no UART or no pin is left over.
    """
    if METERING != "pulse_meter":
        return None
    return UART(
        _DATA_UART,
        baudrate=2400,
        bits=8,
        parity=0,
        stop=1,
        tx=Pin(_DATA_TX),
        rx=Pin(_DATA_RX),
    )


def _share_uart() -> SharedUart:
    if "lines" not in _buses:
        uart = UART(
            _LINES_UART,
            _CARD_BAUD,
            bits=8,
            parity=0,
            stop=2,
            tx=Pin(_CARD_TX),
            rx=Pin(_CARD_RX),
            rxbuf=300,
        )
        _buses["lines"] = SharedUart(uart)
    return _buses["lines"]


def _spi() -> SPI:
    """Return the display's bus, which an ATT7022 shares."""
    if "spi" not in _buses:
        # Without miso=None the port would give the bus its default pin, which is _CARD_RESET.
        miso = Pin(_ATT7022_MISO) if METERING == "att7022" else None
        rate, polarity, phase = _DISPLAY_MODE
        _buses["spi"] = SPI(
            _DISPLAY_SPI,
            baudrate=rate,
            polarity=polarity,
            phase=phase,
            sck=Pin(_DISPLAY_SCK),
            mosi=Pin(_DISPLAY_DIO),
            miso=miso,
        )
    return _buses["spi"]


def _make_line(tx: int, rx: int, power: int, reset: int, clock: int) -> SharedLine:
    shared = _share_uart()
    card_clock = PWM(Pin(clock), freq=_CARD_CLOCK_HZ, duty_u16=0)
    return SharedLine(
        shared,
        Pin(tx),
        Pin(rx),
        Pin(power, Pin.OUT, value=0),
        Pin(reset, Pin.OUT, value=0),
        card_clock,
        _CARD_BAUD,
    )
