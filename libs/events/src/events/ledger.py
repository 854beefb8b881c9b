"""The Merkle tree over a log (RFC 6962): roots, inclusion proofs and consistency proofs. Pure.

Leaf data are the 32 raw bytes of an event's `hash`; the index of a leaf is the event's sequence - 1. A root vouches for all events up to
its size; a path proves, offline, that one event is among them. Signed roots are made by `events.checkpoints`; its names can be had here.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from events.checkpoints import Checkpoint, Signer, checkpoint_body, checkpoint_origin

__all__ = [
    "EMPTY_ROOT",
    "Checkpoint",
    "Frontier",
    "Signer",
    "checkpoint_body",
    "checkpoint_origin",
    "consistency_path",
    "inclusion_path",
    "inclusion_paths",
    "leaf_hash",
    "verify_consistency",
    "verify_inclusion",
]

EMPTY_ROOT = sha256().digest()
_HASH_BYTES = 32

Span = tuple[int, int]
"""Leaves from the first number up to, but not with, the second."""


def leaf_hash(hash_hex: str) -> bytes:
    """Return the leaf of an event whose `hash` is given in hex: SHA-256(0x00 ‖ its raw bytes)."""
    return sha256(b"\x00" + bytes.fromhex(hash_hex)).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: the roots of its perfect subtrees, the largest first. `size` counts the leaves.

    Appending costs two hashes on average, and the whole of it is at most 64 hashes however large the tree.
    """

    __slots__ = ("_roots", "size")

    def __init__(self) -> None:
        self.size = 0
        self._roots: list[bytes] = []

    @classmethod
    def load(cls, size: int, blob: bytes) -> "Frontier":
        """Return the frontier that `dump` wrote at that size. Raises ValueError when the bytes cannot belong to it."""
        if size < 0 or len(blob) != size.bit_count() * _HASH_BYTES:
            raise ValueError(f"{len(blob)} bytes are not the frontier of a tree of {size} leaves.")
        frontier = cls()
        frontier.size = size
        frontier._roots = [blob[at : at + _HASH_BYTES] for at in range(0, len(blob), _HASH_BYTES)]
        return frontier

    def dump(self) -> bytes:
        """Return the roots of the perfect subtrees, largest first, 32 bytes each."""
        return b"".join(self._roots)

    def append(self, leaf: bytes) -> None:
        """Add a leaf, as `leaf_hash` gives it, at the right."""
        roots, size = self._roots, self.size
        while size & 1:  # as in binary counting: two subtrees of one size become the next larger
            leaf = sha256(b"\x01" + roots.pop() + leaf).digest()
            size >>= 1
        roots.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the tree's root hash."""
        return joined(self._roots)


def joined(roots: Sequence[bytes]) -> bytes:
    """Return the root over adjacent perfect subtrees, the largest first."""
    if not roots:
        return EMPTY_ROOT
    root = roots[-1]
    for left in reversed(roots[:-1]):
        root = _node(left, root)
    return root


# Proofs: first which subtrees a proof names (as spans of leaves), then their hashes, for any number of proofs in one pass over the leaves.


def inclusion_path(leaves: Iterable[bytes], index: int, size: int) -> list[str]:
    """Return the path, from leaf to root in hex, that proves leaf `index` to be in the tree of the first `size` leaves.

    Raises IndexError if the index is not in the tree, ValueError if there are fewer leaves than `size`.
    """
    return inclusion_paths(leaves, [index], size)[index]


def inclusion_paths(leaves: Iterable[bytes], indexes: Iterable[int], size: int) -> dict[int, list[str]]:
    """Return `inclusion_path` for each index, in one pass; memory grows with the paths, not with the leaves."""
    spans = {index: inclusion_spans(index, size) for index in indexes}
    hashes = _hashes_of(leaves, {span for path in spans.values() for span in path}, size)
    return {index: [hashes[span].hex() for span in path] for index, path in spans.items()}


def consistency_path(leaves: Iterable[bytes], old: int, new: int) -> list[str]:
    """Return the path, in hex, that proves the tree of `old` leaves to be the beginning of that of `new` leaves (RFC 6962, 2.1.2).

    Raises IndexError unless 0 < old <= new, ValueError if there are fewer leaves than `new`.
    """
    if not 0 < old <= new:
        raise IndexError(f"There is no proof from {old} to {new} leaves.")
    spans = consistency_spans(old, (0, new), whole=True)
    hashes = _hashes_of(leaves, set(spans), new)
    return [hashes[span].hex() for span in spans]


