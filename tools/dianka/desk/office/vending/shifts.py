"""Shifts: a clerk takes a desk over, works, counts blind, and leaves a closing report.

A shift is an interval of its desk's chain: what it should have is what the acts between its first
and its last moved. The count is given before any expected sum is shown, and closes the shift for
good; what differs is posted. Cash at the desk is so what was counted last, at each boundary of a
shift: a float that differs from what the last shift left is a difference as well.

Everything here holds the desk's lock, so that a sale falls into one shift and no other.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction

from dianka.card_port import CardError
from dianka.desk.office import sql
from dianka.desk.office.audit import chain
from dianka.desk.office.audit.models import Act
from dianka.desk.office.ledger import posting
from dianka.desk.office.ledger.models import Account
from dianka.desk.office.people.consent import use_consent
from dianka.desk.office.people.rights import RIGHTS, Actor, RightError, needs
from dianka.desk.office.vending.counting import METHODS, NOTES, Count
from dianka.desk.office.vending.desks import lock_desk, take_number
from dianka.desk.office.vending.models import Desk, Shift, ShiftCount
from dianka.desk.office.vending.shift_report import format_report
from dianka.desk.office.vending.shift_sums import sum_expected

HAND_OVER = "hand-over"  # the kind of the act, and of the consent of who receives

_OPEN = "SELECT number, operator FROM vending_shift WHERE desk_id = %s AND closing_id IS NULL"


class ShiftError(CardError):
    """The shift does not allow that. Nothing is done."""


@dataclass(frozen=True)
class Method:
    """One method of payment at the end of a shift."""

    expected_fen: int
    counted_fen: int
    handed_fen: int


@needs("work a shift")
def open_shift(actor: Actor, count: Count, given_fen: int = 0) -> Shift:
    """Open a shift with the notes that are in the drawer; `given_fen` of them are from the safe."""
    if given_fen < 0 or given_fen > count.notes_fen or any(count.others_fen.values()):
        raise ShiftError("a float is of notes, and what was given is among them: count again")
    with transaction.atomic():
        desk = _lock_books(actor.desk)
        now = find_open(desk)
        if now:
            raise ShiftError(
                f"shift {now.number} of {now.operator} is open at {desk.name}: close it first"
            )
        cash, expected_fen = posting.cash(desk.name), _read_cash(desk.name, NOTES) + given_fen
        moves = [
            *_move(cash, posting.safe(desk.name), given_fen),
            *_move(cash, _difference(desk.name), count.notes_fen - expected_fen),
        ]
        _, number = take_number(desk.name, "shifts")
        act = posting.append(
            desk.name,
            actor.operator,
            "shift opened",
            desk.name,
            moves,
            f"shift {number} notes {count.notes_fen} fen given {given_fen} fen: "
            f"{count.format_pieces()}",
        )
        shift = Shift.objects.create(
            desk=desk,
            number=number,
            operator=actor.operator,
            opening=act,
            sales_before=desk.sales,
            float_fen=count.notes_fen,
        )
        ShiftCount.objects.create(
            shift=shift,
            closing=False,
            method=NOTES,
            expected_fen=expected_fen,
            counted_fen=count.notes_fen,
            pieces=count.format_pieces(),
        )
        return shift


@needs("work a shift")
def close_shift(
    actor: Actor, number: int, count: Count, handed_fen: int = 0, consent: int | None = None
) -> Shift:
    """Close a shift of this desk by what was counted, and return it with its report.

    `handed_fen` of the notes go to the safe, as all other methods do; the rest is the next float.
    Closed once, the same count gives the same report again; another one is refused.
    """
    if not 0 <= handed_fen <= count.notes_fen:
        raise ShiftError("what is handed over is among the notes that were counted: count again")
    with transaction.atomic():
        desk = _lock_books(actor.desk)
        shift = _get_shift(desk, number)
        _check_whose(actor, shift)
        if shift.closing:
            return _find_same(shift, count, handed_fen)
        receiver = _find_receiver(actor, desk, handed_fen, consent)
        expected = sum_expected(shift)
        methods = {
            method: Method(
                expected[method],
                count.get_fen(method),
                handed_fen if method == NOTES else count.get_fen(method),
            )
            for method in METHODS
        }
        act = _post_closing(actor, shift, count, methods, receiver)
        _keep_counts(shift, count, methods)
        shift.closing = act
        shift.counted_fen = sum(method.counted_fen for method in methods.values())
        shift.expected_fen = sum(expected.values())
        shift.report = format_report(shift, receiver)
        shift.save(update_fields=["closing", "counted_fen", "expected_fen", "report"])
        return shift


@needs("work a shift")
def hand_over(actor: Actor, amount_fen: int, consent: int | None = None) -> Act:
    """Hand notes over to a supervisor or manager in the middle of a shift; he consents to it."""
    if amount_fen <= 0:
        raise ShiftError("what is handed over is above zero: count again")
    with transaction.atomic():
        shift = require_shift(actor)
        receiver = _find_receiver(actor, shift.desk, amount_fen, consent)
        desk = shift.desk.name
        moves = _move(posting.safe(desk), posting.cash(desk), amount_fen)
        detail = f"shift {shift.number} to {receiver}"
        return posting.append(desk, actor.operator, HAND_OVER, desk, moves, detail)


def require_shift(actor: Actor) -> Shift:
    """Return the actor's open shift at his desk, and lock the desk until the transaction ends.

    ShiftError if there is none, or it is another operator's: nothing is sold without a shift.
    """
    desk = lock_desk(actor.desk)
    shift = find_open(desk)
    _raise_if_not_his(actor, desk.name, (shift.number, shift.operator) if shift else None)
    assert shift
    return shift


def raise_if_not_working(actor: Actor, desk: Desk) -> None:
    """Raise as `require_shift`, for a desk that is locked: a sale wants no more than that."""
    _raise_if_not_his(actor, desk.name, sql.fetch(_OPEN, (desk.pk,)))


def _raise_if_not_his(actor: Actor, desk: str, shift: tuple[int, str] | None) -> None:
    if shift is None:
        raise ShiftError(f"no shift is open at {desk}: count the float and open one")
    number, operator = shift
    if operator != actor.operator:
        raise ShiftError(f"shift {number} at {desk} is {operator}'s: he closes it first")


def find_open(desk: Desk) -> Shift | None:
    """Return the open shift of a desk, or None."""
    return Shift.objects.select_related("desk", "opening").filter(desk=desk, closing=None).first()


def has_open_shift(operator: str = "") -> bool:
    """Return whether a shift is open, or one of this operator: its count is to be blind."""
    shifts = Shift.objects.filter(closing=None)
    return (shifts.filter(operator=operator) if operator else shifts).exists()


def raise_if_to_count(actor: Actor) -> None:
    """Raise ShiftError if the actor has an open shift, whose money the acts would tell him."""
    if has_open_shift(actor.operator):
        raise ShiftError("your own shift is counted before its acts are shown: close it first")


@needs("look things up")
def find_to_close(actor: Actor) -> int:
    """Return the number of the desk's newest shift: the open one, or the one closed last."""
    last = Shift.objects.filter(desk__name=actor.desk).order_by("-number").first()
    if last is None:
        raise ShiftError(f"there was no shift at {actor.desk}: open one")
    return last.number


