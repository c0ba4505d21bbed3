"""The PIO of an RP2040 or RP2350 on the bench's wires: its instructions one by one, and its DMA.

Programs are interpreted, not replaced by what they are meant to do: a program that counts its
cycles wrong sends a wrong character here too. It is fast all the same, because nothing is executed
that can't change anything. A state machine that waits stands still until its pin, its FIFO or its
flag changes; so does one whose loop has made a round without a change, and its further rounds are
counted, not run. In between, all instructions up to the next event of the bench run at once, as no
input can change before; only one that changes a pin waits for its time.

The time is the bench's microsecond: a sample and an edge within the same one may come in either
order.
"""

from collections.abc import Callable
from functools import partial

from dianka.bench.models.clock import Timer
from dianka.bench.models.mcu import Mcu
from dianka.bench.models.pio_machine import Block, Pads, Setting, StateMachine
from dianka.bench.models.wires import Wire

_PARTS = 256  # of a system cycle, in which dividers count
_MACHINES = 4  # of a block


class Transfer:
    """A DMA channel between memory and a FIFO of one state machine, paced by that FIFO.

    `words` are those that the channel has still to write, or has read and not yet handed over.
    """

    def __init__(self, machine: int, feeding: bool, left: int) -> None:
        self.machine = machine
        self.feeding = feeding
        self.left = left  # transfers
        self.words: list[int] = []


