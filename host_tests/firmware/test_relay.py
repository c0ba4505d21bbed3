"""The relay's driver on the latching relay's model.

Pulses, rest, feedback, faults, and ticks that come round.
"""

import pytest

from dianka.bench.models.mains import Mains
from dianka.bench.models.relay import ContactFault, LatchingRelay
from parts import Parts

CLOSE, OPEN, FEEDBACK = 21, 22, 26
STEP_MS = 200


class Driven:
    """The driver, called as the meter calls it, and the model behind its pins."""

    def __init__(self, closed: bool = False) -> None:
        self.parts = Parts()
        mcu, machine = self.parts.mcu, self.parts.machine()
        self.mains = Mains(self.parts.clock)
        self.model = LatchingRelay(
            self.parts.clock,
            mcu.get_pin(CLOSE),
            mcu.get_pin(OPEN),
            mcu.get_pin(FEEDBACK),
            self.mains,
            closed,
        )
        pin = machine.Pin
        coils = [pin(number, pin.OUT, value=0) for number in (CLOSE, OPEN)]
        self.driver = self.parts.module("relay").Relay(*coils, pin(FEEDBACK, pin.IN))
        self.asyncio = self.parts.runner.modules["asyncio"]

    def follow(self, wanted: bool, ms: int, able: bool = True) -> None:
        async def steps() -> None:
            for _ in range(ms // STEP_MS):
                await self.driver.follow(wanted, able)
                await self.asyncio.sleep_ms(STEP_MS)

        self.asyncio.run(steps())


@pytest.fixture
def relay(monkeypatch: pytest.MonkeyPatch) -> Driven:
    return Driven()


def until(driven: Driven, us: int) -> None:
    driven.parts.clock.advance(us)


def test_follows_both_ways_without_a_violation(relay: Driven) -> None:
    relay.follow(True, 2_000)
    assert relay.model.closed and relay.driver.closed
    relay.follow(False, 8_000)
    assert not relay.model.closed and not relay.driver.closed
    assert relay.model.operations == 2 and not relay.model.violations


def test_a_contact_that_stands_right_at_the_start_is_not_driven() -> None:
    driven = Driven(closed=True)
    driven.follow(True, 60_000)
    assert driven.model.operations == 0 and driven.driver.commanded is True


def test_the_opposite_action_waits_five_seconds(relay: Driven) -> None:
    relay.follow(True, 2_000)
    start_us = relay.parts.clock.now_us
    relay.follow(False, 1_000)
    assert relay.model.closed
    relay.follow(False, 6_000)
    assert not relay.model.closed and relay.parts.clock.now_us - start_us < 8_000_000


@pytest.mark.parametrize("days", [1, 5, 7, 9, 11, 12, 13, 20])
def test_days_of_rest_do_not_hold_it_back(relay: Driven, days: int) -> None:
    """ticks_ms wraps after 12.4 days, and a stamp older than half of that looks like the future."""
    relay.follow(True, 10_000)
    relay.parts.clock.advance(relay.parts.clock.now_us + days * 86_400_000_000)
    relay.follow(True, 1_000)
    relay.follow(False, 1_000)
    assert not relay.model.closed


def test_a_weak_mains_drives_nothing_and_is_no_fault(relay: Driven) -> None:
    relay.follow(True, 30_000, able=False)
    assert relay.model.operations == 0 and not relay.driver.fault
    relay.follow(True, 2_000)
    assert relay.model.closed


@pytest.mark.parametrize(
    ("fault", "wanted"), [(ContactFault.WELDED, False), (ContactFault.STUCK_OPEN, True)]
)
def test_a_contact_that_does_not_follow_is_driven_again_and_then_reported(
    fault: ContactFault, wanted: bool
) -> None:
    driven = Driven(closed=not wanted)
    driven.model.fault = fault
    begun = []
    for coil in (CLOSE, OPEN):
        driven.parts.mcu.get_pin(coil).listeners.append(
            lambda level: level and begun.append(driven.parts.clock.now_us // 1_000_000)
        )
    driven.follow(wanted, 182_000)
    assert not driven.driver.fault
    assert [second - begun[0] for second in begun] == [0, 60, 120, 180]
    driven.follow(wanted, 300_000)
    assert driven.driver.fault and len(begun) == 4
    assert driven.model.violations == []


@pytest.mark.parametrize("drives", [1, 2, 3])
def test_a_contact_that_sticks_comes_free_before_it_is_a_fault(relay: Driven, drives: int) -> None:
    relay.model.stuck_drives = drives
    relay.follow(True, drives * 60_000 - 3_000)
    assert not relay.model.closed
    relay.follow(True, 5_000)
    assert relay.model.closed and not relay.driver.fault
    relay.follow(True, 600_000)
    assert relay.model.operations == 1 and not relay.driver.fault


def test_after_a_fault_the_other_way_is_driven_and_repeated_as_well() -> None:
    driven = Driven()
    driven.model.stuck_drives = 4
    driven.follow(True, 200_000)
    assert driven.driver.fault
    driven.model.fault = ContactFault.WELDED
    driven.follow(False, 200_000)
    assert driven.driver.fault
    driven.model.fault = ContactFault.NONE
    driven.follow(True, 10_000)
    assert driven.model.closed and not driven.driver.fault


def test_a_fault_is_taken_back_when_the_contact_follows_at_last() -> None:
    driven = Driven()
    driven.model.fault = ContactFault.STUCK_OPEN
    driven.follow(True, 200_000)
    assert driven.driver.fault
    driven.model.fault = ContactFault.NONE
    driven.follow(True, 2_000)
    assert driven.model.closed and not driven.driver.fault
