"""The group `dianka office`, and which module each of its commands is in."""

import typer

from dianka.card_port import CardError
from dianka.desk.cli.plain import report_errors
from dianka.lazy import Later, LazyGroup

_HERE = "dianka.desk.cli.office"
COMMANDS = {
    "init": Later(f"{_HERE}.database:init_command", "Make an office with its first manager."),
    "check": Later(
        f"{_HERE}.database:check_command", "Name each act and entry that is not as written."
    ),
    "prove": Later(f"{_HERE}.database:prove_command", "Prove where each fen is."),
    "backup": Later(f"{_HERE}.database:backup_command", "Write a verified copy."),
    "restore": Later(f"{_HERE}.database:restore_command", "Bring a copy back."),
    "upgrade": Later(f"{_HERE}.database:upgrade_command", "Take an older office to this version."),
    "look": Later(f"{_HERE}.counter:look_command", "Look at a resident's card."),
    "take-in": Later(
        f"{_HERE}.counter:take_in_command", "Take in purchases from outside of the books."
    ),
    "customer": Later(f"{_HERE}.customers:customer_app", "Customers and their accounts."),
    "premise": Later(f"{_HERE}.estate:premise_app", "Areas and premises."),
    "meter": Later(f"{_HERE}.estate:meter_app", "Meters in stock, installed, removed."),
    "acts": Later(f"{_HERE}.acts:acts_command", "Look up who did what, in all chains."),
    "export": Later(f"{_HERE}.sheets:export_command", "Write a sheet, xlsx or csv."),
    "import": Later(f"{_HERE}.sheets:import_command", "Try a sheet, or take it in."),
    "shift": Later(f"{_HERE}.shift:shift_app", "Shifts: float, count, hand-over, report."),
    "refund": Later(f"{_HERE}.refund:refund_command", "Pay back what is on its card still."),
    "receipt": Later(f"{_HERE}.refund:receipt_command", "Print a receipt again."),
    "tariff": Later(f"{_HERE}.tariff:tariff_app", "Tariffs and their prices."),
    "limit": Later(f"{_HERE}.tariff:limit_app", "Limits of what is sold."),
    "person": Later(f"{_HERE}.person:person_app", "Operators, their roles and sign-ins."),
    "password": Later(f"{_HERE}.person:password_command", "Change one's own password."),
    "desk": Later(f"{_HERE}.person:desk_app", "The desks of this office."),
    "clock": Later(f"{_HERE}.clock:clock_app", "Accept a clock that looks wrong and is right."),
    "card": Later(f"{_HERE}.cards:card_app", "The register of cards, and what each card is."),
    "report": Later(f"{_HERE}.reports:report_command", "Show, draw and export figures."),
    "summarise": Later(f"{_HERE}.reports:summarise_command", "Sum up what has come since."),
    "statement": Later(f"{_HERE}.reports:statement_command", "Show a customer's statement."),
    "suspects": Later(
        f"{_HERE}.suspects:suspects_command", "Make this month's list of places to visit."
    ),
    "limits": Later(f"{_HERE}.suspects:limits_command", "Show or set the rules' thresholds."),
    "inspection": Later(f"{_HERE}.suspects:inspection_app", "Record what was found outside."),
    "figures": Later(f"{_HERE}.figures:figures_command", "Measure an office made up for it."),
    "sign-in": Later(f"{_HERE}.people:sign_in_command", "Sign in at this desk."),
    "sign-out": Later(f"{_HERE}.people:sign_out_command", "End the sign-in at this desk."),
}


class _Office(LazyGroup):
    """The group of the office's commands, imported when used."""

    later = COMMANDS


office_app = typer.Typer(
    cls=_Office,
    no_args_is_help=True,
    help="The office: customers, cards, sales and money in one database, proved to the fen.",
)


@office_app.callback()
def _require_django() -> None:
    try:
        import django  # noqa: F401
    except ImportError:
        with report_errors():
            raise CardError(
                "the office needs Django: run make office, or pip install 'dianka[office]'"
            ) from None
