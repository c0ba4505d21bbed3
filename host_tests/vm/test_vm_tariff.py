"""Several prices under the real MicroPython: slots and steps, exact in what the FRAM keeps."""

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

from dianka.bench.stage.stand import FEN, INIT_DATA, USER, USER_DATA, S, Stand, compute_used_fen
from dianka.cardos.files import pack_tariff
from parts import Parts

TENTH_PJ = 360_000_000_000_000_000  # 0.1 kWh
SET = pack_tariff(
    [3000, 5000], {"slots": [1, 3402], "limits": [10, 20], "steps_e4": [0, 1000, 3000]}
)


class Memory:
    """The FRAM as it is, for a journal that reads it."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size = len(content)

    def read(self, address: int, count: int) -> bytes:
        return self._content[address : address + count]


def test_slots_and_steps_are_exact_and_live_through_a_cut(tmp_path: Path) -> None:
    """From 08:26 on, the second slot begins at 08:30; 0.1 and 0.2 kWh end a step each."""
    begin = datetime(2026, 1, 5, 8, 26, tzinfo=UTC)  # stands for local time
    parts = Parts()
    records, journal = parts.module("state"), parts.module("journal")
    with Stand(tmp_path, "vm", clock_set=False) as stand:
        since_2000_s = int((begin - datetime(2000, 1, 1, tzinfo=UTC)).total_seconds())
        stand.rig.bench.clock_chip.set(since_2000_s - 8 * 3600)
        stand.set_up(replace(INIT_DATA, tariff=SET), replace(USER_DATA, tariff=SET))
        stand.sell(60_000)
        stand.serve(USER)
        stand.rig.set_load(6_600_000)
        stand.wait(70 * S)
        stand.rig.cut_power()
        stand.restart()
        stand.wait(200 * S)
        stand.rig.set_load(0)
        stand.wait(S)
        stand.rig.switch_mains_off()
        stand.wait(2 * S)
        content = bytes(stand.rig.bench.fram.content)
        assert not stand.list_violations()
    state = records.unpack(journal.Journal(Memory(content), records.SIZE).load())
    assert state.price_e4 == 8000 and state.step_pj == state.energy_pj > 2 * TENTH_PJ
    steps = TENTH_PJ * 1000 + (state.energy_pj - 2 * TENTH_PJ) * 3000
    slots = compute_used_fen(state) * FEN - steps
    first_pj = Fraction(slots - state.energy_pj * 5000, 3000 - 5000)
    assert first_pj.denominator == 1 and 0 < first_pj < state.energy_pj
