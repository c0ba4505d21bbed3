"""A memory that is silent as the mains comes back."""

from meter_kit import MeterKit, S

DARK_US = 5 * S


def silent_start(kit: MeterKit, for_us: int, dark_us: int = DARK_US) -> None:
    """After a cut: the mains comes back, and the memory answers only so long after it."""
    fram = kit.rig.bench.fram
    kit.ledger.count()
    kit.rig.cut_power()
    kit.wait(dark_us)
    kit.ledger.count()
    fram.mute = True
    kit.rig.clock.call_after(for_us, lambda: setattr(fram, "mute", False))
    kit.rig.switch_mains_on()