@needs("look things up")
def read_report(actor: Actor, number: int, desk: str = "") -> str:
    """Return the closing report of a shift; another operator's takes the right to see sums."""
    shift = _get_shift(Desk.objects.filter(name=desk or actor.desk).first(), number)
    if shift.operator != actor.operator:
        actor.require("see a shift's sums")
    if not shift.closing:
        raise ShiftError(f"shift {number} is open: its report is made when it closes")
    return shift.report


@needs("see a shift's sums")
def read_expected(actor: Actor, desk: str) -> dict[str, int]:
    """Return what an open shift should have by method, in fen; one's own is never shown."""
    with transaction.atomic():
        shift = find_open(_lock_books(desk))
        if shift is None:
            raise ShiftError(f"no shift is open at {desk}: ask for a report")
        if shift.operator == actor.operator:
            raise ShiftError("your own shift is counted before its sums are shown: close it")
        return sum_expected(shift)


def _lock_books(name: str) -> Desk:
    """Return the desk, locked with its chain: nothing moves its cash until the transaction ends."""
    desk = lock_desk(name)
    chain.lock(name)
    return desk


def _get_shift(desk: Desk | None, number: int) -> Shift:
    related = Shift.objects.select_related("desk", "opening__chain", "closing")
    shift = related.filter(desk=desk, number=number).first()
    if desk is None or shift is None:
        raise ShiftError(f"there is no shift {number} there: see the reports of the desk")
    return shift


