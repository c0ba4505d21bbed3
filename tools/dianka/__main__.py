"""Start `dianka`, and handle Ctrl-C from the first import on.

Ctrl-C during the imports prints one line; in a sale it is never without a message.
"""

import sys

from dianka import INTERRUPTED


def main() -> None:
    """Run the command line; exit with code 130 if Ctrl-C interrupts the imports."""
    try:
        if sys.argv[1:2] == ["sell"]:
            from dianka.desk.interrupts import held

            # Held until the process ends: the sale itself says whether the money is to be kept.
            held.__enter__()
        from dianka import cli
    except KeyboardInterrupt:
        sys.stderr.write(f"{INTERRUPTED}\n")
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()
