"""Other tasks beside a busy T=0 line: none waits long, and few run when a commit would delay it."""

import pytest

from line_rig import CHALLENGE, READ, SELECT, LineRig

COMMIT_US = 14_000  # a debit and a commit on the chip
LATE_US = 50_000  # no task waits longer
ROUNDS = 40


class Others:
    """A task that wants its turn every 100 ms, and then holds the CPU as long as a commit does."""

    def __init__(self, rig: LineRig, takes_us: int) -> None:
        self.late_us: list[int] = []
        self._rig = rig
        self._takes_us = takes_us
        self._module = rig.parts.module("line")

    async def run(self) -> None:
        clock, module = self._rig.parts.clock, self._module
        while True:
            due_us = clock.now_us + 100_000
            await module.asyncio.sleep_ms(100)
            self.late_us.append(clock.now_us - due_us)
            if self._takes_us:
                module.time.sleep_us(self._takes_us)


def played(takes_us: int) -> tuple[Others, int]:
    """The task's lateness, and what many short commands and a long one took with it beside them."""
    rig = LineRig()
    rig.reset()
    others = Others(rig, takes_us)

    async def commands() -> None:
        others._module.asyncio.create_task(others.run())
        await rig.channel.command(*SELECT)
        for _ in range(ROUNDS):
            await rig.channel.command(*CHALLENGE)
            await rig.channel.command(*READ[:5], 16)
        await rig.channel.command(*READ)

    began_us = rig.parts.clock.now_us
    rig.parts.run(commands(), 10_000_000)
    assert rig.socket.violations == []
    return others, rig.parts.clock.now_us - began_us


@pytest.mark.parametrize("takes_us", [0, COMMIT_US])
def test_no_task_is_kept_waiting_for_long(takes_us: int) -> None:
    others, _ = played(takes_us)
    assert len(others.late_us) > 10
    assert max(others.late_us) < LATE_US - COMMIT_US


def test_commits_beside_the_line_cost_it_less_than_a_quarter_of_their_time() -> None:
    _, alone_us = played(0)
    others, beside_us = played(COMMIT_US)
    assert 0 <= beside_us - alone_us < len(others.late_us) * COMMIT_US // 4
