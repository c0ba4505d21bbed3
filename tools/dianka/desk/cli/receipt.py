"""`dianka card receipt`: check the digits that a resident reads out over the phone."""

from typing import Annotated

import typer

from dianka.desk.cli.options import CONTROL_NAME, ControlOption, open_control, parse_number
from dianka.desk.cli.plain import report_errors
from dianka.desk.receipt import check_receipt, read_code


def receipt_command(
    code: Annotated[
        list[str], typer.Argument(help="The ten digits of the meter's receipt.", metavar="CODE")
    ],
    meter: Annotated[str, typer.Option(help="The meter's number.")],
    count: Annotated[int, typer.Option(help="The number of the purchase, on its page bn.")],
    control: ControlOption = None,
) -> None:
    """Check the digits that a resident reads out from the meter: has it taken a purchase?

    Example: dianka card receipt 12345 67890 --meter 42 --count 2
    """
    with report_errors():
        digits, meter_no = read_code(code), parse_number(meter, "meter")
        with open_control(CONTROL_NAME, control) as held:
            check_receipt(held.port, digits, meter_no, count)
    typer.echo(f"meter {meter_no:012} has taken purchase {count}")
