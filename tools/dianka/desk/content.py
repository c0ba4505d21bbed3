"""Names, frames and field tables of the files on every kind of chip (docs/cards/files.md).

kinds.py says who may do what with a file; this module says what its bytes mean. The desk shows and
checks cards by it.
"""

from dataclasses import dataclass
from typing import Any

from dianka.cardos import desk_files, keys, kinds
from dianka.cardos.files import card_files, service_files

Record = dict[str, Any]

BY_COMMAND = {
    card_files.CMD_USER: kinds.USER,
    card_files.CMD_CLOSE: kinds.USER,
    card_files.CMD_KEYS: kinds.KEYS,
    card_files.CMD_KEYS_RESTORE: kinds.RESTORE,
    card_files.CMD_INSPECTION: kinds.INSPECTION,
    card_files.CMD_INIT: kinds.INIT,
    card_files.CMD_TEST_CREDIT: kinds.TEST_CREDIT,
    card_files.CMD_TEST_RELAY: kinds.TEST,
    desk_files.CMD_PART: kinds.PART,
}
NAMES = {
    kinds.USER: "user card",
    kinds.INIT: "meter initialisation card",
    kinds.KEYS: "master-key change card",
    kinds.RESTORE: "key restore card",
    kinds.INSPECTION: "inspection card",
    kinds.TEST_CREDIT: "production test card, credit",
    kinds.TEST: "production test card, functions",
    kinds.PART: "backup part card",
    kinds.CONTROL: "system control card",
    kinds.ESAM: "ESAM",
}


@dataclass(frozen=True)
class Content:
    """One file: its name, its fields and the commands that its frame may carry.

    `fields` None stands for a tariff. Empty `frames` stand for a file without a frame. `blank` says
    that the file may be blank. `ended` is what it holds in place of that once an account is closed.
    """

    name: str
    fields: Any = ()
    frames: tuple[int, ...] = ()
    blank: bool = False
    ended: "Content | None" = None

    def unpack(self, block: bytes) -> Record | None:
        """Return the fields, or None if the file is blank.

        Raise ValueError, which says what is wrong, if the file is damaged.
        """
        # A session blanks a framed file by its first byte alone. No session blanks a tariff, so a
        # tariff is blank only if all its bytes are zero.
        by_first = self.frames and self.fields is not None
        if self.blank and not (block[0] if by_first else any(block)):
            return None
        data = block
        if self.ended and block[1:2] in [bytes((command,)) for command in self.ended.frames]:
            size = card_files.size_of(self.ended.fields) + card_files.FRAME_OVERHEAD
            return self.ended.unpack(block[:size])
        if self.frames:
            command, data = card_files.unframe(block)
            if command not in self.frames:
                raise ValueError(f"frame of command {command:02X}")
            if len(data) + card_files.FRAME_OVERHEAD != len(block):
                raise ValueError("the frame is shorter than the file")
        return (
            card_files.unpack_tariff(data)
            if self.fields is None
            else card_files.unpack(self.fields, data)
        )


_WALLET = Content("wallet", card_files.WALLET)
_USES = Content("uses left", (("uses", 4, card_files.BIN),))
_RESULTS = Content("test results", service_files.TEST_RESULT, blank=True)
_BACK = (card_files.CMD_WRITE_BACK, service_files.CMD_READ_BACK)
_STATEMENT = Content("final statement", card_files.STATEMENT, (card_files.CMD_STATEMENT,))
_RUN_INFO = Content("run info", card_files.WRITE_BACK, _BACK, blank=True, ended=_STATEMENT)
_USER_INFO = (card_files.CMD_USER, card_files.CMD_CLOSE)
_KEY_INFO = (card_files.CMD_KEYS, card_files.CMD_KEYS_RESTORE)


def _describe_tariffs(*commands: int, blank: bool = False) -> tuple[Content, Content]:
    return Content("tariff set 1", None, commands, blank), Content(
        "tariff set 2", None, commands, blank
    )


def _describe_key_card(command: int) -> dict[int, Content]:
    return {
        card_files.CARD_INFO: Content("key info", card_files.KEY_INFO, (command,)),
        desk_files.CARD_USES: _USES,
        desk_files.CARD_SERVED: Content("meter served last", desk_files.SERVED),
    }


_USER_TARIFFS = _describe_tariffs(
    card_files.CMD_USER, blank=True
)  # of a replacement made without a price
_INIT_TARIFFS = _describe_tariffs(card_files.CMD_INIT)
_ESAM_TARIFFS = _describe_tariffs(card_files.CMD_USER, card_files.CMD_INIT, blank=True)

