"""Hold the rules of the RP2040 and RP2350 under MicroPython's rp2 port: pins, buses, watchdog.

Each rule names its source: a file of MicroPython 1.28 under ports/rp2/, or the datasheet. The
RP2350's rules are those of the RP2350A, which a Pico 2 has: 30 pins.
"""

import os

from micropython import const

RP2350 = os.getenv("DIANKA_CHIP") == "RP2350"

GPIOS = const(30)  # GPIO 0 to 29 (RP2040 datasheet 1.4.3; RP2350 datasheet 1.2.3, QFN-60)
EPOCH_S = const(0)  # time.time() counts from 1970 (py/mpconfig.h)

# machine_pin.c
IN = const(0)
OUT = const(1)
OPEN_DRAIN = const(2)
PULL_UP = const(1)
PULL_DOWN = const(2)
IRQ_FALLING = const(4)
IRQ_RISING = const(8)
HARD_IRQ = True

# machine_wdt.c: a 24-bit counter, that of the RP2040 falls by 2 each us (datasheet 4.7, RP2040-E1).
WDT_SHORTEST_MS = const(0)
WDT_LONGEST_MS = 16777 if RP2350 else 8388

UARTS = const(2)
UART_FIFO = const(32)  # characters, RP2040 datasheet 4.2
UART_DEFAULTS = ((0, 1), (4, 5))  # machine_uart.c: TX and RX of each
FLUSH_ON_INIT = False
SPI_IDS = (0, 1)
SPI_BAUD = const(1_000_000)
I2C_IDS = (0, 1)
I2C_LONGEST_US = const(0x7FFFFFFF)  # waited out in software
I2C_ABSENT = const(5)  # EIO: the chip's I2C block reports no more (machine_i2c.c)

PWRON_RESET = const(1)
CAUSES = {"PWRON_RESET": PWRON_RESET, "WDT_RESET": 3}
UNIQUE_BYTES = const(8)


def find_pin(id) -> int:
    """Return the GPIO of a number or of a name such as GP5; ValueError for others."""
    if isinstance(id, str):
        digits = id[4:] if id.startswith("GPIO") else id[2:] if id.startswith("GP") else ""
        if not digits.isdigit() or int(digits) >= GPIOS:
            raise ValueError('unknown named pin "%s"' % id)
        return int(digits)
    if isinstance(id, int) and 0 <= id < GPIOS:
        return id
    raise ValueError("invalid pin")


def check_pin(number: int, mode: int, pull: int) -> None:
    """Every GPIO can do every mode, with every pull (RP2040 datasheet 2.19.4)."""
    if mode not in (IN, OUT, OPEN_DRAIN):
        raise ValueError("invalid pin mode: %d" % mode)
    if not 0 <= pull <= 3:
        raise ValueError("invalid pull")


# ****** Functions of pins: RP2040 datasheet, table 2 in 1.4.3 ******


def check_uart(number: int, tx, rx) -> None:
    """Raise ValueError for pins that this UART is not on (machine_uart.c)."""
    if tx is not None and not _is_uart_pin(number, tx, 0):
        raise ValueError("bad TX pin")
    if rx is not None and not _is_uart_pin(number, rx, 1):
        raise ValueError("bad RX pin")


def _is_uart_pin(number: int, pin: int, place: int) -> bool:
    # The RP2350 has TX and RX on the places of CTS and RTS as well (its datasheet, 9.4).
    return pin & (1 if RP2350 else 3) == place and (pin + 4 & 8) >> 3 == number


def pick_ring(size: int, name: str) -> int:
    """Return the size that a UART's ring gets: 32 to 32766 (machine_uart.c)."""
    if size > 32766:
        raise ValueError(name + " too large")
    return max(size, 32)


def check_spi(number: int, sck, mosi, miso) -> None:
    """Raise ValueError for pins that this SPI is not on (machine_spi.c)."""
    for pin, place, name in ((sck, 2, "SCK"), (mosi, 3, "MOSI"), (miso, 0, "MISO")):
        if pin is not None and (pin & 3 != place or pin >> 3 & 1 != number):
            raise ValueError("bad %s pin" % name)


def check_i2c(number: int, sda, scl) -> None:
    """Raise ValueError for pins that this I2C is not on (machine_i2c.c)."""
    for pin, place, name in ((scl, 1, "SCL"), (sda, 0, "SDA")):
        if pin is not None and (pin & 1 != place or pin >> 1 & 1 != number):
            raise ValueError("bad %s pin" % name)
