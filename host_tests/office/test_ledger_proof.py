"""The proof of the ledger alone, on entries and sums that were edited by hand: what it says, whole.

Also run on PostgreSQL, by test_postgresql.py.
"""

from pathlib import Path
from typing import Any

import pytest

from office_kit import drop_guards


def execute(*statements: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def post(desk: str, *moves: tuple[str, str, int]) -> None:
    """Post moves between accounts that are named as the acts name them."""
    from dianka.desk.office.ledger import posting

    posting.post(
        desk,
        "lin",
        "moved",
        "test",
        [
            posting.Move(posting.Place(*debit.split(":")), posting.Place(*credit.split(":")), fen)
            for debit, credit, fen in moves
        ],
    )


def live() -> list[Any]:
    """Post what the tests edit, and return the heads before its last two acts."""
    from dianka.desk.office.audit import links

    post("north", ("cash:north:notes", "transit:7", 5000))
    post("north", ("transit:7", "meter:7", 4000), ("meter:7", "used:7", 999))
    post("south", ("cash:south:card", "transit:8", 700))
    heads = links.read_heads()
    post("north", ("transit:7", "meter:7", 1000), ("meter:7", "used:7", 2))
    post("south", ("cash:south:card", "transit:8", 300))
    return heads


def key_of(desk: str, number: int) -> int:
    from dianka.desk.office.audit.models import Act

    return Act.objects.get(chain__desk=desk, number=number).pk


def entry(desk: str, number: int, place: int) -> str:
    return f"act_id = {key_of(desk, number)} AND place = {place}"


def copy(desk: str, number: int, place: int, to: str) -> str:
    """The statement that enters an entry once more, elsewhere."""
    return (
        "INSERT INTO ledger_entry (act_id, place, debit_id, credit_id, amount_fen) "
        f"SELECT {to}, debit_id, credit_id, amount_fen FROM ledger_entry "
        f"WHERE {entry(desk, number, place)}"
    )


def account(name: str) -> str:
    kind, owner, *method = name.split(":")
    return (
        f"(SELECT id FROM ledger_account WHERE kind = '{kind}' AND owner = '{owner}' "
        f"AND method = '{''.join(method)}')"
    )


def told(number: int, desk: str = "north") -> str:
    return f"act {number} of desk {desk}: its entries are not those that it tells"


def forbidden(pair: str) -> str:
    return f"an entry moves money from {pair}, which no act may"


def check_faults(heads: list[Any], whole: list[str], daily: list[str]) -> None:
    """Compare with all that the proof says of all acts, and of those after the heads."""
    from dianka.desk.office.ledger import proof

    assert sorted(proof.find_faults()) == sorted(whole)
    assert sorted(proof.find_faults(heads)) == sorted(daily)
    assert sorted(proof.find_faults([])) == sorted(whole), "no heads: from the first act on"


def edit(*statements: str) -> None:
    for app in ("ledger", "audit"):
        drop_guards(app)
    execute(*statements)


def test_right_entries_have_no_fault(office: Path) -> None:
    check_faults(live(), [], [])


@pytest.mark.parametrize("number", [2, 3], ids=["old", "new"])
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(
    "change",
    [
        "amount_fen = amount_fen + 1",
        "amount_fen = amount_fen - 1",
        "place = place + 2",
        "place = place - 2",
        "debit_id = {cash}",
        "credit_id = {other}",
    ],
)
def test_an_entry_that_is_not_its_line(office: Path, number: int, place: int, change: str) -> None:
    heads = live()
    words = {"cash": account("cash:north:notes"), "other": account("transit:8")}
    edit(f"UPDATE ledger_entry SET {change.format(**words)} WHERE {entry('north', number, place)}")
    odd = []
    if "credit_id" in change and place == 0:
        odd = [forbidden("transit:7 to transit:8")]
    elif "debit_id" in change and place == 1:
        odd = [forbidden("cash:north to used:7")]
    lines = [told(number), *odd]
    check_faults(heads, lines, lines if number == 3 else [])


@pytest.mark.parametrize("number", [2, 3], ids=["old", "new"])
@pytest.mark.parametrize("place", [0, 1])
def test_an_entry_that_is_gone(office: Path, number: int, place: int) -> None:
    heads = live()
    edit(f"DELETE FROM ledger_entry WHERE {entry('north', number, place)}")
    check_faults(heads, [told(number)], [told(number)] if number == 3 else [])


@pytest.mark.parametrize("number", [2, 3], ids=["old", "new"])
@pytest.mark.parametrize("place", [-32768, -3, -2, -1, 2, 3, 9, 32767])
def test_an_entry_more(office: Path, number: int, place: int) -> None:
    heads = live()
    edit(copy("north", number, 1, f"act_id, {place}"))
    check_faults(heads, [told(number)], [told(number)] if number == 3 else [])


@pytest.mark.parametrize("place", [-2, -1, 2])
def test_an_entry_more_does_not_hide_one_that_is_gone(office: Path, place: int) -> None:
    """As many entries as lines: each act that is not as it tells is named all the same."""
    heads = live()
    edit(
        copy("north", 3, 1, f"act_id, {place}"),
        f"DELETE FROM ledger_entry WHERE {entry('north', 2, 1)}",
        f"DELETE FROM ledger_entry WHERE {entry('south', 2, 0)}",
        copy("south", 1, 0, f"act_id, {place}"),
    )
    both = [told(3), told(2), told(2, "south"), told(1, "south")]
    check_faults(heads, both, [told(3), told(2, "south")])


def test_an_act_of_which_all_entries_are_wrong_is_named_once(office: Path) -> None:
    heads = live()
    edit(
        f"UPDATE ledger_entry SET amount_fen = 5 WHERE act_id = {key_of('north', 3)}",
        copy("north", 3, 1, "act_id, 2"),
        copy("north", 3, 1, f"{key_of('south', 2)}, 1"),
    )
    both = [told(3), told(2, "south")]
    check_faults(heads, both, both)


def test_a_move_that_no_act_may_is_named_though_its_act_tells_it(office: Path) -> None:
    """Somebody who makes act, hash and entry alike; and an entry can't be called a reversal."""
    heads = live()
    used, cash = account("used:7"), account("cash:north:notes")
    edit(
        f"UPDATE audit_act SET moves = moves || {newline()} || 'used:7 > cash:north:notes 3' "
        f"WHERE id = {key_of('north', 3)}",
        "INSERT INTO ledger_entry (act_id, place, debit_id, credit_id, amount_fen) "
        f"VALUES ({key_of('north', 3)}, 2, {used}, {cash}, 3)",
    )
    line = forbidden("used:7 to cash:north")
    check_faults(heads, [line], [line])
    execute(
        "UPDATE ledger_entry SET reverses_id = "
        f"(SELECT id FROM ledger_entry WHERE {entry('north', 1, 0)}) WHERE {entry('north', 3, 2)}"
    )
    check_faults(heads, [not_opposite(3)], [not_opposite(3)])
    execute(f"UPDATE ledger_entry SET amount_fen = 4 WHERE {entry('north', 3, 2)}")
    check_faults(heads, [told(3)], [told(3)])


def reverse() -> list[Any]:
    """Post two alike and reverse the second by act 3; return the heads before that."""
    from dianka.desk.office.audit import links
    from dianka.desk.office.ledger import posting
    from dianka.desk.office.ledger.models import Entry

    for _ in range(2):
        post("north", ("cash:north:notes", "transit:7", 5000))
    heads = links.read_heads()
    sold = Entry.objects.get(act_id=key_of("north", 2))
    posting.reverse("north", "lin", sold, "typed 50 for 5")
    return heads


def not_opposite(number: int) -> str:
    return f"act {number} of desk north: it is not the opposite of an entry that it names"


@pytest.mark.parametrize(
    "change",
    [
        "amount_fen = amount_fen + 1",
        "amount_fen = amount_fen - 1",
        "debit_id = {card}",
        "credit_id = {other}",
    ],
)
def test_a_reversal_is_the_opposite_of_its_entry(office: Path, change: str) -> None:
    """An entry that was edited is named, and its reversal too."""
    heads = reverse()
    check_faults(heads, [], [])
    post("north", ("cash:north:card", "transit:8", 1))
    words = {"card": account("cash:north:card"), "other": account("transit:8")}
    edit(f"UPDATE ledger_entry SET {change.format(**words)} WHERE {entry('north', 2, 0)}")
    check_faults(heads, [told(2), not_opposite(3)], [not_opposite(3)])


def test_a_reversal_that_names_another_entry_or_none(office: Path) -> None:
    """Else one sale could be reversed twice: that is refused by the entry that is named."""
    heads = reverse()
    one = f"(SELECT id FROM ledger_entry WHERE {entry('north', 1, 0)})"
    edit()
    for other in (one, "NULL"):
        execute(f"UPDATE ledger_entry SET reverses_id = {other} WHERE {entry('north', 3, 0)}")
        check_faults(heads, [not_opposite(3)], [not_opposite(3)])


def test_a_reversal_says_in_its_words_which_entry_it_takes_back(office: Path) -> None:
    """The column alone is covered by no hash."""
    heads = reverse()
    edit(f"UPDATE audit_act SET detail = 'x' || detail WHERE id = {key_of('north', 3)}")
    check_faults(heads, [not_opposite(3)], [not_opposite(3)])


def test_a_reversal_without_its_act(office: Path) -> None:
    reverse()
    key = key_of("north", 3)
    edit(f"UPDATE ledger_entry SET act_id = {key + 1000} WHERE {entry('north', 3, 0)}")
    lines = [f"entry of act row {key + 1000}: no act tells of it", told(3)]
    from dianka.desk.office.ledger import proof

    assert sorted(proof.find_faults()) == sorted(lines)


def newline() -> str:
    from django.db import connection

    return "chr(10)" if connection.vendor == "postgresql" else "char(10)"


@pytest.mark.parametrize("other", ["transit:8", "outside:8", "used:8", "meter:8"])
def test_money_between_meters_is_named_but_at_an_exchange(office: Path, other: str) -> None:
    from dianka.desk.office.ledger.models import Account

    heads = live()
    kind, owner = other.split(":")
    key = Account.objects.get_or_create(kind=kind, owner=owner, method="")[0].pk
    edit(
        f"UPDATE ledger_entry SET credit_id = {key} WHERE {entry('north', 3, 1)}",
        f"UPDATE audit_act SET moves = replace(moves, 'used:7', '{other}') "
        f"WHERE id = {key_of('north', 3)}",
    )
    lines = [] if other == "transit:8" else [forbidden(f"meter:7 to {other}")]
    check_faults(heads, lines, lines)


def test_entries_without_their_act(office: Path) -> None:
    live()
    key = key_of("north", 3)
    edit(f"UPDATE ledger_entry SET act_id = {key + 1000} WHERE {entry('north', 3, 1)}")
    lines = [f"entry of act row {key + 1000}: no act tells of it", told(3)]
    from dianka.desk.office.ledger import proof

    assert sorted(proof.find_faults()) == sorted(lines)


# ****** Sums ******


def keep_night(number: int = 1) -> Any:
    """Keep the sums as a night's proof does, and return the night."""
    from dianka.desk.office.audit import links
    from dianka.desk.office.audit.nights import Night
    from dianka.desk.office.ledger import sums

    heads = links.read_heads()
    found = sums.compare(None, True, heads)
    assert (found.faults, found.odd_sums) == ([], [])
    sums.keep(heads)
    return Night(number, tuple(heads), {}, found.proved, found.sums_fen)


def live_two_days() -> Any:
    """Live the same as `live`, with a night in between that has kept the sums."""
    post("north", ("cash:north:notes", "transit:7", 5000))
    post("north", ("transit:7", "meter:7", 4000), ("meter:7", "used:7", 999))
    post("south", ("cash:south:card", "transit:8", 700))
    night = keep_night()
    post("north", ("transit:7", "meter:7", 1000), ("meter:7", "used:7", 2))
    post("south", ("cash:south:card", "transit:8", 300))
    return night


def compare(night: Any, whole: bool) -> Any:
    from dianka.desk.office.audit import links
    from dianka.desk.office.ledger import sums

    return sums.compare(night, whole, links.read_heads())


SUMS_FEN = {"cash": 6000, "transit": -1000, "meter": -3999, "used": -1001}


def test_right_sums_have_no_fault_and_are_proved_alike(office: Path) -> None:
    night = live_two_days()
    for with_night, whole in ((night, False), (night, True), (None, False), (None, True)):
        found = compare(with_night, whole)
        assert (found.faults, found.odd_sums, found.sums_fen) == ([], [], SUMS_FEN)
        assert found.proved == compare(None, True).proved != night.proved
    second = keep_night(2)
    assert second.proved == compare(second, False).proved == compare(second, True).proved
    assert [compare(second, whole).odd_sums for whole in (False, True)] == [[], []]


FROM_NIGHT = "the last night's sum and its entries since sum up to"


@pytest.mark.parametrize("fen", [1, -1, 300, -300])
def test_a_balance_that_is_not_its_sum(office: Path, fen: int) -> None:
    night = live_two_days()
    edit(
        f"UPDATE ledger_account SET balance_fen = balance_fen + {fen} "
        f"WHERE id = {account('cash:south:card')}"
    )
    says = f"account cash:south:card: its balance is {(1000 + fen) / 100:.2f} yuan,"
    whole = compare(night, True)
    assert whole.faults == [f"{says} its entries sum up to 10.00"]
    assert compare(None, False).faults == whole.faults
    assert compare(night, False).faults == [f"{says} {FROM_NIGHT} 10.00"]
    assert whole.odd_sums == [] and whole.sums_fen == SUMS_FEN


@pytest.mark.parametrize("fen", [1, -1, 300, -300])
def test_a_kept_sum_that_was_changed(office: Path, fen: int) -> None:
    """The daily proof believes it, and finds balance and total wrong; the whole one says which."""
    night = live_two_days()
    edit(
        f"UPDATE ledger_provedsum SET sum_fen = sum_fen + {fen} "
        f"WHERE account_id = {account('used:7')}"
    )
    whole = compare(night, True)
    assert (whole.faults, whole.sums_fen) == ([], SUMS_FEN)
    assert whole.odd_sums == [
        f"account used:7: night 1 is said to have proved {(fen - 999) / 100:.2f} yuan, "
        "the entries up to then sum up to -9.99"
    ]
    daily = compare(night, False)
    assert daily.faults == [
        f"account used:7: its balance is -10.01 yuan, {FROM_NIGHT} {(fen - 1001) / 100:.2f}",
        f"all accounts together are {fen / 100:.2f} yuan, not 0.00",
    ]
    assert daily.odd_sums == ["night 1: the sums kept are not those that it proved"]
    assert compare(None, False).odd_sums == []


@pytest.mark.parametrize("fen", range(1, 9))
def test_balances_and_kept_sums_that_were_changed_alike(office: Path, fen: int) -> None:
    """All adds up each day, and the night's hash tells it; the whole proof names the accounts."""
    night = live_two_days()
    edit(
        *(
            f"UPDATE ledger_{table} SET {column}_fen = {column}_fen {sign} {fen} "
            f"WHERE {key} = {account(name)}"
            for table, column, key in (
                ("account", "balance", "id"),
                ("provedsum", "sum", "account_id"),
            )
            for name, sign in (("used:7", "+"), ("meter:7", "-"))
        )
    )
    daily, whole = compare(night, False), compare(night, True)
    assert (daily.faults, daily.odd_sums) == (
        [],
        ["night 1: the sums kept are not those that it proved"],
    )
    assert [line.partition(":7: ")[0] for line in whole.faults + whole.odd_sums] == [
        "account meter",
        "account used",
    ] * 2


def test_an_old_entry_that_was_changed_is_seen_by_the_whole_alone(office: Path) -> None:
    night = live_two_days()
    edit(f"UPDATE ledger_entry SET amount_fen = 1100 WHERE {entry('north', 2, 1)}")
    daily, whole = compare(night, False), compare(night, True)
    assert (daily.faults, daily.odd_sums) == ([], [])
    assert whole.faults == [
        "account meter:7: its balance is -39.99 yuan, its entries sum up to -38.98",
        "account used:7: its balance is -10.01 yuan, its entries sum up to -11.02",
    ]
    assert whole.odd_sums == [
        "account meter:7: night 1 is said to have proved -30.01 yuan, "
        "the entries up to then sum up to -29.00",
        "account used:7: night 1 is said to have proved -9.99 yuan, "
        "the entries up to then sum up to -11.00",
    ]


def test_a_balance_of_zero_is_proved_like_an_account_that_is_not_there(office: Path) -> None:
    """A hash over the sums does not tell of what nobody has."""
    from dianka.desk.office.ledger.models import Account

    night = live_two_days()
    before = compare(night, True).proved
    Account.objects.create(kind="meter", owner="9", method="")
    assert compare(night, True).proved == compare(night, False).proved == before
    post("north", ("cash:north:notes", "transit:9", 5))
    post("north", ("transit:9", "cash:north:notes", 5))
    assert compare(night, True).proved == compare(night, False).proved == before
