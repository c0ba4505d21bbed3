"""ESAM and journal are kept in step, and no fen is lost, with bits flipped on the ESAM's line.

Two bits flipped in one character keep its parity right, so that neither UART nor chip notices.
"""

from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

import cards_kit
from dianka.bench.models.contacts import T0Socket
from dianka.bench.models.fram import ADDRESS, SIZE, Mb85rc256v
from dianka.card_port import make_command, send
from dianka.cardos.files import card_files
from dianka.cardos.state import make_key_info
from dianka.desk import issue
from dianka.desk.sell import sell
from line_rig import LineRig
from meter_kit import CUSTOMER_NO, METER_NO, USER, MeterKit, S, dip, exact, in_use

PAIRS = [1 << one | 1 << other for one, other in combinations(range(8), 2)]
# Header, procedure byte, data or answer, status.
READ_CHARACTERS, DEBIT_CHARACTERS = 5 + 1 + 16 + 2, 5 + 1 + 8 + 2
AMOUNT_AT = READ_CHARACTERS + 5 + 1  # in a settle
BOUGHT_FEN, LEFT_FEN, LOST_FEN, PURCHASE_FEN = 50_000, 49_997, 0x6000, 1_000
CREDIT_HEADER = bytes.fromhex("8432010C0C")


def alike(byte: int, mask: int) -> dict[int, int]:
    """Masks that flip a byte of the amount and its inverse alike: the ESAM can't tell."""
    return {AMOUNT_AT + byte: mask, AMOUNT_AT + 4 + byte: mask}


class Garbler:
    """Flips bits on an ESAM's line: `masks` by a character's number, counted from now on."""

    def __init__(self, socket: T0Socket, masks: dict[int, int] | None = None) -> None:
        self.passed = 0
        self.struck: list[tuple[str, int]] = []  # direction and value of what was flipped
        self._masks = masks or {}
        socket.tamper = self._pass

    def _pass(self, way: str, _index: int, value: int) -> int:
        mask = self._masks.get(self.passed, 0)
        self.passed += 1
        if mask:
            self.struck.append((way, value))
        return value ^ mask


# ****** The settlement alone, on its ESAM and memory ******


class Books:
    """An ESAM with 500.00 yuan, a journal that has charged 0.03 of them, a purchase of 10.00."""

    def __init__(self) -> None:
        control = cards_kit.control_card()
        self.chip, self._card = cards_kit.private_esam(control), cards_kit.user_card(control)
        sell(control, self._card, BOUGHT_FEN)
        assert cards_kit.use_in_meter(self.chip, self._card)
        sell(control, self._card, PURCHASE_FEN)
        cards_kit.open_card(self._card)
        self._kept = self.chip.state.copy()
        self.rig = LineRig()
        self.rig.socket.put(self.chip)
        parts = self.rig.parts
        parts.mcu.get_i2c_bus(0).devices[ADDRESS] = Mb85rc256v()
        memory = parts.module("fram").Fram(parts.machine().I2C(0))
        self.refused = parts.module("esam").EsamError
        self.esam = parts.module("esam").Esam(self.rig.channel)
        self.lines: list[str] = []
        self.store = parts.module("state_store").StateStore(memory, self.lines.append)
        self.purchases: list[tuple[int, int, int, bool]] = []
        self.restored: list[tuple[int, int]] = []
        self.settlement = parts.module("settlement").Settlement(
            self.esam,
            self.store,
            lambda *noted: self.purchases.append(noted),
            lambda *noted: self.restored.append(noted),
            self.lines.append,
        )

    @property
    def state(self) -> Any:
        return self.store.state

    @property
    def money(self) -> tuple[int, int, int, int]:
        """In fen: the ESAM's wallet; the journal's balance, all that was bought, difference."""
        state = self.state
        wallet_fen, _ = cards_kit.wallet(self.chip)
        return wallet_fen, state.balance_fen, state.bought_fen, state.difference_fen

    @property
    def counts(self) -> tuple[int, int]:
        return cards_kit.wallet(self.chip)[1], self.state.count

    def begin(self) -> None:
        """Everything as it was at first, and ESAM and journal compared."""
        self.rig.socket.tamper = None
        self.chip.state = self._kept.copy()
        records = self.rig.parts.module("state")
        state = self.store.state = records.State()
        state.meter_no, state.customer_no = cards_kit.METER_NO, cards_kit.CUSTOMER_NO
        state.balance_fen, state.bought_fen, state.count = LEFT_FEN, BOUGHT_FEN, 1
        state.flags = records.INITIALISED | records.OPENED
        self.store.commit()
        self.restart()

    def restart(self) -> None:
        """As after a cut: the memory is read, the ESAM started and compared, the card put in."""
        self.rig.socket.tamper = None
        assert self.store.take((self.store.scan(0), self.store.scan(1)))
        self.settlement.compare_again()
        self.rig.parts.run(self.settlement.start())
        order = self.rig.parts.run(self.esam.get_challenge(4)) + CREDIT_HEADER
        self._block = send(self._card, make_command("04B08200", order), "seal")

    def done(self, step: Any) -> bool:
        """Whether this step of the firmware ended without an EsamError."""
        try:
            self.rig.parts.run(step)
        except self.refused:
            return False
        return True

    def settle(self) -> bool:
        return self.done(self.settlement.settle())

    def take_purchase(self) -> bool:
        return self.done(self.settlement.credit(self._block, PURCHASE_FEN, 2))

    def credit(self) -> bool:
        """The purchase, with the commit that its session ends with."""
        credited = self.take_purchase()
        if credited:
            self.store.commit()
        return credited


