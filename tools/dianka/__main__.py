"""Where `dianka` begins: Ctrl-C while Python still imports is one line, too, and never silent in a sale."""

import sys

from dianka import INTERRUPTED


def main() -> None:
    if sys.argv[1:2] == ["sell"]:
        from dianka.desk.interrupts import held

        held.__enter__()  # until the process ends: a sale says itself whether the money is to be kept
    try:
        from dianka import cli
    except KeyboardInterrupt:
        sys.stderr.write(f"{INTERRUPTED}\n")
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()