class PioBlocks(Pads):
    """All state machines of a chip, by their number on the whole chip, and their DMA channels."""

    def __init__(self, mcu: Mcu, blocks: int, cpu_hz: int) -> None:
        self._mcu = mcu
        self._clock = mcu.clock
        self._per_us = cpu_hz * _PARTS // 1_000_000
        self.blocks = [Block() for _ in range(blocks)]
        self.machines = [
            StateMachine(self.blocks[number // _MACHINES], number, self)
            for number in range(blocks * _MACHINES)
        ]
        self.transfers: dict[int, Transfer] = {}
        self.pulls: dict[int, bool] = {}  # GPIO: whether it is pulled up
        self._levels: dict[int, int] = {}  # of the pins that somebody listens to
        self._listeners: dict[int, Callable[[int], None]] = {}
        self._outputs: dict[int, list[int]] = {}  # GPIO that a PIO drives: [value, direction]
        self._running: list[StateMachine] = []
        self._timer: Timer | None = None

    # ****** Pins ******

    def read(self, pin: int) -> int:
        return self._levels[pin] if pin in self._levels else self._listen(pin)

    def would_change(self, base: int, count: int, value: int | None, direction: int | None) -> bool:
        return any(
            self._outputs.get(pin, former) != former
            for pin, former in self._merge(base, count, value, direction)
        )

    def drive(self, base: int, count: int, value: int | None, direction: int | None) -> None:
        for pin, output in self._merge(base, count, value, direction):
            # Another function has the pin if it is not among the outputs.
            if pin in self._outputs and self._outputs[pin] != output:
                self._outputs[pin] = output
                self._put_out(pin)

    def _merge(
        self, base: int, count: int, value: int | None, direction: int | None
    ) -> list[tuple[int, list[int]]]:
        merged: list[tuple[int, list[int]]] = []
        for n in range(count):
            pin = base + n & 31
            output = list(self._outputs.get(pin, (0, 0)))
            if value is not None:
                output[0] = value >> n & 1
            if direction is not None:
                output[1] = direction >> n & 1
            merged.append((pin, output))
        return merged

    def take_pins(self, base: int, count: int, values: int, directions: int) -> None:
        """Give these pins to the PIO, with their first values and directions."""
        for n in range(count):
            pin = base + n & 31
            self._outputs[pin] = [values >> n & 1, directions >> n & 1]
            self._put_out(pin)

    def leave_pin(self, pin: int) -> bool:
        """Take a pin from the PIO: software has it from now on. Return whether the PIO had it."""
        return self._outputs.pop(pin, None) is not None

    def _put_out(self, pin: int) -> None:
        value, direction = self._outputs[pin]
        wire = self._mcu.get_pin(pin)
        if direction:
            wire.set(value)
        else:
            wire.release(self.pulls.get(pin, False))

    def _listen(self, pin: int) -> int:
        wire: Wire = self._mcu.get_pin(pin)
        self._levels[pin] = wire.level
        listener = self._listeners[pin] = partial(self._follow, pin)
        wire.listeners.append(listener)
        return wire.level

    def _follow(self, pin: int, level: int) -> None:
        """Let all that happened before this edge happen, then wake who may have waited for it."""
        if self._levels[pin] == level:
            return
        now = self._clock.now_us * self._per_us
        for machine in self._running:
            if machine.stalled and machine.loop:
                machine.resume(now)
                while machine.at < now and not machine.stalled:
                    machine.step()
            machine.forget_loop()  # its rounds were made at the former level
        self._levels[pin] = level
        self._wake()

    # ****** State machines ******

    def load(self, block: int, offset: int, words: list[int]) -> None:
        """Write a program into a block's memory."""
        self.blocks[block].memory[offset : offset + len(words)] = words

    def set_up(self, number: int, setting: Setting) -> None:
        self.machines[number].set_up(setting)
        self._sort()

    def activate(self, number: int, on: bool) -> None:
        """Start or stop a state machine at this instant."""
        machine = self.machines[number]
        if on and not machine.enabled:
            machine.at = max(machine.at, self._clock.now_us * self._per_us)
        machine.enabled = on
        self._sort()
        self._wake()

    def restart(self, number: int) -> None:
        self.machines[number].restart()
        self._wake()

    def execute(self, number: int, word: int) -> None:
        """Execute an instruction now, between two of the program's own."""
        machine = self.machines[number]
        flags = machine.block.flags
        machine.execute(word)
        if machine.enabled and not machine.stalled:
            machine.at += machine.setting.divider
        self._move(number)
        if flags != machine.block.flags or machine.tx_room or machine.rx_room:
            self._wake()

    def put(self, number: int, word: int) -> bool:
        """Put a word into the FIFO that the program pulls from; False if it is full."""
        machine = self.machines[number]
        if machine.tx_room <= 0:
            return False
        machine.tx.append(word)
        self._wake()
        return True

    def get(self, number: int) -> int | None:
        """Take a word that the program has pushed; None if there is none."""
        machine = self.machines[number]
        if not machine.rx:
            return None
        word = machine.rx.popleft()
        self._wake()
        return word

    def _sort(self) -> None:
        self._running = [machine for machine in self.machines if machine.enabled]

    # ****** DMA ******

    def feed(self, channel: int, machine: int, words: list[int]) -> None:
        """Start a channel that writes these words."""
        transfer = self.transfers[channel] = Transfer(machine, True, len(words))
        transfer.words = words
        self._move(machine)
        self._wake()

    def drain(self, channel: int, machine: int, count: int) -> None:
        """Start a channel that reads `count` words as they come."""
        self.transfers[channel] = Transfer(machine, False, count)
        self._move(machine)

    def stop(self, channel: int) -> None:
        """Stop a channel. What it has read and nobody has fetched is lost."""
        self.transfers.pop(channel, None)

    def take_drained(self) -> list[tuple[int, list[int]]]:
        """Return (channel, words) of each channel that has read something since the last call."""
        found = []
        for channel, transfer in self.transfers.items():
            if transfer.words and not transfer.feeding:
                found.append((channel, transfer.words))
                transfer.words = []
        return found

    def _move(self, number: int) -> None:
        """Make the transfers that this state machine's FIFOs allow."""
        machine = self.machines[number]
        for transfer in self.transfers.values():
            if transfer.machine != number:
                continue
            if transfer.feeding:
                count = min(machine.tx_room, len(transfer.words))
                machine.tx.extend(transfer.words[:count])
                del transfer.words[:count]
                transfer.left -= count
            else:
                while machine.rx and transfer.left:
                    transfer.words.append(machine.rx.popleft())
                    transfer.left -= 1

    # ****** Time ******

    def _wake(self) -> None:
        """Come back at this instant, and see who can go on."""
        if not self._running:
            return
        now = self._clock.now_us * self._per_us
        for machine in self._running:
            machine.resume(now)
        self._come_back(self._clock.now_us)

    def _come_back(self, when_us: int) -> None:
        if self._timer:
            if self._timer.action and self._timer.when_us <= when_us:
                return
            self._timer.cancel()
        self._timer = self._clock.call_at(when_us, self._run)

    def _run(self) -> None:
        """Run all instructions that are due, and those whose inputs can't change any more."""
        self._timer = None
        clock, per_us = self._clock, self._per_us
        due_us = clock.next_due_us
        horizon_us = clock.limit_us if due_us is None else min(due_us, clock.limit_us)
        horizon = max(horizon_us, clock.now_us + 1) * per_us
        end_of_now = (clock.now_us + 1) * per_us
        while machine := self._find_next():
            if machine.at >= horizon or (machine.at >= end_of_now and machine.has_effect()):
                self._come_back(machine.at // per_us)
                return
            flags, words = machine.block.flags, len(machine.tx) + len(machine.rx)
            machine.step()
            if machine.block.flags != flags:
                self._resume_block(machine)
            if len(machine.tx) + len(machine.rx) != words:
                self._move(machine.number)
        # Nobody can go on: an edge, an instruction or a word wakes them.

    def _find_next(self) -> StateMachine | None:
        """Return the state machine whose instruction is the next, or None."""
        found = None
        for machine in self._running:
            if not machine.stalled and (found is None or machine.at < found.at):
                found = machine
        return found

    def _resume_block(self, changed: StateMachine) -> None:
        for machine in self._running:
            if machine.block is changed.block and machine.stalled:
                machine.resume(changed.at)

    def release(self) -> None:
        """Stop everything: the chip is in reset."""
        for machine in self.machines:
            machine.enabled = False
        self._sort()
        self.transfers.clear()
        for pin in self._outputs:
            self._mcu.get_pin(pin).release()
        self._outputs.clear()
        for pin, listener in self._listeners.items():
            self._mcu.get_pin(pin).listeners.remove(listener)
        self._listeners.clear()
        self._levels.clear()
        if self._timer:
            self._timer.cancel()
            self._timer = None