Step = Callable[[Books], bool]


@pytest.fixture(scope="module")
def books() -> Books:
    return Books()


def cases(books: Books, step: Step) -> Iterator[tuple[int, int]]:
    """(character, bits) of this step: in the DEBIT every pair of bits, else each seventh.

    The step begins anew for each.
    """
    books.begin()
    count = Garbler(books.rig.socket)
    assert step(books)
    assert count.passed >= 2 * READ_CHARACTERS + DEBIT_CHARACTERS
    for at in range(count.passed):
        in_debit = READ_CHARACTERS <= at < READ_CHARACTERS + DEBIT_CHARACTERS
        for mask in PAIRS if in_debit else PAIRS[at % 7 :: 7]:
            books.begin()
            yield at, mask


@pytest.mark.slow
def test_two_bits_of_any_character_of_a_settle_cost_nothing(books: Books) -> None:
    for at, mask in cases(books, Books.settle):
        garbler = Garbler(books.rig.socket, {at: mask})
        books.settle()
        case = at, mask, garbler.struck
        assert garbler.struck, case
        assert books.money[0] in (BOUGHT_FEN, LEFT_FEN), case
        books.restart()
        assert books.settle(), case
        assert books.money == (LEFT_FEN, LEFT_FEN, BOUGHT_FEN, 0), case


@pytest.mark.slow
def test_two_bits_of_any_character_of_a_credit_cost_nothing(books: Books) -> None:
    total_fen, all_fen = LEFT_FEN + PURCHASE_FEN, BOUGHT_FEN + PURCHASE_FEN
    for at, mask in cases(books, Books.credit):
        garbler = Garbler(books.rig.socket, {at: mask})
        credited = books.credit()
        case = at, mask, garbler.struck
        assert garbler.struck, case
        books.restart()
        if credited or books.counts != (1, 1):
            assert (books.counts, books.state.bought_fen) == ((2, 2), all_fen), case
        else:
            assert books.state.bought_fen == BOUGHT_FEN, case
            assert books.credit(), case  # the card is put in again
        assert books.settle(), case
        assert books.money == (total_fen, total_fen, all_fen, 0), case


def lose(books: Books, step: Step) -> None:
    """The DEBIT of this step takes 245.76 yuan too much."""
    books.begin()
    Garbler(books.rig.socket, alike(2, 0x60))
    assert step(books)
    books.rig.socket.tamper = None


def test_what_a_settle_has_lost_is_kept_and_logged_once(books: Books) -> None:
    books.lines.clear()
    lose(books, Books.settle)
    for _ in range(3):
        assert books.money == (LEFT_FEN - LOST_FEN, LEFT_FEN, BOUGHT_FEN, -LOST_FEN)
        books.restart()
        assert books.settle()
    said = f"ESAM's wallet lacks {LOST_FEN} fen; the journal's balance stands"
    assert books.lines == [said]


