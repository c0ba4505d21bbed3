"""The PIO model: its skipped rounds change nothing, and each instruction does what it is to do."""

import random

import pytest

from dianka.bench.models.clock import Clock
from dianka.bench.models.mcu import Mcu
from dianka.bench.models.pio import PioBlocks
from dianka.bench.models.pio_machine import WORD, Block, Pads, Setting, StateMachine

HZ = 250_000
CYCLE_US = 4  # edges come in the middle of one, so that no sample is in the same microsecond
PIN = 2

# low:   set y, 31 / still_low: jmp pin low / jmp y-- still_low
# high:  set y, 31 / look: jmp pin still_high / jmp high / still_high: jmp y-- look / jmp x-- low
LONG_PULSES = [0xE05F, 0x00C0, 0x0081, 0xE05F, 0x00C6, 0x0003, 0x0084, 0x0040]
PULSES = [0x2020, 0x20A0, 0x0040]  # wait 0 pin / wait 1 pin / jmp x-- 0
SET_X_0 = 0xE020


def count_by_steps(program: list[int], edges: list[tuple[int, int]], until: int) -> int:
    """Execute every single instruction, and return what x has counted down from 0.

    Edges and time in cycles.
    """
    levels = [0] * until
    for (at, level), (end, _) in zip(edges, [*edges[1:], (until - 1, 0)], strict=True):
        levels[at + 1 : end + 1] = [level] * (end - at)
    pads = Pads()
    machine = StateMachine(Block(), 0, pads)
    machine.block.memory[: len(program)] = program
    machine.set_up(Setting(divider=1, wrap_top=len(program) - 1, in_base=PIN, jmp_pin=PIN))
    pads.read = lambda pin: levels[min(machine.at, until - 1)]  # type: ignore[method-assign]
    while machine.at < until:
        machine.step()
        if machine.stalled and not machine.loop:
            machine.at += 1  # it looks again in the next cycle
        machine.stalled, machine.loop = False, ()
    return -machine.x & WORD


def count_on_the_bench(program: list[int], edges: list[tuple[int, int]], until: int) -> int:
    mcu = Mcu(Clock())
    pio = PioBlocks(mcu, 1, HZ)
    pio.load(0, 0, program)
    pio.set_up(0, Setting(wrap_top=len(program) - 1, in_base=PIN, jmp_pin=PIN))
    pio.execute(0, SET_X_0)
    pio.activate(0, True)
    wire = mcu.get_pin(PIN)
    for at, level in edges:
        mcu.clock.call_at(at * CYCLE_US + 2, lambda level=level: wire.set(level))
    # As a firmware waits: a little at a time.
    end_us = until * CYCLE_US - 1
    while mcu.clock.now_us < end_us:
        mcu.clock.advance(min(mcu.clock.now_us + 7 * CYCLE_US, end_us))
    return -pio.machines[0].x & WORD


@pytest.mark.parametrize("program", [PULSES, LONG_PULSES], ids=["every", "long"])
@pytest.mark.parametrize("seed", range(12))
def test_skipped_rounds_change_nothing(program: list[int], seed: int) -> None:
    """Against every instruction one by one, with pulses near the filter's 64 cycles."""
    rng = random.Random(seed)
    edges, at, level = [(0, 0)], 0, 0
    for _ in range(60):
        at += rng.choice((3, 20, 60, 63, 64, 65, 66, 70, 90, 500))
        level ^= 1
        edges.append((at, level))
    until = at + 300
    expected = count_by_steps(program, edges, until)
    assert count_on_the_bench(program, edges, until) == expected
    if program is PULSES:
        assert expected == sum(level for _, level in edges)


def make_machine(*program: int, setting: Setting | None = None) -> StateMachine:
    pads = Pads()
    pads.read = lambda pin: pin & 1  # type: ignore[method-assign]
    machine = StateMachine(Block(), 5, pads)
    machine.block.memory[: len(program)] = program
    machine.set_up(setting or Setting(wrap_top=31))
    return machine


@pytest.mark.parametrize(
    ("program", "register", "value"),
    [
        ([0xE025], "x", 5),  # set x, 5
        ([0xE045, 0xA02A], "x", WORD ^ 5),  # set y, 5; mov x, !y
        ([0xE045, 0xA032], "x", 0xA0000000),  # set y, 5; mov x, ::y
        ([0xE025, 0x4023, 0x4023], "isr", 0o55),  # set x, 5; in x, 3; in x, 3
        ([0xE03F, 0xA0E1, 0x6042], "y", 0),  # set x, 31; mov osr, x; out y, 2: from the left
        ([0xE021, 0x0044], "pc", 4),  # set x, 1; jmp x-- 4
        ([0xE020, 0x0044], "pc", 2),  # set x, 0; jmp x-- 4: not taken, x wraps
        ([0x0000 | 7 << 5 | 9], "pc", 1),  # jmp !osre 9: nothing has been pulled
        ([0xA0E3, 0x00E9], "pc", 9),  # mov osr, null; jmp !osre 9
        ([0xC011], "flags", 1 << 2),  # irq set 1 rel: (1 + 5) mod 4
        ([0xC011, 0xC051], "flags", 0),  # irq clear 1 rel
    ],
)
def test_what_an_instruction_does(program: list[int], register: str, value: int) -> None:
    machine = make_machine(*program)
    for _ in program:
        machine.step()
    assert (machine.block.flags if register == "flags" else getattr(machine, register)) == value


def test_fifos_stall_and_join() -> None:
    machine = make_machine(0x80A0, 0x8020, setting=Setting(wrap_top=1))  # pull block; push block
    machine.step()
    assert machine.stalled and machine.pc == 0 and machine.at == 0
    machine.tx.append(7)
    machine.step()
    assert (machine.osr, machine.pc, machine.at) == (7, 1, 256)
    for _ in range(4):
        machine.rx.append(0)
    machine.step()
    assert machine.stalled and machine.pc == 1
    machine.rx.popleft()
    machine.step()
    assert not machine.stalled and len(machine.rx) == 4
    assert (machine.tx_room, machine.rx_room) == (4, 0)
    machine.set_up(Setting(join_rx=True))
    assert (machine.tx_room, machine.rx_room) == (0, 8)


def test_delays_count_in_divided_cycles() -> None:
    machine = make_machine(0xFF21, setting=Setting(divider=512, wrap_top=0))  # set x, 1 [31]
    machine.step()
    assert machine.at == 32 * 512


def test_dma_feeds_and_drains_a_fifo_at_the_program_s_pace() -> None:
    mcu = Mcu(Clock())
    pio = PioBlocks(mcu, 1, HZ)
    # pull block [15]; mov isr, osr; push block: 18 cycles for each word
    pio.load(0, 0, [0x80A0 | 15 << 8, 0xA0C7, 0x8020])
    pio.set_up(0, Setting(wrap_top=2))
    pio.drain(1, 0, 1000)
    pio.feed(0, 0, list(range(100, 120)))
    assert pio.transfers[0].left == 16, "four are in the FIFO"
    pio.activate(0, True)
    mcu.clock.advance((18 * 5 - 1) * CYCLE_US)
    assert pio.take_drained() == [(1, [100, 101, 102, 103, 104])]
    mcu.clock.advance(1000 * CYCLE_US)
    assert pio.take_drained() == [(1, list(range(105, 120)))]
    assert (pio.transfers[0].left, pio.transfers[1].left) == (0, 980)
