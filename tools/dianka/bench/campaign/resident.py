"""The cards that give a meter its owner: initialisation, key change, and the resident's own.

Also the meters in the states in which the campaign's cards meet them.
"""

from pathlib import Path
from typing import Any

from dianka.bench.campaign.scenes import ESAM_FILES, PARAMETERS, Facts, Scene, collect_facts
from dianka.bench.campaign.trial import USER, S, Trial
from dianka.cardos.files import card_files
from dianka.desk import closing_order, issue

METER_NO, FORMER_NO, CUSTOMER_NO = 12, 7, 34
# 99.9999 yuan per kWh: some fen in a minute, so that there is something to settle.
DEAR_E4 = 999_999
LOAD_MW = 400_000
USES = 3
KEY_USES = 1  # a key card with one use must complete its meter, whatever breaks in between
INIT_DATA = issue.InitData(METER_NO, 100, 50, 50, 0, 0, [DEAR_E4])
FORMER_DATA = issue.InitData(FORMER_NO, 200, 150, 10, 90_000, 20, [4_321])
USER_DATA = issue.UserData(METER_NO, CUSTOMER_NO, 700, 300, [888_888])
INIT, FORMER, KEYS, OTHER = (Path(f"{name}.card") for name in ("init", "former", "keys", "other"))


# ****** Meters in the states in which cards meet them ******


def complete_session(trial: Trial, card: Path) -> None:
    """Put the card in; AssertionError unless the session succeeds."""
    code = trial.run_session(card).code
    assert code == 0, f"{card.stem}: code {code}, {trial.lines[-3:]}"


def initialise_meter(trial: Trial, data: issue.InitData = INIT_DATA, card: Path = INIT) -> None:
    trial.make_init(card, data)
    complete_session(trial, card)


def make_keyed_meter(trial: Trial) -> None:
    """Make a meter that is initialised and has its private keys."""
    trial.switch_mains_on()
    initialise_meter(trial)
    make_keys_card(trial)
    complete_session(trial, KEYS)


def make_keys_card(trial: Trial, card: Path = KEYS) -> None:
    trial.make_keys(card, KEY_USES)


def make_user_card(trial: Trial, card: Path = USER) -> None:
    trial.make_user(card, USER_DATA)


def _prepare_opening(trial: Trial) -> None:
    make_keyed_meter(trial)
    make_user_card(trial)
    trial.sell(307)


def make_meter_in_use(trial: Trial) -> None:
    """Make an account opened with 20 yuan, of which some is used and not settled yet.

    There is no load now, so that only the session changes anything.
    """
    make_keyed_meter(trial)
    make_user_card(trial)
    trial.sell(2000)
    complete_session(trial, USER)
    use_electricity(trial)


def use_electricity(trial: Trial) -> None:
    """Use some electricity, which the ESAM does not know of yet."""
    trial.wait(3 * S)
    trial.rig.set_load(LOAD_MW)
    trial.wait(120 * S)
    trial.rig.set_load(0)
    trial.wait(2 * S)
    trial.rig.cut_power()  # uncommitted energy is lost now, and not in the session
    trial.switch_mains_on()
    state = trial.state
    money_fen = collect_facts(trial, USER)["wallet"][0]
    assert 0 < state.wallet_fen < money_fen and state.remainder, "nothing to settle"


def prepare_purchase(trial: Trial) -> None:
    """Make a meter in use and a card with a purchase of 3.07 yuan for it."""
    make_meter_in_use(trial)
    trial.sell(307)


def _prepare_replacement(trial: Trial) -> None:
    make_meter_in_use(trial)
    trial.make_replacement(OTHER, USER_DATA, 700, 2)


def _prepare_closing(trial: Trial) -> None:
    """Make a meter in use, and an order on its card that ends the account."""
    make_meter_in_use(trial)
    complete_session(trial, USER)  # what was used goes to the card, as before every order
    use_electricity(trial)
    with trial.open(USER) as file:
        closing_order.order_closing(trial.control.chip, file.chip, trial.rng)


