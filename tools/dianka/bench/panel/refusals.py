"""What the panel refuses, as the key of a text in both languages (words.py)."""

LATE = "refuse.late"  # no answer came in time: whether it was done is not known


class Refusal(Exception):
    """The panel can't do what was asked: the key of a text, and its fields."""

    def __init__(self, key: str, **fields: str) -> None:
        super().__init__(key)
        self.key = key
        self.fields = fields

    def __reduce__(self) -> tuple[type, tuple[str], dict[str, dict[str, str]]]:
        return Refusal, (self.key,), {"fields": self.fields}  # between processes
