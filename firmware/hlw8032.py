"""Drive the HLW8032 metering chip: 24-byte reports over a UART at 4800 8E1, about 9.5 a second.

Source: HLW8032 manual REV 1.5. Report: 0 State, 1 = 5AH, 2 V parameter, 5 V register, 8 I
parameter, 11 I register, 14 P parameter, 17 P register (24 bits each, big-endian), 20 Data Update,
21 PF count (16 bits), 23 = low byte of the sum of bytes 2 to 22. Bit 7 of byte 20 toggles whenever
PF wraps, so bit 7 and PF make a count of 17 bits. A register is a period: the quantity is parameter
/ register.

A window slides over the bytes, because any of them may be 5AH. The 8-bit sum passes one bad window
in 256, so a report must also carry the chip's own constant parameters and a plausible voltage. One
pulse is P parameter x Kv x Ki microjoules: a whole number of picojoules when Kv and Ki are given in
thousandths, or their product in millionths. Calibration (calibration.py) gives voltage, current and
energy a gain each, in millionths: Kv, Ki, and Kv x Ki as a third that need not be their product.
"""

from micropython import const

_SIZE = const(24)
_BUFFER = const(120)  # five reports; the UART's own ring holds more
_MARK = const(0x5A)
_GOOD = const(0x55)
# Bits of a State FxH: the quantity is too small to measure, or the parameters are unusable.
_P_SMALL = const(0x02)
_I_SMALL = const(0x04)
_V_SMALL = const(0x08)
_UNUSABLE = const(0x01)
_P_NEW = const(0x10)  # bits of Data Update
_I_NEW = const(0x20)
_V_NEW = const(0x40)
_MAX_MV = const(500_000)  # no mains has more: the input is made for 495 mV behind 1880:1
_AGREE_FIRST = const(3)  # equal reports before the first parameters are accepted
_AGREE_AGAIN = const(30)  # equal reports before the parameters change


class Hlw8032:
    """The chip on `uart`; readings are attributes.

    voltage_mv, current_ma, power_mw, register (17-bit pulse count), pulse_pj (0: not known yet).
    `kv_milli` and `ki_milli` are the ratios of voltage divider and shunt in thousandths. `gains`
    are of voltage, current and energy, in millionths; `board_gains` follow from the two ratios.
    """

    modulus = 1 << 17
    volatile = False
    kind = 1
    # The chip counts the amount of energy and reports no direction.
    withheld = 0
    reverse = 0

    def __init__(self, uart, kv_milli: int = 1880, ki_milli: int = 1000) -> None:
        self._uart = uart
        self.gains = self.board_gains = (kv_milli * 1000, ki_milli * 1000, kv_milli * ki_milli)
        self._buffer = bytearray(_BUFFER)
        self._view = memoryview(self._buffer)
        self._fill = 0
        self._parameters = b""
        self._candidate = b""
        self._agreed = 0
        self._expected_pj = 0
        self.voltage_mv = 0
        self.current_ma = 0
        self.power_mw = 0
        self.register = 0
        self.pulse_pj = 0
        self.reports = 0  # accepted
        self.rejected = 0  # whole reports with a right sum that were not accepted
        self.skipped = 0  # bytes that belonged to no report

    @property
    def phases(self) -> tuple:
        return ((self.voltage_mv, self.current_ma, self.power_mw),)

    def expect(self, pulse_pj: int) -> None:
        """Accept reports from the first one on if their parameters give this energy of a pulse.

        0: nothing is expected.
        """
        self._expected_pj = pulse_pj

    def set_gains(self, gains: tuple) -> None:
        """Measure and count by these gains from the next report on."""
        self.gains = gains
        if self.pulse_pj:
            self.pulse_pj = _int24(self._parameters or self._candidate, 6) * gains[2]

    def poll(self) -> bool:
        """Process the bytes that the UART has received; True if a report was accepted."""
        before = self.reports
        waiting = self._uart.any()
        while waiting:
            # No more than has come: the UART would block for the rest, 3 ms at 4800 bit/s on the
            # RP2040.
            end = min(self._fill + waiting, _BUFFER)
            count = self._uart.readinto(self._view[self._fill : end])
            if not count:
                break
            self._fill += count
            waiting -= count
            self._scan()
        return self.reports != before

    def _scan(self) -> None:
        buffer, at = self._buffer, 0
        while self._fill - at >= _SIZE:
            if buffer[at + 1] == _MARK and self._is_report(at):
                # Known parameters distinguish a report from a chance match; until they are known
                # the sum alone decides.
                believed = self._take(buffer[at : at + _SIZE])
                at += _SIZE if believed or not self._parameters else 1
            else:
                at += 1
                self.skipped += 1
        rest = self._fill - at
        buffer[:rest] = buffer[at : self._fill]
        self._fill = rest

    def _is_report(self, at: int) -> bool:
        state = self._buffer[at]
        if state != _GOOD and state != 0xAA and state & 0xF0 != 0xF0:
            return False
        return sum(self._view[at + 2 : at + 23]) & 0xFF == self._buffer[at + 23]

    def _take(self, report: bytearray) -> bool:
        """Take the readings over; False if the report is rejected."""
        state = report[0]
        if (
            state == 0xAA
            or (state != _GOOD and state & _UNUSABLE)
            or not self._check_parameters(report)
        ):
            self.rejected += 1
            return False
        small = 0 if state == _GOOD else state
        voltage_mv = self.voltage_mv
        if small & _V_SMALL:
            voltage_mv = 0
        elif report[20] & _V_NEW:
            voltage_mv = _compute_quotient(report, 2, self.gains[0])
        if voltage_mv > _MAX_MV:
            self.rejected += 1
            return False
        self.voltage_mv = voltage_mv
        if small & _I_SMALL:
            self.current_ma = 0
        elif report[20] & _I_NEW:
            self.current_ma = _compute_quotient(report, 8, self.gains[1])
        if small & _P_SMALL:
            self.power_mw = 0
        elif report[20] & _P_NEW:
            self.power_mw = _compute_quotient(report, 14, self.gains[2])
        self.register = (report[20] & 0x80) << 9 | report[21] << 8 | report[22]
        self.reports += 1
        return True

    def _check_parameters(self, report: bytearray) -> bool:
        """Return whether the report carries this chip's parameters.

        Learns them from equal reports in a row.
        """
        parameters = bytes(report[2:5]) + bytes(report[8:11]) + bytes(report[14:17])
        if parameters == self._parameters:
            self._agreed = 0
            return True
        if parameters != self._candidate:
            self._candidate, self._agreed = parameters, 0
        self._agreed += 1
        pulse_pj = _int24(report, 14) * self.gains[2]
        if self._agreed < (_AGREE_AGAIN if self._parameters else _AGREE_FIRST) or not pulse_pj:
            if self._parameters or not pulse_pj or pulse_pj != self._expected_pj:
                return False
        else:
            self._parameters = parameters
        self.pulse_pj = pulse_pj
        return True


def _int24(data: "bytearray | bytes", at: int) -> int:
    return data[at] << 16 | data[at + 1] << 8 | data[at + 2]


def _compute_quotient(report: bytearray, at: int, gain: int) -> int:
    """Return parameter x gain / register in thousandths; 0 when the register is 0: no reading."""
    register = _int24(report, at + 3)
    return _int24(report, at) * gain // (1000 * register) if register else 0
