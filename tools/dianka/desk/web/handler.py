"""Django behind uvicorn, with each request in one thread from its first middleware to its view.

Every page is a plain function. Django's own ASGI handler takes each of them out of its thread and
back once for the middleware and once more for the view, which costs as much as a small page.
"""

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.http import HttpRequest, HttpResponseBase


class DeskHandler(ASGIHandler):
    """The pages as an ASGI application."""

    def __init__(self) -> None:
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request, in the thread that its context has."""
        return await sync_to_async(self.get_response, thread_sensitive=True)(request)
