"""What the office does for a town beside sales: accounts, cards, meters, prices, the night.

Each act goes the way that its command goes. Imported when the office is open.
"""

from pathlib import Path
from random import Random

from dianka.bench.stage.stand import CONTROL, INIT, KEYS, Stand
from dianka.bench.town.desks import MANAGER, PASSWORD, TownDesk
from dianka.bench.town.house import House
from dianka.bench.town.residents import Resident
from dianka.bench.town.stretch import SILENCE_MIN
from dianka.bench.town.times import TownTime, compute_minute
from dianka.cardos import kinds
from dianka.cardos.image import CardFile
from dianka.cardos.state import SERIAL_BYTES
from dianka.desk import closing_order, issue, replace
from dianka.desk.office.cards import purchases, register, terms
from dianka.desk.office.customers import closing, contracts, lost, records, tariffs
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.estate import meters, places
from dianka.desk.office.people.consent import give_consent
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.vending.statement_cards import take_statement

AREA, TARIFF = "1 号台区", "居民"
ALARM1_FEN, ALARM2_FEN, OVERDRAFT_FEN = 500, 200, 300
SUPERVISOR = "supervisor"
_SET_UP_US = 30_000_000


class Estate:
    """The office's back room, at desk 1; `folder` gets a folder for each meter."""

    def __init__(self, folder: Path, control: Path, time: TownTime, seed: int) -> None:
        self.manager = Actor(MANAGER, "desk1", frozenset({"manager"}))
        # Whose acts the manager consents to.
        self.supervisor = Actor(SUPERVISOR, "desk1", frozenset({"supervisor", "manager"}))
        self.meters = 0
        self.price_e4 = 0
        self._folder = folder
        self._control = control
        self._time = time
        self._seed = seed
        self._rng = Random(seed ^ 0x7057)

    # ****** Prices ******

    def found_tariff(self, price_e4: int) -> None:
        """Add the tariff that everybody has, and the area where everybody lives."""
        consent = self._ask(tariffs.CONSENT, tariffs.name_version(TARIFF, 1, price_e4, 0))
        tariffs.add_tariff(self.supervisor, TARIFF, price_e4, consent)
        places.add_area(self.manager, AREA)
        self.price_e4 = price_e4

    def plan_price(self, price_e4: int, begins_us: int) -> int:
        """Add a version of the tariff that begins then, and return its local minute."""
        number = 1 + tariffs.list_versions(tariffs.Tariff.objects.get(name=TARIFF))[-1].number
        minute = compute_minute(begins_us)
        subject = tariffs.name_version(TARIFF, number, price_e4, minute)
        consent = self._ask(tariffs.CONSENT, subject)
        tariffs.add_version(self.supervisor, TARIFF, number, price_e4, minute, consent)
        return minute

    # ****** Meters and accounts ******

    def open_resident(self, number: int) -> Resident:
        """Add a customer with a meter that is set up, an account, and his first card."""
        (premise,) = places.add_premises(self.manager, AREA, [("1", "", str(100 + number))])
        house = self._set_meter_up()
        meters.install_meter(self.manager, house.meter_no, premise.pk)
        customer = records.add_customer(self.manager, records.Details(f"resident {number}"))
        agreed = contracts.Terms(TARIFF, ALARM1_FEN, ALARM2_FEN)
        contracts.open_account(self.manager, customer.number, house.meter_no, agreed)
        resident = Resident(house, customer.number, premise.pk)
        self._make_card(resident, Path("resident1.card"))
        return resident

    def _set_meter_up(self) -> House:
        """Make a meter with the next number, as a technician sets it up, and take it into stock."""
        self.meters += 1
        number = self.meters
        folder = self._folder / f"meter{number}"
        folder.mkdir()
        (folder / CONTROL).write_bytes(self._control.read_bytes())
        stand = Stand(folder, seed=self._seed * 1009 + number)
        stand.rig.clock.advance(self._time.now_us)
        stand.rig.set_clock()
        alarms = ALARM1_FEN, ALARM2_FEN
        data = issue.InitData(
            number, *alarms, OVERDRAFT_FEN, 0, 0, [self.price_e4], silence_min=SILENCE_MIN
        )
        stand.make_init(INIT, data)
        stand.make_keys(KEYS)
        stand.switch_mains_on()
        for card in (INIT, KEYS):
            stand.serve(card)
        meters.add_meters(self.manager, number)
        self._time.move_to(max(stand.now_us, self._time.now_us + _SET_UP_US))
        return House(stand, number, self.price_e4, self._seed)

    def _make_card(self, resident: Resident, card: Path, waived_fen: int | None = None) -> None:
        """Make the card that the contract is to have now, entered in the register.

        `waived_fen` 0 leaves the money out that may be in transit.
        """
        contract = find_contract(resident)
        last = terms.must_be_last(purchases.read_last_purchase(contract), None, waived_fen)
        data = terms.make_user_data(contract, last.opens)
        former = register.find_former(contract)
        money_fen = 0 if last.in_meter else last.amount_fen
        making = register.Making(
            kinds.USER, contract=contract, replaces=former, count=last.count, money_fen=money_fen
        )
        serial = self._rng.randbytes(SERIAL_BYTES)
        if former or last.count:
            asked = register.name_consent(making)
            consent = self._ask(*asked) if asked else None
            register.begin_replacement(self.supervisor, serial, making, consent)
        else:
            register.begin_making(self.supervisor, serial, making)
        with CardFile.open(self._control, self._rng.randbytes) as control:
            issue.issue_file(
                resident.house.stand.folder / card,
                kinds.USER,
                serial,
                self._rng.randbytes,
                issue.read_profile_name(control),
                lambda chip: replace.make_replacement(control, chip, data, last),
            )
        register.finish_making(self.supervisor, serial)
        resident.house.card = card

    def replace_card(self, resident: Resident, with_money: bool = True) -> None:
        """Report the card as lost, and make another, with what is on its way or without."""
        house = resident.house
        former = house.stand.read_card_state(house.card).serial
        lost.report_lost(self.supervisor, former.hex(), "left in the bus")
        resident.cards += 1
        card = Path(f"resident{resident.cards}.card")
        self._make_card(resident, card, None if with_money else 0)

    # ****** Ends ******

    def order_closing(self, desk: TownDesk, resident: Resident) -> None:
        """Write a closing order to the card, which ends the account in its meter."""
        card, control = desk.open_cards(resident)
        with card, control:
            closing_order.order_closing(control, card, self._rng.randbytes)

    def take_statement(self, desk: TownDesk, resident: Resident) -> int:
        """Take the meter's statement from the card into the books; return its reading's number."""
        card, control = desk.open_cards(resident)
        with card, control:
            statement = closing_order.read_statement(control, card, self._rng.randbytes)
        resident.house.take_statement(statement.amount_fen)
        return take_statement(desk.actor, statement)[1].pk

    def close_account(self, desk: TownDesk, resident: Resident, reading: int) -> int:
        """Close the account by this reading, pay back what was left, and return it."""
        meter_no = resident.house.meter_no
        asked = closing.name_closing(desk.actor, meter_no, reading)
        consent = desk.ask_consent(*asked)
        fen = closing.close_account(desk.actor, meter_no, reading, consent)
        desk.take(resident, -fen)
        resident.gone = True
        return fen

    def exchange_meter(self, desk: TownDesk, resident: Resident, reading: int) -> None:
        """Install another meter by this reading of the former one."""
        former, house = resident.house, self._set_meter_up()
        actor = Actor(desk.actor.operator, desk.name, frozenset({"clerk", "technician"}))
        asked = closing.name_exchange(actor, former.meter_no, house.meter_no, reading)
        consent = give_consent(actor, MANAGER, PASSWORD, *asked)
        numbers = former.meter_no, house.meter_no
        contract = closing.exchange_meter(actor, *numbers, reading, "its display is dark", consent)
        if asked[2] < 0:
            desk.take(resident, -asked[2])
        resident.former.append(former)
        resident.house, resident.cards = house, 1
        resident.sale, resident.waits = None, contract.brought_fen > 0
        self._make_card(resident, Path("resident1.card"))

    def _ask(self, kind: str, subject: str, amount_fen: int = 0) -> int:
        return give_consent(self.supervisor, MANAGER, PASSWORD, kind, subject, amount_fen)


def find_contract(resident: Resident) -> Contract:
    """Return the contract at the resident's present meter, closed or not."""
    related = Contract.objects.select_related("meter", "customer", "price", "tariff")
    return related.filter(meter__number=resident.house.meter_no).order_by("-pk")[0]
