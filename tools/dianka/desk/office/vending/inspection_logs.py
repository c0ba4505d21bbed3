"""Logs of events that inspection cards bring: proved, compared with the one before, and kept.

They are files in the office's folder, `logs/METER-TIME-TOTALS.log`, readable by their owner alone,
one for each visit. What is kept is what the card brought, broken or not; a part is not kept, as the
card has only to be put in once more. Nothing of it goes into the books.
"""

from pathlib import Path

from dianka.card_port import CardError, CardPort
from dianka.desk.event_log import MeterLog, belongs_to, read_log, read_totals
from dianka.desk.log_check import find_break, find_difference
from dianka.desk.log_file import load_log, save_log
from dianka.desk.reading import read_kind

_FOLDER = "logs"


def keep_log(office: Path, card: CardPort) -> str:
    """Keep the log on an inspection card in the office's folder; return one line about it.

    CardError if the file can't be made.
    """
    read_kind(card)
    try:
        log = read_log(card)
    except ValueError as error:
        return f"log of events damaged ({error}): put the card into the meter again"
    if log is None:
        return "no log of events on the card: meter or card is of an earlier make"
    if not belongs_to(log, read_totals(card)):
        return "log of events of an earlier visit: put the card into the meter again"
    broken = find_break(log)
    if log.is_partial:
        return f"log of events not all there ({broken}): put the card into the meter again"
    file = office / _FOLDER / f"{log.meter_no:012d}-{log.time:010d}-{log.totals:08x}.log"
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        before = _find_before(file)
        known = file.exists()
    except OSError as error:
        raise CardError(f"{file} can't be made ({error.strerror}): see to the folder") from None
    if not known:
        save_log(file, log)
    wrong = f"BROKEN at {broken}" if broken else _compare(log, before)
    return f"log of events: {wrong or f'{log.promised} entries, each chain is whole'}; {file}"


def _find_before(file: Path) -> Path | None:
    """Return the file of this meter's visit before, None if there is none."""
    meter = file.name.split("-")[0]
    return max((at for at in file.parent.glob(f"{meter}-*.log") if at < file), default=None)


def _compare(log: MeterLog, before: Path | None) -> str:
    if before is None:
        return ""
    older, trouble = load_log(before)
    if trouble:
        return f"{log.promised} entries, not compared with {before.name}, which is broken"
    differs = find_difference(log, older)
    return f"BROKEN against {before.name} at {differs}" if differs else ""
