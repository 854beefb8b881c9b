from hypothesis import given as for_all
from hypothesis import strategies as st

from tickets.search import question, words_of


def test_words_are_joined_and_the_last_one_is_a_prefix() -> None:
    assert question("printer second flo") == '{title body} : ("printer" AND "second" AND "flo" *)'


def test_a_persons_search_meets_only_their_own_tickets() -> None:
    assert question("printer", "0193-ab") == '{title body} : ("printer" *) AND requester : "0193-ab"'


def test_what_has_no_word_in_it_asks_nothing() -> None:
    assert [question(typed) for typed in ("", "  ", '"', "-", "^*()", "…", "🔥", "\u2764\ufe0f")] == [None] * 8


def test_operators_are_words_and_punctuation_only_parts_them() -> None:
    assert words_of('"AND" a-b NEAR( title:x o\'clock c_d') == ["AND", "a", "b", "NEAR", "title", "x", "o", "clock", "c", "d"]


@for_all(st.text(max_size=300))
def test_whatever_is_typed_every_word_stands_in_quotes_and_none_has_one(typed: str) -> None:
    asked = question(typed)
    assert asked is None or asked.count('"') == 2 * len(words_of(typed))
    assert not any('"' in word or " " in word for word in words_of(typed))
