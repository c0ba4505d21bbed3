"""Around each request: nothing is cached, own files are served, errors become one line."""

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import django_htmx
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware

from dianka.desk.office.audit.times import ClockError
from dianka.desk.web.kept import resume_later
from dianka.desk.web.problems import explain, show_problem
from dianka.desk.web.request import DeskRequest
from dianka.desk.web.settings import HERE

Answer = Callable[[HttpRequest], HttpResponseBase]
# django-htmx carries several versions: of its files this one alone is served.
HTMX = "django_htmx/htmx-2.min.js"


class PrivateMiddleware:
    """Keeps pages out of every cache: they have names and numbers of people in them."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._answer(request)
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store"
        response["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(), usb=()"
        return response


class StaticMiddleware(WhiteNoiseMiddleware):
    """Serves the files of this package and htmx, from memory's list of them alone."""

    def __init__(self, get_response: Answer, settings: Any = settings) -> None:
        super().__init__(get_response, settings)
        self.allow_all_origins = False
        self.add_files(str(HERE / "static"), prefix=settings.STATIC_URL)
        root = Path(django_htmx.__file__).parent / "static"
        file = root / HTMX
        self.add_file_to_dictionary(settings.STATIC_URL + HTMX, str(file))

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> Any:
        """Return a file at once: whitenoise's own answer is a stream, which ASGI warns of."""
        answer = static_file.get_response(request.method, request.META)
        content = b""
        if answer.file is not None:
            with answer.file as opened:
                content = opened.read()
        return HttpResponse(content, status=int(answer.status), headers=dict(answer.headers))


class ProblemMiddleware:
    """Turns the office's refusals and a database that is gone into a page with one line."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._answer(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the page of an error that people are told of; others are Django's."""
        told = explain(error)
        if told is None:
            return None
        if request.method == "POST" and told[1] == HTTPStatus.SERVICE_UNAVAILABLE:
            return resume_later(cast(DeskRequest, request), *told)
        return show_problem(request, *told, clock=isinstance(error, ClockError))
