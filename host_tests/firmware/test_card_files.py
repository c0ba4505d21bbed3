"""The codec of meter and desk: it unpacks what it packed; malformed data raises ValueError only."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dianka.cardos.files import pack_tariff
from parts import Parts

card_files = Parts().module("card_files")
TABLES = {
    name: getattr(card_files, name)
    for name in ("PARAMS", "LIMITS", "WALLET", "WRITE_BACK", "KEY_INFO")
}


def values(size: int, coding: int) -> st.SearchStrategy:
    if coding == card_files.RAW:
        return st.binary(min_size=size, max_size=size)
    high = 100**size - 1 if coding == card_files.BCD else 256**size - 1
    return st.one_of(st.sampled_from((0, 1, high - 1, high)), st.integers(0, high))


@st.composite
def records(draw: st.DrawFn) -> tuple[str, dict]:
    name = draw(st.sampled_from(sorted(TABLES)))
    return name, {field: draw(values(size, coding)) for field, size, coding in TABLES[name]}


def test_bytes_written_out_by_hand() -> None:
    fields = (
        ("money", 2, card_files.BIN),
        ("number", 3, card_files.BCD),
        ("bytes", 2, card_files.RAW),
    )
    record = {"money": 0x1234, "number": 987654, "bytes": b"\xab\xcd"}
    data = bytes.fromhex("1234 987654 abcd")
    assert card_files.size_of(fields) == 7
    assert card_files.pack(fields, record) == data
    assert card_files.unpack(fields, data) == record
    assert card_files.pack(fields, {"number": 5}) == bytes.fromhex("0000 000005 0000")
    framed = bytes.fromhex("68 11 0007 1234 987654 abcd") + bytes((0x38, 0x16))
    assert card_files.frame(0x11, data) == framed
    assert card_files.unframe(framed) == card_files.unframe(framed + b"x") == (0x11, data)
    assert card_files.frame(0, bytes(256)) == b"\x68\0\1\0" + bytes(256) + b"\1\x16"
    assert card_files.with_inverse(b"\x00\x5a\xff") == b"\x00\x5a\xff\xff\xa5\x00"


def test_each_byte_is_two_decimal_digits_or_none() -> None:
    for byte in range(256):
        text = f"{byte:02x}"
        if text.isdecimal():
            assert card_files.from_bcd(bytes((byte,))) == int(text)
        else:
            with pytest.raises(ValueError, match="not BCD"):
                card_files.from_bcd(bytes((byte,)))


@pytest.mark.parametrize("size", [0, 1, 7, 8, 127, 128, 255, 256, 257, 300, 512, 1000, 4096])
def test_a_frame_of_any_length(size: int) -> None:
    data = bytes(at % 251 for at in range(size))
    framed = card_files.frame(1, data)
    assert len(framed) == size + 6 and framed[2:4] == size.to_bytes(2, "big")
    assert card_files.unframe(framed) == (1, data)
    with pytest.raises(ValueError, match="file is cut short"):
        card_files.unframe(framed[:-1] if size else framed[:3] + b"\1" + framed[4:])


@pytest.mark.parametrize(
    ("coding", "value", "said"),
    [
        ("BIN", -1, "field does not fit its field"),
        ("BIN", 0x10000, "field does not fit its field"),
        ("BIN", 0x10001, "field does not fit its field"),
        ("BIN", 1 << 40, "field does not fit its field"),
        ("BCD", -1, "BCD holds no negative number"),
        ("BCD", -2, "BCD holds no negative number"),
        ("BCD", 10_000, "number too long for its BCD field"),
        ("BCD", 10_001, "number too long for its BCD field"),
        ("RAW", b"1", "field has the wrong length"),
        ("RAW", b"123", "field has the wrong length"),
        ("RAW", b"1234", "field has the wrong length"),
    ],
)
def test_what_does_not_fit_is_named(coding: str, value: object, said: str) -> None:
    fields = (("field", 2, getattr(card_files, coding)),)
    with pytest.raises(ValueError, match=f"^{said}$"):
        card_files.pack(fields, {"field": value})


@settings(max_examples=300)
@given(records())
def test_what_is_packed_is_unpacked(drawn: tuple[str, dict]) -> None:
    name, record = drawn
    data = card_files.pack(TABLES[name], record)
    assert len(data) == card_files.size_of(TABLES[name])
    assert card_files.unpack(TABLES[name], data) == record
    assert card_files.unpack(TABLES[name], bytearray(data)) == record
    assert card_files.pack(TABLES[name], {}) == bytes(len(data))


def test_sizes_are_those_of_the_files() -> None:
    sizes = {name: card_files.size_of(table) for name, table in TABLES.items()}
    assert sizes == {"PARAMS": 39, "LIMITS": 12, "WALLET": 8, "WRITE_BACK": 43, "KEY_INFO": 4}
    assert sizes["WRITE_BACK"] + card_files.FRAME_OVERHEAD == card_files.WRITE_BACK_SIZE
    assert len(card_files.frame(1, pack_tariff([5000]))) == 199


def test_offsets_are_those_of_the_reference() -> None:
    record = {"alarm1_fen": 1234, "meter_no": 123456789012, "customer_no": 99, "card_type": 2}
    framed = card_files.frame(card_files.CMD_USER, card_files.pack(card_files.PARAMS, record))
    assert framed[:4].hex() == "68010027"
    assert (framed[16:20].hex(), framed[30:36].hex()) == ("00001234", "123456789012")
    assert (framed[36:42].hex(), framed[42]) == ("000000000099", 2)
    record = {
        "balance_fen": 0x01020304,
        "count": 7,
        "overdraft_fen": 55,
        "illegal_cards": 3,
        "time": 2601020304,
    }
    framed = card_files.frame(
        card_files.CMD_WRITE_BACK, card_files.pack(card_files.WRITE_BACK, record)
    )
    assert framed[:4].hex() == "6811002b"
    assert (framed[23:27].hex(), framed[30], framed[31:35].hex()) == ("01020304", 7, "00000055")
    assert (framed[39:42].hex(), framed[42:47].hex(), framed[48]) == ("000003", "2601020304", 0x16)


@given(records(), st.data())
def test_what_does_not_fit_is_refused(drawn: tuple[str, dict], data: st.DataObject) -> None:
    name, record = drawn
    field, size, coding = data.draw(st.sampled_from(TABLES[name]))
    if coding == card_files.RAW:
        record[field] = bytes(size + data.draw(st.sampled_from((-1, 1) if size > 1 else (1,))))
    else:
        record[field] = data.draw(
            st.sampled_from((-1, (100 if coding == card_files.BCD else 256) ** size))
        )
    with pytest.raises(ValueError):
        card_files.pack(TABLES[name], record)


@given(st.sampled_from(sorted(TABLES)), st.binary(max_size=60))
def test_any_bytes_are_a_record_or_a_value_error(name: str, data: bytes) -> None:
    try:
        record = card_files.unpack(TABLES[name], data)
    except ValueError:
        return
    assert card_files.pack(TABLES[name], record) == data


@given(
    st.integers(1, 12).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, 100**size - 1)))
)
def test_bcd_reads_as_the_decimal_number(drawn: tuple[int, int]) -> None:
    size, value = drawn
    data = card_files.to_bcd(value, size)
    assert data.hex() == str(value).zfill(2 * size)
    assert card_files.from_bcd(data) == value


@given(st.binary(min_size=1, max_size=8))
def test_bcd_takes_decimal_digits_only(data: bytes) -> None:
    if data.hex().isdecimal():
        assert card_files.from_bcd(data) == int(data.hex())
    else:
        with pytest.raises(ValueError, match="not BCD"):
            card_files.from_bcd(data)


@given(st.integers(0, 255), st.binary(max_size=300), st.binary(max_size=10))
def test_frames(command: int, data: bytes, behind: bytes) -> None:
    framed = card_files.frame(command, data)
    assert card_files.unframe(framed + behind) == (command, data)
    for end in range(len(framed)):
        with pytest.raises(ValueError, match="file"):
            card_files.unframe(framed[:end])


@given(st.integers(0, 255), st.binary(max_size=60), st.data())
def test_a_changed_byte_is_noticed(command: int, data: bytes, draw: st.DataObject) -> None:
    framed = bytearray(card_files.frame(command, data))
    # Not the length: another length is another file.
    at = draw.draw(st.sampled_from([at for at in range(len(framed)) if at not in (2, 3)]))
    framed[at] ^= draw.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match="file"):
        card_files.unframe(bytes(framed))


@settings(max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=80), st.binary(max_size=80).map(lambda data: b"\x68\x01\x00" + data)
    )
)
def test_any_bytes_are_a_file_or_a_value_error(block: bytes) -> None:
    try:
        command, data = card_files.unframe(block)
    except ValueError:
        return
    assert block.startswith(card_files.frame(command, data))


def test_blank_is_whatever_does_not_begin_with_68() -> None:
    assert (
        card_files.is_blank(b"") and card_files.is_blank(bytes(49)) and card_files.is_blank(b"\xff")
    )
    assert card_files.is_blank(bytes(48) + b"\x68")
    assert not card_files.is_blank(b"\x68") and not card_files.is_blank(b"\x68" + bytes(48))


@pytest.mark.parametrize(
    ("coding", "size", "value", "why"),
    [
        ("BCD", 2, -1, "BCD holds no negative number"),
        ("BCD", 2, 10_000, "number too long for its BCD field"),
        ("BIN", 2, -1, "thing does not fit its field"),
        ("BIN", 2, 65_536, "thing does not fit its field"),
        ("RAW", 2, b"a", "thing has the wrong length"),
        ("RAW", 2, b"abc", "thing has the wrong length"),
    ],
)
def test_a_refused_field_is_named(coding: str, size: int, value: int | bytes, why: str) -> None:
    fields = (("thing", size, getattr(card_files, coding)),)
    with pytest.raises(ValueError, match=f"^{why}$"):
        card_files.pack(fields, {"thing": value})
    with pytest.raises(ValueError, match=r"^record has the wrong length$"):
        card_files.unpack(fields, bytes(size + 1))


@given(st.lists(st.integers(0, 99_999_999), min_size=1, max_size=12))
def test_tariffs(rates: list[int]) -> None:
    data = pack_tariff(rates)
    assert len(data) == card_files.TARIFF_SIZE
    tariff = card_files.unpack_tariff(data)
    assert tariff["rates_e4"] == rates + [rates[-1]] * (12 - len(rates))
    assert not any(any(numbers) for name, numbers in tariff.items() if name != "rates_e4")
    assert card_files.is_flat(data)


def test_a_tariff_is_flat_if_only_its_rates_say_anything() -> None:
    for at in range(193):
        for byte in (1, 0x10, 0x99):
            data = bytearray(193)
            data[at] = byte
            assert card_files.is_flat(bytes(data)) == (at < 12 * 4), at


@given(st.integers(0, 10 ** (2 * 193) - 1))
def test_a_tariff_set_is_its_numbers_one_after_the_other(digits: int) -> None:
    text = str(digits).zfill(2 * 193)
    tariff = card_files.unpack_tariff(bytes.fromhex(text))
    sizes = [size for _, (count, size) in card_files.TARIFF for _ in range(count)]
    for number in (number for name, _ in card_files.TARIFF for number in tariff[name]):
        word, text = text[: 2 * sizes[0]], text[2 * sizes.pop(0) :]
        assert number == int(word)
    assert not text and not sizes


def test_step_tables_stand_where_the_reference_says() -> None:
    framed = bytearray(card_files.frame(1, pack_tariff([5000])))
    framed[52:56], framed[76:80] = b"\x00\x00\x01\x00", b"\x00\x00\x60\x00"
    framed[104:107], framed[122:124], framed[142:144] = b"\x07\x01\x12", b"\x28\x02", b"\x00\x03"
    tariff = card_files.unpack_tariff(framed[4:197])
    assert tariff["limits"] == [100, 0, 0, 0, 0, 0]
    assert tariff["steps_e4"] == [6000, 0, 0, 0, 0, 0, 0]
    assert tariff["periods"] == [70112, 0, 0, 0, 0, 0]
    assert (tariff["slots"][0], tariff["rest_slots"][0]) == (2802, 3)
    assert not card_files.is_flat(bytes(framed[4:197]))
    assert pack_tariff([5000], tariff) == framed[4:197]


def test_tariffs_that_are_none() -> None:
    for rates in ([], [1] * 13):
        with pytest.raises(ValueError, match="1 to 12"):
            pack_tariff(rates)
    for size in (0, 192, 194):
        with pytest.raises(ValueError, match="length"):
            card_files.unpack_tariff(bytes(size))
    with pytest.raises(ValueError, match="BCD"):
        card_files.unpack_tariff(b"\xff" * 193)
