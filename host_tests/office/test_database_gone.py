"""The database goes at any step of a sale, and comes back: nothing is sold twice or lost.

PostgreSQL is stopped and started again, a SQLite file is locked by another process. The clerk knows
no more than exit codes and lines (docs/operations.md) and keeps the till by them; it is compared
with the books, and both with what the meter's chip was credited.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

import sweeps
from dianka.cardos import visits
from dianka.cardos.image import CardFile
from office_stage import OfficeStage, staged_office
from postgresql_kit import Server, new_database, serving
from sweeps import sweep

AMOUNT_FEN = 5000
AWAY_S = 0.8
SELL = "sell 1.card 50 --control control.card"
LOOK = "office look 1.card --control control.card"


@dataclass
class Counter:
    """A clerk and one resident with real chips; a server, or a file that others lock."""

    stage: OfficeStage
    folder: Path
    server: Server | None = None
    till_fen: int = 0
    kept: bool = False

    def sell(
        self, at: int = 0, after: bool = False, away_s: float = AWAY_S, limit_s: float = 60
    ) -> str:
        """Sell once, the database gone from a point on; return what the clerk is told."""
        gone = {"server": self.server.pid} if self.server else {"locked_s": away_s}
        self.stage.struck = {"limit_s": limit_s, **gone}
        with self.server.started_again(away_s) if self.server else nullcontext():
            done = self.stage.run(self.folder, SELL, at=at, after=after)
        self.stage.struck = {}
        status = done["status"]
        assert status in (0, 1, 3, 4), done
        assert len(done["err"].splitlines()) == (status > 0), done
        if status != 1:
            self.till_fen += 0 if self.kept else AMOUNT_FEN
            self.kept = status == 3
        return done["out"] + done["err"]

    def look(self) -> str:
        done = self.stage.run(self.folder, LOOK)
        assert done["status"] == 0, done
        if self.kept and "is void: give its money back" in done["out"]:
            self.till_fen -= AMOUNT_FEN
        self.kept = self.kept and not ("posted now" in done["out"] or "is void" in done["out"])
        return done["out"]

    def visit(self) -> int:
        """Put the card into its meter; return what the meter was credited so far, in fen."""
        with (
            CardFile.open(self.folder / "1.esam") as esam,
            CardFile.open(self.folder / "1.card") as card,
        ):
            esam.power_on()
            visits.visit(esam, card, 1, 1)
            return visits.wallet(esam)[0]

    def count_points(self) -> int:
        """Sell once with the database there, and return how many points that has."""
        self.stage.struck = {"server": 1}  # never reached
        done = self.stage.run(self.folder, SELL)
        self.stage.struck = {}
        assert done["status"] == 0, done
        self.till_fen += AMOUNT_FEN
        self.visit()
        return done["points"]


def open_counter(folder: Path, stage: OfficeStage, server: Server | None = None) -> Counter:
    assert stage.run(folder, "card issue control control.card")["status"] == 0
    stage.make_resident(folder, 1)
    assert stage.run(folder, "office shift open 1x0")["status"] == 0
    return Counter(stage, folder, server)


@pytest.fixture(scope="module")
def on_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    folder = tmp_path_factory.mktemp("gone")
    with serving() as server, staged_office(folder, new_database(server.url, "gone")) as stage:
        yield open_counter(folder, stage, server)


@pytest.fixture(scope="module")
def on_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    folder = tmp_path_factory.mktemp("locked")
    with staged_office(folder) as stage:
        yield open_counter(folder, stage)


def must_agree(counter: Counter) -> None:
    """Check till, books and the meter's chip against one another, to the fen."""
    credited_fen = counter.visit()
    counter.look()
    proof = counter.stage.run(counter.folder, "office prove")
    assert proof["status"] == 0, proof
    looked = counter.stage.look()
    assert looked["cash_fen"] == counter.till_fen == credited_fen
    assert looked["faults"] == []


def strike_all(counter: Counter, every: int, whole: int) -> tuple[int, list[str]]:
    """Sell with the database gone at one point in `every`, before and after it.

    Return the number of points, and what was told.
    """
    told = []
    struck_at = sweeps.points(whole, every, 1)
    for at in struck_at:
        for after in (False, True):
            told.append(counter.sell(at, after))
            counter.look()
            if counter.kept:
                counter.sell()
            counter.visit()
            counter.look()
    must_agree(counter)
    assert not counter.kept
    return len(struck_at), told


