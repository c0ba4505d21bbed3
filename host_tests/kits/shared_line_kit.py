"""A meter in use on rung 2, with the times of all characters of card and ESAM."""

import re
from pathlib import Path

from dianka.bench.models import supply
from dianka.bench.stage.stand import PRICE_E4, USER, S, Stand
from dianka.firmware import BOARDS, load_shared

FEN = load_shared("account").FEN
LOAD_MW = 2_200_000


class LineMeter(Stand):
    """Set up, with 10.00 yuan and a load for a minute; `board` is a folder of boards/.

    `in_use`: the folder has a meter that was set up on another rung (`set_up_fast`).
    """

    def __init__(self, folder: Path, board: str, in_use: bool = False) -> None:
        super().__init__(folder, "vm", BOARDS / board)
        self.esam_us: list[int] = []
        self.card_us: list[int] = []
        self.rig.bench.esam.listeners.append(lambda *_: self.esam_us.append(self.now_us))
        self.rig.bench.slot.listeners.append(lambda *_: self.card_us.append(self.now_us))
        if in_use:
            self.switch_mains_on()
        else:
            _begin(self)
        self.wait(15 * S)
        self.rig.set_load(LOAD_MW)
        self.wait(60 * S)

    def fail_mains(self) -> list[int]:
        """Let the mains fail, and wait until the supply is gone.

        Return when the ESAM was spoken to meanwhile, in us since the failure.
        """
        began_us, before = self.now_us, len(self.esam_us)
        self.rig.switch_mains_off()
        self.wait(4 * supply.HOLD_UP_US)
        return [at_us - began_us for at_us in self.esam_us[before:]]

    def read_totals(self) -> tuple[int, int, int, int]:
        """Return energy, remainder, balance and bought as the newest self-check has them."""
        report = [line for line in self.lines if "self-check" in line][-1]
        energy_pj, remainder, balance_fen, bought_fen = (
            int(number)
            for number in re.findall(r"(?:energy_pj|remainder|[a-z]+_fen) (-?\d+)", report)
        )
        return energy_pj, remainder, balance_fen, bought_fen

    def check_totals(self) -> None:
        """Start anew: what was bought is there to the last fraction, as used or as balance."""
        if self.powered:
            self.fail_mains()
        if self.rig.take_view().slot != "empty":
            self.rig.pull()
        self.restart()
        self.wait(15 * S)
        energy_pj, remainder, balance_fen, bought_fen = self.read_totals()
        assert bought_fen * FEN == energy_pj * PRICE_E4 + balance_fen * FEN - remainder
        assert self.get_esam_wallet()[0] >= balance_fen

    def check_energy(self) -> None:
        """Check that each pulse of the metering chip is charged, and `check_totals`.

        For a meter that has not been without supply since it was set up.
        """
        self.rig.set_load(0)
        self.wait(3 * S)
        chip = self.rig.bench.chip
        counted_pj = chip.pulses * chip.params.pulse_pj
        self.check_totals()
        assert self.read_totals()[0] == counted_pj


def set_up_fast(folder: Path, board: str, metering: str | None = None) -> None:
    """Set a meter up in this folder on rung 1, where that takes a second, with 10.00 yuan."""
    folder.mkdir(parents=True, exist_ok=True)
    with Stand(folder, board=BOARDS / board, metering=metering) as stand:
        _begin(stand)


def _begin(stand: Stand) -> None:
    stand.set_up()
    stand.sell(1_000)
    stand.serve(USER)
