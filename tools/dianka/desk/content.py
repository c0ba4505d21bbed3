"""What is in the files of every kind of chip: names, frames and field tables, as docs/card-protocol.md lists them.

kinds.py says who may do what with a file; this page says what its bytes mean. The desk shows and checks cards by it.
"""

from dataclasses import dataclass
from typing import Any

from dianka.cardos import keys, kinds
from dianka.cardos.files import cardfiles, servicefiles

Record = dict[str, Any]

BY_COMMAND = {
    cardfiles.CMD_USER: kinds.USER,
    cardfiles.CMD_KEYS: kinds.KEYS,
    cardfiles.CMD_KEYS_RESTORE: kinds.RESTORE,
    cardfiles.CMD_INSPECTION: kinds.INSPECTION,
    cardfiles.CMD_INIT: kinds.INIT,
    cardfiles.CMD_TEST_CREDIT: kinds.TEST_CREDIT,
    cardfiles.CMD_TEST_RELAY: kinds.TEST,
    servicefiles.CMD_PART: kinds.PART,
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
    """One file. `fields` None is a tariff; a frame is one of these commands. `blank`: may be."""

    name: str
    fields: Any = ()
    frames: tuple[int, ...] = ()
    blank: bool = False

    def read(self, block: bytes) -> Record | None:
        """The fields, None if the file is blank; ValueError says what is wrong with it."""
        # A session blanks a framed file by its first byte alone.
        if self.blank and not (block[0] if self.frames else any(block)):
            return None
        data = block
        if self.frames:
            command, data = cardfiles.unframe(block)
            if command not in self.frames:
                raise ValueError(f"frame of command {command:02X}")
            if len(data) + cardfiles.FRAME_OVERHEAD != len(block):
                raise ValueError("the frame is shorter than the file")
        return cardfiles.unpack_tariff(data) if self.fields is None else cardfiles.unpack(self.fields, data)


_WALLET = Content("wallet", cardfiles.WALLET)
_USES = Content("uses left", (("uses", 4, cardfiles.BIN),))
_RESULTS = Content("test results", servicefiles.TEST_RESULT, blank=True)
_BACK = (cardfiles.CMD_WRITE_BACK, servicefiles.CMD_READ_BACK)
_KEY_INFO = (cardfiles.CMD_KEYS, cardfiles.CMD_KEYS_RESTORE)


def _tariffs(*commands: int, blank: bool = False) -> tuple[Content, Content]:
    return Content("tariff set 1", None, commands, blank), Content("tariff set 2", None, commands, blank)


def _key_card(command: int) -> dict[int, Content]:
    return {
        cardfiles.CARD_INFO: Content("key info", cardfiles.KEY_INFO, (command,)),
        servicefiles.CARD_USES: _USES,
        servicefiles.CARD_SERVED: Content("meter served last", servicefiles.SERVED),
    }


_USER_TARIFFS = _tariffs(cardfiles.CMD_USER)
_INIT_TARIFFS = _tariffs(cardfiles.CMD_INIT)
_ESAM_TARIFFS = _tariffs(cardfiles.CMD_USER, cardfiles.CMD_INIT, blank=True)

CONTENTS: dict[str, dict[int, Content]] = {
    kinds.USER: {
        cardfiles.CARD_INFO: Content("parameters", cardfiles.PARAMS, (cardfiles.CMD_USER,)),
        cardfiles.CARD_WALLET: _WALLET,
        cardfiles.CARD_TARIFF_1: _USER_TARIFFS[0],
        cardfiles.CARD_TARIFF_2: _USER_TARIFFS[1],
        cardfiles.CARD_WRITE_BACK: Content("write-back", cardfiles.WRITE_BACK, _BACK, blank=True),
        servicefiles.CARD_REFUND: Content("refund", cardfiles.WALLET),
    },
    kinds.INIT: {
        cardfiles.CARD_INFO: Content("parameters", cardfiles.PARAMS, (cardfiles.CMD_INIT,)),
        cardfiles.CARD_WALLET: _WALLET,
        cardfiles.CARD_TARIFF_1: _INIT_TARIFFS[0],
        cardfiles.CARD_TARIFF_2: _INIT_TARIFFS[1],
        cardfiles.CARD_LIMITS: Content("limits", cardfiles.LIMITS, (cardfiles.CMD_INIT,)),
    },
    kinds.KEYS: _key_card(cardfiles.CMD_KEYS),
    kinds.RESTORE: _key_card(cardfiles.CMD_KEYS_RESTORE),
    kinds.INSPECTION: {
        cardfiles.CARD_INFO: Content("order", servicefiles.INSPECTION_ORDER, (cardfiles.CMD_INSPECTION,)),
        servicefiles.INSPECTION_WALLET: _WALLET,
        servicefiles.INSPECTION_PARAMS: Content("parameters", cardfiles.PARAMS),
        servicefiles.INSPECTION_KEY_INFO: Content("key info", cardfiles.KEY_INFO, _KEY_INFO, blank=True),
        servicefiles.INSPECTION_LIMITS: Content("limits", cardfiles.LIMITS),
        servicefiles.INSPECTION_RUN_INFO: Content("run info", cardfiles.WRITE_BACK, _BACK, blank=True),
        servicefiles.INSPECTION_TOTALS: Content("totals", servicefiles.TOTALS, _BACK, blank=True),
        servicefiles.INSPECTION_EVENTS: Content("events", servicefiles.EVENT, blank=True),
    },
    kinds.TEST_CREDIT: {
        cardfiles.CARD_INFO: Content("order", cardfiles.WALLET, (cardfiles.CMD_TEST_CREDIT,)),
        servicefiles.CARD_USES: _USES,
        servicefiles.TEST_RESULTS: _RESULTS,
    },
    kinds.TEST: {
        cardfiles.CARD_INFO: Content("order", servicefiles.TEST_ORDER, (cardfiles.CMD_TEST_RELAY,)),
        servicefiles.CARD_USES: _USES,
        servicefiles.TEST_RESULTS: _RESULTS,
    },
    kinds.PART: {
        cardfiles.CARD_INFO: Content("part info", servicefiles.PART_INFO, (servicefiles.CMD_PART,)),
        keys.PART_FILE: Content("part", servicefiles.PART),
    },
    kinds.CONTROL: {
        cardfiles.CARD_INFO: Content("control info", servicefiles.CONTROL_INFO, (servicefiles.CMD_CONTROL,)),
        servicefiles.CARD_USES: Content("backups left", (("uses", 4, cardfiles.BIN),)),
    },
    kinds.ESAM: {
        cardfiles.ESAM_WALLET: _WALLET,
        cardfiles.ESAM_PARAMS: Content("parameters", cardfiles.PARAMS),
        cardfiles.ESAM_TARIFF_1: _ESAM_TARIFFS[0],
        cardfiles.ESAM_TARIFF_2: _ESAM_TARIFFS[1],
        cardfiles.ESAM_KEY_INFO: Content("key info", cardfiles.KEY_INFO, _KEY_INFO),
        cardfiles.ESAM_RUN_INFO: Content("run info", cardfiles.WRITE_BACK, _BACK, blank=True),
        cardfiles.ESAM_LIMITS: Content("limits", cardfiles.LIMITS),
    },
}
