"""Calibrate the ATT7022E against a reference, one phase at a time (`dianka calibrate`).

Three steps, in this order, by the formulas of the user manual Rev 3.4:

    gain    power factor 1    Ugain, Igain and Pgain: (1 + new) = (1 + former) x true / shown
    phase   0.5 inductive     the angle, by what the watts are off: see `_compute_turn`
    offset  small or no load  Poffset: what the watts are off, in units of the power register

An offset is in the gain, too, 2 W are 0.2 % of 1 kW: Pgain is corrected with it, so that the watts
of the gain step stay right.

Each is measured with the constants in force, and goes on from them: the chip's values are of the
time after the last writing. A record (calibration_att.py) has the words of all three phases. One
phase carries the load, the others none, so that the reference's values are that phase's.
"""

import time

from micropython import const

from calibrator import (
    Calibrator,
    Refused,
    compute_gain,
    pack_name,
    refuse_no_load,
    refuse_odd_reference,
)  # fmt: skip

_PHASES = const(3)
_UNIT = const(1 << 15)  # of gains and angles
_RENEW_MS = const(1_300)  # the chip renews its values within 0.57 s, and one poll reads one phase
_MEASURE_MS = const(4_000)  # with the former, and the memory, less than the watchdog's 8 s
_LOOK_MS = const(50)
_IDLE_MW = const(12_000)  # a phase without load shows less, before its offset is set
_IDLE_MA = const(100)
_LEAST_PF, _MOST_PF = const(450), const(550)  # thousandths
_APART = const(100)  # parts of volts and amperes that reference and meter may differ by one of
_MOST_TURN = const(2_859)  # 5 degrees, x 2^15
_SMALL_MW = const(110_000)  # a tenth of 5 A at 220 V
_MOST_OFFSET_MW = const(10_000)
_GAIN, _TURN, _OFFSET = const(4), const(8), const(12)  # steps of a record, the phase is added


