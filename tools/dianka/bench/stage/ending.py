"""How the bench's commands end: by signals, and with one line for each error that people see."""

import contextlib
from collections.abc import Iterator

import typer
from rich.console import Console

from dianka.bench.rungs.rp2040 import ChipError
from dianka.bench.rungs.runners import UnknownBoard
from dianka.bench.rungs.vm.runner import VmError
from dianka.bench.stage.digit_pictures import PictureError
from dianka.bench.stage.rig import RigError
from dianka.bench.stage.story_words import StoryError
from dianka.card_port import CardError
from dianka.signals import end_on_signals

_ERRORS = (
    CardError, StoryError, RigError, UnknownBoard, VmError, ChipError, PictureError, OSError,
)  # fmt: skip


@contextlib.contextmanager
def fail_in_one_line() -> Iterator[None]:
    """Report the errors of the bench in one line, and end by signals."""
    try:
        with end_on_signals():
            yield
    except _ERRORS as error:
        console = Console(stderr=True, highlight=False, emoji=False)
        console.print(_format_error(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _format_error(error: Exception) -> str:
    """Return the error as one line; an OSError without its number: the file and the reason."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)
