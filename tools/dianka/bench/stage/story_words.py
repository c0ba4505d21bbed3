"""Takes the words of one line of a story from left to right, and refuses wrong ones in one line.

Numbers become integers of the finest unit that the bench knows; a finer number is refused, never
rounded.
"""

import re

TIME_US = {"ms": 1_000, "s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000}
POWER_MW = {"W": 1_000, "kW": 1_000_000}

_TOKEN = re.compile(r'\s+|#.*|"(?P<text>[^"]*)"|(?P<word>[^\s"#][^\s"]*)|(?P<bad>.)')
_NUMBER = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,18}))?")  # more digits than any quantity has


class StoryError(Exception):
    """An error in a story, in one line: file, line number, the wrong words, and the right ones."""


class Words:
    """The words of one line; `where` (file and line) begins each refusal."""

    def __init__(self, line: str, where: str) -> None:
        self.where = where
        self._tokens: list[tuple[str, bool]] = []  # (word or text, was it quoted)
        self._next = 0
        for match in _TOKEN.finditer(line):
            if match["bad"]:
                raise StoryError(
                    f"{where}: a quotation mark is not closed: close it on the same line"
                )
            if match["text"] is not None:
                self._tokens.append((match["text"], True))
            elif match["word"]:
                self._tokens.append((match["word"], False))

    def __str__(self) -> str:
        return " ".join(f'"{word}"' if quoted else word for word, quoted in self._tokens)

    @property
    def at_end(self) -> bool:
        return self._next == len(self._tokens)

    def take_if_next(self, *sequence: str) -> bool:
        """Take these words if they come next. Return False, and take none, if they do not."""
        coming = self._tokens[self._next : self._next + len(sequence)]
        if coming != [(word, False) for word in sequence]:
            return False
        self._next += len(sequence)
        return True

    def take(self, *choices: str) -> str:
        """Take the next word, which must be one of these. StoryError if it is not."""
        for choice in choices:
            if self.take_if_next(choice):
                return choice
        raise self.make_refusal(join_choices(choices))

    def take_word(self, expected: str) -> str:
        return self._take_token(expected, quoted=False)

    def take_quoted(self) -> str:
        return self._take_token('a text in "quotation marks"', quoted=True)

    def take_number(self, expected: str, scale: int) -> int:
        """Take a decimal number; return it times `scale`, as an exact integer."""
        at = self._next
        return self._scale_exactly(at, self._take_numeral(expected), scale, expected)

    def take_amount(self, expected: str, units: dict[str, int]) -> int:
        """Take a decimal number and its unit; return an exact integer of the finest unit."""
        at = self._next
        numeral = self._take_numeral(expected)
        return self._scale_exactly(at, numeral, units[self.take(*units)], expected)

    def refuse_rest(self) -> None:
        if not self.at_end:
            raise self.make_refusal("nothing more on this line")

    def make_refusal(self, expected: str) -> StoryError:
        """Return the error that refuses the next word."""
        if self.at_end:
            return StoryError(f"{self.where}: the line ends too early: expected {expected}")
        word, quoted = self._tokens[self._next]
        shown = f'the text "{word}"' if quoted else f'"{word}"'
        return StoryError(f"{self.where}: {shown} is not understood here: expected {expected}")

    def _take_token(self, expected: str, quoted: bool) -> str:
        if self.at_end or self._tokens[self._next][1] != quoted:
            raise self.make_refusal(expected)
        self._next += 1
        return self._tokens[self._next - 1][0]

    def _take_numeral(self, expected: str) -> tuple[int, int]:
        """Take a number; return (all digits as one number, how many of them are decimals)."""
        match = _NUMBER.fullmatch(self.take_word(expected))
        if not match:
            self._next -= 1
            raise self.make_refusal(expected)
        return int(match[1] + (match[2] or "")), len(match[2] or "")

    def _scale_exactly(self, at: int, numeral: tuple[int, int], scale: int, expected: str) -> int:
        value, rest = divmod(numeral[0] * scale, 10 ** numeral[1])
        if rest:
            self._next = at
            raise self.make_refusal(f"{expected}, with fewer decimals")
        return value


def join_choices(choices: tuple[str, ...]) -> str:
    """Return the choices as a person lists them: a, b or c."""
    return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"