def _prepare_initialisation(trial: Trial) -> None:
    """Make a meter that has been another one before.

    Its number and figures must change as a whole.
    """
    trial.switch_mains_on()
    initialise_meter(trial, FORMER_DATA, FORMER)
    trial.make_init(INIT, INIT_DATA)


def _prepare_key_change(trial: Trial) -> None:
    trial.switch_mains_on()
    initialise_meter(trial)
    make_keys_card(trial)


# ****** Proofs: everything works in the end ******


def check_next_purchase(trial: Trial, card: Path = USER) -> None:
    """Check that the desk reads the receipt and sells, and that the meter takes the purchase."""
    before_fen = trial.state.bought_fen
    count = trial.sell(100, card)
    complete_session(trial, card)
    state = trial.state
    assert (state.bought_fen, state.count) == (before_fen + 100, count), (
        "the next purchase is not credited"
    )


def _check_replacement(trial: Trial) -> None:
    assert trial.run_session(USER).code == 13, "the lost card is not refused"
    check_next_purchase(trial, OTHER)


def _check_closing(trial: Trial) -> None:
    """Check that the card's statement is the ESAM's, and that no load gets a watt any more."""
    with trial.open(USER) as file:
        said = closing_order.read_statement(trial.control.chip, file.chip, trial.rng)
    kept = closing_order.unpack_statement(trial.esam.state.files[card_files.ESAM_RUN_INFO])
    assert kept == said, f"the card says {said}, the ESAM {kept}"
    used_fen = trial.compute_used_fen() // 1  # a fen that was begun is not charged
    assert said.amount_fen == said.bought_fen - used_fen, f"{said}, {used_fen} fen used"
    assert not trial.relay_closed, "a closed account has light"


def _check_key_change(trial: Trial) -> None:
    make_keys_card(trial)
    complete_session(trial, KEYS)


def _check_opening(trial: Trial) -> None:
    make_user_card(trial)
    trial.sell(100)
    complete_session(trial, USER)
    assert trial.state.bought_fen == 100, "an account can't be opened with these keys"


# ****** Between old and new ******


def _allow_settled_wallet(old: Facts) -> dict[str, list[Any]]:
    """Allow the ESAM's money at the journal's balance, before the credit."""
    bought_fen, count = old["credit"]
    return {"wallet": [(-(-(bought_fen - old["used"][0]) // 1), count)]}


def _allow_settled_end(old: Facts) -> dict[str, list[Any]]:
    """Allow the ESAM's money at the journal's balance, before the order and after it.

    The account is closed by then, and the next settling brings the wallet to zero.
    """
    settled = _allow_settled_wallet(old)["wallet"]
    return {"wallet": settled + [(fen, count + 1) for fen, count in settled]}


def _allow_former_number(old: Facts) -> dict[str, list[Any]]:
    """Allow a meter with its former number that waits for its initialisation card."""
    return {"number": [(old["number"][0], False)]}


# A meter's number, its parameters and the ESAM's files of them; tariff set 2 is not an
# initialisation card's.
_AS_ONE = ("number", *PARAMETERS, *(name for name in ESAM_FILES if name != "ESAM_TARIFF_2"))
SCENES = (
    Scene("user card: open", USER, _prepare_opening, check_next_purchase),
    Scene(
        "user card: purchase", USER, prepare_purchase, check_next_purchase, _allow_settled_wallet
    ),
    Scene(
        "user card: replacement",
        OTHER,
        _prepare_replacement,
        _check_replacement,
        _allow_settled_wallet,
    ),
    Scene("closing order", USER, _prepare_closing, _check_closing, _allow_settled_end),
    Scene(
        "initialisation",
        INIT,
        _prepare_initialisation,
        _check_key_change,
        _allow_former_number,
        agree=_AS_ONE,
    ),
    Scene("key change", KEYS, _prepare_key_change, _check_opening, refused_after=frozenset({9})),
)
