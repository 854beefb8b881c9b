"""Which passwords may be chosen: 8 to 256 code points, and none that is among the first an attacker tries.

There are no rules of composition (ASVS 5.0.0, 6.2.5). What is common is told by `common_passwords.txt`, a list of our own: whole passwords,
and the words and names that people decorate. A word counts with the decorations that password crackers try first: letters replaced by
look-alikes, a year, a few digits, an exclamation mark. Sequences, keyboard rows and repetitions are recognised, not listed.
"""

import re
import unicodedata
from functools import cache
from importlib.resources import files

SHORTEST, LONGEST = 8, 256
"""Code points."""

_LOOK_ALIKES = tuple(str.maketrans("013457@$!", letters) for letters in ("oleastasi", "oieastasi"))
_DECORATIONS = re.compile(
    r"""[\W_]{0,2}(?:                          # at most two signs before the digits
            \d{0,3}                            # 7, 42, 007
          | (?:19|20)\d\d                      # a year
          | (\d)\1{3,}                         # 7777
          | 1234\d*|12344321|123321|987654\d*|112233\d*|102030|696969
        )[\W_]{0,3}                            # and three after them""",
    re.VERBOSE,
)
_ROWS = ("01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop")
_RUNS = tuple(run for row in _ROWS for run in (row, row[::-1]))
_SHORTEST_WORD = 3
_LONGEST_DECORATION = 16
_LONGEST_ROW = max(map(len, _ROWS))
_SHORTEST_RUN = 3
_LARGEST_UNIT = 4


@cache
def common_words() -> frozenset[str]:
    """Return the list: whole passwords and words, in lower case, at least three letters each."""
    return frozenset(files("auth").joinpath("common_passwords.txt").read_text(encoding="utf-8").split())


def check_password(password: str) -> str:
    """Return `password` as it is. Raises ValueError with a reason, fit to be shown, that does not repeat the password."""
    if len(password) < SHORTEST:
        raise ValueError(f"must have at least {SHORTEST} characters")
    if len(password) > LONGEST:
        raise ValueError(f"must have at most {LONGEST} characters")
    if is_common(password):
        raise ValueError("is one of the passwords that attackers try first")
    return password


def is_common(password: str) -> bool:
    """Whether a password is on the list, a decorated word of it, a run along alphabet, digits or keyboard, or one thing repeated."""
    folded = unicodedata.normalize("NFKC", password).casefold()
    return _is_listed(folded) or _is_listed(folded[::-1]) or _is_made_of_runs(folded) or _repeats(folded)


def _is_listed(folded: str) -> bool:
    """Whether the password is a listed word, with or without decorations."""
    words = common_words()
    ends = range(max(_SHORTEST_WORD, len(folded) - _LONGEST_DECORATION), len(folded) + 1)
    return any(_DECORATIONS.fullmatch(folded, end) and _is_word(folded[:end], words) for end in ends)


def _is_word(text: str, words: frozenset[str]) -> bool:
    return text in words or any(text.translate(table) in words for table in _LOOK_ALIKES)


def _is_made_of_runs(folded: str) -> bool:
    """Whether it falls into pieces of at least three characters, each a run, as in "qwer1234" or "abcd4321"."""
    at = 0
    while at < len(folded):
        length = _run_at(folded, at)
        if length < _SHORTEST_RUN:
            return False
        at += length
    return True


def _run_at(text: str, at: int) -> int:
    """Return the length of the longest run that begins at `at`: of one character, or else along a row."""
    same = next((i for i in range(at, len(text)) if text[i] != text[at]), len(text)) - at
    if same >= _SHORTEST_RUN:
        return same
    longest = min(len(text) - at, _LONGEST_ROW)
    return next((length for length in range(longest, 1, -1) if any(text[at : at + length] in run for run in _RUNS)), 1)


def _repeats(folded: str) -> bool:
    """Whether it is one unit of at most four characters, again and again (the last perhaps cut off), or one listed word twice."""
    half, odd = divmod(len(folded), 2)
    if not odd and folded[:half] == folded[half:] and _is_word(folded[:half], common_words()):
        return True
    return any(folded == (folded[:size] * len(folded))[: len(folded)] for size in range(1, _LARGEST_UNIT + 1))