def test_what_the_debit_of_a_credit_has_lost_is_kept(books: Books) -> None:
    total_fen = LEFT_FEN + PURCHASE_FEN
    lose(books, Books.credit)
    for _ in range(2):
        found = books.money
        assert found == (total_fen - LOST_FEN, total_fen, BOUGHT_FEN + PURCHASE_FEN, -LOST_FEN)
        assert books.counts == (2, 2)
        books.restart()


def test_a_cut_after_such_a_credit_keeps_purchase_and_difference(books: Books) -> None:
    """The journal has the intent alone: the start completes the credit and finds the difference."""
    lose(books, Books.take_purchase)
    books.restart()
    assert books.counts == (2, 2)
    assert books.money[2:] == (BOUGHT_FEN + PURCHASE_FEN, -LOST_FEN)


def test_a_debit_that_the_esam_does_not_carry_out_is_noticed(books: Books) -> None:
    """It answers 9000 and takes nothing: no purchase on top of that, and nothing is lost."""
    process = books.chip.process

    def lazy(apdu: bytes) -> tuple[bytes, int]:
        return (b"", 0x9000) if apdu.startswith(b"\x80\x30") else process(apdu)

    for step in (Books.settle, Books.credit):
        books.begin()
        books.chip.process = lazy  # type: ignore[method-assign]
        assert not step(books)
        books.chip.process = process  # type: ignore[method-assign]
        books.restart()
        assert books.money == (BOUGHT_FEN, LEFT_FEN, BOUGHT_FEN, 0) and books.counts == (1, 1)


@pytest.mark.parametrize(("name", "value"), [("meter_no", 99), ("flags", 0)])
def test_a_journal_of_no_such_meter_takes_the_esams_word(
    books: Books, name: str, value: int
) -> None:
    books.begin()
    books.state.balance_fen, books.state.bought_fen = 90_000, 95_000
    setattr(books.state, name, value)
    books.store.commit()
    # With private keys a meter that is not set up has lost its memory, which is another case.
    books.chip.state.files[card_files.ESAM_KEY_INFO] = make_key_info(card_files.KEYS_PUBLIC)
    books.restart()
    assert books.money == (BOUGHT_FEN, BOUGHT_FEN, 55_000, 0)


# ****** Other plain bytes between controller and ESAM ******

RESTORED = (
    "meter_no",
    "customer_no",
    "alarm1_fen",
    "alarm2_fen",
    "overdraft_limit_fen",
    "hoard_limit_fen",
    "close_above_fen",
)


def restore(books: Books, masks: dict[int, int]) -> dict[str, int] | None:
    """What a meter that has lost its memory gets from its ESAM; None if it refuses."""
    books.store.state = books.rig.parts.module("state").State()
    books.rig.parts.run(books.esam.start())
    Garbler(books.rig.socket, masks)
    done = books.done(books.settlement._restore_parameters())
    books.rig.socket.tamper = None
    return {name: getattr(books.state, name) for name in RESTORED} if done else None


def test_no_garbled_parameter_is_restored(books: Books) -> None:
    """Numbers, alarms and limits have no sum in the ESAM: they are read twice."""
    books.begin()
    right, refused = restore(books, {}), 0
    assert right and right["meter_no"] == cards_kit.METER_NO
    assert right["alarm1_fen"] and right["overdraft_limit_fen"]
    for at in range(0, 2 * (39 + 8) + 2 * (12 + 8), 3):
        found = restore(books, {at: PAIRS[at % len(PAIRS)]})
        assert found in (right, None), at
        refused += found is None
    assert refused > 20


def test_no_garbled_run_info_is_sealed_as_a_receipt(books: Books) -> None:
    """It goes to the ESAM in plain; the desk takes balance and count from it."""
    books.begin()
    framed = card_files.frame(card_files.CMD_WRITE_BACK, bytes(range(43)))
    refused = 0
    for at in range(5 + 1 + len(framed) + 2):
        for mask in PAIRS[at % 7 :: 14]:
            books.restart()
            Garbler(books.rig.socket, {at: mask})
            try:
                sealed = books.rig.parts.run(books.esam.seal_receipt(framed, bytes(4), bytes(8)))
            except books.refused:
                refused += 1
                continue
            assert sealed[:-4] == framed, (at, mask)
    assert refused >= 2 * len(framed)


