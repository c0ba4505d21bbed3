"""Wire up the Raspberry Pi Pico (RP2040): every pin named once, every bus built once.

The bench reads the same numbers (tools/dianka/bench/models/board_pins.py). HLW8032 with a 1
milliohm shunt and 4 x 470 kilohm on UART0; card and ESAM on PIO block 0, two state machines each;
FRAM and clock on one I2C bus; TM1638 on SPI. Wiring, parts and what must be isolated: README.md.
"""

from machine import PWM, SPI, UART, Pin

from ds3231 import Ds3231
from fram import Fram
from i2c_bus import I2cBus
from line_pio import PioLine
from tm1638 import Tm1638

METERING = "hlw8032"  # or "att7022", "pulse_meter": docs/hardware.md, "Metering chips"
METERING_UART = 0
METERING_RX = 1
PULSE = 2
PULSE_SM = 4  # the other PIO block: T=0 fills block 0
CARD_SM = 0
CARD_IO = 5
CARD_POWER = 6
CARD_RESET = 7
CARD_CLOCK = 12
SLOT_SWITCH = 15
ESAM_SM = 2
ESAM_IO = 9
ESAM_POWER = 10
ESAM_RESET = 11
ESAM_CLOCK = 14
I2C_BUS = 0
SDA = 16
SCL = 17
DISPLAY_SPI = 0
DISPLAY_SCK = 18
DISPLAY_DIO = 19
DISPLAY_STROBE = 20
ATT7022_SELECT = 1  # with an ATT7022, on the display's bus
ATT7022_MISO = 0
RELAY_CLOSE = 21
RELAY_OPEN = 22
RELAY_FEEDBACK = 26
KEY = 27
POWER_FAIL = 28
CASE_CONTACT = 13
BUZZER = 3

KV_MILLI = 1880
KI_MILLI = 1000
MAX_POWER_MW = 9_000_000  # of a phase: 30.9 A, the HLW8032's limit behind 1 milliohm, at 290 V
IMP_PER_KWH = 1600  # of the pulse source, where that is all there is
PULSE_US = 1_000  # a pulse that is shorter is noise; an optocoupler's lasts tens of milliseconds
DISPLAY_MODE = (500_000, 1, 1)  # rate, polarity and phase
ATT7022_MODE = (500_000, 0, 1)
CARD_CLOCK_HZ = 3_571_428  # 125 MHz / 35, 64 ppm above 372 x 9600

# Opened at import: the chip reports while the rest of the firmware is loaded, and 10 reports fill
# the ring.
if METERING == "hlw8032":
    _metering = UART(
        METERING_UART, baudrate=4800, bits=8, parity=0, stop=1, rx=Pin(METERING_RX), rxbuf=256
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
        from pio_filter import long_pulses
        from pulse_meter import PulseMeter

        return PulseMeter(pulse_counter(PULSE_US, long_pulses), IMP_PER_KWH, MAX_POWER_MW)
    raise ValueError("METERING names no chip: " + METERING)


def find_calibrator():
    """Return the class that calibrates this chip."""
    if METERING == "att7022":
        from calibrator_att import AttCalibrator

        return AttCalibrator
    from calibrator import Calibrator

    return Calibrator


def pulse_counter(min_width_us: int = 0, long_pulses=None):
    """Return the counter at the metering chip's PF pin, or at the pulse source's output."""
    from pulse_counter import PulseCounter

    return PulseCounter(Pin(PULSE, Pin.IN), PULSE_SM, min_width_us, long_pulses)


def card_line() -> PioLine:
    return _make_line(CARD_SM, CARD_IO, CARD_POWER, CARD_RESET, CARD_CLOCK)


def esam_line() -> PioLine:
    return _make_line(ESAM_SM, ESAM_IO, ESAM_POWER, ESAM_RESET, ESAM_CLOCK)


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


def case_contact() -> Pin:
    """Return the pin that is 0 while the case is closed."""
    return Pin(CASE_CONTACT, Pin.IN, Pin.PULL_UP)


def buzzer() -> Pin:
    """Return the pin that makes the buzzer sound while it is 1."""
    return Pin(BUZZER, Pin.OUT, value=0)


def _spi() -> SPI:
    """Return the display's bus, which an ATT7022 shares."""
    if "spi" not in _buses:
        # Without miso=None the port would give the bus its default pin, which is SDA.
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


def _make_line(sm: int, io: int, power: int, reset: int, clock: int) -> PioLine:
    card_clock = PWM(Pin(clock), freq=CARD_CLOCK_HZ, duty_u16=0)
    return PioLine(
        Pin(io, Pin.IN), Pin(power, Pin.OUT, value=0), Pin(reset, Pin.OUT, value=0), card_clock, sm
    )
