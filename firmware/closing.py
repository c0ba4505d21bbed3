"""Compose the final statement of an account, and carry a closing order out in the state.

The ESAM's run info holds the statement, and its purchase count says whether the account is closed:
the order's REFUND raises the count in one command. Until then the balance is in the meter, from
then on in the statement, and `complete` makes the journal follow, however long after a cut
(docs/cards/sessions.md, "Closing order"). Imported for a closing order and by a start that finds
one under way.
"""

from micropython import const

import card_files
import supply
from ds3231 import Ds3231
from esam import Esam, EsamError
from state import CLOSED, NOTHING, State

_PJ_PER_MWH = const(3_600_000_000_000)


def compose(state: "State", clock: "Ds3231", count: int) -> bytes:
    """Return the file with the statement of this moment, under the order's count."""
    statement = card_files.pack(
        card_files.STATEMENT,
        {
            "meter_no": state.meter_no,
            "customer_no": state.customer_no,
            "balance_fen": state.wallet_fen,
            "debt_fen": state.overdraft_fen,
            "count": count,
            "energy_mwh": state.energy_pj // _PJ_PER_MWH,
            "bought_fen": state.bought_fen,
            "time": clock.read_local_minute(),
        },
    )
    framed = card_files.frame(card_files.CMD_STATEMENT, statement)
    return framed + bytes(card_files.WRITE_BACK_SIZE - len(framed))


async def keep(esam: "Esam", statement: bytes) -> None:
    """Store a statement in the ESAM; EsamError if it does not hold it afterwards."""
    await esam.set_run_info(statement)
    if await _read_run_info(esam) != statement:
        raise EsamError("statement kept is not what was sent")


async def read(esam: "Esam") -> tuple:
    """Return (file, record) of the statement that the ESAM holds, (b"", None) if it holds none.

    EsamError if two readings differ.
    """
    block = await _read_run_info(esam)
    if await _read_run_info(esam) != block:
        raise EsamError("two readings of file %02d differ" % card_files.ESAM_RUN_INFO)
    try:
        command, data = card_files.unframe(block)
        if command == card_files.CMD_STATEMENT:
            return block, card_files.unpack(card_files.STATEMENT, data)
    except ValueError:
        pass  # run info of another kind, or none yet
    return b"", None


async def complete(esam: "Esam", state: "State", count: int) -> None:
    """Finish the closing order that the state's intent names, or drop it.

    `count` is the ESAM's. It is the order's if the ESAM has taken it: then the statement has the
    balance. Otherwise nothing has happened, and no statement may stay. The caller commits.
    """
    if count != state.intent_count:
        await esam.set_run_info(bytes(card_files.WRITE_BACK_SIZE))
    else:
        _, record = await read(esam)
        if record and (record["meter_no"], record["count"]) == (state.meter_no, count):
            # Not to zero: what was used since the statement was made is not in it.
            taken_fen = record["balance_fen"] - record["debt_fen"]
            state.balance_fen -= taken_fen
            state.bought_fen = max(0, state.bought_fen - taken_fen)
            state.count = count
            state.set(CLOSED)
            supply.update(state)
    state.intent = NOTHING


async def is_closed(esam: "Esam", money_fen: int, count: int) -> bool:
    """Return whether the ESAM says that its account is closed, for a meter without its memory.

    `money_fen` and `count` are those of its wallet.
    """
    if money_fen:
        return False
    _, record = await read(esam)
    if not record or record["count"] != count:
        return False
    own = await esam.read_record(card_files.ESAM_PARAMS, card_files.PARAMS)
    return all(own[name] == record[name] for name in ("meter_no", "customer_no"))


async def _read_run_info(esam: "Esam") -> bytes:
    return await esam.read(card_files.ESAM_RUN_INFO, 0, card_files.WRITE_BACK_SIZE)