def _split(span: Span) -> int:
    """Return where RFC 6962 divides a span of two or more leaves: the left part is the largest power of two below its length."""
    start, end = span
    return start + (1 << (end - start - 1).bit_length() - 1)


def inclusion_spans(index: int, size: int) -> list[Span]:
    """Return what an inclusion proof names, from leaf to root. Raises IndexError if the index is not in the tree."""
    if not 0 <= index < size:
        raise IndexError(f"Leaf {index} is not in a tree of {size} leaves.")
    spans: list[Span] = []
    start, end = 0, size
    while end - start > 1:
        middle = _split((start, end))
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(old: int, span: Span, *, whole: bool) -> list[Span]:
    """SUBPROOF of RFC 6962, 2.1.2; `whole` says that the old tree's part of the span is the root that the verifier knows already."""
    start, end = span
    if old == end:
        return [] if whole else [span]
    middle = _split(span)
    if old <= middle:
        return [*consistency_spans(old, (start, middle), whole=whole), (middle, end)]
    return [*consistency_spans(old, (middle, end), whole=False), (start, middle)]


def perfect_spans(span: Span) -> list[Span]:
    """Return the perfect subtrees that a span of a tree consists of, the largest first."""
    start, end = span
    parts: list[Span] = []
    while start < end:
        width = 1 << (end - start).bit_length() - 1
        parts.append((start, start + width))
        start += width
    return parts


def _hashes_of(leaves: Iterable[bytes], spans: set[Span], size: int) -> dict[Span, bytes]:
    parts = {span: perfect_spans(span) for span in spans}
    found = perfect_hashes(leaves, {part for of_span in parts.values() for part in of_span}, size)
    return {span: joined([found[part] for part in of_span]) for span, of_span in parts.items()}


def perfect_hashes(leaves: Iterable[bytes], wanted: set[Span], size: int) -> dict[Span, bytes]:
    """Return the roots of these perfect subtrees, in one pass over the first `size` leaves. Raises ValueError if there are fewer."""
    found: dict[Span, bytes] = {}
    roots: list[bytes] = []
    count = 0
    for node in leaves:
        if count == size:
            break
        count += 1
        root, width = node, 1
        while True:
            if (count - width, count) in wanted:
                found[count - width, count] = root
            if count & width:
                break  # no perfect subtree of this width stands to the left and waits
            root, width = _node(roots.pop(), root), width << 1
        roots.append(root)
    if count < size:
        raise ValueError(f"There are {count} leaves, not {size}.")
    return found


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[str], root: bytes) -> bool:
    """Tell whether `path` leads from the leaf at `index` to the root of a tree of `size` leaves (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    try:
        spans = inclusion_spans(index, size)
        if len(spans) != len(path):
            return False
        result = leaf
        for (start, _), step in zip(spans, path, strict=True):
            sibling = _raw(step)
            result = _node(sibling, result) if start < index else _node(result, sibling)
    except ValueError:
        return False
    return result == root


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[str]) -> bool:
    """Tell whether `path` proves the tree of `old` leaves to be the beginning of that of `new` leaves (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= new:
        return False
    spans = consistency_spans(old, (0, new), whole=True)
    if len(spans) != len(path):
        return False
    try:
        hashes = dict(zip(spans, map(_raw, path), strict=True))
    except ValueError:
        return False
    return _known(old, (0, new), hashes, old_root, whole=True) == (old_root, new_root)


def _known(old: int, span: Span, hashes: dict[Span, bytes], old_root: bytes, *, whole: bool) -> tuple[bytes, bytes]:
    """Return the roots that a proof gives to the old and to the new tree's part of a span."""
    start, end = span
    if old == end:
        root = old_root if whole else hashes[span]
        return root, root
    middle = _split(span)
    if old <= middle:
        before, after = _known(old, (start, middle), hashes, old_root, whole=whole)
        return before, _node(after, hashes[middle, end])
    before, after = _known(old, (middle, end), hashes, old_root, whole=False)
    left = hashes[start, middle]
    return _node(left, before), _node(left, after)


def _raw(text: str) -> bytes:
    """Return the 32 bytes of a hash in lower-case hex. Raises ValueError for anything else."""
    raw = bytes.fromhex(text)
    if raw.hex() != text or len(raw) != _HASH_BYTES:
        raise ValueError("Not a hash in hex.")
    return raw
