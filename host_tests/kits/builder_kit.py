"""A meter as its builder has it: parts are put in one after the other, USB feeds it at first."""

from pathlib import Path

from dianka.bench.stage.stand import S, Stand


class HalfBuilt(Stand):
    """A bare board on USB: nothing answers but the controller. `add` puts a part in."""

    def __init__(self, folder: Path, runner: str, board: Path) -> None:
        super().__init__(folder, runner, board, clock_set=False)
        bench = self.rig.bench
        self._esam = bench.esam.chip
        bench.esam.put(None)
        bench.fram.mute = bench.clock_chip.mute = True
        self._mains = False

    def add(self, part: str) -> None:
        """Put in one of: memory, clock, ESAM, mains."""
        bench = self.rig.bench
        if part == "memory":
            bench.fram.mute = False
        elif part == "clock":
            bench.clock_chip.mute = False
        elif part == "ESAM":
            assert self._esam
            bench.esam.put(self._esam)
        else:
            assert part == "mains"
            self._mains = True

    def start(self) -> str:
        """Start it, and return the five digits of its self-check."""
        began = len(self.lines)
        if self._mains:
            self.switch_mains_on()
        else:
            self._plug_usb()
        self.wait(9 * S)
        found = [line for line in self.lines[began:] if "self-check " in line]
        self.rig.cut_power()
        self.wait(1 * S)
        return found[0].partition("self-check ")[2][:5]

    def _plug_usb(self) -> None:
        """Power the controller and what hangs on its 3.3 V; there is no mains."""
        bench = self.rig.bench
        bench.power_up()
        bench.chip.power_off()
        bench.set_wire("POWER_FAIL", 0)
        self.rig._powered = True
        self.rig.runner.start(1)
