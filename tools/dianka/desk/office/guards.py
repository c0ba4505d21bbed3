"""What the database itself refuses and keeps, on SQLite and on PostgreSQL.

Acts, entries, readings, inspections and price versions are never changed or deleted; sales, shifts
and cards only go forward; an account keeps its name; an entry's insert moves both balances. Whoever
owns the database can drop a guard: `find_missing` names it, and the proof names what was done
without it. Django makes a table of SQLite anew when a migration alters it, and its guards are gone
then: such a migration ends with `make_for` of its app.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any

# By app or a group of its tables: name, table, event, condition on the row (empty: any), and what
# the refusal says.
_REFUSED: dict[str, tuple[tuple[str, str, str, str, str], ...]] = {
    "ledger": (
        ("audit_act_no_update", "audit_act", "UPDATE", "", "an act is never changed"),
        ("audit_act_no_delete", "audit_act", "DELETE", "", "an act is never changed"),
        ("ledger_entry_no_update", "ledger_entry", "UPDATE", "", "an entry is never changed"),
        ("ledger_entry_no_delete", "ledger_entry", "DELETE", "", "an entry is never changed"),
        (
            "ledger_account_name",
            "ledger_account",
            "UPDATE OF kind, owner, method",
            "",
            "an account keeps its name",
        ),
        ("ledger_account_no_delete", "ledger_account", "DELETE", "", "an account is never deleted"),
    ),
    "audit": (
        ("audit_digestkey_no_update", "audit_digestkey", "UPDATE", "", "the key is never changed"),
        ("audit_digestkey_no_delete", "audit_digestkey", "DELETE", "", "the key is never changed"),
    ),
    "estate": (
        ("estate_reading_no_update", "estate_reading", "UPDATE", "", "a reading is never changed"),
        ("estate_reading_no_delete", "estate_reading", "DELETE", "", "a reading is never changed"),
    ),
    "customers": (
        (
            "customers_tariffversion_no_update",
            "customers_tariffversion",
            "UPDATE",
            "",
            "a price is never changed, a new one begins",
        ),
        (
            "customers_tariffversion_no_delete",
            "customers_tariffversion",
            "DELETE",
            "",
            "a price is never changed, a new one begins",
        ),
    ),
    "cards": (
        (
            "cards_card_kept",
            "cards_card",
            "UPDATE OF serial, kind",
            "NOT (OLD.serial = NEW.serial AND OLD.kind = NEW.kind)",
            "a card keeps its serial",
        ),
        ("cards_card_no_delete", "cards_card", "DELETE", "", "a card is never deleted"),
        (
            "cards_card_forward",
            "cards_card",
            "UPDATE OF state",
            "NOT (OLD.state = NEW.state"
            " OR (OLD.state = 'stock' AND NEW.state IN ('making', 'used', 'scrapped'))"
            " OR (OLD.state = 'making' AND NEW.state IN ('used', 'stock', 'replaced', 'scrapped'))"
            " OR (OLD.state = 'used' AND NEW.state IN ('replaced', 'cleared', 'scrapped'))"
            " OR (OLD.state = 'replaced' AND NEW.state IN ('cleared', 'scrapped'))"
            " OR (OLD.state = 'cleared' AND NEW.state IN ('making', 'scrapped')))",
            "a card only goes forward",
        ),
    ),
    "vending": (
        (
            "vending_sale_kept",
            "vending_sale",
            "UPDATE OF desk_id, number, key, key_hash, contract_id, card_serial, count, "
            "amount_fen, method, price_id, operator, begun_at",
            "",
            "a sale keeps what was sold",
        ),
        ("vending_sale_no_delete", "vending_sale", "DELETE", "", "a sale is never deleted"),
        (
            "vending_sale_forward",
            "vending_sale",
            "UPDATE OF state",
            "NOT (OLD.state = NEW.state"
            " OR (OLD.state = 'pending' AND NEW.state IN ('written', 'void'))"
            " OR (OLD.state = 'written' AND NEW.state IN ('loaded', 'refunded')))",
            "a sale only goes forward",
        ),
        (
            "vending_sale_receipt",
            "vending_sale",
            "UPDATE OF receipt, act_id, written_at",
            "OLD.receipt IS NOT NULL",
            "a sale keeps its receipt",
        ),
        (
            "vending_shift_final",
            "vending_shift",
            "UPDATE",
            "OLD.closing_id IS NOT NULL",
            "a closed shift is final",
        ),
        ("vending_shift_no_delete", "vending_shift", "DELETE", "", "a shift is never deleted"),
    ),
    "desks": (  # a table of the app vending
        (
            "vending_desk_forward",
            "vending_desk",
            "UPDATE OF sales, receipts, shifts, refunds, refund_receipts",
            "NEW.sales < OLD.sales OR NEW.receipts < OLD.receipts OR NEW.shifts < OLD.shifts"
            " OR NEW.refunds < OLD.refunds OR NEW.refund_receipts < OLD.refund_receipts",
            "a number is given out once",
        ),
        ("vending_desk_no_delete", "vending_desk", "DELETE", "", "a desk is never deleted"),
    ),
    "people": (
        ("people_operator_kept", "people_operator", "DELETE", "", "an operator is never deleted"),
        (
            "people_consent_kept",
            "people_consent",
            "UPDATE OF kind, subject, amount_fen, asked_by, given_by, given_at",
            "",
            "a consent is never changed",
        ),
        (
            "people_consent_once",
            "people_consent",
            "UPDATE",
            "OLD.used_at IS NOT NULL",
            "a consent is used once",
        ),
        ("people_consent_no_delete", "people_consent", "DELETE", "", "a consent is never deleted"),
    ),
    "counter": (  # tables of the app vending
        ("vending_count_no_update", "vending_shiftcount", "UPDATE", "", "a count is never changed"),
        ("vending_count_no_delete", "vending_shiftcount", "DELETE", "", "a count is never changed"),
        ("vending_copy_no_update", "vending_receiptcopy", "UPDATE", "", "a copy is never changed"),
        ("vending_copy_no_delete", "vending_receiptcopy", "DELETE", "", "a copy is never changed"),
        (
            "vending_refund_kept",
            "vending_refund",
            "UPDATE OF desk_id, number, sale_id, method, reason, operator, consent_by, begun_at",
            "",
            "a refund keeps what it is for",
        ),
        (
            "vending_refund_final",
            "vending_refund",
            "UPDATE",
            "OLD.state <> 'pending'",
            "a refund that is paid or void is final",
        ),
        ("vending_refund_no_delete", "vending_refund", "DELETE", "", "a refund is never deleted"),
        (
            "vending_sale_tendered",
            "vending_sale",
            "UPDATE OF tendered_fen",
            "OLD.tendered_fen IS NOT NULL",
            "a sale keeps what was sold",
        ),
    ),
    "statistics": tuple(
        (
            f"statistics_{table}_no_{event.lower()}",
            f"statistics_{table}",
            event,
            "",
            f"{said} is never changed",
        )
        for table, said in (
            ("inspection", "what an inspection found"),
            ("feederreading", "a reading of a feeder"),
        )
        for event in ("UPDATE", "DELETE")
    ),
}
_NEVER_EMPTIED = {"audit_act", "ledger_entry", "vending_sale"}  # by TRUNCATE
_THERE = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal",
}
# The account with the lower number first, so that two entries never wait for each other.
_MOVE = (
    "UPDATE ledger_account SET balance_fen = balance_fen + NEW.amount_fen "
    "WHERE id = NEW.debit_id; "
    "UPDATE ledger_account SET balance_fen = balance_fen - NEW.amount_fen "
    "WHERE id = NEW.credit_id; "
)


def make_for(app: str) -> Callable[[Any, Any], None]:
    """Return the operation of a migration that makes the guards of an app's tables anew."""
    return functools.partial(_make, app)


