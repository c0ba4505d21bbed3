"""Set the meter's clock from this PC's; the firmware on the board decides how far back it may go.

Times are seconds since 2000-01-01 UTC. The board's own version does the setting
(firmware/answers.py): through the running meter, as the earliest time allowed belongs to it;
without one through the clock's driver.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dianka.flash.build import FlashError
from dianka.flash.link import Link

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
# A PC's clock that shows a time from before this program is wrong.
_OLDEST = datetime(2026, 1, 1, tzinfo=UTC)

_SET = """
def _set_clock(folder, seconds, back):
    try:
        if folder not in sys.path:
            sys.path.insert(0, folder)
        import answers
        return answers.set_clock(globals().get("meter"), seconds, back)
    except OSError:
        return "does not answer"
    except (AttributeError, ImportError):
        return "can't be set by this version"
"""


@dataclass(frozen=True)
class Setting:
    """The result of setting the clock.

    `former_s` is the time of the clock before, None if it had none; `trouble` is a message for
    people.
    """

    now_s: int
    former_s: int | None = None
    done: bool = False
    trouble: str = ""


def set_clock(link: Link, folder: str, back: bool = False) -> Setting:
    """Set the clock of the board: by the meter that runs there, else by the driver in `folder`."""
    link.run(_SET)
    now_s = get_pc_seconds()
    link.run(f"_feed(); _clock = _set_clock({folder!r}, {now_s}, {back})")
    answer = link.ask("_clock")
    if isinstance(answer, str):
        return Setting(now_s, trouble=answer)
    former_s, done = answer
    return Setting(now_s, former_s, done)


def get_pc_time() -> datetime:
    """Return this PC's time in UTC."""
    return datetime.now(UTC)


def get_pc_seconds() -> int:
    """Return this PC's time in seconds since 2000; raise FlashError if it can't be right."""
    now = get_pc_time()
    if now < _OLDEST or now.year > 2099:
        raise FlashError(
            f"this PC's clock says {now:%Y-%m-%d %H:%M} UTC: set it right, then repeat the command"
        )
    return int((now - _EPOCH).total_seconds())


def format_setting(setting: Setting) -> str:
    """Return the result as one line."""
    if setting.trouble:
        return f"clock: {setting.trouble}, see docs/selfcheck.md"
    if setting.former_s is None:
        return f"clock: set to {format_utc(setting.now_s)}, it had no time before"
    off = _format_difference(setting.former_s - setting.now_s)
    if setting.done:
        former = format_utc(setting.former_s)
        return f"clock: set to {format_utc(setting.now_s)}, it was at {former}, {off}"
    return (
        f"clock: not set, the meter has had {format_utc(setting.former_s)} "
        f"and this PC has {format_utc(setting.now_s)}, so it is {off}: "
        "find out which is right; dianka clock --back sets the meter's back"
    )


def format_utc(seconds: int) -> str:
    """Return seconds since 2000-01-01 UTC as date and time."""
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S} UTC"


def _format_difference(seconds: int) -> str:
    """Return a difference in seconds in words."""
    if not seconds:
        return "right"
    return f"{timedelta(seconds=abs(seconds))} {'ahead' if seconds > 0 else 'behind'}"
