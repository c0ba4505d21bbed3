"""What PostgreSQL itself does of an act: append it to its chain, and enter what it moves.

A desk with a role of its own (desk_grants.py) may neither insert acts and entries nor change
heads and balances: this function does, with the rights of the database's owner, and only adds: to
any desk's chain, but not to the office's own, where the nights are (audit/nights.py). On
SQLite, which has no roles, audit/chain.py and ledger/posting.py do the same; there the hash is
computed again by `check`, whoever has made it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from dianka.desk.office import sql

IS_HERE = connection.vendor == "postgresql"
# How the names of chains begin that are the office's own; a desk's name has no colon.
OWN = "office:"
Account = tuple[str, str, str]  # kind, owner, method

_DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS"
_LOCK = f"""
CREATE OR REPLACE FUNCTION office_lock_chain(desk_ text) RETURNS audit_chain {_DEFINER} $$
DECLARE found audit_chain;
BEGIN
    IF starts_with(desk_, '{OWN}') AND NOT pg_has_role(session_user, current_user, 'MEMBER') THEN
        RAISE insufficient_privilege USING MESSAGE = 'a desk does not add to chain ' || desk_;
    END IF;
    SELECT * INTO found FROM audit_chain c WHERE c.desk = desk_ FOR UPDATE;
    IF found.id IS NULL THEN
        INSERT INTO audit_chain (desk, length, head)
            VALUES (desk_, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT (desk) DO NOTHING;
        SELECT * INTO found FROM audit_chain c WHERE c.desk = desk_ FOR UPDATE;
    END IF;
    RETURN found;
END $$
"""
_ACCOUNT = f"""
CREATE OR REPLACE FUNCTION office_account(name_ text[]) RETURNS bigint {_DEFINER} $$
DECLARE found bigint;
BEGIN
    SELECT a.id INTO found FROM ledger_account a
        WHERE a.kind = name_[1] AND a.owner = name_[2] AND a.method = name_[3];
    IF found IS NULL THEN
        INSERT INTO ledger_account (kind, owner, method, balance_fen)
            VALUES (name_[1], name_[2], name_[3], 0) ON CONFLICT (kind, owner, method) DO NOTHING
            RETURNING id INTO found;
    END IF;
    IF found IS NULL THEN  -- another desk has opened it just now
        SELECT a.id INTO found FROM ledger_account a
            WHERE a.kind = name_[1] AND a.owner = name_[2] AND a.method = name_[3];
    END IF;
    RETURN found;
END $$
"""
# `accounts_` has kind, owner and method of each debit and each credit, one after the other. What
# is hashed is chain.encode's; a line of moves is posting.Move's.
_POST = f"""
CREATE OR REPLACE FUNCTION office_post(
    desk_ text, operator_ text, kind_ text, subject_ text, detail_ text,
    accounts_ text[], amounts_fen_ bigint[], reverses_ bigint,
    OUT chain_ bigint, OUT id_ bigint, OUT number_ bigint, OUT time_ timestamptz, OUT hash_ bytea
) {_DEFINER} $$
DECLARE
    chain audit_chain := office_lock_chain(desk_);
    moves text[] := '{{}}';
    word text;
    told bytea := '\\x01';
BEGIN
    chain_ := chain.id;
    number_ := chain.length + 1;
    time_ := clock_timestamp();
    FOR place IN 1 .. cardinality(amounts_fen_) LOOP
        moves := moves || (
            array_to_string(array_remove(accounts_[6 * place - 5 : 6 * place - 3], ''), ':')
            || ' > ' || array_to_string(array_remove(accounts_[6 * place - 2 : 6 * place], ''), ':')
            || ' ' || amounts_fen_[place]
        );
    END LOOP;
    FOREACH word IN ARRAY ARRAY[
        desk_, number_::text, to_char(time_ AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        operator_, kind_, subject_, detail_, array_to_string(moves, chr(10))
    ] LOOP
        told := told || int4send(octet_length(word)) || convert_to(word, 'UTF8');
    END LOOP;
    hash_ := sha256(told || int4send(length(chain.head)) || chain.head);
    INSERT INTO audit_act (chain_id, number, time, operator, kind, subject, detail, moves, hash)
        VALUES (chain.id, number_, time_, operator_, kind_, subject_, detail_,
                array_to_string(moves, chr(10)), hash_)
        RETURNING id INTO id_;
    UPDATE audit_chain SET length = number_, head = hash_ WHERE id = chain.id;
    FOR place IN 1 .. cardinality(amounts_fen_) LOOP
        INSERT INTO ledger_entry (act_id, place, debit_id, credit_id, amount_fen, reverses_id)
            VALUES (id_, place - 1, office_account(accounts_[6 * place - 5 : 6 * place - 3]),
                    office_account(accounts_[6 * place - 2 : 6 * place]), amounts_fen_[place],
                    reverses_);
    END LOOP;
END $$
"""
_CALL = (  # with the act before it, whose time may say that the clock is wrong
    "SELECT p.*, a.id, a.time "
    "FROM office_post(%s, %s, %s, %s, %s, %s::text[], %s::bigint[], %s::bigint) p "
    "LEFT JOIN audit_act a ON a.chain_id = p.chain_ AND a.number = p.number_ - 1"
)


class Made(NamedTuple):
    """What the database adds to an act."""

    chain_key: int
    key: int
    number: int
    time: datetime
    hash: bytes
    last_key: int | None = None  # of the act before it in its chain
    last_time: datetime | None = None


def make(_apps: Any, editor: Any) -> None:
    """Make the functions, as the operation of a migration."""
    if editor.connection.vendor == "postgresql":
        for statement in (_LOCK, _ACCOUNT, _POST):
            editor.execute(statement, params=None)


def lock_chain(desk: str) -> None:
    """Lock a desk's chain until the transaction ends."""
    sql.run("SELECT office_lock_chain(%s)", (desk,))


def post(
    desk: str,
    operator: str,
    kind: str,
    subject: str,
    detail: str,
    moves: Sequence[tuple[Account, Account, int]] = (),
    reverses: int | None = None,
) -> Made:
    """Append an act with its moves (debit, credit, fen); an act may move nothing.

    `reverses` is the key of the entry that the one move takes back. IntegrityError if the database
    refuses an entry.
    """
    accounts = [word for debit, credit, _ in moves for word in (*debit, *credit)]
    amounts_fen = [fen for _, _, fen in moves]
    words = (desk, operator, kind, subject, detail, accounts, amounts_fen, reverses)
    return Made(*(sql.fetch(_CALL, words) or ()))
