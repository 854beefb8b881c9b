"""Parts of a tree, joined, are the tree."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.forest import Forest, largest_at
from events.ledger import EMPTY_ROOT, Frontier

LEAVES = [sha256(str(number).encode()).digest() for number in range(300)]


def frontier(size: int) -> Frontier:
    made = Frontier()
    for leaf in LEAVES[:size]:
        made.append(leaf)
    return made


@settings(deadline=None)
@given(st.lists(st.integers(0, 300), max_size=8).map(sorted))
def test_the_forests_of_all_parts_are_the_tree(borders: list[int]) -> None:
    whole = Forest()
    for first, end in zip([0, *borders], [*borders, 300], strict=True):
        part = Forest(first)
        part.extend(LEAVES[first:end])
        assert part.end == end
        whole.join(Forest(first, part.nodes))
    assert (whole.root(), whole.dump()) == (frontier(300).root(), frontier(300).dump())


@settings(deadline=None)
@given(st.integers(0, 300))
def test_leaves_added_together_are_leaves_added_one_by_one(size: int) -> None:
    forest = Forest()
    for leaf in LEAVES[:size]:
        forest.add(1, leaf)
    assert (forest.root(), forest.dump()) == (frontier(size).root(), frontier(size).dump())


@settings(deadline=None)
@given(st.integers(0, 299), st.integers(1, 300))
def test_a_run_of_leaves_has_few_subtrees(first: int, count: int) -> None:
    part = Forest(first)
    part.extend(LEAVES[first : first + count])
    assert len(part.nodes) <= 2 * 9
    at = first
    for width, _ in part.nodes:
        assert at % width == 0
        assert width & (width - 1) == 0
        at += width


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_the_largest_subtree_begins_where_the_tree_has_one_and_is_not_too_large(leaf: int, most: int) -> None:
    width = largest_at(leaf, most)
    assert leaf % width == 0
    assert width <= most
    assert leaf % (2 * width) or 2 * width > most


def test_what_does_not_fit_is_refused() -> None:
    forest = Forest(3)
    for width in (0, -1, 3, 2):
        with pytest.raises(ValueError, match="perfect subtree"):
            forest.add(width, LEAVES[0])
    with pytest.raises(ValueError, match="does not follow"):
        forest.join(Forest(4))
    with pytest.raises(ValueError, match="beginning of the tree"):
        forest.root()
    assert Forest().root() == EMPTY_ROOT
