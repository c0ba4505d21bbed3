"""A form does its thing once, however often it is sent.

Its key is made when it is drawn, signed for who draws it and for its page, with the mark of this
process. The answer to a form that did its thing is kept under its key: sent again, it is led there
again. A key of a former process, or one whose end is not known, does nothing: the form is drawn
anew with a line, for its sender to look first. So no restart makes a form count twice.
"""

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from django.core import signing
from django.http import QueryDict
from django.utils.translation import gettext as _

from dianka.card_port import CardError
from dianka.desk.web.kept import SECRET
from dianka.desk.web.request import DeskRequest

_SALT = "dianka.desk.web.once"
_GOOD_FOR_S = 12 * 3600
_MOST_KEPT = 10_000
_WAIT_S = 60
_PROCESS = secrets.token_hex(8)


class FormKeyError(CardError):
    """The form does nothing so: it is old, sent with other fields, or its end is not known."""


class _Sent:
    """One form that was sent: its fields, and where it led once it has done its thing."""

    def __init__(self, operator: str, page: str, fields: str) -> None:
        self.lock = threading.Lock()
        self.operator, self.page = operator, page
        self.fields, self.address, self.broken = fields, "", False
        self.at = time.monotonic()


_sent: OrderedDict[str, _Sent] = OrderedDict()
_book = threading.Lock()


def name_page(request: DeskRequest) -> str:
    """Return the page of a request as keys name it."""
    return f"{request.page.name} {request.path}"


def make_key(operator: str, page: str) -> str:
    """Return the key of a form that is drawn now."""
    return signing.dumps((operator, page, _PROCESS, secrets.token_hex(8)), salt=_SALT)


def find_done(sent: QueryDict, operator: str, page: str) -> str:
    """Return where this very form led when it did its thing, empty if it has not.

    It is asked before the page looks at the office, which may be another one since.
    """
    with _book:
        done = _sent.get(sent.get("key", ""))
    if done is None or (done.operator, done.page) != (operator, page):
        return ""
    return done.address if done.fields == _hash(read_texts(sent)) else ""


def read_texts(sent: QueryDict) -> dict[str, str]:
    """Return what tells one form from another: all its fields but its key, passwords and PINs."""
    return {
        name: str(text)
        for name, text in sent.items()
        if name != "key" and not any(secret in name for secret in SECRET)
    }


def do_once(
    key: str, operator: str, page: str, fields: Mapping[str, str], act: Callable[[], str]
) -> str:
    """Do the form's thing unless it is done; return the address it leads to.

    What `act` refuses (CardError) leaves the key as it was. FormKeyError if nothing is done.
    """
    sent = _open(key, operator, page, _hash(fields))
    if not sent.lock.acquire(timeout=_WAIT_S):
        raise FormKeyError(_("This form is being worked on: wait, then look whether it is done."))
    try:
        if sent.address:
            if sent.fields != _hash(fields):
                raise FormKeyError(
                    _("This form is done already, with other words in it. Look, then send it anew.")
                )
            return sent.address
        if sent.broken:
            raise FormKeyError(
                _("It is not known whether this form is done already: look, then send it anew.")
            )
        sent.fields = _hash(fields)
        sent.broken = True
        try:
            sent.address = act()
        except CardError:
            sent.broken = False
            raise
        return sent.address
    finally:
        sent.lock.release()


def _open(key: str, operator: str, page: str, fields: str) -> _Sent:
    try:
        told = signing.loads(key, salt=_SALT, max_age=_GOOD_FOR_S)
    except signing.BadSignature:
        told = None
    if told is None or told[:3] != [operator, page, _PROCESS]:
        raise FormKeyError(
            _(
                "This form is from before, and did nothing now. Look whether it is done already; "
                "if not, send it again."
            )
        )
    with _book:
        _forget_old()
        if key not in _sent and len(_sent) >= _MOST_KEPT:
            raise FormKeyError(_("Too many forms at once: start this desk's program anew."))
        return _sent.setdefault(key, _Sent(operator, page, fields))


def _forget_old() -> None:
    """Forget the keys that are not taken any more."""
    before = time.monotonic() - _GOOD_FOR_S - _WAIT_S
    while _sent and next(iter(_sent.values())).at < before:
        _sent.popitem(last=False)


def _hash(fields: Mapping[str, str]) -> str:
    return hashlib.sha256(repr(sorted(fields.items())).encode()).hexdigest()
