"""The line that says what a form has done, on the page to which it leads.

It goes along in the address, signed, so that nobody else puts words there.
"""

from typing import Any

from django.core import signing
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import get_language

_SALT = "dianka.desk.web.done"
_GOOD_FOR_S = 600


def lead(page: str, line: str, /, **parts: Any) -> str:
    """Return the address of a page that shows this line first."""
    word = signing.dumps((get_language(), str(line)), salt=_SALT, compress=True)
    return f"{reverse(page, kwargs=parts)}?{urlencode({'done': word})}"


def add_done(request: HttpRequest) -> dict[str, Any]:
    """Return the line that the address brings along, if it is in the page's language."""
    try:
        told = signing.loads(request.GET.get("done", ""), salt=_SALT, max_age=_GOOD_FOR_S)
    except signing.BadSignature:
        return {}
    return {"done_line": told[1]} if told[0] == get_language() else {}
