"""Calibrate the HLW8032 against a reference, for an installer (`dianka calibrate`).

calibration.py says what is kept, and where. The meter's tasks are stopped meanwhile; its count goes
on here, so that all energy is charged. The reference's voltage, current and power are compared with
the means of the chip's readings over 5 s, and each gain is multiplied by true / shown.

The load must be a heater: at power factor 1 an error of phase, which this chip can't correct, does
not count, and volts times amperes must give the watts, which finds slips of the hand. It must be
steady. It must be small enough for the chip to resolve: a register is a period in whole
microseconds, so 4000 of them know the power to 0.025 %. The ATT7022's steps: calibrator_att.py.
"""

import time

from micropython import const

import calibration
import parameter_memory
import versions
from card_files import pack, unpack
from fram import Fram
from journal import JournalError
from metering import Metering
from state import OPENED
from state_store import StateStore

_MEASURE_MS = const(5_000)  # the watchdog bites after 8 s
_LOOK_MS = const(50)
_LEAST_READINGS = const(20)
_LEAST_MV, _MOST_MV = const(100_000), const(300_000)
_LEAST_MW = const(100_000)
_RESOLUTION = const(4_000)  # least microseconds between two pulses
_STEADY = const(200)  # parts of the power that it may vary by one of
_STEADY_MW = const(20_000)  # what is less may vary as much as this
_SLIP = const(100)  # parts of the power that volts times amperes may differ by one of
_FAR = const(10)  # parts of the board's gain that a gain may differ by one of
_NAME = const(16)


class Refused(Exception):
    """A step is refused, and the former calibration holds. One line: why, and what to do."""


class Calibrator:
    """The steps on one meter. `count` charges what the chip has counted (meter.py)."""

    Refused = Refused

    def __init__(
        self, store: "StateStore", metering: "Metering", memory: "Fram", count, log
    ) -> None:
        self._store = store
        self._metering = metering
        self._memory = memory
        self._count = count
        self._log = log
        self._fields, self._area, self._gains_of, self._to_fields = calibration.find_layout(
            metering.chip
        )

    # ****** Steps ******

    def show(self) -> tuple:
        """Return the number in force, 0 for none, and all records, oldest first, as tuples."""
        self._refuse_without_memory()
        records = self._read_records()
        rows = [tuple(record[name] for name, _, _ in self._fields) for record in records]
        return self._metering.calibration, rows

    def measure(self, phase: int = 0, time_ms: int = _MEASURE_MS) -> tuple:
        """Return the means of voltage, current and power in mV, mA and mW over this time.

        Refused if there are too few readings, or if the load is not steady.
        """
        chip = self._metering.chip
        self._count()  # the first poll brings what came before
        start_ms, before, powers = time.ticks_ms(), chip.reports, []
        sums = [0, 0]
        while time.ticks_diff(time.ticks_ms(), start_ms) < time_ms:
            time.sleep_ms(_LOOK_MS)
            self._count()
            if chip.reports != before:
                before = chip.reports
                mv, ma, mw = self._read()
                sums[0] += mv
                sums[1] += ma
                powers.append(mw)
        readings = len(powers)
        if readings < _LEAST_READINGS:
            raise Refused("the metering chip is silent: see digit 2 in docs/selfcheck.md")
        mean_mw = sum(powers) // readings
        if (max(powers) - min(powers)) * _STEADY > max(mean_mw, _STEADY_MW):
            raise Refused(
                "the load is not steady, %d to %d mW: wait until it is warm, and repeat"
                % (min(powers), max(powers))
            )
        return sums[0] // readings, sums[1] // readings, mean_mw

    def _read(self) -> tuple:
        """Return voltage, current and power of the last report."""
        chip = self._metering.chip
        return chip.voltage_mv or 0, chip.current_ma or 0, chip.power_mw

    def gain(
        self, true_mv: int, true_ma: int, true_mw: int, who: str, at_s: int, phase: int = 0
    ) -> tuple:
        """Calibrate by the reference's values; return what the chip showed before, and the gains.

        A record with the new gains is in force afterwards.
        """
        self._refuse_if_sealed()
        name = pack_name(who)
        if phase:
            raise Refused("this metering chip has one phase: leave --phase out")
        refuse_odd_reference(true_mv, true_ma, true_mw)
        chip, shown = self._metering.chip, self.measure()
        refuse_no_load(shown[2])
        _refuse_big_load(shown[2], chip.pulse_pj)
        gains = [
            compute_gain(chip.gains[i], chip.board_gains[i], true, shown[i])
            for i, true in enumerate((true_mv, true_ma, true_mw))
        ]
        self._bring_in(chip.kind, tuple(gains), self._store.state.calibration_crc, name, at_s)
        return shown, tuple(gains)

    def back(self, who: str, at_s: int) -> tuple:
        """Take the newest step back; return the gains that are in force again."""
        self._refuse_if_sealed()
        name = pack_name(who)
        self._count()  # by the present gains
        record = self._find(self._store.state.calibration_crc)
        if record is None or not record["kind"]:
            raise Refused("nothing to take back: the board's constants are in force")
        former_crc = record["former_crc"]
        former = self._find(former_crc)
        if former_crc and former is None:
            raise Refused("the calibration before this one is kept no longer: calibrate anew")
        if former and former["kind"]:
            kind, gains = former["kind"], self._gains_of(former)
            self._bring_in(kind, gains, former["former_crc"], name, at_s)
        else:
            gains = self._metering.chip.board_gains
            self._bring_in(0, gains, 0, name, at_s)
        return gains

    # ****** Parts of the steps ******

    def _bring_in(
        self, kind: int, gains: tuple, former_crc: int, name: bytes, at_s: int, step: int = 0
    ) -> None:
        """Write a record with these gains, and commit the state that names it."""
        state, metering = self._store.state, self._metering
        number = self._find_number() + 1
        record = self._to_fields(gains, step)
        record.update(number=number, former_crc=former_crc, kind=kind, at_s=at_s, who=name)
        data = pack(self._fields, record)
        held = [parameter_memory.compute_crc(each) for each in self._list_held()]
        chip, before = metering.chip, (state.calibration_crc, state.register, state.pulse_pj)
        former_gains = chip.gains
        try:
            parameter_memory.keep(self._memory, self._area, data, tuple(held))
            # Nothing is polled from here to the commit: the count up to `register` is charged.
            chip.set_gains(gains)
            state.calibration_crc = parameter_memory.compute_crc(data)
            state.register, state.pulse_pj = metering.register, chip.pulse_pj
            self._store.commit(True)
        except JournalError as error:
            chip.set_gains(former_gains)
            state.calibration_crc, state.register, state.pulse_pj = before
            raise Refused("%s: nothing was changed, see Err-06" % error) from None
        metering.calibration = number if kind else 0
        self._log(
            "calibration %d by %s: gains %s%s"
            % (number, name.decode().strip(), gains, ("" if kind else ", the board's"))
        )

    def _refuse_if_sealed(self) -> None:
        self._refuse_without_memory()
        if not self._metering.chip.kind:
            raise Refused("this metering chip goes by its board's constants: nothing to calibrate")
        if versions.on_trial:
            raise Refused("a new version is on trial: let the meter start, and repeat")
        state = self._store.state
        if state.has(OPENED) or state.count:
            raise Refused("the meter belongs to a customer: its calibration is sealed")

    def _refuse_without_memory(self) -> None:
        if self._store.unread:
            raise Refused("the memory does not answer: see digit 1 in docs/selfcheck.md")

    def _find(self, crc: int) -> "dict | None":
        data = parameter_memory.find(self._memory, self._area, crc) if crc else None
        return None if data is None else unpack(self._fields, data)

    def _find_number(self) -> int:
        """Return the number of the record in force, or of the newest if that one is lost."""
        record = self._find(self._store.state.calibration_crc)
        if record:
            return record["number"]
        if not self._store.state.calibration_crc:
            return 0
        return max([record["number"] for record in self._read_all()] or [0])

    def _read_all(self) -> list:
        found = parameter_memory.read_all(self._memory, self._area).values()
        records = [unpack(self._fields, data) for data in found]
        return sorted(records, key=lambda record: record["number"])

    def _read_records(self) -> list:
        """Return the records up to the one in force; a later one was cut off, and never was."""
        number = self._find_number()
        return [record for record in self._read_all() if record["number"] <= number]

    def _list_held(self) -> list:
        """Return the data that a new record must not overwrite: all but the oldest of eight."""
        records = self._read_records()[1 - self._area[2] :]
        return [pack(self._fields, record) for record in records]


