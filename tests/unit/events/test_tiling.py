"""Proofs by tiles are the very proofs that the whole row of leaves gives."""

from collections.abc import Iterator, Sequence
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events import tiling
from events.ledger import EMPTY_ROOT, Frontier, consistency_path, inclusion_paths, verify_consistency, verify_inclusion
from events.tiles import root_of
from events.tiling import TILE

LEAVES = [sha256(b"%d" % number).digest() for number in range(5 * TILE + 3)]
SIZES = st.one_of(
    st.integers(1, len(LEAVES)),
    st.sampled_from([1, TILE - 1, TILE, TILE + 1, 2 * TILE, 3 * TILE - 1, 3 * TILE, 4 * TILE + 1, len(LEAVES)]),
)


class Row:
    """Leaves in a list, and how many were read of it."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._leaves, self.read = leaves, 0

    def roots(self, count: int) -> Iterator[bytes]:
        return (root_of(self._leaves[number * TILE : (number + 1) * TILE]) for number in range(count))

    def leaves(self, number: int, count: int) -> Sequence[bytes]:
        self.read += count
        return self._leaves[number * TILE : number * TILE + count]


def root(size: int) -> bytes:
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier.append(leaf)
    return frontier.root()


@settings(deadline=None)
@given(SIZES, st.data())
def test_an_inclusion_path_by_tiles_is_the_one_by_leaves(size: int, data: st.DataObject) -> None:
    indexes = data.draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=5))
    found = tiling.inclusion_paths(Row(LEAVES), indexes, size)
    assert found == inclusion_paths(LEAVES, indexes, size)
    assert all(verify_inclusion(LEAVES[index], index, size, path, root(size)) for index, path in found.items())


@settings(deadline=None)
@given(SIZES, SIZES)
def test_a_consistency_path_by_tiles_is_the_one_by_leaves(one: int, other: int) -> None:
    old, new = sorted((one, other))
    path = tiling.consistency_path(Row(LEAVES), old, new)
    assert path == consistency_path(LEAVES, old, new)
    assert verify_consistency(old, root(old), new, root(new), path)


@settings(deadline=None)
@given(SIZES)
def test_the_root_by_tiles_is_that_of_all_leaves(size: int) -> None:
    assert tiling.root(Row(LEAVES), size) == root(size)


def test_the_root_of_nothing_is_that_of_the_empty_tree() -> None:
    assert tiling.root(Row([]), 0) == EMPTY_ROOT


def test_a_path_reads_the_leaves_of_one_tile_and_of_the_ragged_end() -> None:
    row = Row(LEAVES)
    tiling.inclusion_paths(row, [2 * TILE + 7], len(LEAVES))
    assert row.read <= TILE + len(LEAVES) % TILE


@pytest.mark.parametrize(("old", "new"), [(0, 1), (2, 1)])
def test_there_is_no_proof_backwards_or_from_nothing(old: int, new: int) -> None:
    with pytest.raises(IndexError):
        tiling.consistency_path(Row(LEAVES), old, new)


def test_leaves_that_are_missing_are_missed() -> None:
    with pytest.raises(ValueError):
        tiling.root(Row(LEAVES[:10]), 11)
