"""Texts that are made up."""

import random
from collections import Counter

from benchmarks.words import Texts, vocabulary


def test_the_vocabulary_is_the_same_each_time_and_has_no_word_twice() -> None:
    words = vocabulary(500)
    assert words == vocabulary(500)
    assert len(set(words)) == 500


def test_the_same_seed_makes_the_same_texts_and_another_does_not() -> None:
    first, again, other = (Texts(random.Random(seed), vocabulary()) for seed in (1, 1, 2))
    assert (first.title(), first.body()) == (again.title(), again.body()) != (other.title(), other.body())


def test_a_few_words_are_in_most_texts_and_most_words_in_few() -> None:
    words, texts = vocabulary(), Texts(random.Random(3), vocabulary())
    held = Counter(word for _ in range(400) for word in set(texts.body().lower().rstrip(".").split()))
    assert held[words[0]] > 350
    assert held[words[1_500]] < 20
