"""`dianka card issue KIND`: one command for each kind of card, with the options that it needs.

A card is made in a new file, or of the blank card in a reader. `dianka card new` is the former name
of these commands.
"""

from pathlib import Path
from typing import Annotated

import typer

from dianka.card_port import CardError, CardPort, serial_of
from dianka.cardos import kinds
from dianka.cardos.files import card_files
from dianka.desk import issue, register, service, system
from dianka.desk.cli.issuing import Make, Wanted, card_command
from dianka.desk.cli.options import (
    Alarm1Option,
    Alarm2Option,
    CustomerOption,
    MeterOption,
    PriceOption,
    ProfileName,
    SerialOption,
    alarms_fen,
    fen,
    limits_fen,
    must_have,
    new_file,
    number,
    rates_e4,
    serial_word,
)
from dianka.desk.cli.plain import plain_errors
from dianka.desk.in_reader import must_be_blank_control
from dianka.desk.prices import now_minute, switch_minute
from dianka.readers import find
from dianka.readers.choose import PREFIX

issue_app = typer.Typer(
    no_args_is_help=True,
    help="Make a card of one KIND, sealed by the system control card. "
    "`dianka card issue KIND --help` shows an example.",
)

UsesOption = Annotated[int, typer.Option(help="How many meters it may be used on.")]
ProfileOption = Annotated[ProfileName, typer.Option(help="Cipher of the chip.")]
NewFile = Annotated[Path, typer.Argument(help="The new file.", metavar="FILE")]
NewCard = Annotated[
    str,
    typer.Argument(
        help="The new file; or a blank card in reader:NUMBER or reader:NAME.", metavar="FILE"
    ),
]


@card_command(issue_app, kinds.USER)
def user(
    *,
    meter: MeterOption = "",
    customer: CustomerOption = "",
    alarm1: Alarm1Option = None,
    alarm2: Alarm2Option = None,
    price: PriceOption = None,
) -> Make:
    """The card that a resident buys electricity with; sell to it next.

    Its first sale opens the account: the meter then has this price and these alarms.

    Example: dianka card issue user lin.card --meter 42 --customer 7 --price 0.5 --alarm1 20
    --alarm2 5
    """
    must_have(meter=meter, customer=customer, price=price, alarm1=alarm1, alarm2=alarm2)
    numbers = number(meter, "meter"), number(customer, "customer")
    data = issue.UserData(*numbers, *alarms_fen(alarm1, alarm2), rates_e4(price))
    return lambda control, chip: issue.make_user(control, chip, data)


@card_command(issue_app, kinds.INIT)
def init(
    *,
    wanted: Wanted,
    meter: MeterOption = "",
    alarm1: Alarm1Option = None,
    alarm2: Alarm2Option = None,
    price: PriceOption = None,
    overdraft: Annotated[str, typer.Option(help="Overdraft limit, yuan.")] = "0",
    hoard: Annotated[str, typer.Option(help="Highest balance, yuan; 0 is 999999.99.")] = "0",
    close_above: Annotated[
        str, typer.Option(help="Relay closes above this balance, yuan; less than --hoard.")
    ] = "0",
    silence: Annotated[
        int,
        typer.Option(
            min=0,
            max=255,
            help="Minutes that the metering chip may be silent before the supply opens; 0 is 1.",
        ),
    ] = 0,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help=f"For the meter that has this number already, as {register.NAME} says."
        ),
    ] = False,
    time: Annotated[
        str,
        typer.Option(
            help="Local time now, as 2026-03-01T08:00, if this PC's is not right.",
            show_default=False,
        ),
    ] = "",
) -> Make:
    """The card that gives a meter its number, prices and limits, as long as its keys are public.

    It brings the time as well: a meter's clock that is lost, or behind it, is set to that.

    Example: dianka card issue init meter42.card --meter 42 --price 0.5 --alarm1 20 --alarm2 5
    --overdraft 10
    """
    must_have(meter=meter, price=price, alarm1=alarm1, alarm2=alarm2)
    limits = limits_fen(overdraft, hoard, close_above)
    now = switch_minute(time) if time else now_minute()
    data = issue.InitData(
        number(meter, "meter"), *alarms_fen(alarm1, alarm2), *limits, rates_e4(price), silence, now
    )
    folder = wanted.folder()

    def make(control: CardPort, chip: CardPort) -> None:
        issue.init_files(data)  # refuse bad data before the number is entered in the register
        register.enter(folder, data.meter_no, serial_of(chip.power_on()), again)
        issue.make_init(control, chip, data)

    return make


