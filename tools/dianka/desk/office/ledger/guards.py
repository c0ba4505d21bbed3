"""What the database itself refuses and keeps, on SQLite and on PostgreSQL.

Acts and entries are never changed or deleted; an account keeps its name; an entry's insert moves
both balances. Whoever owns the database can drop a guard: `find_missing` names it, and the proof
names what was done without it. Django makes a table of SQLite anew when a migration alters it, and
its guards are gone then: such a migration ends with `make`.
"""

from collections.abc import Iterator
from typing import Any

_KEPT = {"audit_act": "an act", "ledger_entry": "an entry"}
_NAME = ("kind", "owner", "method")
_THERE = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal",
}


def make(apps: Any, editor: Any) -> None:
    """Make all guards; for a migration."""
    for statement in _statements(editor.connection.vendor):
        editor.execute(statement, params=None)  # or % would want to be filled in


def find_missing() -> Iterator[str]:
    """Yield one line for each guard that the database has not, or has in another form."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_THERE[connection.vendor])
        there = dict(cursor.fetchall())
    for statement in _statements(connection.vendor):
        name = statement.split()[2]
        if statement.startswith("CREATE TRIGGER"):
            if name not in there:
                yield f"guard {name} is missing in the database"
            elif connection.vendor == "sqlite" and there[name] != statement:
                yield f"guard {name} is not as it was made"
            elif there[name] == "D":
                yield f"guard {name} is switched off"


def _statements(vendor: str) -> list[str]:
    return _sqlite() if vendor == "sqlite" else _postgresql()


def _sqlite() -> list[str]:
    refused = [
        f"CREATE TRIGGER {table}_no_{what.lower()} BEFORE {what} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{name} is never changed'); END"
        for table, name in _KEPT.items()
        for what in ("UPDATE", "DELETE")
    ]
    return [
        *refused,
        f"CREATE TRIGGER ledger_account_name BEFORE UPDATE OF {', '.join(_NAME)} ON ledger_account "
        "BEGIN SELECT RAISE(ABORT, 'an account keeps its name'); END",
        "CREATE TRIGGER ledger_entry_moves AFTER INSERT ON ledger_entry BEGIN "
        "UPDATE ledger_account SET balance_fen = balance_fen + NEW.amount_fen "
        "WHERE id = NEW.debit_id; "
        "UPDATE ledger_account SET balance_fen = balance_fen - NEW.amount_fen "
        "WHERE id = NEW.credit_id; END",
    ]


def _postgresql() -> list[str]:
    refused = [
        f"CREATE TRIGGER {table}_no_{what.lower()} BEFORE {what} ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION office_refuse('{name} is never changed')"
        for table, name in _KEPT.items()
        for what in ("UPDATE", "DELETE", "TRUNCATE")
    ]
    return [
        "CREATE FUNCTION office_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION '%', TG_ARGV[0]; END $$",
        *refused,
        f"CREATE TRIGGER ledger_account_name BEFORE UPDATE OF {', '.join(_NAME)} ON ledger_account "
        "FOR EACH STATEMENT EXECUTE FUNCTION office_refuse('an account keeps its name')",
        # The account with the lower number first, so that two entries never wait for each other.
        "CREATE FUNCTION ledger_move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM 1 FROM ledger_account WHERE id IN (NEW.debit_id, NEW.credit_id) "
        "ORDER BY id FOR UPDATE; "
        "UPDATE ledger_account SET balance_fen = balance_fen + NEW.amount_fen "
        "WHERE id = NEW.debit_id; "
        "UPDATE ledger_account SET balance_fen = balance_fen - NEW.amount_fen "
        "WHERE id = NEW.credit_id; RETURN NULL; END $$",
        "CREATE TRIGGER ledger_entry_moves AFTER INSERT ON ledger_entry "
        "FOR EACH ROW EXECUTE FUNCTION ledger_move()",
    ]
