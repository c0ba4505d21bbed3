"""Money as people read it: whole fen inside, yuan at the edge.

HIGHEST_FEN is the most that cards and displays can hold.
"""

HIGHEST_FEN = 99_999_999


def yuan(fen: int) -> str:
    """Return an amount in fen as yuan with two decimals."""
    return f"{fen // 100}.{fen % 100:02d}"


def signed_yuan(fen: int) -> str:
    """Return an amount in fen, which may be below zero, as yuan with two decimals."""
    return f"-{yuan(-fen)}" if fen < 0 else yuan(fen)
