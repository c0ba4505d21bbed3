"""Wire up the Raspberry Pi Pico (RP2040): every pin named once, every bus built once.

The bench reads the same numbers (tools/dianka/bench/models/board_pins.py). HLW8032 with a 1
milliohm shunt and 4 x 470 kilohm on UART0; card and ESAM on PIO block 0, two state machines each;
FRAM and clock on one I2C bus; TM1638 on SPI; the data port on UART1. Wiring, parts and what must be
isolated: README.md.
"""

from machine import PWM, SPI, UART, Pin
from micropython import const

from ds3231 import Ds3231
from fram import Fram
from i2c_bus import I2cBus
from line_pio import PioLine
from tm1638 import Tm1638

METERING = "hlw8032"  # or "att7022", "pulse_meter": docs/hardware.md, "Metering chips"
_METERING_UART = const(0)
_METERING_RX = const(1)
_PULSE = const(2)
_PULSE_SM = const(4)  # the other PIO block: T=0 fills block 0
_CARD_SM = const(0)
_CARD_IO = const(8)
_CARD_POWER = const(6)
_CARD_RESET = const(7)
_CARD_CLOCK = const(12)
_SLOT_SWITCH = const(15)
_ESAM_SM = const(2)
_ESAM_IO = const(9)
_ESAM_POWER = const(10)
_ESAM_RESET = const(11)
_ESAM_CLOCK = const(14)
_I2C_BUS = const(0)
_SDA = const(16)
_SCL = const(17)
_DISPLAY_SPI = const(0)
_DISPLAY_SCK = const(18)
_DISPLAY_DIO = const(19)
_DISPLAY_STROBE = const(20)
_ATT7022_SELECT = const(1)  # with an ATT7022, on the display's bus
_ATT7022_MISO = const(0)
_RELAY_CLOSE = const(21)
_RELAY_OPEN = const(22)
_RELAY_FEEDBACK = const(26)
_KEY = const(27)
_POWER_FAIL = const(28)
_CASE_CONTACT = const(13)
_DATA_UART = const(1)
_DATA_TX = const(4)
_DATA_RX = const(5)
_BUZZER = const(3)

_KV_MILLI = const(1880)
_KI_MILLI = const(1000)
MAX_POWER_MW = 9_000_000  # of a phase: 30.9 A, the HLW8032's limit behind 1 milliohm, at 290 V
_IMP_PER_KWH = const(1600)  # of the pulse source, where that is all there is
_PULSE_US = const(1_000)  # shorter is noise: a pulse lasts tens of milliseconds
_DISPLAY_MODE = const((500_000, 1, 1))  # rate, polarity and phase
_ATT7022_MODE = const((500_000, 0, 1))
_CARD_CLOCK_HZ = const(3_571_428)  # 125 MHz / 35, 64 ppm above 372 x 9600

# Opened at import: the chip reports while the rest of the firmware is loaded, and 10 reports fill
# the ring.
if METERING == "hlw8032":
    _metering = UART(
        _METERING_UART, baudrate=4800, bits=8, parity=0, stop=1, rx=Pin(_METERING_RX), rxbuf=256
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
        from pio_filter import long_pulses
        from pulse_meter import PulseMeter

        return PulseMeter(pulse_counter(_PULSE_US, long_pulses), _IMP_PER_KWH, MAX_POWER_MW)
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

    return PulseCounter(Pin(_PULSE, Pin.IN), _PULSE_SM, min_width_us, long_pulses)


def card_line() -> PioLine:
    return _make_line(_CARD_SM, _CARD_IO, _CARD_POWER, _CARD_RESET, _CARD_CLOCK)


def esam_line() -> PioLine:
    return _make_line(_ESAM_SM, _ESAM_IO, _ESAM_POWER, _ESAM_RESET, _ESAM_CLOCK)


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


def case_contact() -> Pin:
    """Return the pin that is 0 while the case is closed."""
    return Pin(_CASE_CONTACT, Pin.IN, Pin.PULL_UP)


def buzzer() -> Pin:
    """Return the pin that makes the buzzer sound while it is 1."""
    return Pin(_BUZZER, Pin.OUT, value=0)


def data_port() -> UART:
    """Return the UART at which the meter is read from outside (docs/read.md)."""
    return UART(
        _DATA_UART,
        baudrate=2400,
        bits=8,
        parity=0,
        stop=1,
        tx=Pin(_DATA_TX),
        rx=Pin(_DATA_RX, Pin.IN, Pin.PULL_UP),  # rests high where nothing is connected
        txbuf=64,  # more than the longest answer
        rxbuf=64,  # what comes in 0.29 s
    )


def _spi() -> SPI:
    """Return the display's bus, which an ATT7022 shares."""
    if "spi" not in _buses:
        # Without miso=None the port would give the bus its default pin, which is _SDA.
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


def _make_line(sm: int, io: int, power: int, reset: int, clock: int) -> PioLine:
    card_clock = PWM(Pin(clock), freq=_CARD_CLOCK_HZ, duty_u16=0)
    return PioLine(
        Pin(io, Pin.IN), Pin(power, Pin.OUT, value=0), Pin(reset, Pin.OUT, value=0), card_clock, sm
    )
