"""Who is signed in: the office's own sign-in, its token in a signed cookie.

The office ends a sign-in after 12 hours at most (people/sign_in.py). The cookie carries besides
when its owner last did something; after IDLE_S without it he signs in again. The token of another
desk's sign-in is none here: on one PC all desks share the browser's cookies.
"""

import time
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase

from dianka.desk.office.people import sign_in
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.people.sign_in import SignInError
from dianka.desk.web.settings import IDLE_S

_SALT = "dianka.desk.web.sign-in"
_REFRESH_S = 30  # a cookie is not written anew more often


def find_actor(request: HttpRequest) -> Actor | None:
    """Return who is signed in at this desk, or None."""
    told = read_cookie(request)
    if told is None or time.time() - told["at"] > IDLE_S:
        return None
    try:
        actor = sign_in.find_actor(told["token"])
    except SignInError:
        return None
    return actor if actor.desk == settings.DESK_NAME else None


def read_cookie(request: HttpRequest) -> dict[str, Any] | None:
    """Return what the cookie says, None if there is none or it was not signed here."""
    try:
        return signing.loads(request.COOKIES.get(settings.SIGN_IN_COOKIE, ""), salt=_SALT)
    except signing.BadSignature:
        return None


def write_cookie(response: HttpResponseBase, token: str, at_s: int | None = None) -> None:
    """Write the cookie of a sign-in that was used now, or at a time given."""
    told = {"token": token, "at": int(time.time()) if at_s is None else at_s}
    response.set_cookie(
        settings.SIGN_IN_COOKIE,
        signing.dumps(told, salt=_SALT),
        secure=settings.SIGN_IN_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )


def keep_alive(request: HttpRequest, response: HttpResponseBase) -> None:
    """Note in the cookie that its owner did something, unless the response has a cookie of its own.

    So signing out is not undone by it.
    """
    told = read_cookie(request)
    if told is None or settings.SIGN_IN_COOKIE in response.cookies:
        return
    if time.time() - told["at"] > _REFRESH_S:
        write_cookie(response, told["token"])


def sign_out(request: HttpRequest, response: HttpResponseBase) -> None:
    """End the sign-in, here and in the office."""
    told = read_cookie(request)
    if told:
        sign_in.sign_out(told["token"])
    response.delete_cookie(settings.SIGN_IN_COOKIE, samesite="Strict")