class AttCalibrator(Calibrator):
    """The steps on one meter with an ATT7022E; `phase` is 1 to 3, or 0 for the one with the load.

    A step returns what the chip showed before, and all gains that are in force afterwards.
    """

    _phase = 0  # the one that is measured, from 0 on

    def measure(self, phase: int = 0, time_ms: int = _MEASURE_MS) -> tuple:
        """Return the means of voltage, current and power of the phase, as `Calibrator.measure`."""
        self._settle()
        self._choose(phase)
        return Calibrator.measure(self, phase, time_ms)

    def gain(
        self, true_mv: int, true_ma: int, true_mw: int, who: str, at_s: int, phase: int = 0
    ) -> tuple:
        """Set voltage, current and power of a phase by the reference's values under a heater."""
        self._refuse_if_sealed()
        name = pack_name(who)
        refuse_odd_reference(true_mv, true_ma, true_mw)
        shown = self.measure(phase)
        refuse_no_load(shown[2])
        words, board = list(self._metering.chip.gains), self._metering.chip.board_gains
        for i, true in enumerate((true_mv, true_ma, true_mw)):
            at = i * _PHASES + self._phase
            former, least = _UNIT + _signed(words[at]), _UNIT + _signed(board[at])
            new = compute_gain(former, least, true, shown[i])
            words[at] = _pack_word(new - _UNIT)
        words[5 * _PHASES + self._phase] = min(true_mw // 1000, 0xFFFF)
        return self._finish(shown, words, name, at_s, _GAIN)

    def phase(
        self, true_mv: int, true_ma: int, true_mw: int, who: str, at_s: int, phase: int = 0
    ) -> tuple:
        """Set the angle of a phase by the reference's values under a load of 0.5 inductive."""
        self._refuse_if_sealed()
        name = pack_name(who)
        apparent = true_mv * true_ma // 1000
        if not apparent * _LEAST_PF <= true_mw * 1000 <= apparent * _MOST_PF:
            raise Refused("watts by volts and amperes must be 0.45 to 0.55, inductive")
        shown = self.measure(phase)
        refuse_no_load(shown[2])
        self._find_gain_load()
        for i, true in enumerate((true_mv, true_ma)):
            if abs(shown[i] - true) * _APART > true:
                raise Refused(
                    "the meter's volts or amperes differ from the reference's by more than 1 %: "
                    "do the gain step of this phase first"
                )
        words = list(self._metering.chip.gains)
        at = 3 * _PHASES + self._phase
        more = _compute_turn(apparent, true_mw, shown[2])
        turn = _signed(words[at]) + more
        if abs(turn) > _MOST_TURN:
            raise Refused(
                "more than 5 degrees: look at the transformer and at the reference's values"
            )
        words[at] = _pack_word(turn)
        # At power factor 1 the chip showed cos(more) of what it will show now.
        self._scale_power(words, 2 * _UNIT * _UNIT - more * more, 2 * _UNIT * _UNIT)
        return self._finish(shown, words, name, at_s, _TURN)

    def offset(self, true_mw: int, who: str, at_s: int, phase: int = 0) -> tuple:
        """Set the offset of a phase's power by the reference's watts; without load they are 0."""
        self._refuse_if_sealed()
        name = pack_name(who)
        if true_mw > _SMALL_MW:
            raise Refused("load too big for an offset: take one of up to 110 W, or none")
        shown = self.measure(phase)
        load_mw = self._find_gain_load()
        if 2 * true_mw > load_mw:
            raise Refused("the small load must have less than half of the watts of the gain step")
        chip = self._metering.chip
        words = list(chip.gains)
        at = 4 * _PHASES + self._phase
        # The gain step has made its own load right: off is what is shown beside the line from
        # there to the offset.
        off_mw = (shown[2] - true_mw) * load_mw // (load_mw - true_mw)
        new = _signed(words[at]) - chip.count_units(off_mw)
        if abs(new) > chip.count_units(_MOST_OFFSET_MW):
            raise Refused(
                "more than 10 W off: do the gain step of this phase first, and look at the "
                "reference's value"
            )
        words[at] = _pack_word(new)
        self._scale_power(words, load_mw, load_mw - off_mw)
        return self._finish(shown, words, name, at_s, _OFFSET)

    # ****** Parts of the steps ******

    def _finish(self, shown: tuple, words: list, name: bytes, at_s: int, step: int) -> tuple:
        gains, former_crc = tuple(words), self._store.state.calibration_crc
        kind = self._metering.chip.kind
        self._bring_in(kind, gains, former_crc, name, at_s, step + self._phase + 1)
        return shown, gains

    def _scale_power(self, words: list, parts: int, of: int) -> None:
        """Multiply Pgain's factor, so that the watts of the gain step stay right."""
        at = 2 * _PHASES + self._phase
        factor = (2 * (_UNIT + _signed(words[at])) * parts + of) // (2 * of)
        words[at] = _pack_word(factor - _UNIT)

    def _find_gain_load(self) -> int:
        """Return the load at which the gain of the phase was set; Refused if it was not."""
        watts = self._metering.chip.gains[5 * _PHASES + self._phase]
        if not watts:
            raise Refused("do the gain step of phase %d first" % (self._phase + 1))
        return watts * 1000

    def _settle(self) -> None:
        """Poll until all phases show what the chip has measured since now, by its constants."""
        start_ms = time.ticks_ms()
        while time.ticks_diff(time.ticks_ms(), start_ms) < _RENEW_MS:
            self._count()
            time.sleep_ms(_LOOK_MS)

    def _choose(self, phase: int) -> None:
        """Choose the phase to measure. Refused if it can't be told, or if another carries load."""
        if not 0 <= phase <= _PHASES:
            raise Refused("the phases are 1, 2 and 3")
        values = self._metering.chip.phases
        powers_mw = [abs(values[i][2]) for i in range(_PHASES)]
        chosen = phase - 1 if phase else powers_mw.index(max(powers_mw))
        if not phase and powers_mw[chosen] < _IDLE_MW:
            raise Refused(
                "no phase carries a load: switch the supply on (test credit card), or name the "
                "phase with --phase"
            )
        for i, (_, current_ma, _) in enumerate(values):
            if i != chosen and (powers_mw[i] > _IDLE_MW or current_ma > _IDLE_MA):
                raise Refused(
                    "phase %d carries a load of %d W: only the one that is calibrated may"
                    % (i + 1, powers_mw[i] // 1000)
                )
        if values[chosen][2] < -_IDLE_MW:
            raise Refused("the power of phase %d flows backwards: turn its wires" % (chosen + 1))
        self._phase = chosen

    def _read(self) -> tuple:
        return self._metering.chip.phases[self._phase]


def _signed(word: int) -> int:
    return word - (word >> 15 << 16)


def _pack_word(value: int) -> int:
    if not -_UNIT <= value < _UNIT:
        raise Refused("out of the chip's range: look at the wiring and the parts")
    return value & 0xFFFF


def _compute_turn(apparent_mva: int, true_mw: int, shown_mw: int) -> int:
    """Return the angle, x 2^15, by which the current must be moved forward.

    The chip is right at power factor 1 and its current lags by x more than it does, so it shows
    P - Q tan(x). At a power factor of exactly 0.5 Q is 1.732 P: the manual's -error / 1.732.
    """
    reactive = _root(apparent_mva * apparent_mva - true_mw * true_mw)
    turn = (2 * (true_mw - shown_mw) * _UNIT + reactive) // (2 * reactive)
    cubic = 3 * _UNIT * _UNIT  # the angle of a tangent: t - t^3 / 3
    return (2 * turn * (cubic - turn * turn) + cubic) // (2 * cubic)


def _root(square: int) -> int:
    """Return the whole part of the square root."""
    root = square
    better = (root + 1) // 2
    while better < root:
        root = better
        better = (root + square // root) // 2
    return root
