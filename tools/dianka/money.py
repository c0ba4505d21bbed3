"""Money as people read it: whole fen inside, yuan at the edge, and the most that cards and displays
can hold.
"""

HIGHEST_FEN = 99_999_999


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"
