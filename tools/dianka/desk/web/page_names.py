"""What a line of the office calls by a command, called by the page or button that does it here.

The office's lines are those of the command line (CardError). Where a page does the same, its name
stands in place of the command; the Chinese lines (locale/zh_Hans/lines.po) name pages by
themselves. What only the command line does keeps its command.
"""

_ORDERED = "an order by the page Control card lets it take a new one"
IN_PAGES = (
    ("run dianka office prove", "look at the page Proof"),
    ("with dianka office take-in", "with the button Take its purchases in of the page Read a card"),
    ("with dianka card replace", "with the button Replace the card of its customer"),
    ("read it with dianka office card read", "read it on the page Read a card"),
    ("see dianka office tariff list", "see the page Tariffs"),
    ("see dianka office meter add", "see the page Meters"),
    ("see dianka office premise list", "see the page Premises"),
    ("see dianka office premise areas", "see the page Premises"),
    ("see dianka office person list", "see the page Operators"),
    ("see dianka office desk list", "see the page Desks"),
    ("see dianka office limits", "see the page Thresholds of the rules"),
    ("choose your own with dianka office password", "choose your own: sign in as"),
    ("run dianka office sign-in NAME", "sign in"),
    ("run dianka office suspects", "use the button Make this month's list"),
    ("dianka office report suspects shows it", "the report To be visited shows it"),
    ("give --contract or --meter", "give its meter"),
    ("name it with --control", "put it into a reader"),
    ("give a smaller --close-above or a higher --hoard", "give a smaller one, or a higher highest"),
    ("choose another with --control", "put in another"),
    ("leave --amount out", "leave Without the money unticked"),
    ("sell with --price and --from, as the price list says", "sell to it once more"),
    ("sell with --price and --from", "sell to it once more"),
    ("give --really if it is meant", "tick that it is meant"),
    ("give --since before --until", "give From before To"),
    ("give --most, or --until an earlier day", "give an earlier day as To"),
    ("for older ones give --until, or --subject", "for older ones give an earlier To"),
    ("take --csv", "take csv"),
    ("`dianka keys pin` sets a new one with two people's part cards (--part twice)", _ORDERED),
    ("`dianka keys pin` with --part twice sets a new one", _ORDERED),
    ("`dianka keys pin` sets one", "the page Control card sets one"),
    ("(`dianka keys refill`)", "by the page Control card"),
    ("(`dianka keys refill --cards`)", "by the page Control card"),
    ("(`dianka keys order --lift`)", "by the page Control card"),
    (" (`dianka keys approve`)", ""),
    ("with dianka office clock accept NAME --consent OTHER", "on the page Accept the clock"),
    ("dianka office card batch list names them", "the page Batches names them"),
    ("`dianka card issue KIND ...`", "it is to be made first"),
)


def name_pages(line: str) -> str:
    """Return an English line with the names of pages in place of commands that pages stand for."""
    if "dianka " in line or "--" in line:
        for command, page in IN_PAGES:
            line = line.replace(command, page)
    return line
