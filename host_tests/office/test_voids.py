"""Sales that become void with a real chip: whose drawer the money goes back from.

Also run on PostgreSQL, by test_postgresql.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

import replaced_kit
import shift_kit
from cards_kit import control_card
from counter_kit import Resident
from dianka.card_port import CardError
from dianka.cardos.chip import Chip
from estate_kit import make_actor
from refund_kit import Refunder, balances, faults, leave_unfinished

Stand = tuple[Refunder, Resident]


@pytest.fixture(autouse=True)
def proved(office: Path) -> Iterator[None]:
    """Whatever a test does, the books prove to be as their acts tell."""
    from dianka.desk.office import checking

    yield
    assert checking.find_faults() == []


@pytest.fixture
def stand(office: Path) -> Iterator[Stand]:
    control = control_card()
    clerk, resident = Refunder(control), Resident(control)
    leave_unfinished(clerk, resident)
    assert clerk.till_fen == 5000 and balances() == {}
    yield clerk, resident


def test_given_back_within_its_shift(stand: Stand) -> None:
    """The money is in the drawer beside what the books expect: nothing moves."""
    from dianka.desk.office.audit.models import Act

    clerk, resident = stand
    (told,) = clerk.look(resident)
    assert "is void: give its money back" in told and clerk.till_fen == 0
    assert Act.objects.filter(kind="sale void").latest("id").moves == ""
    clerk.close()
    assert balances() == {} and faults() == []


def test_given_back_after_its_shift_was_counted(stand: Stand) -> None:
    """The count has put the money into `difference`; who gives it back is not short of it."""
    from dianka.desk.office.vending.models import Sale, Shift

    clerk, resident = stand
    clerk.close()
    assert balances() == {"cash": 5000, "difference": -5000}
    clerk.actor = make_actor("clerk", "desk1", "mei")
    clerk.open()
    (told,) = clerk.look(resident)
    assert "is void: give its money back" in told and clerk.till_fen == 0
    assert Sale.objects.latest("id").state == "void" and balances() == {}
    clerk.close()
    last = Shift.objects.latest("id")
    assert (last.expected_fen, last.counted_fen) == (0, 0) and "作废退还 1" in last.report
    assert balances() == {} and faults() == []


@pytest.mark.parametrize(("counted", "name"), [(False, "desk0"), (False, "desk2"), (True, "desk2")])
def test_given_back_at_another_desk(stand: Stand, counted: bool, name: str) -> None:
    from dianka.desk.office.ledger.models import Account
    from dianka.desk.office.vending.models import Desk

    clerk, resident = stand
    Desk.objects.create(name=name)
    other = Refunder(clerk.control, name, "mei")
    resident_2 = Resident.__new__(Resident)
    resident_2.contract, resident_2.card = resident.contract, resident.card
    if counted:
        clerk.close()
    other.kept[resident.contract.meter.number], other.till_fen = 5000, 0
    (told,) = other.look(resident_2)
    if counted:
        assert "is void: give its money back" in told and other.till_fen == -5000
        cash = Account.objects.get(kind="cash", owner=name, method="notes")
        assert cash.balance_fen == -5000, "out of what the next customers pay"
        assert sum(balances().values()) == 0 and faults() == []
        return
    assert "is void: desk1 gives its money back" in told and other.till_fen == 0
    clerk.till_fen -= 5000
    for each in (clerk, other):
        each.close()
    assert balances() == {} and faults() == []


@pytest.mark.parametrize("whose", ["nobody's", "another's"])
def test_not_void_without_a_drawer(stand: Stand, whose: str) -> None:
    """Money goes back from somebody's shift: till then the sale stays as it is."""
    from dianka.desk.office.vending.models import Sale

    clerk, resident = stand
    clerk.close()
    if whose == "another's":
        shift_kit.find_seller()  # a clerk who opens a shift, and is not mei
    clerk.actor = make_actor("clerk", "desk1", "mei")
    (told,) = clerk.look(resident)
    assert "is not finished: sell 50.00 to complete it (" in told
    assert ("no shift is open at desk1" if whose == "nobody's" else "he closes it first") in told
    assert Sale.objects.latest("id").state == "pending" and clerk.till_fen == 5000


def test_given_back_as_it_was_paid(office: Path) -> None:
    from dianka.desk.office.ledger.models import Account

    control = control_card()
    clerk, resident = Refunder(control), Resident(control)
    leave_unfinished(clerk, resident, method="card")
    clerk.till_fen = 0
    clerk.close()
    clerk.open()
    clerk.look(resident)
    cash = Account.objects.get(kind="cash", owner="desk1", method="card")
    assert cash.balance_fen == -5000 and faults() == []


def test_a_card_is_begun_while_a_sale_is_refused(office: Path) -> None:
    """Nothing was sent, so the sale would be void; the new card may have it by then."""
    control = control_card()
    clerk, resident = Refunder(control), Resident(control)
    clerk.look(resident)

    def stop() -> None:
        from dianka.desk.office.vending.models import Sale

        if Sale.objects.filter(state="pending").exists():
            new.append(replaced_kit.break_off(clerk, resident, 21))
            raise CardError("the reader is gone")

    new: list[Chip] = []
    said = clerk.sell(resident, 5000, resident.card, raise_if_stopped=stop)
    assert "the reader is gone" in said and "sale 1 stays unfinished" in said, said
    assert new[0].state.serial.hex() in said
