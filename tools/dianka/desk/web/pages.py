"""All pages, in the order of the menu. Whoever adds pages adds their table here."""

from dianka.desk.web import sign_in_pages
from dianka.desk.web.page import Page

PAGES: tuple[Page, ...] = (*sign_in_pages.PAGES,)
