"""A key-change card closes a meter only as an initialisation card leaves it.

Whatever is wrong then would be wrong for ever.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dianka.card_port import select_card
from dianka.cardos.chip import CardTorn, Chip
from dianka.cardos.files import card_files
from dianka.cardos.image import CardFile
from dianka.desk import issue
from dianka.desk.session import Desk
from meter_kit import CUSTOMER_NO, INIT, INIT_DATA, KEYS, MS, PRICE_E4, USER, MeterKit
from service_kit import RESTORE, key_state, make_restore

OTHER_INIT, OTHER_USER = Path("other-init.card"), Path("other-user.card")
OTHER_NO = 13
MONEY_FEN = 500_000


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    made = MeterKit.before_cards(tmp_path)
    assert made.run_session(INIT).code == 0
    yield made
    made.close()


def at(command: str, act: Callable[[], None]) -> Callable[[Chip], None]:
    """Spoils a card: `act` comes when it is given a command that begins like this."""

    def spoil(chip: Chip) -> None:
        process = chip.process

        def listening(apdu: bytes) -> bytes:
            if apdu.startswith(bytes.fromhex(command)):
                act()
            return process(apdu)

        chip.process = listening  # type: ignore[method-assign]

    return spoil


def test_an_initialisation_of_another_number_that_was_pulled(kit: MeterKit) -> None:
    kit.make_init(OTHER_INIT, issue.InitData(OTHER_NO, 100, 50, 50, 0, 0, [PRICE_E4]))

    def pulled() -> None:
        kit.rig.bench.set_wire("SLOT_SWITCH", 1)
        raise CardTorn("pulled")

    assert kit.run_session(OTHER_INIT, spoil=at("04B086", pulled)).code == 20
    assert kit.run_session(KEYS).code == 9 and key_state(kit) == card_files.KEYS_PUBLIC
    assert kit.run_session(OTHER_INIT).code == 0
    assert kit.run_session(KEYS).texts[-1] == "donE"
    kit.make_user(OTHER_USER, issue.UserData(OTHER_NO, CUSTOMER_NO, 100, 50, [PRICE_E4]))
    kit.sell(1000, OTHER_USER)
    assert kit.run_session(OTHER_USER).code == 0 and kit.state.balance_fen == 1000


@pytest.mark.slow
@pytest.mark.parametrize("after_ms", [5, 20, 40, 60, 100, 200])
def test_a_strangers_credit_from_before_the_key_change(kit: MeterKit, after_ms: int) -> None:
    """Public keys are everybody's: an initialisation card with money, and the mains fails then."""
    kit.make_init(OTHER_INIT)
    with CardFile.open(kit.folder / OTHER_INIT, kit.rng) as file:
        desk = Desk(kit.control.chip, file.chip, select_card(file.chip), public=True)
        desk.authenticate()
        desk.update(
            card_files.CARD_WALLET,
            card_files.pack(card_files.WALLET, {"money_fen": MONEY_FEN, "count": 1}),
        )
    kit.run_session(
        OTHER_INIT,
        spoil=at(
            "04B08204", lambda: kit.rig.clock.call_after(after_ms * MS, kit.rig.switch_mains_off)
        ),
    )
    kit.restart()
    credited = kit.state.balance_fen or kit.get_esam_wallet() != (0, 0)
    assert kit.run_session(KEYS).code == (9 if credited else 0)
    if credited:
        assert key_state(kit) == card_files.KEYS_PUBLIC
        assert kit.run_session(INIT).code == 0 and kit.run_session(KEYS).code == 0
    kit.sell(1000)
    assert kit.run_session(USER).code == 0
    assert (kit.state.balance_fen, kit.state.count, kit.get_esam_wallet()) == (1000, 1, (1000, 1))


def test_a_meter_in_use_is_given_its_keys_back_with_its_credit(kit: MeterKit) -> None:
    assert kit.run_session(KEYS).code == 0
    kit.sell(1000)
    assert kit.run_session(USER).code == 0
    make_restore(kit)
    assert (kit.run_session(RESTORE).code, kit.run_session(KEYS).code) == (0, 0)
    assert (kit.state.balance_fen, kit.state.count, kit.get_esam_wallet()) == (1000, 1, (1000, 1))
    assert INIT_DATA.meter_no == kit.state.meter_no


def test_a_tariff_without_a_price_is_none(kit: MeterKit) -> None:
    """Zeros over the rates keep a tariff's sum where the price's bytes are 80 00.

    The sum alone would give electricity away.
    """
    kit.make_init(OTHER_INIT, issue.InitData(INIT_DATA.meter_no, 100, 50, 50, 0, 0, [0]))
    assert kit.run_session(OTHER_INIT).code == 14
    assert kit.run_session(INIT).code == 0 and kit.state.price_e4 == PRICE_E4
