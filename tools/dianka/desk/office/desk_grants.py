"""What the role of a desk may do in a PostgreSQL database (vending/desk_roles.py makes them).

It reads all, and does what is done at a counter. Acts and entries, heads and balances go through
server.py alone; prices, limits, people and areas change with the owner's address of the database
alone. What is written stays: the guards see to that.
"""

from django.db import connection, transaction

# What a desk may do to a table, besides reading it.
_COUNTER = {
    "cards_batch": "INSERT",
    "cards_batchitem": "INSERT, UPDATE",
    "cards_card": "INSERT, UPDATE",
    "customers_contract": "INSERT, UPDATE (price_id, state, closed_at, former_count, former_fen)",
    "customers_counter": "INSERT, UPDATE (last)",
    "customers_customer": "INSERT, UPDATE",
    "customers_searchtext": "INSERT, UPDATE, DELETE",
    "estate_meter": "UPDATE (state, premise_id)",
    "estate_premise": "UPDATE (vacant)",
    "estate_reading": "INSERT",
    "people_consent": "INSERT, UPDATE (used_at)",
    "people_signin": "INSERT, UPDATE (ends_at)",
    "people_wrongpasswords": "INSERT, UPDATE (count, last_at), DELETE",
    "statistics_inspection": "INSERT",
    "statistics_mark": "INSERT, UPDATE",
    "statistics_meterstate": "INSERT, UPDATE, DELETE",
    "statistics_summary": "INSERT, UPDATE, DELETE",
    "vending_desk": "UPDATE (sales, receipts, shifts, refunds, refund_receipts)",
    "vending_receiptcopy": "INSERT",
    "vending_refund": "INSERT, UPDATE (state, void_reason, paid_desk_id, receipt, "
    "reversal, act_id)",
    "vending_sale": "INSERT, UPDATE (completing_key, state, reason, receipt, act_id, "
    "written_at, loaded_at)",
    "vending_shift": "INSERT, UPDATE (closing_id, counted_fen, expected_fen, report)",
    "vending_shiftcount": "INSERT",
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
        for table, rights in _COUNTER.items():
            run(f"GRANT {rights} ON {table} TO {group}")


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
