"""`dianka card issue KIND`: one command for each kind of card, with the options that it needs.

A card is made in a new file, or of the blank card in a reader. `dianka card new` is the former name
of these commands.
"""

from pathlib import Path
from typing import Annotated

import typer

from dianka.card_port import CardError, CardPort, serial_of
from dianka.cardos import kinds
from dianka.cardos.files import service_files
from dianka.desk import issue, register, service, system
from dianka.desk.cli.issuing import Make, Order, Wanted, card_command, issue_entered, say_entered
from dianka.desk.cli.office.signed_in import OfficeOption
from dianka.desk.cli.options import (
    Alarm1Option,
    Alarm2Option,
    CustomerOption,
    FriendlyOption,
    HeatingOption,
    MeterOption,
    OverloadOption,
    PriceOption,
    ProfileName,
    SerialOption,
    TariffOption,
    VoltageOption,
    check_new_file,
    parse_alarms,
    parse_fen,
    parse_limits,
    parse_number,
    parse_serial,
    parse_tariff,
    require_options,
)
from dianka.desk.cli.plain import report_errors
from dianka.desk.cli.registered import (
    ContractOption,
    Given,
    HolderOption,
    open_register,
    plan_entry,
)
from dianka.desk.in_reader import must_be_blank_control
from dianka.desk.prices import get_local_minute, parse_minute
from dianka.desk.supply import parse_supply
from dianka.readers import find_reader
from dianka.readers.choose import is_reader

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
def user_command(
    *,
    wanted: Wanted,
    contract: ContractOption = None,
    meter: MeterOption = "",
    customer: CustomerOption = "",
    alarm1: Alarm1Option = None,
    alarm2: Alarm2Option = None,
    price: PriceOption = None,
    tariff: TariffOption = None,
) -> Order:
    """Make the card that a resident buys electricity with; sell to it next.

    Its first sale opens the account: the meter then has this price and these alarms. With an office
    the contract says them.

    Example: dianka card issue user lin.card --meter 42 --customer 7 --price 0.5 --alarm1 20
    --alarm2 5

    Example: dianka card issue user lin.card --meter 42 --office office
    """
    if wanted.office is not None:
        if tariff:
            raise CardError("the office's contracts have flat prices: leave --tariff out")
        given = Given(contract, meter, customer, alarm1, alarm2, price)
        return _order_by_contract(wanted.office, given)
    if contract is not None:
        raise CardError("a contract is in an office: name it with --office")
    prices = price or (tariff and str(tariff))
    require_options(meter=meter, customer=customer, price=prices, alarm1=alarm1, alarm2=alarm2)
    numbers = parse_number(meter, "meter"), parse_number(customer, "customer")
    rates_e4, several = parse_tariff(price, tariff)
    data = issue.UserData(*numbers, *parse_alarms(alarm1, alarm2), rates_e4, tariff=several)
    return Order(lambda control, chip: issue.make_user(control, chip, data), None)


def _order_by_contract(office: Path, given: Given) -> Order:
    """Return the order for a contract's first card; CardError if what was given differs."""
    open_register(office)
    contract, data = given.find_contract(opens=True)
    entry = plan_entry(office, kinds.USER, contract=contract)
    return Order(lambda control, chip: issue.make_user(control, chip, data), entry)


@card_command(issue_app, kinds.INIT)
def init_command(
    *,
    wanted: Wanted,
    meter: MeterOption = "",
    alarm1: Alarm1Option = None,
    alarm2: Alarm2Option = None,
    price: PriceOption = None,
    tariff: TariffOption = None,
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
    overload: OverloadOption = "",
    heating: HeatingOption = "",
    voltage: VoltageOption = "",
    friendly: FriendlyOption = "",
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
) -> Order:
    """Make the card that gives a meter its number, prices and limits, while its keys are public.

    It brings the time as well: a meter's clock that is lost, or behind it, is set to that.

    Example: dianka card issue init meter42.card --meter 42 --price 0.5 --alarm1 20 --alarm2 5
    --overdraft 10
    """
    prices = price or (tariff and str(tariff))
    require_options(meter=meter, price=prices, alarm1=alarm1, alarm2=alarm2)
    rates_e4, several = parse_tariff(price, tariff)
    limits = parse_limits(overdraft, hoard, close_above)
    now = parse_minute(time) if time else get_local_minute()
    data = issue.InitData(
        parse_number(meter, "meter"),
        *parse_alarms(alarm1, alarm2),
        *limits,
        rates_e4,
        silence,
        now,
        several,
        parse_supply(overload, heating, voltage, friendly, limits[0]),
    )
    folder = wanted.find_folder()
    issue.pack_init_files(data)  # refuse bad data before the number is entered anywhere

    def make(control: CardPort, chip: CardPort) -> None:
        register.enter_number(folder, data.meter_no, serial_of(chip.power_on()), again)
        issue.make_init(control, chip, data)

    fields = {"meter_no": data.meter_no, "again": again, "holder": wanted.holder}
    return Order(make, plan_entry(wanted.office, kinds.INIT, **fields))


