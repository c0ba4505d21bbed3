"""Measures the pulse counters: a million pulses by PIO at 1 and 10 MHz, and Pin.irq beside PIO.

For soft and hard Pin.irq the figure is the rate at which they begin to lose pulses. PIO and the
handler count the same trains on the same pin. A train at the handlers' rates lasts 40 ms, or 100 ms
around an erase, and has at least three pulses. PIO has required limits. The handlers' limits are
measured values: a different figure means that firmware, MicroPython or the emulator has changed.
"""

from collections.abc import Callable

from dianka.bench.measure.figure import Figure
from dianka.bench.measure.pulse_bench import (
    ALL,
    ERASE,
    GC,
    GC_FULL,
    IDLE,
    PulseBench,
    find_highest_without_loss,
)

MILLION = 1_000_000
PIO_RATES_HZ = (1_000_000, 10_000_000)
# Pulses of three cycles are 41.7 MHz; at two cycles PIO must lose some.
LIMIT_RATES_HZ = (20_000_000, 41_000_000, 62_500_000)
FAST_HZ = (1_000, 2_000, 5_000, 10_000, 20_000, 40_000, 60_000, 80_000)
RATES_HZ = {
    IDLE: FAST_HZ,
    GC: (200, 500, *FAST_HZ),
    GC_FULL: (100, 200, 500, *FAST_HZ),
    ERASE: (10, 20, 50, 100, 1_000, 10_000),
}
WORDS = {
    IDLE: "idle",
    GC: "under gc",
    GC_FULL: "under gc, 100 KB in use",
    ERASE: "under a 45 ms flash erase",
}
# The highest of RATES_HZ without loss, by soft and by hard Pin.irq: RPI_PICO 1.28, rp2040py 0.3.6.
HIGHEST_HZ = {
    IDLE: (40_000, 60_000),
    GC: (2_000, 60_000),
    GC_FULL: (200, 60_000),
    ERASE: (20, 20),
}
KINDS = {False: "soft Pin.irq", True: "hard Pin.irq"}
_LIMIT_PULSES = 10_000


def measure_pulses(tell: Callable[[str], None], pulses: int = MILLION) -> list[Figure]:
    bench = PulseBench()
    figures = [
        figure
        for rate_hz in PIO_RATES_HZ
        for figure in _measure_million(bench, tell, pulses, rate_hz)
    ]
    tell("pulses by PIO at its limit")
    trains = [bench.count(_LIMIT_PULSES, rate_hz, IDLE) for rate_hz in LIMIT_RATES_HZ]
    highest_hz = find_highest_without_loss(
        [(train.rate_hz, train.sent, train.by_pio) for train in trains]
    )
    figures.append(Figure("PIO, highest rate without loss", highest_hz, "Hz", "at least 10000000"))
    for meanwhile, rates_hz in RATES_HZ.items():
        figures += measure_side_by_side(bench, tell, meanwhile, rates_hz)
    return figures


def _measure_million(
    bench: PulseBench, tell: Callable[[str], None], pulses: int, rate_hz: int
) -> list[Figure]:
    tell(f"{pulses:,} pulses by PIO at {rate_hz // 1_000_000} MHz")
    train = bench.count(pulses, rate_hz, ALL)
    tell(f"PIO counted {train.by_pio:,} of {train.sent:,}")
    what = f"PIO at {rate_hz // 1_000_000} MHz, under gc and 45 ms flash erases"
    return [
        Figure(f"{what}: pulses counted", train.by_pio, "pulses", f"exactly {train.sent}"),
        Figure(f"{what}: lost of {train.sent:,}", train.sent - train.by_pio, "pulses", "exactly 0"),
    ]


def measure_side_by_side(
    bench: PulseBench, tell: Callable[[str], None], meanwhile: str, rates_hz: tuple[int, ...]
) -> list[Figure]:
    tell(f"PIO and Pin.irq side by side, {WORDS[meanwhile]}")
    part_s = 10 if meanwhile == ERASE else 25
    trains = {
        hard: [
            bench.count(max(3, rate_hz // part_s), rate_hz, meanwhile, hard) for rate_hz in rates_hz
        ]
        for hard in KINDS
    }
    figures: list[Figure] = []
    for hard, kind in KINDS.items():
        rows = [(train.rate_hz, train.sent, train.by_irq) for train in trains[hard]]
        limit = f"exactly {HIGHEST_HZ[meanwhile][hard]}"
        name = f"{kind}, {WORDS[meanwhile]}: highest rate without loss"
        figures.append(Figure(name, find_highest_without_loss(rows), "Hz", limit))
        figures.append(
            Figure(
                f"{kind}, {WORDS[meanwhile]}: counted of sent at Hz",
                _list_counts(rows),
                "pulses",
                "",
            )
        )
    lost = sum(abs(train.sent - train.by_pio) for kind in trains.values() for train in kind)
    sent = sum(train.sent for kind in trains.values() for train in kind)
    figures.append(
        Figure(
            f"PIO, {WORDS[meanwhile]}, the same trains: lost of {sent:,}",
            lost,
            "pulses",
            "exactly 0",
        )
    )
    return figures


def _list_counts(rows: list[tuple[int, int, int]]) -> str:
    return ", ".join(f"{counted}/{sent} at {rate_hz:,}" for rate_hz, sent, counted in rows)