@card_command(issue_app, kinds.KEYS)
def keys_card(*, uses: UsesOption = 10) -> Make:
    """The master-key change card: it brings the system's private keys into meters.

    Example: dianka card issue keys keys.card --uses 50
    """
    return lambda control, chip: issue.make_keys(control, chip, uses)


@card_command(issue_app, kinds.RESTORE)
def restore(*, uses: UsesOption = 1) -> Make:
    """The card that gives a meter of this system its public keys back.

    Example: dianka card issue restore restore.card --uses 1
    """
    data = service.RestoreData(uses)
    return lambda control, chip: service.make_restore(control, chip, data)


@card_command(issue_app, kinds.INSPECTION)
def inspection(
    *,
    copies: Annotated[
        int,
        typer.Option(help="What to copy, as a sum: 1 wallet, 2 parameters, 4 totals, 8 events."),
    ] = card_files.COPY_ALL,
) -> Make:
    """The inspector's card: it copies what a meter holds and changes nothing there.

    It may be used again and again.

    Example: dianka card issue inspection inspection.card
    """
    data = service.InspectionData(copies)
    return lambda control, chip: service.make_inspection(control, chip, data)


@card_command(issue_app, kinds.TEST_CREDIT)
def test_credit(
    *,
    amount: Annotated[str, typer.Option(help="Credit for the meter, yuan, up to 100.")] = "1.00",
    uses: UsesOption = 100,
) -> Make:
    """Production test (08): a little credit for a meter that has public keys yet.

    Example: dianka card issue test-credit credit.card --amount 1.00 --uses 100
    """
    data = service.TestCreditData(fen(amount), uses)
    return lambda control, chip: service.make_test_credit(control, chip, data)


@card_command(issue_app, kinds.TEST)
def test_functions(
    *,
    tests: Annotated[
        int,
        typer.Option(
            help="What to test, as a sum: 1 relay, 2 segments, 4 pulses, 8 memory, 16 clock, "
            "32 ESAM."
        ),
    ] = service.ALL_TESTS,
    seconds: Annotated[
        int, typer.Option(help="For how long pulses are counted: 1 to 60.")
    ] = service.TEST_SECONDS,
    pulses: Annotated[
        int,
        typer.Option(help="How many pulses are expected in that time; 0 if any number will do."),
    ] = 0,
    uses: UsesOption = 100,
) -> Make:
    """Production test (09): relay, segments, pulses, memory, clock, ESAM.

    The results come back on the card.

    Example: dianka card issue test test.card --uses 100
    """
    data = service.TestData(uses, tests, seconds, pulses)
    return lambda control, chip: service.make_test(control, chip, data)


@issue_app.command(kinds.ESAM)
def esam(
    file: NewFile, profile: ProfileOption = ProfileName.sm4, serial: SerialOption = None
) -> None:
    """An ESAM as it leaves the factory: public keys, meter number zero, empty wallet.

    It needs no control card.

    Example: dianka card issue esam meter.esam --profile sm4
    """
    with plain_errors():
        made = issue.issue_esam(new_file(file), serial_word(serial), profile=profile.value)
        typer.echo(f"{file}: {kinds.ESAM} {made.hex()}")


@issue_app.command(kinds.CONTROL)
def control(
    file: NewCard,
    blank: Annotated[
        bool,
        typer.Option("--blank", help="A file with a blank chip, to found a system on in a reader."),
    ] = False,
    profile: ProfileOption = ProfileName.sm4,
    serial: SerialOption = None,
) -> None:
    """A system control card WITHOUT a backup, for trials: lost with its file.

    `dianka keys init` founds a system with one.

    Example: dianka card issue control trial.card
    """
    with plain_errors():
        if file.startswith(PREFIX):
            if blank or serial:
                raise CardError(
                    "the card in a reader is a blank chip with its own serial: for others name a "
                    "file"
                )
            with find(file).connect() as held:
                must_be_blank_control(held)
                made = system.begin(held.port, profile.value)
                system.keep(held.port, profile.value)
        else:
            made = issue.issue_control(
                Path(file), serial_word(serial), profile=profile.value, private_roots=not blank
            )
        typer.echo(f"{file}: {'blank ' * blank}{kinds.CONTROL} card {made.hex()}")
