"""Random lives of an account with more cards than one: sold to, paid back, replaced, broken off.

In the end each card that was ever made goes into the meter. What the meter was credited is what was
paid and not paid back, but for what two people have waived. Also run on PostgreSQL, by
test_postgresql.py.
"""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import cards_kit as kit
import replaced_kit
from counter_kit import Resident
from dianka.card_port import CardError
from dianka.cardos.chip import CardTorn, Chip
from estate_kit import make_actor
from refund_kit import Refunder, balances, faults

LIVE = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# Commands at which a sale or a refund writes to the card, or just before.
WRITES = st.integers(10, 15)
Act = tuple[str, int, int]


class Account:
    """One account, its clerk, and every card that was made for it."""

    def __init__(self) -> None:
        self.control = kit.control_card()
        self.clerk, self.resident = Refunder(self.control), Resident(self.control)
        self.chips = [self.resident.card]

    def act(self, what: str, fen: int, at: int) -> None:
        """Do one thing; what the desk refuses is not done.

        A card is pulled before or, with `fen`, after command `at`.
        """
        clerk, resident = self.clerk, self.resident
        try:
            if what == "sell":
                clerk.sell(resident, fen, resident.card)
            elif what == "torn sale":
                clerk.sell(resident, 5000, kit.Pulled(resident.card, at, bool(fen)))
            elif what == "refund":
                self.refund(resident.card)
            elif what == "torn refund":
                self.refund(kit.Pulled(resident.card, at, bool(fen)))
            elif what == "shift" and clerk.till_fen >= 0:
                clerk.close()
                clerk.open()
            elif what == "meter":
                self.visit(resident.card)
            else:
                self.act_on_cards(what, self.chips[at % len(self.chips)], at)
        except CardError:
            pass

    def act_on_cards(self, what: str, chip: Chip, at: int) -> None:
        """Make, take, read, look at or lose a card."""
        from dianka.desk.office.cards import register
        from dianka.desk.office.customers import lost

        seed = 20 + len(self.chips)
        if what == "begin":  # and it is broken off; one in eight is waived
            new = replaced_kit.break_off(
                self.clerk, self.resident, seed, whole=bool(at % 3), waived=at % 8 == 7
            )
            self.chips.append(new)
        elif what == "make":
            self.resident.card = replaced_kit.make(self.clerk, self.resident, seed)
            self.chips.append(self.resident.card)
        elif what == "take":
            self.resident.card = chip
        elif what == "look":
            self.look()
        elif what == "read":
            replaced_kit.read(self.clerk, chip)
        elif what == "scrap":
            register.scrap(make_actor("technician"), chip.state.serial, "bent")
        elif what == "lose":
            lost.report_lost(self.clerk.actor, chip.state.serial.hex(), "on the bus")

    def refund(self, port: object) -> None:
        from dianka.desk.office.vending.models import Sale

        if Sale.objects.exists() and self.clerk.till_fen > 0:
            self.clerk.refund(self.resident, port)

    def look(self) -> None:
        """Look at the card in hand; what was told is heard, whatever is refused after it."""
        from dianka.desk.office.vending import counter

        told: list[str] = []
        with suppress(CardError, CardTorn):
            counter.look(self.clerk.actor, self.control, self.resident.card, tell=told.append)
        self.clerk._hear(self.resident.contract.meter.number, told)

    def visit(self, chip: Chip) -> None:
        """Put a card into the meter; a blank one is refused."""
        kit.use_in_meter(self.resident.esam, chip)

    def finish(self, first: int) -> None:
        """Bring all to its end, and put each card into the meter, this one first."""
        from dianka.desk.office.cards import register

        for chip in self.chips:
            self.act("read", 0, self.chips.index(chip))
        contract = self.resident.contract
        contract.refresh_from_db()
        used = register.find_card_of(contract)
        if used is None and self.clerk.till_fen + len(self.chips) > 1:
            self.act("make", 0, 0)
            used = register.find_card_of(contract)
        for chip in self.chips:
            if used and chip.state.serial.hex() == used.serial:
                self.resident.card = chip
        self.look()
        for kept_fen in list(self.clerk.kept.values()):
            self.act("sell", kept_fen, 0)
        for at in range(len(self.chips)):
            with suppress(CardError):  # of a blank one
                self.visit(self.chips[(first + at) % len(self.chips)])
        self.act("meter", 0, 0)
        self.look()


acts = st.lists(
    st.tuples(st.just("sell"), st.sampled_from([5000, 700]), st.just(0))
    | st.tuples(st.sampled_from(["torn sale", "torn refund"]), st.integers(0, 1), WRITES)
    | st.tuples(st.just("refund"), st.just(0), st.just(0))
    | st.tuples(st.sampled_from(["begin", "begin", "make"]), st.just(0), st.integers(0, 15))
    | st.tuples(
        st.sampled_from(["take", "read", "look", "scrap", "lose"]), st.just(0), st.integers(0, 3)
    )
    | st.tuples(st.sampled_from(["meter", "shift"]), st.just(0), st.just(0)),
    max_size=12,
)


@pytest.mark.slow
@LIVE
@given(acts=acts, first=st.integers(0, 5))
@example(acts=[("sell", 5000, 0), ("begin", 0, 1), ("refund", 0, 0)], first=1)
@example(acts=[("torn sale", 0, 12), ("begin", 0, 1), ("look", 0, 0)], first=1)
@example(
    acts=[("sell", 5000, 0), ("torn refund", 0, 12), ("make", 0, 0), ("refund", 0, 0)], first=0
)
@example(acts=[("torn sale", 0, 12), ("shift", 0, 0), ("look", 0, 0)], first=0)
def test_credited_is_what_was_paid(office: Path, acts: list[Act], first: int) -> None:
    from django.db import transaction

    from dianka.desk.office.audit.models import Act as Entered

    with transaction.atomic():
        account = Account()
        for act in acts:
            account.act(*act)
        account.finish(first)
        paid_fen, credited_fen = account.clerk.till_fen, kit.wallet(account.resident.esam)[0]
        waived_fen = paid_fen - credited_fen
        right = {"cash": paid_fen, "meter": -credited_fen, "used": -waived_fen}
        assert balances() == {kind: fen for kind, fen in right.items() if fen}
        assert waived_fen >= 0 and faults() == []
        if waived_fen:
            assert Entered.objects.filter(kind="purchase waived").exists()
        transaction.set_rollback(True)
