"""Where `dianka` begins: Ctrl-C while Python still imports is one line, too, and never silent in a
sale.
"""

import sys

from dianka import INTERRUPTED


def main() -> None:
    if sys.argv[1:2] == ["sell"]:
        from dianka.desk.interrupts import held

        # Until the process ends: a sale says itself whether the money is to be kept.
        held.__enter__()
    try:
        from dianka import cli
    except KeyboardInterrupt:
        sys.stderr.write(f"{INTERRUPTED}\n")
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()
