"""Texts of tickets, made up from a seed: a few words are in most of them, most words in few."""

import random
from collections.abc import Sequence

_SYLLABLES = ("ba", "der", "fo", "gi", "hul", "ka", "lem", "mo", "nir", "pe", "ros", "su", "tav", "vin", "wo", "zel")


def vocabulary(size: int = 2_000) -> list[str]:
    """Return different words of two to four syllables, the same at each call."""
    draw = random.Random(size)
    found: dict[str, None] = {}
    while len(found) < size:
        found["".join(draw.choices(_SYLLABLES, k=draw.randint(2, 4)))] = None
    return list(found)


class Texts:
    """Titles and bodies. The n-th word of the vocabulary is drawn with weight 1/n."""

    def __init__(self, draw: random.Random, words: Sequence[str]) -> None:
        self._draw, self._words = draw, words
        total = 0.0
        self._weights = [total := total + 1 / place for place in range(1, len(words) + 1)]

    def title(self) -> str:
        return self._some(3, 6).capitalize()

    def body(self) -> str:
        return self._some(20, 40).capitalize() + "."

    def _some(self, least: int, most: int) -> str:
        return " ".join(self._draw.choices(self._words, cum_weights=self._weights, k=self._draw.randint(least, most)))
