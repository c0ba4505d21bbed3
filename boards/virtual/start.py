"""Start the virtual board: connect to the bench, put the overlays in place, boot the firmware.

Called as `micropython start.py MODULE`; the environment names the file number of the stream to the
bench. The module is imported like main.py on a chip, and its end is reported to the bench.
"""

import os
import sys

# This script's folder: MICROPYPATH alone decides what comes first, board, overlay or firmware.
sys.path.pop(0)

import bench_link

bench_link.connect(int(os.getenv("DIANKA_BENCH_FILE")))

import task_queue

sys.modules["_asyncio"] = task_queue


def _boot(name):
    try:
        __import__(name)
    except SystemExit as leaving:
        code = leaving.args[0] if leaving.args else 0
        return code & 255 if isinstance(code, int) else 1
    except BaseException as error:
        sys.print_exception(error, sys.stderr)
        return 1
    return 0


bench_link.end(_boot(sys.argv[1] if len(sys.argv) > 1 else "main"))