def judge(told: list[str]) -> str:
    """Count what became of the sales, each kind of which must be there."""
    waited = sum("keep the money and wait, up to 60 s" in said for said in told)
    refused = sum("nothing was sent" in said for said in told)
    assert waited and refused, told
    assert all("售电收据" in said for said in told if "keep the money and wait" in said)
    return f"{waited} sales waited and were posted, {refused} refused, 0 fen lost or doubled"


@pytest.mark.slow
def test_a_sale_waits_for_a_server_that_is_stopped(on_server: Counter) -> None:
    """Once the card has it; before that it is refused, and nothing was sent."""
    whole = on_server.count_points()
    told = [on_server.sell(whole // 3)]
    for at in range(whole * 5 // 6, whole):
        told.append(on_server.sell(at))
        on_server.visit()
        if "keep the money and wait" in told[-1]:
            break
    judge(told)
    must_agree(on_server)


@pytest.mark.postgresql
@sweep(15)
def test_a_server_stopped_at_any_step(
    on_server: Counter, every: int, record_property: Callable[[str, object], None]
) -> None:
    whole = on_server.count_points()
    count, told = strike_all(on_server, every, whole)
    assert any("run dianka office receipt" in said for said in told) or every > 1
    record_property(
        "figure", f"PostgreSQL stopped at {count} of {whole} points of a sale: {judge(told)}"
    )


@pytest.mark.slow
@sweep(29)
def test_a_file_locked_at_any_step(
    on_file: Counter, every: int, record_property: Callable[[str, object], None]
) -> None:
    whole = on_file.count_points()
    count, told = strike_all(on_file, every, whole)
    record_property(
        "figure", f"SQLite locked at {count} of {whole} points of a sale: {judge(told)}"
    )


@pytest.mark.slow
def test_a_file_that_stays_locked_is_posted_by_the_next_look(
    on_file: Counter,
) -> None:
    """No try begins after the limit: the clerk keeps the money, and nothing is lost."""
    whole = on_file.count_points()
    said = on_file.sell(whole * 5 // 6, away_s=3, limit_s=1.5)
    assert on_file.kept and "keep the money and wait" in said, said
    assert "keep the money; looking at the card again posts it" in said.splitlines()[-1]
    time.sleep(2)
    assert "is on the card, and posted now" in on_file.look()
    must_agree(on_file)


def test_patience_ends(office_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its limit, by a signal, and at once for what is no absence."""
    from django.db import InterfaceError, OperationalError, ProgrammingError

    from dianka.desk.office.vending import patience

    monkeypatch.setattr(patience, "_EVERY_S", 0.2)
    monkeypatch.setattr(patience, "LIMIT_S", 0.35)
    tries: list[Exception | None] = []
    told: list[str] = []

    def step() -> str:
        error = tries.pop(0)
        if error:
            raise error
        return "taken"

    def stop() -> None:
        raise KeyboardInterrupt

    def run(*errors: Exception | None, stopped: Callable[[], None] = lambda: None) -> str:
        tries[:], told[:] = errors, []
        return patience.keep_trying(step, told.append, stopped)

    gone = OperationalError("server closed\nthe connection")
    assert run(gone, None) == "taken" and told == ["server closed the connection"]
    with pytest.raises(InterfaceError):
        run(gone, InterfaceError("connection already closed"), None)
    assert tries == [None] and len(told) == 1
    with pytest.raises(KeyboardInterrupt):
        run(gone, None, stopped=stop)
    with pytest.raises(ProgrammingError):
        run(ProgrammingError("no such table"), None)
    assert not told


@pytest.mark.slow
def test_a_transaction_is_not_gone_on_with(office: Path) -> None:
    from django.db import OperationalError

    from dianka.desk.office.vending.patience import keep_trying

    def step() -> None:
        raise OperationalError("gone")

    with pytest.raises(OperationalError):
        keep_trying(step, pytest.fail, lambda: None)
