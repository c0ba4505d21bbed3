"""The addresses, made from the table of pages."""

from django.urls import path

from dianka.desk.web.pages import PAGES
from dianka.desk.web.registry import guard

urlpatterns = [path(page.address, guard(page), name=page.name) for page in PAGES]
handler400 = "dianka.desk.web.problems.bad_request"
handler403 = "dianka.desk.web.problems.refuse"
handler404 = "dianka.desk.web.problems.not_found"
handler500 = "dianka.desk.web.problems.server_error"