@card_command(issue_app, kinds.KEYS)
def keys_command(*, uses: UsesOption = 10) -> Make:
    """Make the master-key change card, which brings the system's private keys into meters.

    Example: dianka card issue keys keys.card --uses 50
    """
    return lambda control, chip: issue.make_keys(control, chip, uses)


@card_command(issue_app, kinds.RESTORE)
def restore_command(*, uses: UsesOption = 1) -> Make:
    """Make the card that gives a meter of this system its public keys back.

    Example: dianka card issue restore restore.card --uses 1
    """
    data = service.RestoreData(uses)
    return lambda control, chip: service.make_restore(control, chip, data)


@card_command(issue_app, kinds.INSPECTION)
def inspection_command(
    *,
    copies: Annotated[
        int,
        typer.Option(
            help="What to copy, as a sum: 1 wallet, 2 parameters, 4 totals, 8 illegal cards, 16 "
            "log of events."
        ),
    ] = service_files.COPY_ALL,
) -> Make:
    """Make the inspector's card: it copies what a meter holds and changes nothing there.

    It may be used again and again.

    Example: dianka card issue inspection inspection.card
    """
    data = service.InspectionData(copies)
    return lambda control, chip: service.make_inspection(control, chip, data)


@card_command(issue_app, kinds.TEST_CREDIT)
def test_credit_command(
    *,
    amount: Annotated[str, typer.Option(help="Credit for the meter, yuan, up to 100.")] = "1.00",
    uses: UsesOption = 100,
) -> Make:
    """Make a production test card (08): a little credit for a meter with public keys.

    Example: dianka card issue test-credit credit.card --amount 1.00 --uses 100
    """
    data = service.TestCreditData(parse_fen(amount), uses)
    return lambda control, chip: service.make_test_credit(control, chip, data)


@card_command(issue_app, kinds.TEST)
def test_functions_command(
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
    """Make a production test card (09): relay, segments, pulses, memory, clock, ESAM.

    The results come back on the card.

    Example: dianka card issue test test.card --uses 100
    """
    data = service.TestData(uses, tests, seconds, pulses)
    return lambda control, chip: service.make_test(control, chip, data)


@issue_app.command(kinds.ESAM)
def esam_command(
    file: NewFile,
    profile: ProfileOption = ProfileName.sm4,
    serial: SerialOption = None,
    office: OfficeOption = None,
) -> None:
    """Make an ESAM as it leaves the factory: public keys, meter number zero, empty wallet.

    It needs no control card.

    Example: dianka card issue esam meter.esam --profile sm4
    """
    with report_errors():
        entry = plan_entry(office, kinds.ESAM)
        made = issue_entered(
            entry,
            check_new_file(file),
            kinds.ESAM,
            parse_serial(serial),
            profile.value,
            lambda chip: issue.make_esam(chip, profile.value),
        )
        typer.echo(f"{file}: {kinds.ESAM} {made.hex()}\n{say_entered(entry)}")


@issue_app.command(kinds.CONTROL)
def control_command(
    file: NewCard,
    blank: Annotated[
        bool,
        typer.Option("--blank", help="A file with a blank chip, to found a system on in a reader."),
    ] = False,
    profile: ProfileOption = ProfileName.sm4,
    serial: SerialOption = None,
    office: OfficeOption = None,
    holder: HolderOption = "",
) -> None:
    """Make a system control card WITHOUT a backup, for trials: lost with its file.

    `dianka keys init` founds a system with one.

    Example: dianka card issue control trial.card
    """
    with report_errors():
        entry = None if blank else plan_entry(office, kinds.CONTROL, holder=holder)
        if is_reader(file):
            if blank or serial:
                raise CardError(
                    "the card in a reader is a blank chip with its own serial: for others name a "
                    "file"
                )
            with find_reader(file).connect() as held:
                must_be_blank_control(held)
                made = serial_of(held.port.power_on())
                if entry:
                    entry.begin(made)
                system.begin_system(held.port, profile.value)
                system.keep_keys(held.port, profile.value)
            if entry:
                entry.finish(made)
        elif blank:
            made = issue.issue_control(
                file, parse_serial(serial), profile=profile.value, private_roots=False
            )
        else:
            made = issue_entered(
                entry,
                Path(file),
                kinds.CONTROL,
                parse_serial(serial),
                profile.value,
                lambda chip: None,  # it has made its keys by itself
            )
        said = f"{file}: {'blank ' * blank}{kinds.CONTROL} card {made.hex()}"
        typer.echo(said if blank else f"{said}\n{say_entered(entry)}")
