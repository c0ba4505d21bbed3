"""Rung 2: a closing order under the real MicroPython, from the desk to the statement."""

from pathlib import Path

from dianka.bench.stage.stand import USER, S, Stand
from dianka.desk import closing_order

LIMIT_US = 3 * S


def test_an_account_ends_in_a_statement(tmp_path: Path) -> None:
    with Stand(tmp_path, runner="vm") as stand:
        stand.set_up()
        stand.sell(1000)
        stand.serve(USER)
        with stand.open(USER) as card:
            assert closing_order.order_closing(stand.control.chip, card.chip) == 2
        said = []
        for _ in range(2):
            assert 0 < stand.serve(USER).took_us < LIMIT_US
            with stand.open(USER) as card:
                said.append(closing_order.read_statement(stand.control.chip, card.chip))
        assert said[0] == said[1] and said[0].amount_fen == 1000
        assert "EndEd" in stand.watch_display(20 * S)
