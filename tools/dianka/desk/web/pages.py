"""All pages, in the order of the menu. Whoever adds pages adds their table here."""

from dianka.desk.web import counter_pages, receipt_pages, sign_in_pages
from dianka.desk.web.page import Page

PAGES: tuple[Page, ...] = (*counter_pages.PAGES, *receipt_pages.PAGES, *sign_in_pages.PAGES)