def _check_whose(actor: Actor, shift: Shift) -> None:
    """Raise RightError unless the shift is the actor's, or he may close in a clerk's place."""
    if shift.operator != actor.operator and not actor.roles & RIGHTS["consent"]:
        raise RightError(
            f"shift {shift.number} is {shift.operator}'s: he closes it, or a supervisor does"
        )


def _find_receiver(actor: Actor, desk: Desk, amount_fen: int, consent: int | None) -> str:
    """Return who receives what is handed over: the actor if he may, else who consents."""
    if not amount_fen:
        return ""
    if actor.roles & RIGHTS["consent"] and consent is None:
        return actor.operator
    return use_consent(actor, consent, HAND_OVER, desk.name, amount_fen)


def _find_same(shift: Shift, count: Count, handed_fen: int) -> Shift:
    """Return a closed shift if it was closed by this very count; ShiftError if not."""
    kept = {row.method: row for row in ShiftCount.objects.filter(shift=shift, closing=True)}
    same = all(kept[method].counted_fen == count.get_fen(method) for method in METHODS)
    notes = kept[NOTES]
    if not same or (notes.handed_fen, notes.pieces) != (handed_fen, count.format_pieces()):
        raise ShiftError(
            f"shift {shift.number} is closed already, by another count: see its report"
        )
    return shift


def _post_closing(
    actor: Actor, shift: Shift, count: Count, methods: Mapping[str, Method], receiver: str
) -> Act:
    desk, moves, words = shift.desk.name, [], []
    for name, method in methods.items():
        cash = posting.cash(desk, name)
        moves += _move(cash, _difference(desk), method.counted_fen - method.expected_fen)
        moves += _move(posting.safe(desk, name), cash, method.handed_fen)
        words.append(f"{name} {method.expected_fen} {method.counted_fen} {method.handed_fen}")
    detail = (
        f"shift {shift.number} expected counted handed fen: {', '.join(words)}; "
        f"notes {count.format_pieces() or 'none'}; to {receiver or 'nobody'}"
    )
    return posting.append(desk, actor.operator, "shift closed", desk, moves, detail)


def _keep_counts(shift: Shift, count: Count, methods: Mapping[str, Method]) -> None:
    ShiftCount.objects.bulk_create(
        ShiftCount(
            shift=shift,
            closing=True,
            method=name,
            expected_fen=method.expected_fen,
            counted_fen=method.counted_fen,
            handed_fen=method.handed_fen,
            pieces=count.format_pieces() if name == NOTES else "",
        )
        for name, method in methods.items()
    )


def _move(debit: posting.Place, credit: posting.Place, fen: int) -> list[posting.Move]:
    """Return the move of an amount that may be below zero, none if it is zero."""
    if not fen:
        return []
    return [posting.Move(debit, credit, fen) if fen > 0 else posting.Move(credit, debit, -fen)]


def _difference(desk: str) -> posting.Place:
    return posting.Place(posting.DIFFERENCE, desk)


def _read_cash(desk: str, method: str) -> int:
    found = Account.objects.filter(kind=posting.CASH, owner=desk, method=method).first()
    return found.balance_fen if found else 0
