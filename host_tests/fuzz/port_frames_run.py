"""`make fuzz-port FRAMES=1000000`: so many fuzzed frames to a real meter's data port.

Each is a request that was changed in some way, or none at all; each answer is checked
(meter_port.py). The exit code is 1 at the first wrong answer, with the bytes that had it; the same
seed makes the same frames.
"""

import argparse
import random
import sys
from collections import Counter
from datetime import timedelta

import meter_port

from dianka.reading.frames import ANY, Frame

OFTEN = 1_000  # frames between two looks at the whole memory


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz the data port of a meter.")
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    counts, failed = run(given.frames, given.seed)
    kinds = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    sys.stdout.write(f"of {given.frames} fuzzed frames: {kinds}\n")
    if failed:
        sys.stdout.write(f"wrong: {failed}\n")
        return 1
    sys.stdout.write("0 wrong answers, the state and the memory unchanged\n")
    return 0


def run(frames: int, seed: int) -> tuple[Counter[str], str]:
    """Return how many frames had which answer, and the first failure with its bytes."""
    rng, meter, counts = random.Random(seed), meter_port.build(), Counter[str]()
    for number in range(frames):
        text = make_text(rng, meter)
        try:
            answers = meter_port.talk(meter, text)
            if number % OFTEN == OFTEN - 1:
                meter.check_memory()
        except Exception as error:
            return counts, f"{type(error).__name__} {error}: {text.hex()}"
        control = answers[0].control if answers else 0
        counts["answered" if control & 0xC0 == 0x80 else "refused" if control else "silent"] += 1
    meter.check_memory()
    counts["clock to be set"] = meter.times
    return counts, ""


def make_text(rng: random.Random, meter: meter_port.Meter) -> bytes:
    """Return a frame as the target takes it: whole, damaged, or none."""
    frame = make_frame(rng, meter).encode()
    raw = bytearray(b"\xfe" * rng.randrange(5) + frame)
    for _ in range(rng.choice((0, 0, 0, 0, 1, 2, 5))):
        at = rng.randrange(len(raw))
        match rng.randrange(5):
            case 0:
                raw[at] ^= 1 << rng.randrange(8)
            case 1:
                raw[at] = rng.randrange(256)
            case 2:
                del raw[at]
            case 3:
                raw.insert(at, rng.choice((0x68, 0x16, 0xFE, rng.randrange(256))))
            case _:
                raw[at:] = rng.randbytes(rng.randrange(20))
        raw = raw or bytearray(1)
    if not rng.randrange(20):
        raw = bytearray(rng.randbytes(rng.randrange(200)))
    return bytes((rng.randrange(256),)) + bytes(raw)


def make_frame(rng: random.Random, meter: meter_port.Meter) -> Frame:
    """Return a request: mostly one that the meter understands."""
    address = rng.choice(
        (ANY, meter.own, meter.own, "A" * 2 * rng.randrange(7), meter_port.BROADCAST)
    )
    address += meter.own[len(address) :]
    if not rng.randrange(10):
        address = f"{rng.randrange(10**12):012}"
    control = rng.choice((0x11, 0x11, 0x11, 0x13, 0x08, rng.randrange(0x20), rng.randrange(256)))
    if control == 0x11:
        known = rng.choice(list(meter.values)) ^ rng.choice((0, 0, 0, 1 << rng.randrange(32)))
        return Frame(address, control, known.to_bytes(4, "little"))
    if control == 0x08:
        at = meter.now + timedelta(seconds=rng.randrange(-400, 400))
        data = bytes.fromhex(at.strftime("%S%M%H%d%m%y"))
        return Frame(rng.choice((meter_port.BROADCAST, address)), control, data)
    return Frame(address, control, rng.randbytes(rng.choice((0, 0, 4, rng.randrange(201)))))


if __name__ == "__main__":
    sys.exit(main())
