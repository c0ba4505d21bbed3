"""The office in a browser: pages over the very functions that the command line uses.

    settings    Django's settings of the pages, beside those of the office; the site's own choices
    page        a row of the table: address, right, title, place in the menu
    registry    what guards each page: method, sign-in, right
    pages       all pages, in the order of the menu
    menu        the menu, made from that table
    signed_in   the office's sign-in in a signed cookie, ended when nobody does anything
    kept        forms that come too late: sent again after signing in
    fields      what people type: texts, and numbers in any digits
    words       the office's lines in the reader's language, by locale/zh_Hans/lines.po
    catalog     the translations, read from .po files; there is no compiled catalogue
    shown       filters of the templates: money, numbers, times, lines
    problems    one line in place of a page
    server      uvicorn on this PC alone, unless TLS or a proxy is given

**How a page is added.** Write its view in a module of its own (`views of customers` in
`customers_pages.py`), and at the module's end its rows of the table:

    PAGES = (
        Page("customers", "customers", list_customers, "look things up", _("Customers"),
             menu="customers"),
        Page("customers/<int:number>/close", "close-customer", close_customer, "close an account",
             _("Close an account"), methods=("GET", "POST"), example={"number": 1},
             fields={"reading": _("Final statement")}),
    )

and add `customers_pages.PAGES` to `pages.py`. The registry lets only who has the right in and only
these methods; the office's function checks the right again, so the view passes
`require_actor(request)` on as the actor. What the office refuses (CardError) becomes a page with
its line; a view with a form catches it instead and shows `translate_line(str(error))` at its form,
with status 422 and all that was typed. A form that succeeded answers with a redirect. Templates
extend `base.html`; every word in them stands in `{% translate "..." %}` or `{% blocktranslate %}`,
in English, and its Chinese in a .po file of that module's name in `locale/zh_Hans/`. No `style`
attribute, no script in a page, no `hx-on`: the content security policy refuses them.

What holds for every page is tested from the table (host_tests/desk_web/): each address and
method as nobody and as each role, both languages, no style or script within.
"""