CONTENTS: dict[str, dict[int, Content]] = {
    kinds.USER: {
        card_files.CARD_INFO: Content("parameters", card_files.PARAMS, _USER_INFO),
        card_files.CARD_WALLET: _WALLET,
        card_files.CARD_TARIFF_1: _USER_TARIFFS[0],
        card_files.CARD_TARIFF_2: _USER_TARIFFS[1],
        card_files.CARD_WRITE_BACK: Content(
            "write-back", card_files.WRITE_BACK, _BACK, blank=True, ended=_STATEMENT
        ),
        card_files.CARD_ORDER: Content("order", card_files.WALLET),
    },
    kinds.INIT: {
        card_files.CARD_INFO: Content("parameters", card_files.PARAMS, (card_files.CMD_INIT,)),
        card_files.CARD_WALLET: _WALLET,
        card_files.CARD_TARIFF_1: _INIT_TARIFFS[0],
        card_files.CARD_TARIFF_2: _INIT_TARIFFS[1],
        card_files.CARD_LIMITS: Content("limits", card_files.LIMITS, (card_files.CMD_INIT,)),
        card_files.CARD_SUPPLY: Content("supply", card_files.SUPPLY, (card_files.CMD_INIT,)),
    },
    kinds.KEYS: _describe_key_card(card_files.CMD_KEYS),
    kinds.RESTORE: _describe_key_card(card_files.CMD_KEYS_RESTORE),
    kinds.INSPECTION: {
        card_files.CARD_INFO: Content(
            "order", service_files.INSPECTION_ORDER, (card_files.CMD_INSPECTION,)
        ),
        desk_files.INSPECTION_WALLET: _WALLET,
        desk_files.INSPECTION_PARAMS: Content("parameters", card_files.PARAMS),
        desk_files.INSPECTION_KEY_INFO: Content(
            "key info", card_files.KEY_INFO, _KEY_INFO, blank=True
        ),
        desk_files.INSPECTION_LIMITS: Content("limits", card_files.LIMITS),
        desk_files.INSPECTION_RUN_INFO: _RUN_INFO,
        service_files.INSPECTION_TOTALS: Content("totals", service_files.TOTALS, _BACK, blank=True),
        service_files.INSPECTION_EVENTS: Content("events", desk_files.EVENT, blank=True),
        service_files.INSPECTION_LOG: Content("log of events", desk_files.LOG_BLOCK, blank=True),
    },
    kinds.TEST_CREDIT: {
        card_files.CARD_INFO: Content("order", card_files.WALLET, (card_files.CMD_TEST_CREDIT,)),
        desk_files.CARD_USES: _USES,
        desk_files.TEST_RESULTS: _RESULTS,
    },
    kinds.TEST: {
        card_files.CARD_INFO: Content(
            "order", service_files.TEST_ORDER, (card_files.CMD_TEST_RELAY,)
        ),
        desk_files.CARD_USES: _USES,
        desk_files.TEST_RESULTS: _RESULTS,
    },
    kinds.PART: {
        card_files.CARD_INFO: Content("part info", desk_files.PART_INFO, (desk_files.CMD_PART,)),
        keys.PART_FILE: Content("part", desk_files.PART),
    },
    kinds.CONTROL: {
        card_files.CARD_INFO: Content(
            "control info", desk_files.CONTROL_INFO, (card_files.CMD_CONTROL,)
        ),
        desk_files.CARD_USES: Content("backups left", (("uses", 4, card_files.BIN),)),
        desk_files.CONTROL_QUOTA: Content("quota", desk_files.QUOTA),
        desk_files.CONTROL_PIN: Content("PIN", desk_files.PIN),
        desk_files.CONTROL_PARTS: Content("part cards", desk_files.PART_SERIALS, blank=True),
        desk_files.CONTROL_LAST: Content("counted last", desk_files.LAST, blank=True),
    },
    kinds.ESAM: {
        card_files.ESAM_WALLET: _WALLET,
        card_files.ESAM_PARAMS: Content("parameters", card_files.PARAMS),
        card_files.ESAM_TARIFF_1: _ESAM_TARIFFS[0],
        card_files.ESAM_TARIFF_2: _ESAM_TARIFFS[1],
        card_files.ESAM_KEY_INFO: Content("key info", card_files.KEY_INFO, _KEY_INFO),
        card_files.ESAM_RUN_INFO: _RUN_INFO,
        card_files.ESAM_LIMITS: Content("limits", card_files.LIMITS),
        card_files.ESAM_SUPPLY: Content("supply", card_files.SUPPLY),
        card_files.ESAM_MIRROR: Content("mirror of the memory", card_files.MIRROR, blank=True),
    },
}
