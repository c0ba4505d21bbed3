"""All pages, in the order of the menu. Whoever adds pages adds their table here."""

from dianka.desk.web import (
    account_pages,
    audit_pages,
    card_pages,
    counter_pages,
    customer_pages,
    estate_pages,
    meter_pages,
    people_pages,
    receipt_pages,
    report_pages,
    safety_pages,
    sheet_pages,
    shift_pages,
    sign_in_pages,
    tariff_pages,
)
from dianka.desk.web.page import Page

PAGES: tuple[Page, ...] = (
    *counter_pages.PAGES,
    *receipt_pages.PAGES,
    *customer_pages.PAGES,
    *account_pages.PAGES,
    *meter_pages.PAGES,
    *estate_pages.PAGES,
    *card_pages.PAGES,
    *shift_pages.PAGES,
    *tariff_pages.PAGES,
    *report_pages.PAGES,
    *people_pages.PAGES,
    *audit_pages.PAGES,
    *safety_pages.PAGES,
    *sheet_pages.PAGES,
    *sign_in_pages.PAGES,
)
