"""Who may do what: one table of rights, checked where a thing is done.

A function of the office that needs a right is marked with `needs`; its first argument is the actor.
Nothing that is shown or hidden elsewhere takes the place of that check.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

from dianka.card_port import CardError

P = ParamSpec("P")
R = TypeVar("R")

_COUNTER = frozenset({"clerk", "supervisor", "manager"})
_OVER_IT = frozenset({"supervisor", "manager"})
_ANY = frozenset({"clerk", "technician", "supervisor", "manager", "auditor"})

RIGHTS: dict[str, frozenset[str]] = {
    "sell": _COUNTER,
    "refund": _COUNTER,  # with a second person's consent
    "take in purchases": _OVER_IT,  # that were made outside of the books
    "replace a card": _COUNTER | {"technician"},
    "open an account": _COUNTER,
    "close an account": _COUNTER,  # with a second person's consent
    "change a customer": _COUNTER,
    "see personal numbers": _OVER_IT,
    "make cards": frozenset({"technician", "supervisor", "manager"}),
    "keep the control card": _OVER_IT,  # its PIN; an order to it takes two people's part cards
    "change the estate": frozenset({"technician", "supervisor", "manager"}),
    "exchange a meter": frozenset({"technician", "supervisor", "manager"}),
    "work a shift": _COUNTER,
    "see a shift's sums": _OVER_IT | {"auditor"},
    "change tariffs": frozenset({"manager"}),  # with a second person's consent
    "change desks": frozenset({"manager"}),
    "change people": frozenset({"manager"}),  # with a second person's consent
    "change limits": frozenset({"manager"}),
    "consent": _OVER_IT,
    "accept a clock": _OVER_IT,  # with a second person's consent
    "import": frozenset({"manager"}),
    "export": _OVER_IT | {"auditor"},
    "record an inspection": frozenset({"technician", "supervisor", "manager"}),
    "see statistics": _OVER_IT | {"auditor"},
    "read acts": _OVER_IT | {"auditor"},
    "look things up": _ANY,
}
ACTS: dict[str, tuple[str, Callable[..., Any]]] = {}  # by the function's full name: its right


class RightError(CardError):
    """The operator's roles do not allow that. Nothing is done."""


@dataclass(frozen=True)
class Actor:
    """Who acts, and at which desk."""

    operator: str
    desk: str
    roles: frozenset[str]

    def may(self, right: str) -> bool:
        """Return whether one of the actor's roles has this right."""
        return bool(self.roles & RIGHTS[right])

    def require(self, right: str) -> None:
        """Raise RightError unless one of the actor's roles has this right."""
        allowed = RIGHTS[right]
        if not self.may(right):
            raise RightError(
                f"{self.operator} ({', '.join(sorted(self.roles)) or 'no role'}) may not {right}: "
                f"ask a {' or '.join(sorted(allowed))}"
            )


def needs(
    right: str,
) -> Callable[[Callable[Concatenate[Actor, P], R]], Callable[Concatenate[Actor, P], R]]:
    """Mark a function as one that needs a right; it then begins with the check."""
    if right not in RIGHTS:
        raise ValueError(f"{right} is no right")

    def mark(act: Callable[Concatenate[Actor, P], R]) -> Callable[Concatenate[Actor, P], R]:
        @functools.wraps(act)
        def act_if_allowed(actor: Actor, *words: P.args, **named: P.kwargs) -> R:
            actor.require(right)
            return act(actor, *words, **named)

        ACTS[f"{act.__module__}.{act.__qualname__}"] = right, act_if_allowed
        return act_if_allowed

    return mark
