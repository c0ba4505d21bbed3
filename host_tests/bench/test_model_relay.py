"""The latching relay: when its contact moves or refuses, what harms it, the load side's state."""

from dianka.bench.models.clock import Clock
from dianka.bench.models.mains import Mains
from dianka.bench.models.relay import ContactFault, LatchingRelay
from dianka.bench.models.wires import Wire


class RelayRig:
    def __init__(self, closed: bool = False) -> None:
        self.clock = Clock()
        self.mains = Mains(self.clock)
        self.close, self.open, self.feedback = Wire("close"), Wire("open"), Wire("feedback")
        self.relay = LatchingRelay(
            self.clock, self.close, self.open, self.feedback, self.mains, closed
        )

    def wait(self, ms: int) -> None:
        self.clock.advance(self.clock.now_us + ms * 1000)

    def pulse(self, coil: Wire, ms: int) -> None:
        coil.set(1)
        self.wait(ms)
        coil.set(0)


def test_the_contact_moves_after_15_ms_and_stays() -> None:
    rig = RelayRig()
    rig.mains.set_load(1_000_000)
    rig.close.set(1)
    rig.clock.advance(14_999)
    assert (rig.feedback.level, rig.mains.power_mw) == (0, 0)
    rig.clock.advance(15_000)
    assert (rig.feedback.level, rig.mains.power_mw) == (1, 1_000_000)
    rig.clock.advance(50_000)
    rig.close.set(0)
    rig.wait(10_000)
    assert (rig.relay.closed, rig.relay.operations, rig.relay.violations) == (True, 1, [])
    rig.pulse(rig.open, 120)
    assert (rig.relay.closed, rig.feedback.level, rig.mains.power_mw, rig.relay.operations) == (
        False,
        0,
        0,
        2,
    )
    rig.pulse(rig.open, 120)
    assert (rig.relay.operations, rig.relay.violations) == (2, [])


def test_a_short_pulse_springs_back() -> None:
    rig = RelayRig()
    heard: list[int] = []
    rig.feedback.listeners.append(heard.append)
    rig.pulse(rig.close, 49)
    assert heard == [1, 0]
    rig.pulse(rig.close, 5)
    assert (rig.relay.closed, rig.relay.operations) == (False, 0)
    assert rig.relay.violations == ["coil pulse shorter than 50 ms: does not switch"] * 2


def test_both_coils_move_nothing_and_burn_after_a_second() -> None:
    rig = RelayRig()
    rig.close.set(1)
    rig.open.set(1)
    rig.wait(999)
    assert (rig.relay.closed, rig.relay.burnt, rig.relay.violations) == (
        False,
        False,
        ["both coils driven at once"],
    )
    rig.wait(1)
    assert rig.relay.burnt
    rig.close.set(0)
    rig.open.set(0)
    rig.pulse(rig.close, 100)
    assert (rig.relay.closed, rig.relay.operations) == (False, 0)


def test_a_long_pulse_overheats_but_switches() -> None:
    rig = RelayRig()
    rig.pulse(rig.close, 1001)
    assert rig.relay.closed
    assert rig.relay.violations == ["coil driven for longer than one second: overheated"]


def test_70_percent_of_the_voltage_is_needed() -> None:
    rig = RelayRig()
    rig.mains.set_voltage(153_999)
    rig.pulse(rig.close, 100)
    assert not rig.relay.closed
    assert rig.relay.violations == [
        "coil driven below 70 % of the nominal voltage: contact did not move"
    ]
    rig.mains.set_voltage(154_000)
    rig.pulse(rig.close, 100)
    assert (rig.relay.closed, len(rig.relay.violations)) == (True, 1)


def test_a_power_cut_in_the_pulse_is_not_the_firmware_s_fault() -> None:
    rig = RelayRig()
    rig.close.set(1)
    rig.wait(30)
    rig.mains.switch(False)
    rig.close.set(0)
    rig.mains.switch(True)
    assert (rig.relay.closed, rig.feedback.level, rig.relay.violations) == (False, 0, [])


def test_the_supply_sagging_before_the_contact_latches() -> None:
    rig = RelayRig()
    rig.close.set(1)
    rig.wait(30)
    rig.mains.set_voltage(100_000)
    rig.wait(30)
    rig.close.set(0)
    assert (rig.relay.closed, rig.relay.operations) == (False, 0)
    assert rig.relay.violations == ["supply failed during the coil pulse: contact sprang back"]


def test_position_survives_power_loss_and_feedback_follows_the_mains() -> None:
    rig = RelayRig(closed=True)
    assert rig.feedback.level == 1
    rig.mains.switch(False)
    assert rig.feedback.level == 0
    rig.wait(100_000)
    rig.mains.switch(True)
    assert (rig.relay.closed, rig.feedback.level) == (True, 1)


def test_a_welded_contact_stays_closed_until_it_is_mended() -> None:
    rig = RelayRig(closed=True)
    rig.relay.fault = ContactFault.WELDED
    rig.pulse(rig.open, 100)
    assert (rig.relay.closed, rig.feedback.level, rig.mains.closed) == (True, 1, True)
    rig.relay.fault = ContactFault.NONE
    assert (rig.relay.closed, rig.feedback.level) == (False, 0)


def test_a_contact_stuck_open_never_closes() -> None:
    rig = RelayRig(closed=True)
    rig.relay.fault = ContactFault.STUCK_OPEN
    assert rig.feedback.level == 0
    rig.pulse(rig.open, 100)
    rig.pulse(rig.close, 100)
    assert (rig.relay.closed, rig.mains.closed) == (False, False)


def test_a_bouncing_contact_rattles_and_settles() -> None:
    rig = RelayRig()
    rig.relay.fault = ContactFault.BOUNCE
    heard: list[int] = []
    rig.feedback.listeners.append(heard.append)
    rig.pulse(rig.close, 100)
    assert heard == [1, 0, 1, 0, 1]
    rig.pulse(rig.open, 100)
    assert heard[5:] == [0, 1, 0, 1, 0]
    assert (rig.relay.operations, rig.relay.violations) == (2, [])