def pack_name(who: str) -> bytes:
    """Return the name as bytes; Refused if it is none."""
    name = who.strip()
    if not 1 <= len(name) <= _NAME or not all(" " <= char <= "~" for char in name):
        raise Refused("who calibrates? 1 to 16 letters from A to Z, digits or signs")
    return (name + " " * (_NAME - len(name))).encode()


def compute_gain(gain: int, board: int, true: int, shown: int) -> int:
    """Return the gain that shows what is true; Refused if no parts can be so far off."""
    new = (2 * gain * true + shown) // (2 * shown) if shown else 0
    if abs(new - board) * _FAR > board:
        raise Refused(
            "more than 10 % from what the board's parts give: look at the wiring, the parts and "
            "the reference's values"
        )
    return new


def refuse_no_load(shown_mw: int) -> None:
    if shown_mw < _LEAST_MW // 2:
        raise Refused("the chip sees %d mW: switch the supply on (test credit card)" % shown_mw)


def _refuse_big_load(shown_mw: int, pulse_pj: int) -> None:
    if shown_mw * 1000 * _RESOLUTION > pulse_pj:
        most_w = pulse_pj // (1_000_000 * _RESOLUTION)
        raise Refused("load too big for the chip's resolution: take up to %d W" % most_w)


def refuse_odd_reference(true_mv: int, true_ma: int, true_mw: int) -> None:
    if not _LEAST_MV <= true_mv <= _MOST_MV:
        raise Refused("the reference's voltage must be 100 to 300 V")
    if true_mw < _LEAST_MW:
        raise Refused("load too small: take a heater of 100 W or more")
    if abs(true_mv * true_ma // 1000 - true_mw) * _SLIP > true_mw:
        raise Refused(
            "volts times amperes must give the watts within 1 %: take a heater, read all three"
        )
