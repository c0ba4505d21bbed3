"""Rung 3: the real RP2040 port refuses what the virtual board refuses, with the same error."""

from pathlib import Path

from chip_bench import ChipBench
from port_refusals import RP2, RP2040, make_source


def test_the_real_port_refuses_the_same(tmp_path: Path) -> None:
    table = RP2 + RP2040
    with ChipBench(tmp_path) as bench:
        lines = bench.run(make_source(table), 5_000_000)
    assert [*zip((call for call, _ in table), lines, strict=True)] == list(table)