# ****** The whole meter ******

DEAR_E4 = 999_999
DEAR = (
    issue.InitData(METER_NO, 100, 50, 50, 0, 0, [DEAR_E4]),
    issue.UserData(METER_NO, CUSTOMER_NO, 100, 50, [DEAR_E4]),
)


def use_down_to(kit: MeterKit, balance_fen: int, load_mw: int) -> None:
    kit.rig.set_load(load_mw)
    while kit.state.balance_fen > balance_fen:
        kit.wait(1 * S)
    kit.rig.set_load(0)
    kit.wait(1 * S)


def garbled_dip(kit: MeterKit, masks: dict[int, int]) -> None:
    """The mains dips, and bits of the settle flip."""
    garbler = Garbler(kit.rig.bench.esam, masks)
    dip(kit)
    kit.rig.bench.esam.tamper = None
    assert len(garbler.struck) == len(masks)


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    """A meter with 500.00 yuan, 0.03 of which were used since the ESAM was settled."""
    kit = MeterKit.new(tmp_path)
    in_use(kit, BOUGHT_FEN)
    use_down_to(kit, LEFT_FEN, 4_400_000)
    yield kit
    kit.close()


def money(kit: MeterKit) -> tuple[int, int, int, int]:
    """As `Books.money`."""
    state = kit.state
    return kit.get_esam_wallet()[0], state.balance_fen, state.bought_fen, state.difference_fen


def test_a_garbled_amount_at_a_mains_dip_costs_nothing(kit: MeterKit) -> None:
    """3 fen are to be debited, 24,579 as the ESAM would hear them."""
    garbled_dip(kit, {AMOUNT_AT + 2: 0x60})
    assert money(kit) == (BOUGHT_FEN, LEFT_FEN, BOUGHT_FEN, 0)
    kit.rig.cut_power()
    kit.restart()
    dip(kit)
    assert money(kit) == (LEFT_FEN, LEFT_FEN, BOUGHT_FEN, 0)
    assert "Err-03" not in kit.watch_display(15 * S)
    exact(kit)


def test_a_memory_that_is_blank_too_takes_the_esams_word(kit: MeterKit) -> None:
    garbled_dip(kit, alike(2, 0x60))
    assert money(kit) == (LEFT_FEN - LOST_FEN, LEFT_FEN, BOUGHT_FEN, -LOST_FEN)
    kit.rig.cut_power()
    kit.rig.bench.fram.load(bytes(SIZE))
    kit.restart()
    kit.wait(5 * S)
    assert (kit.state.balance_fen, kit.state.difference_fen) == (LEFT_FEN - LOST_FEN, 0)


def test_a_difference_shows_until_it_is_used_up_and_stops_no_purchase(tmp_path: Path) -> None:
    kit = MeterKit.new(tmp_path, *DEAR)
    in_use(kit, 5000)
    use_down_to(kit, 4950, 400_000)
    garbled_dip(kit, alike(2, 0x03))
    left_fen, lost_fen = kit.state.balance_fen, 0x300
    assert money(kit) == (left_fen - lost_fen, left_fen, 5000, -lost_fen) and kit.relay_closed
    assert "Err-03" in kit.watch_display(15 * S)

    kit.sell(1000)
    kit.ledger.bought_fen += 1000
    assert kit.run_session(USER).code == 0
    assert money(kit) == (left_fen + 1000 - lost_fen, left_fen + 1000, 6000, -lost_fen)
    assert kit.on_card().write_back["balance_fen"] == left_fen + 1000
    kit.rig.cut_power()
    kit.restart()
    assert "Err-03" in kit.watch_display(15 * S) and kit.state.difference_fen == -lost_fen

    use_down_to(kit, kit.get_esam_wallet()[0] - 10, 4_400_000)
    dip(kit)
    assert kit.state.difference_fen == 0 and "Err-03" not in kit.watch_display(15 * S)
    assert any("agree again" in line for line in kit.lines)
    exact(kit)
    kit.close()
