"""The ways to break a session off, and the points at which each is tried.

The points are before, in and after every byte.
- A character on either line: before the chip or the controller has it; in its middle; and after it,
  when the chip has acted on it. In the middle, the rest of its bits are those of an idle line,
  because its driver is gone (the controller's UART passes on characters with a wrong parity).
- A byte of the memory: before it is stored, with some of its bits changed, after it. Bytes that
  carry addresses or are read count too.

At a power cut, memories keep their content; so one trial is enough for each content that they can
have.
"""

from collections.abc import Callable
from random import Random

from dianka.bench.campaign.forks import Forks
from dianka.bench.campaign.trial import Trial
from dianka.bench.models.contacts import T0Socket

PULL = "card pulled"
CUT_OUT = "power cut, card taken out"
CUT_IN = "power cut, card left in"
MUTE = "ESAM silent"
ACTS = (PULL, CUT_OUT, CUT_IN, MUTE)
_CUTS = (CUT_OUT, CUT_IN)


class Breaker:
    """Watches one session of a trial from end to end, and asks `forks` at each point."""

    def __init__(self, trial: Trial, forks: Forks) -> None:
        self._trial = trial
        self._forks = forks
        self._muted = False
        self._bytes = 0  # of the memory, since the session began
        self._kept: tuple[object, ...] = ()
        self._digest = ""
        bench = trial.rig.bench
        self._lines = {
            "card": (bench.slot, (PULL, *_CUTS)),
            "ESAM": (bench.esam, (PULL, *_CUTS, MUTE)),
        }
        for name, (socket, acts) in self._lines.items():
            socket.tamper = self._make_tamper(name, socket, acts)
        fram = bench.fram
        self._passed = 0  # characters, of both lines
        self._waits = 0  # times that the firmware has worked and waits again
        self._wait = bench.mcu.wait
        bench.mcu.wait = self._count_wait
        self._write, self._read = fram.write, fram.read
        fram.write, fram.read = self._write_or_break, self._break_and_read

    def stop_watching(self) -> None:
        """Stop watching: the session is over, and nothing is broken off from here on."""
        for socket, _ in self._lines.values():
            socket.tamper = None
        fram = self._trial.rig.bench.fram
        fram.write, fram.read = self._write, self._read
        self._trial.rig.bench.mcu.wait = self._wait

    # ****** Characters ******

    def _make_tamper(
        self, name: str, socket: T0Socket, acts: tuple[str, ...]
    ) -> Callable[[str, int, int], int | None]:
        """Return the tamper function of this line."""

        def tamper(direction: str, index: int, value: int) -> int | None:
            if self._muted and name == "ESAM":
                self._muted = index > 0 or direction == "in"
                if self._muted:
                    return None
            if self._forks.child:
                return value
            where = f"{name} character {index}"
            if self._try_acts("before", where, acts):
                return None
            if self._try_acts("in", where, acts):
                return tear_character(value, index) if direction == "out" else None
            # Due at once, but after the chip or the controller has received it.
            socket.clock.call_at(socket.clock.now_us, lambda: self._break_after(where, acts))
            return value

        return tamper

    def _break_after(self, where: str, acts: tuple[str, ...]) -> None:
        if not self._forks.child:
            self._passed += 1
            self._try_acts("after", where, acts)

    def _count_wait(self, until_us: int) -> bool:
        self._waits += 1
        return self._wait(until_us)

    # ****** Bytes of the memory ******

    def _write_or_break(self, value: int) -> bool:
        fram = self._trial.rig.bench.fram
        if self._forks.child:
            return self._write(value)
        self._bytes += 1
        where, lands = f"memory byte {self._bytes}", fram.addressed
        if self._try_acts("before", where, _CUTS):
            return False
        if lands and self._try_acts("in", where, _CUTS, self._tear_byte(value)):
            return False
        if not lands and self._try_acts("in", where, _CUTS):
            return False
        done = self._write(value)
        return done and not self._try_acts("after", where, _CUTS)

    def _break_and_read(self) -> int:
        if not self._forks.child:
            self._bytes += 1
            self._try_acts("before", f"memory byte {self._bytes}", _CUTS)
        return self._read()

    # ****** Breaking ******

    def _try_acts(
        self, when: str, where: str, acts: tuple[str, ...], torn: tuple[int, int] | None = None
    ) -> bool:
        """Try each act at this point; return True in the child that breaks off here.

        `torn`: an address of the memory and the value that the cut leaves there.
        """
        for act in acts:
            digest = (
                (lambda: self._digest_cut(torn))
                if act in _CUTS
                else self._digest_progress
                if when != "in"
                else None
            )
            if self._forks.fork_at_point(act, f"{when} {where}", digest):
                if torn:
                    self._trial.rig.bench.fram.memory[torn[0]] = torn[1]
                self._strike(act)
                return True
        return False

    def _tear_byte(self, value: int) -> tuple[int, int]:
        """Return the address, and its byte with some of the changing bits changed."""
        at = self._trial.rig.bench.fram.at
        old = self._trial.rig.bench.fram.memory[at]
        return at, old ^ (old ^ value) & Random(self._bytes).randrange(256)

    def _strike(self, act: str) -> bool:
        """Break off, in the child. Return False always: nothing was acknowledged."""
        rig = self._trial.rig
        self._trial.detach()
        if act == PULL:
            rig.pull()
        elif act == MUTE:
            self._muted = True
        else:
            rig.bench.fram.powered = False
            self._trial.cut_now()
        return False

    def _digest_progress(self) -> str:
        """Return a digest of the progress of lines and firmware.

        After a character and before the next are one point if the firmware has done nothing in
        between.
        """
        return f"{self._passed}-{self._waits}"

    def _digest_cut(self, torn: tuple[int, int] | None) -> str:
        """Return a digest of the state after a cut; computed anew only after a change."""
        rig = self._trial.rig
        card = rig.card.chip.state if rig.card else None
        now = rig.bench.fram.writes, torn, self._trial.esam.state, card, rig.bench.relay.closed
        if not self._kept or any(
            a is not b and a != b for a, b in zip(self._kept, now, strict=True)
        ):
            content = bytearray(rig.bench.fram.memory)
            if torn:
                content[torn[0]] = torn[1]
            self._kept, self._digest = now, self._trial.digest_cut(bytes(content))
        return self._digest


def tear_character(value: int, at: int) -> int:
    """Return the character with its first few bits as sent, lowest first; then the line is high."""
    sent = at % 8
    return value & (1 << sent) - 1 | 0xFF & ~((1 << sent) - 1)
