"""What differs between two texts, word by word."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.diffs import Part, between, shown

TEXTS = st.lists(st.sampled_from(["one", "two", "two", "three", "\n", "  ", "ünï", "<b>"]), max_size=40).map(" ".join)


def without(kind: str, parts: list[Part]) -> str:
    return "".join(part.text for part in parts if part.kind != kind)


@given(before=TEXTS, after=TEXTS)
def test_the_parts_are_both_texts(before: str, after: str) -> None:
    parts = between(before, after)
    assert without("new", parts) == before
    assert without("gone", parts) == after
    assert all(part.text for part in parts)
    assert all(one.kind != other.kind for one, other in pairwise(parts))


def test_a_word_in_the_middle_is_found() -> None:
    assert between("the red lamp blinks", "the green lamp blinks") == [
        Part("same", "the"),
        Part("gone", " red"),
        Part("new", " green"),
        Part("same", " lamp blinks"),
    ]


def test_equal_texts_have_one_part_and_empty_ones_none() -> None:
    assert between("as it was", "as it was") == [Part("same", "as it was")]
    assert between("", "") == []
    assert between("", "new") == [Part("new", "new")]


def test_two_long_texts_with_nothing_in_common_take_no_time() -> None:
    before, after = " ".join(map(str, range(4_000))), " ".join(map(str, range(4_000, 8_000)))
    began = time.process_time()
    parts = shown(between(before, after))
    assert time.process_time() - began < 1
    assert [part.kind for part in parts] == ["gone", "left_out", "new", "left_out"]
    assert sum(len(part.text) for part in parts) < 3_000


def test_texts_with_little_in_common_stand_one_after_the_other() -> None:
    before, after = "alpha is the first of them all", "omega comes last, and the rest lies between"
    assert between(before, after) == [Part("gone", before), Part("new", after)]


SLOW = {
    "the same word again and again": ("a " * 1_000, "a x " * 500),
    "in another order": ("a b " * 500, "b c a " * 333),
    "as long as is compared": ("q " + "a " * 198, "z " + "a x " * 99),
    "marks": ("a." * 1_000, ".a," * 660),
}


@pytest.mark.parametrize(("before", "after"), SLOW.values(), ids=SLOW)
def test_no_two_texts_keep_a_page_waiting(before: str, after: str) -> None:
    began = time.process_time()
    between(before, after)
    assert time.process_time() - began < 1


def test_long_stretches_without_a_change_are_left_out() -> None:
    many = "word " * 500
    parts = shown(between(f"{many}old {many}", f"{many}new {many}"))
    assert [part.kind for part in parts] == ["left_out", "same", "gone", "new", "same", "left_out"]
    assert parts[0].text.endswith(" words")
    assert sum(len(part.text) for part in parts) < 300


@given(before=TEXTS, after=TEXTS)
def test_whatever_is_left_out_every_short_change_is_shown(before: str, after: str) -> None:
    parts = between(before, after)
    assert [part for part in shown(parts) if part.kind in ("gone", "new")] == [part for part in parts if part.kind in ("gone", "new")]
