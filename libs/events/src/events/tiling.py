"""Proofs over a tree whose leaves lie in tiles: what a proof names is found by reading a few tiles and not the log. Pure.

A tile is 256 leaf hashes side by side, the level 0 of https://c2sp.org/tlog-tiles, and its root stands for them in everything above. A path
in a tree of a million leaves comes from four thousand roots and the one tile that the leaf lies in.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol

from events.ledger import EMPTY_ROOT, Span, consistency_spans, inclusion_spans, joined, perfect_hashes, perfect_spans

TILE = 256
"""Leaves in a tile."""


class Tiles(Protocol):
    """Where the leaves are. Tiles are numbered from 0; the last may hold less than 256 leaves."""

    def roots(self, count: int) -> Iterable[bytes]:
        """Return the roots of the first `count` tiles, all of which are full, in order."""

    def leaves(self, number: int, count: int) -> Sequence[bytes]:
        """Return the first `count` leaves of a tile; fewer when there are not so many."""


def root(tiles: Tiles, size: int) -> bytes:
    """Return the root of the tree of the first `size` leaves. Raises ValueError if there are fewer."""
    return _hashes(tiles, {(0, size)})[0, size] if size else EMPTY_ROOT


def inclusion_paths(tiles: Tiles, indexes: Iterable[int], size: int) -> dict[int, list[str]]:
    """Return `ledger.inclusion_path` for each index. Raises as that does."""
    spans = {index: inclusion_spans(index, size) for index in indexes}
    hashes = _hashes(tiles, {span for path in spans.values() for span in path})
    return {index: [hashes[span].hex() for span in path] for index, path in spans.items()}


def consistency_path(tiles: Tiles, old: int, new: int) -> list[str]:
    """Return `ledger.consistency_path`. Raises as that does."""
    if not 0 < old <= new:
        raise IndexError(f"There is no proof from {old} to {new} leaves.")
    spans = consistency_spans(old, (0, new), whole=True)
    hashes = _hashes(tiles, set(spans))
    return [hashes[span].hex() for span in spans]


def _hashes(tiles: Tiles, spans: set[Span]) -> dict[Span, bytes]:
    parts = {span: perfect_spans(span) for span in spans}
    found = _perfect(tiles, {part for of_span in parts.values() for part in of_span})
    return {span: joined([found[part] for part in of_span]) for span, of_span in parts.items()}


def _perfect(tiles: Tiles, wanted: set[Span]) -> dict[Span, bytes]:
    """Return the roots of perfect subtrees: the large ones consist of whole tiles, each small one lies within one tile."""
    found: dict[Span, bytes] = {}
    large: set[Span] = set()
    small: dict[int, set[Span]] = defaultdict(set)
    for start, end in wanted:
        if end - start >= TILE:
            large.add((start // TILE, end // TILE))
        else:
            first = start // TILE * TILE
            small[start // TILE].add((start - first, end - first))
    if large:
        count = max(end for _, end in large)
        for (start, end), node in perfect_hashes(tiles.roots(count), large, count).items():
            found[start * TILE, end * TILE] = node
    for number, some in small.items():
        count, first = max(end for _, end in some), number * TILE
        for (start, end), node in perfect_hashes(tiles.leaves(number, count), some, count).items():
            found[first + start, first + end] = node
    return found
