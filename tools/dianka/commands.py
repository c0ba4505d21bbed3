"""The commands of `dianka` and the module of each. Nothing here imports these modules."""

from dianka.lazy import Later
from dianka.oneline import SaleCommand

# Commands that a story and the live screen can call too (bench/stage/desk_line.py).
DESK = {
    "sell": Later(
        "dianka.desk.cli.sell:sell_command",
        "Sell credit: write a purchase to a user card, and a new price.",
        SaleCommand,
    ),
    "card": Later("dianka.desk.cli.card:app", "Make cards, look at them, check and replace them."),
    "tariff": Later(
        "dianka.desk.cli.tariff:tariff_app",
        "Tariffs of several prices, and what money buys by them.",
    ),
    "log": Later(
        "dianka.desk.cli.log:log_app",
        "A meter's log of events: read it from a card, and prove it.",
    ),
    "keys": Later(
        "dianka.desk.cli.keys:keys_app", "Found a system, and get its keys back from the backup."
    ),
}
ALL = {
    **DESK,
    "office": Later(
        "dianka.desk.cli.office.app:office_app",
        "The office: customers, cards, sales and money in one database.",
    ),
    "desk": Later(
        "dianka.desk.cli.desk:desk_command",
        "Serve the office's pages to the browser of this desk",
    ),
    "reader": Later("dianka.desk.cli.readers:reader_app", "Card readers on PC/SC."),
    "bench": Later(
        "dianka.bench.cli:bench_app",
        "The virtual board: real firmware, modelled hardware, virtual time.",
    ),
    "read": Later(
        "dianka.reading.cli:read_command",
        "Read a running meter over its data port, by DL/T 645-2007.",
    ),
    "clock": Later(
        "dianka.flash.cli:clock_command",
        "Set a meter's clock by this PC's.",
    ),
    "console": Later(
        "dianka.flash.console_cli:console_command",
        "Look into a running meter: its pages, heap, tasks and log.",
    ),
    "calibrate": Later(
        "dianka.flash.cli:calibrate_command",
        "Calibrate a meter against a reference, before it has a customer.",
    ),
    "flash": Later(
        "dianka.flash.cli:flash_command", "Compile the firmware, put it on a board, and look at it."
    ),
}
