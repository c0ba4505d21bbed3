"""The bit-level T=0 lines of a board: one `BitLine` on each pin that it calls NAME_IO."""

from collections.abc import Callable

from dianka.bench.models.bitline import BitLine, Pad
from dianka.bench.models.board_pins import find_line_port
from dianka.bench.models.mcu import Mcu


def make_lines(
    mcu: Mcu,
    constants: dict[str, int],
    make_pad: Callable[[int], Pad],
    is_alive: Callable[[], bool] = lambda: True,
) -> dict[str, BitLine]:
    """Make the lines of these constants of a board.py, by their names ("CARD").

    NAME_CLOCK clocks a line; it is quiet while NAME_RESET is 0, and for good once `is_alive()` is
    false.
    """
    lines: dict[str, BitLine] = {}
    for name in [key.removesuffix("_IO") for key in constants if key.endswith("_IO")]:
        clock = constants[f"{name}_CLOCK"]
        port = mcu.get_uart(find_line_port(constants, name))
        pad = make_pad(constants[f"{name}_IO"])
        line = lines[name] = BitLine(pad, port, lambda c=clock: _get_clock_hz(mcu, c))
        if f"{name}_RESET" in constants:
            _restart_in_reset(line, mcu, constants[f"{name}_RESET"], is_alive)
    return lines


def _get_clock_hz(mcu: Mcu, pin: int) -> int:
    frequency, duty = mcu.pwm.get(pin, (0, 0))
    return frequency if duty else 0


def _restart_in_reset(line: BitLine, mcu: Mcu, pin: int, is_alive: Callable[[], bool]) -> None:
    def restart_if_low(level: int) -> None:
        if is_alive() and not level:
            line.restart()

    mcu.get_pin(pin).listeners.append(restart_if_low)