def _make(app: str, _apps: Any, editor: Any) -> None:
    vendor = editor.connection.vendor
    for statement in _statements(vendor, app):
        if statement.startswith("CREATE TRIGGER"):
            name, table = statement.split()[2], statement.partition(" ON ")[2].split()[0]
            on = f" ON {table}" if vendor == "postgresql" else ""
            editor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")
        editor.execute(statement, params=None)  # or % would want to be filled in


def find_missing() -> Iterator[str]:
    """Yield one line for each guard that the database has not, or has in another form."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_THERE[connection.vendor])
        there = dict(cursor.fetchall())
    for app in _REFUSED:
        for statement in _statements(connection.vendor, app):
            name = statement.split()[2]
            if statement.startswith("CREATE TRIGGER"):
                if name not in there:
                    yield f"guard {name} is missing in the database"
                elif connection.vendor == "sqlite" and there[name] != statement:
                    yield f"guard {name} is not as it was made"
                elif there[name] == "D":
                    yield f"guard {name} is switched off"


def list_triggers() -> Iterator[tuple[str, str]]:
    """Yield name and table of each guard that refuses something."""
    for app in _REFUSED.values():
        yield from ((name, table) for name, table, *_ in app)


def _statements(vendor: str, app: str) -> list[str]:
    refused = [_refuse(vendor, *guard) for guard in _REFUSED[app]]
    if vendor == "postgresql":
        tables = sorted({guard[1] for guard in _REFUSED[app]} & _NEVER_EMPTIED)
        refused += [
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT "
            f"EXECUTE FUNCTION office_refuse('{table} is never emptied')"
            for table in tables
        ]
    return [*_functions(vendor), *refused, *_moves(vendor)] if app == "ledger" else refused


def _refuse(vendor: str, name: str, table: str, event: str, when: str, said: str) -> str:
    condition = f" WHEN ({when})" if when else ""
    if vendor == "sqlite":
        return (
            f"CREATE TRIGGER {name} BEFORE {event} ON {table}{condition} "
            f"BEGIN SELECT RAISE(ABORT, '{said}'); END"
        )
    each = "ROW" if when else "STATEMENT"
    return (
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH {each}{condition} "
        f"EXECUTE FUNCTION office_refuse('{said}')"
    )


def _functions(vendor: str) -> list[str]:
    if vendor == "sqlite":
        return []
    return [
        "CREATE OR REPLACE FUNCTION office_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION '%', TG_ARGV[0]; END $$",
        "CREATE OR REPLACE FUNCTION ledger_move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM 1 FROM ledger_account WHERE id IN (NEW.debit_id, NEW.credit_id) "
        f"ORDER BY id FOR UPDATE; {_MOVE}RETURN NULL; END $$",
    ]


def _moves(vendor: str) -> list[str]:
    moved = "CREATE TRIGGER ledger_entry_moves AFTER INSERT ON ledger_entry"
    if vendor == "sqlite":
        return [f"{moved} BEGIN {_MOVE}END"]
    return [f"{moved} FOR EACH ROW EXECUTE FUNCTION ledger_move()"]
