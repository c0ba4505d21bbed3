"""Wire up the ESP32-DevKitC (ESP32-WROOM-32E): every pin named once, every bus built once.

Of the chip's three UARTs MicroPython keeps UART0 for its console. UART1 receives from the HLW8032;
card and ESAM share UART2, which is switched between them (line_shared.py). Pulses are counted by a
PCNT unit. LEDC makes the card clocks: its divider gives exactly 4 MHz, but not 3.57 MHz. FRAM and
clock are on one I2C bus, the TM1638 on SPI. Wiring and parts: README.md.
"""

from machine import PWM, SPI, UART, Pin

from ds3231 import Ds3231
from fram import Fram
from i2c_bus import I2cBus
from line_shared import SharedLine, SharedUart
from tm1638 import Tm1638

METERING = "hlw8032"  # or "att7022", "pulse_meter": docs/hardware.md, "Metering chips"
METERING_UART = 1
METERING_RX = 34
PULSE = 19
PULSE_UNIT = 0
LINES_UART = 2
CARD_TX = 17
CARD_RX = 35
CARD_POWER = 18
CARD_RESET = 12  # low while the chip starts, as this pin must be then
CARD_CLOCK = 4
SLOT_SWITCH = 23
ESAM_TX = 25
ESAM_RX = 36
ESAM_POWER = 26
ESAM_RESET = 2  # low while the chip starts, as this pin must be for flashing
ESAM_CLOCK = 33
I2C_BUS = 0
SDA = 21
SCL = 22
DISPLAY_SPI = 1
DISPLAY_SCK = 14
DISPLAY_DIO = 13
DISPLAY_STROBE = 5
ATT7022_SELECT = 19  # with an ATT7022, on the display's bus
ATT7022_MISO = 34
RELAY_CLOSE = 32
RELAY_OPEN = 16
RELAY_FEEDBACK = 27
KEY = 15
POWER_FAIL = 39

KV_MILLI = 1880
KI_MILLI = 1000
MAX_POWER_MW = 9_000_000  # of a phase: 30.9 A, the HLW8032's limit behind 1 milliohm, at 290 V
IMP_PER_KWH = 1600  # of the pulse source, where that is all there is
PULSE_US = 1_000  # a pulse that is shorter is noise; an optocoupler's lasts tens of milliseconds
DISPLAY_MODE = (500_000, 1, 1)  # rate, polarity and phase
ATT7022_MODE = (500_000, 0, 1)
CARD_CLOCK_HZ = 4_000_000
CARD_BAUD = 10_753  # CARD_CLOCK_HZ / 372

# Opened at import: the chip reports while the rest of the firmware is loaded, and 10 reports fill
# the ring. Nothing is ever sent, but without a TX the port would take its default, IO10, which
# belongs to the flash. No pin is left over, so TX is the strobe: it rests high like an idle UART,
# and `display` takes it back.
if METERING == "hlw8032":
    _metering = UART(
        METERING_UART,
        baudrate=4800,
        bits=8,
        parity=0,
        stop=1,
        tx=Pin(DISPLAY_STROBE),
        rx=Pin(METERING_RX),
        rxbuf=256,
    )
_buses = {}


def i2c() -> I2cBus:
    """Return the bus of FRAM and clock chip."""
    if "i2c" not in _buses:
        # The longest transfer, a record of the journal, takes 3 ms; a stuck bus must not keep
        # every task waiting.
        _buses["i2c"] = I2cBus(I2C_BUS, sda=SDA, scl=SCL, timeout_us=10_000)
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

        return Hlw8032(_metering, KV_MILLI, KI_MILLI)
    if METERING == "att7022":
        import att7022_parts as parts
        from att7022 import Att7022
        from spi_guest import SpiGuest

        bus = SpiGuest(_spi(), ATT7022_MODE, DISPLAY_MODE)
        select = Pin(ATT7022_SELECT, Pin.OUT, value=1)
        return Att7022(bus, select, parts.CONSTANTS, parts.IMP_PER_KWH, parts.N_MILLI)
    if METERING == "pulse_meter":
        from pulse_meter import PulseMeter

        return PulseMeter(pulse_counter(PULSE_US), IMP_PER_KWH, MAX_POWER_MW)
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

    return PulseCounter(Pin(PULSE, Pin.IN), PULSE_UNIT, min_width_us)


def card_line() -> SharedLine:
    return _make_line(CARD_TX, CARD_RX, CARD_POWER, CARD_RESET, CARD_CLOCK)


def esam_line() -> SharedLine:
    return _make_line(ESAM_TX, ESAM_RX, ESAM_POWER, ESAM_RESET, ESAM_CLOCK)


def display() -> Tm1638:
    return Tm1638(_spi(), Pin(DISPLAY_STROBE, Pin.OUT, value=1))


def relay_close() -> Pin:
    return Pin(RELAY_CLOSE, Pin.OUT, value=0)


def relay_open() -> Pin:
    return Pin(RELAY_OPEN, Pin.OUT, value=0)


def relay_feedback() -> Pin:
    """Return the pin that is 1 while the load side is live."""
    return Pin(RELAY_FEEDBACK, Pin.IN)


def key() -> Pin:
    """Return the pin that is 0 while the key is pressed."""
    return Pin(KEY, Pin.IN, Pin.PULL_UP)


def slot_switch() -> Pin:
    """Return the pin that is 0 while a card is in the slot."""
    return Pin(SLOT_SWITCH, Pin.IN, Pin.PULL_UP)


def power_fail() -> Pin:
    """Return the pin that is 0 as soon as the mains fails, some 100 ms before the supply does."""
    return Pin(POWER_FAIL, Pin.IN)


def buzzer() -> None:
    """Return None: no pin is left over for a buzzer."""


def _share_uart() -> SharedUart:
    if "lines" not in _buses:
        uart = UART(
            LINES_UART,
            CARD_BAUD,
            bits=8,
            parity=0,
            stop=2,
            tx=Pin(CARD_TX),
            rx=Pin(CARD_RX),
            rxbuf=300,
        )
        _buses["lines"] = SharedUart(uart)
    return _buses["lines"]


def _spi() -> SPI:
    """Return the display's bus, which an ATT7022 shares."""
    if "spi" not in _buses:
        # Without miso=None the port would give the bus its default pin, which is CARD_RESET.
        miso = Pin(ATT7022_MISO) if METERING == "att7022" else None
        rate, polarity, phase = DISPLAY_MODE
        _buses["spi"] = SPI(
            DISPLAY_SPI,
            baudrate=rate,
            polarity=polarity,
            phase=phase,
            sck=Pin(DISPLAY_SCK),
            mosi=Pin(DISPLAY_DIO),
            miso=miso,
        )
    return _buses["spi"]


def _make_line(tx: int, rx: int, power: int, reset: int, clock: int) -> SharedLine:
    shared = _share_uart()
    card_clock = PWM(Pin(clock), freq=CARD_CLOCK_HZ, duty_u16=0)
    return SharedLine(
        shared,
        Pin(tx),
        Pin(rx),
        Pin(power, Pin.OUT, value=0),
        Pin(reset, Pin.OUT, value=0),
        card_clock,
        CARD_BAUD,
    )
