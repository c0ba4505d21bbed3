"""The latching relay: two coils, one bistable contact, and the feedback from the load side.

Owns the contact's position, with or without power. Facts (data sheets of HFE20 and HF115F-L, manual
of Hexing HXE310):
- The contact moves within 15 ms of the coil's rise; only a pulse of 50 ms or more latches it. After
  a shorter one it springs back. A pulse that a failing supply cuts short is not the firmware's
  fault and is not recorded.
- Coils are made for pulses: longer than a second overheats them. Both driven at once is forbidden
  and moves nothing; in this model the coils burn out after one second of it, and the relay never
  moves again.
- Contacts that have arced stick, and a later pulse tears them free (`stuck_drives`).
- The coil supply comes from the mains: below 70 % of the nominal voltage the contact does not move.

The feedback is the load side's voltage, rectified and smoothed: 1 while the mains is on and the
contact is closed.
"""

from collections.abc import Callable
from enum import Enum, auto

from dianka.bench.models.clock import Clock, Timer
from dianka.bench.models.mains import NOMINAL_MV, Mains
from dianka.bench.models.wires import Wire

OPERATE_US = 15_000
LATCH_US = 50_000
OVERHEAT_US = 1_000_000
WEAKEST_MV = NOMINAL_MV * 70 // 100
# After the first touch, the contact changes at these times. An even number, so that it ends there.
BOUNCE_US = (400, 900, 1_500, 2_200)


class ContactFault(Enum):
    """A fault that holds the contact, or makes it bounce."""

    NONE = auto()
    WELDED = auto()  # closed for good
    STUCK_OPEN = auto()
    BOUNCE = auto()  # moves, but bounces for 2.2 ms


class LatchingRelay:
    """One relay, driven by the two coil wires; it switches `mains` and sets `feedback`."""

    def __init__(
        self,
        clock: Clock,
        close_coil: Wire,
        open_coil: Wire,
        feedback: Wire,
        mains: Mains,
        closed: bool = False,
    ) -> None:
        self.clock = clock
        self.mains = mains
        self.feedback = feedback
        self.closed = closed  # the contact; differs from the armature while a fault holds it
        self.operations = 0  # times the armature has latched in the other position
        self.violations: list[str] = []
        self.burnt = False
        self.stuck_drives = 0  # so often the armature stays where it is; then it comes free
        self._fault = ContactFault.NONE
        self._armature = closed
        self._latched = closed
        self._coils = {True: close_coil, False: open_coil}  # by the position that each drives to
        self._single = False  # just one coil is driven, since _since_us
        self._since_us = clock.now_us
        self._pulse: list[Timer] = []
        self._rattle: list[Timer] = []
        close_coil.listeners.append(lambda _: self._follow_coils())
        open_coil.listeners.append(lambda _: self._follow_coils())
        mains.listeners.append(self._sense)
        mains.move_contact(closed)
        self._sense()

    def place(self, closed: bool) -> None:
        """Put armature and contact where a former life has left them; no coil is driven then."""
        self._stop(self._pulse)
        self._latched = self._armature = closed
        self._stop(self._rattle)
        self._touch(self._find_position())

    @property
    def latched(self) -> bool:
        """Return the position in which the armature stays when the supply goes."""
        return self._latched

    # ****** Faults ******

    @property
    def fault(self) -> ContactFault:
        return self._fault

    @fault.setter
    def fault(self, fault: ContactFault) -> None:
        """Inject or remove a fault.

        The contact moves at once to where the fault holds it; without a fault, to where the
        armature is.
        """
        self._fault = fault
        self._stop(self._rattle)
        self._touch(self._find_position())

    # ****** Coils ******

    def _follow_coils(self) -> None:
        """End the present pulse and begin another: either coil has changed."""
        self._stop(self._pulse)
        if (
            self._single
            and 0 < self.clock.now_us - self._since_us < LATCH_US
            and self.mains.voltage_mv >= WEAKEST_MV
        ):
            self.violations.append("coil pulse shorter than 50 ms: does not switch")
        self._move(self._latched)
        self._since_us = self.clock.now_us
        close, open_ = self._coils[True].level, self._coils[False].level
        self._single = close != open_
        if close and open_:
            self.violations.append("both coils driven at once")
            self._call_later(OVERHEAT_US, self._burn)
        elif close or open_:
            self._call_later(OPERATE_US, lambda: self._operate(bool(close)))
            self._call_later(LATCH_US, lambda: self._latch(bool(close)))
            self._call_later(OVERHEAT_US, self._overheat)

    def _operate(self, closed: bool) -> None:
        """Move the armature, OPERATE_US after the coil's rise."""
        if self.burnt:
            return
        if self.stuck_drives:
            self.stuck_drives -= 1
            return
        if self.mains.voltage_mv < WEAKEST_MV:
            self.violations.append(
                "coil driven below 70 % of the nominal voltage: contact did not move"
            )
            return
        self._move(closed)

    def _latch(self, closed: bool) -> None:
        """Latch the armature, LATCH_US after the coil's rise."""
        if self._armature == self._latched or self._armature != closed:
            return
        if self.mains.voltage_mv < WEAKEST_MV:
            self.violations.append("supply failed during the coil pulse: contact sprang back")
            self._move(self._latched)
            return
        self._latched = closed
        self.operations += 1

    def _overheat(self) -> None:
        self.violations.append("coil driven for longer than one second: overheated")

    def _burn(self) -> None:
        self.burnt = True
        self.violations.append("both coils driven for a second: burnt out")

    # ****** Contact ******

    def _move(self, closed: bool) -> None:
        if closed == self._armature:
            return
        self._armature = closed
        self._stop(self._rattle)
        self._touch(self._find_position())
        if self._fault is ContactFault.BOUNCE:
            self._rattle = [
                self.clock.call_after(at_us, lambda c=closed ^ (turn % 2 == 0): self._touch(c))
                for turn, at_us in enumerate(BOUNCE_US)
            ]

    def _find_position(self) -> bool:
        """Return the contact's position: the armature's, unless a fault holds it."""
        if self._fault is ContactFault.WELDED:
            return True
        return self._armature and self._fault is not ContactFault.STUCK_OPEN

    def _touch(self, closed: bool) -> None:
        self.closed = closed
        self.mains.move_contact(closed)

    def _sense(self) -> None:
        self.feedback.set(int(self.mains.live))

    def _call_later(self, delay_us: int, action: Callable[[], None]) -> None:
        self._pulse.append(self.clock.call_after(delay_us, action))

    @staticmethod
    def _stop(timers: list[Timer]) -> None:
        for timer in timers:
            timer.cancel()
        timers.clear()
