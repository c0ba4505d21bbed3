"""The mains path and the supplies, for the second wiring picture.

Owns which parts are on the mains, which lie across the border and which are safe. HLW8032: pins and
circuit are those of its user manual (REV 1.5 and, with the shunt in L, REV 1.3, figure 4): GND is
the line end of the shunt. The boards' own supply pins are in parts.py.
"""

from dataclasses import dataclass

from dianka.wiring.parts import PictureBoard

A, A2, B, C, N = "A", "A2", "B", "C", "N"
LIVE5 = "+5 V on A"
# Nodes that only a part on the mains may be connected to.
LIVE = frozenset((A, A2, B, C, N, LIVE5, "TX", "PF", "open"))
PATH = ("fuse F1, 16 A gG", A, "shunt, 1 milliohm", B, "relay's contact", C)
BREAKER = "breaker, 30 mA"


@dataclass(frozen=True)
class Lead:
    """A wire from a part's `pin` to the node called `node`; `between` is what lies in it."""

    pin: str
    node: str
    between: str = ""


@dataclass(frozen=True)
class Block:
    """A part with its leads."""

    name: str
    where: str  # "mains", "border" or "safe"
    left: tuple[Lead, ...]
    right: tuple[Lead, ...] = ()


NOTES = (
    (
        "Mains voltage kills: README.md first. What has the same name is joined. A, B, "
        "C and N are points of the mains path; A2 is"
    ),
    (
        "A behind fuse F2. All above and left of the dashed line is live, A too; "
        "only the parts that lie across it may cross it."
    ),
    (
        '"x; y to A": x lies in the wire, y leads from the pin to A, as the 10 uF do. '
        "The 4 x 470 k lie in a row. A and B of IP,"
    ),
    (
        "IN and GND are wires of their own from the shunt's sense terminals. H11AA1: "
        "pin 6 stays open. ULN2803A: COM to 12 V."
    ),
    (
        "Not drawn: 100 nF at each supply pin; the capacitors that the supplies' datasheets ask "
        "for; the load's protective earth,"
    ),
    "which passes the meter uncut. How the supply and USB go together: README.md.",
)

_SENSE = "H11AA1"


def _list_live_blocks() -> tuple[Block, ...]:
    """Return the parts that are on the mains as a whole."""
    return (
        Block(
            "fuse F2, 1 A slow", "mains", (Lead("in", A),), (Lead("out", A2, "MOV-10D561K to N"),)
        ),
        Block(
            "HLK-PM01",
            "mains",
            (Lead("AC", A2), Lead("AC", N)),
            (Lead("+Vo", LIVE5), Lead("-Vo", A)),
        ),
        Block(
            "HLW8032",
            "mains",
            (
                Lead("VDD (1)", LIVE5, "10 uF, 100 nF to A"),
                Lead("IP (2)", A, "1 k; 33 nF to A"),
                Lead("IN (3)", B, "1 k; 33 nF to A"),
                Lead("VP (4)", N, "4 x 470 k; 1 k, 33 nF to A"),
                Lead("GND (5)", A),
            ),
            (Lead("TX (6)", "TX"), Lead("PF (7)", "PF"), Lead("RX (8)", "open")),
        ),
    )


def _list_border_blocks(pin: dict[str, str]) -> tuple[Block, ...]:
    """Return the parts that lie across the border.

    `pin` gives the board's name for each of board.py's pins.
    """
    return (
        Block(
            "ISO7720DW",
            "border",
            (
                Lead("INA", "TX"),
                Lead("INB", "PF"),
                Lead("VCC1", LIVE5, "100 nF to A"),
                Lead("GND1", A),
            ),
            (
                Lead("OUTA", pin["METERING_RX"]),
                Lead("OUTB", pin["PULSE"]),
                Lead("VCC2", "3.3 V", "100 nF to GND"),
                Lead("GND2", "GND"),
            ),
        ),
        _make_sense(A2, pin["POWER_FAIL"], "100 k, 220 nF to GND"),
        _make_sense(C, pin["RELAY_FEEDBACK"], "100 k, 1 uF to GND"),
        Block(
            "latching relay",
            "border",
            (Lead("contact", B), Lead("contact", C)),
            (
                Lead("set coil", pin["RELAY_CLOSE"], "ULN2803A"),
                Lead("reset coil", pin["RELAY_OPEN"], "ULN2803A"),
                Lead("both coils", "12 V"),
            ),
        ),
        Block(
            "HLK-5M12",
            "border",
            (Lead("AC", A2), Lead("AC", N)),
            (Lead("+Vo", "12 V", "6800 uF to GND"), Lead("-Vo", "GND")),
        ),
    )


def _make_sense(live: str, pin: str, filtered: str) -> Block:
    """Return an H11AA1 that senses the mains at `live`."""
    return Block(
        _SENSE,
        "border",
        (Lead("1", live, "68 k"), Lead("2", N, "68 k")),
        (Lead("5", "3.3 V"), Lead("4", pin, filtered)),
    )


def _list_safe_blocks(board: PictureBoard) -> tuple[Block, ...]:
    """Return the parts that are safe to touch."""
    supply = board.supply
    return (
        Block(
            "R-78E5.0-0.5",
            "safe",
            (Lead("in", "12 V"), Lead("GND", "GND")),
            (Lead("out", "5 V, for TM1638 and 74AHCT125 too"),),
        ),
        Block(
            board.chip,
            "safe",
            (
                Lead(supply.power, "5 V", "1N5819, its ring (cathode) at the board"),
                Lead(supply.ground, "GND"),
            ),
            (
                Lead(supply.logic, "3.3 V, for all other parts"),
                Lead(supply.usb, "nothing but the USB cable"),
            ),
        ),
    )


def list_blocks(board: PictureBoard, pin: dict[str, str]) -> tuple[Block, ...]:
    """Return all parts, from the mains to the safe side."""
    return (*_list_live_blocks(), *_list_border_blocks(pin), *_list_safe_blocks(board))
