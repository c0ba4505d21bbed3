"""Hold the rules of the ESP32 (not S2, S3, C3) under MicroPython's esp32 port.

Each rule names its source: a file of MicroPython 1.28 under ports/esp32/, ESP-IDF 5, or Espressif's
papers (datasheet, technical reference manual: TRM). The port lets through some of what the chip
can't do; that is refused here, with the error that is nearest, and said at its place.
"""

import errno

from micropython import const

GPIOS = const(40)
EPOCH_S = const(946_684_800)  # time.time() counts from 2000 (mpconfigport.h)

# machine_pin.c: the numbers are ESP-IDF's gpio_mode_t, and the port's own for pulls.
IN = const(1)
OUT = const(3)
OPEN_DRAIN = const(7)
PULL_UP = const(2)
PULL_DOWN = const(1)
IRQ_RISING = const(1)
IRQ_FALLING = const(2)
HARD_IRQ = False  # handlers go through micropython.schedule, and irq() has no argument `hard`

WDT_SHORTEST_MS = const(1)  # machine_wdt.c
WDT_LONGEST_MS = const(0x7FFFFFFF)

UARTS = const(3)
UART_FIFO = const(128)  # characters (TRM, chapter UART)
# machine_uart.h. UART0's are the console's. Those of UART1 are the flash's, see check_uart.
UART_DEFAULTS = ((1, 3), (10, 9), (17, 16))
FLUSH_ON_INIT = True  # machine_uart.c discards what has arrived under the former settings
SPI_IDS = (1, 2)  # HSPI and VSPI (machine_hw_spi.c)
SPI_BAUD = const(500_000)
I2C_IDS = (0, 1)
# 20 bits of 80 MHz (TRM, register I2C_TO_REG). The port takes more and cuts it down to this.
I2C_LONGEST_US = const(13_107)
I2C_ABSENT = errno.ENODEV  # machine_i2c.c

PWRON_RESET = const(1)
# modmachine.c
CAUSES = {
    "PWRON_RESET": PWRON_RESET,
    "HARD_RESET": 2,
    "WDT_RESET": 3,
    "DEEPSLEEP_RESET": 4,
    "SOFT_RESET": 5,
}
UNIQUE_BYTES = const(6)  # the MAC address

_ABSENT = (20, 24, 28, 29, 30, 31)  # not on the chip of a WROOM (datasheet, pin list)
_FLASH = (6, 7, 8, 9, 10, 11)
_FIRST_INPUT = const(34)  # 34 to 39 have neither an output nor pulls (datasheet, IO_MUX)
_ESP_FAIL = const(-1)


def find_pin(id) -> int:
    """Return the GPIO of a number; ValueError for one that the module does not have.

    ESP32_GENERIC names no pins (machine_pin.c).
    """
    if isinstance(id, int) and 0 <= id < GPIOS and id not in _ABSENT:
        return id
    raise ValueError("invalid pin")


def check_pin(number: int, mode: int, pull: int) -> None:
    """Raise ValueError for what the pin can't do."""
    if mode not in (IN, OUT, OPEN_DRAIN):
        raise ValueError("invalid pin mode: %d" % mode)
    _refuse_flash(number)
    if number >= _FIRST_INPUT:
        if mode != IN:
            raise ValueError("pin can only be input")
        # The port turns on a pull that is not there (IO_MUX has no bits for it), and says nothing.
        if pull > 0:
            raise ValueError("pin %d has no pull" % number)


def _refuse_flash(number) -> None:
    # The port takes them, and the chip stops at its next instruction from the flash (datasheet,
    # "Pin Definitions": SCK/CLK, SDO/SD0, SDI/SD1, SHD/SD2, SWP/SD3, SCS/CMD).
    if number in _FLASH:
        raise ValueError("pin %d belongs to the flash" % number)


def _check_output(number, error) -> None:
    _refuse_flash(number)
    if number is not None and number >= _FIRST_INPUT:
        raise error


def check_uart(number: int, tx, rx) -> None:
    """Raise for pins that a UART can't have; any other two can be its own (TRM, GPIO matrix)."""
    if number == 0:
        # It is the console's: machine.UART(0) shares it and hears nothing (uart.c).
        raise ValueError("UART(0) is the console's")
    # uart_set_pin: ESP_FAIL, which machine_uart.c raises as an OSError.
    _check_output(tx, OSError(_ESP_FAIL, "ESP_FAIL"))
    _refuse_flash(rx)


def pick_ring(size: int, name: str) -> int:
    """Return the size of a UART's ring.

    uart_driver_install wants more than its FIFO holds: ESP_FAIL otherwise.
    """
    if size <= UART_FIFO:
        raise OSError(_ESP_FAIL, "ESP_FAIL")
    return size


def check_spi(number: int, sck, mosi, miso) -> None:
    """Raise OSError for pins that can't be an SPI's (spi_bus_initialize: ESP_ERR_INVALID_ARG)."""
    for pin in (sck, mosi):
        _check_output(pin, OSError("invalid configuration"))
    _refuse_flash(miso)


def check_i2c(number: int, sda, scl) -> None:
    """Raise ValueError for pins that can't be pulled low.

    The port takes no notice of i2c_param_config's error, and no transfer ever ends.
    """
    for pin in (sda, scl):
        _check_output(pin, ValueError("pin can only be input"))
