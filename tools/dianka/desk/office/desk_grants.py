"""What the role of a desk may do in a PostgreSQL database (vending/desk_roles.py makes them).

It reads all, and does what is done at a counter. Acts and entries, heads and balances go through
server.py alone; prices, limits, people and areas change with the owner's address of the database
alone. What is written stays: the guards see to that.
"""

from django.db import connection, transaction

# What a desk may do to a table, besides reading all: (insert, columns to change, delete).
_ALL = ("*",)
_COUNTER: dict[str, tuple[bool, tuple[str, ...], bool]] = {
    "cards_batch": (True, (), False),
    "cards_batchitem": (True, _ALL, False),
    "cards_card": (True, _ALL, False),
    "customers_contract": (
        True,
        ("price_id", "state", "closed_at", "former_count", "former_fen"),
        False,
    ),
    "customers_counter": (True, ("last",), False),
    "customers_customer": (True, _ALL, False),
    "customers_searchtext": (True, _ALL, True),
    "estate_meter": (False, ("state", "premise_id"), False),
    "estate_premise": (False, ("vacant",), False),
    "estate_reading": (True, (), False),
    "people_consent": (True, ("used_at",), False),
    "people_signin": (True, ("ends_at",), False),
    "people_wrongpasswords": (True, ("count", "last_at"), True),
    "statistics_inspection": (True, (), False),
    "statistics_mark": (True, _ALL, False),
    "statistics_meterstate": (True, _ALL, True),
    "statistics_summary": (True, _ALL, True),
    "vending_desk": (
        False,
        ("sales", "receipts", "shifts", "refunds", "refund_receipts"),
        False,
    ),
    "vending_receiptcopy": (True, (), False),
    "vending_refund": (True, _ALL, False),
    "vending_sale": (True, _ALL, False),
    "vending_shift": (True, _ALL, False),
    "vending_shiftcount": (True, (), False),
}


def grant_again() -> None:
    """Give all desks' roles the rights to the tables as they are now; nothing if there are none."""
    if connection.vendor != "postgresql" or not is_there(name_group()):
        return
    group = f'"{name_group()}"'
    with transaction.atomic():
        run(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {group}")
        run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {group}")
        run(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {group}")
        for table, (insert, columns, delete) in _COUNTER.items():
            named = "" if columns == _ALL else f" ({', '.join(columns)})"
            rights = ["INSERT"] * insert + [f"UPDATE{named}"] * bool(columns) + ["DELETE"] * delete
            run(f"GRANT {', '.join(rights)} ON {table} TO {group}")


def name_group() -> str:
    """Return the role that all desks' roles belong to."""
    return f"{name_database()}_desks"


def name_database() -> str:
    """Return the database's name as names of roles begin: they are the server's, for all of it."""
    name = str(connection.settings_dict["NAME"])
    return "".join(sign if sign.isalnum() and sign.isascii() else "_" for sign in name)[:40]


def is_there(role: str) -> bool:
    """Return whether the server has this role."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        return cursor.fetchone() is not None


def run(statement: str) -> None:
    """Run a statement on roles, which takes no values."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
