"""A part of a Merkle tree (RFC 6962): the perfect subtrees over a run of leaves that may begin anywhere. Pure.

Who walks a log in parts makes one forest of each and joins them; who passes over some leaves adds the subtree that stands for them. A
forest that begins at the first leaf is the frontier of the tree (`events.ledger.Frontier`), and has its root.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

_EMPTY_ROOT = sha256().digest()

Node = tuple[int, bytes]
"""A perfect subtree: how many leaves it has, a power of two, and its hash."""


class Forest:
    """The subtrees over the leaves from `first` up to, but not with, `end`: as few as there can be, each where the whole tree has one."""

    __slots__ = ("_nodes", "end", "first")

    def __init__(self, first: int = 0, nodes: Iterable[Node] = ()) -> None:
        self.first = self.end = first
        self._nodes: list[Node] = []
        for width, node in nodes:
            self.add(width, node)

    @property
    def nodes(self) -> Sequence[Node]:
        """The subtrees, from left to right."""
        return self._nodes

    def add(self, width: int, node: bytes) -> None:
        """Add a subtree of `width` leaves at the right. Raises ValueError where the whole tree has none of that width."""
        if width < 1 or width & (width - 1) or self.end % width:
            raise ValueError(f"There is no perfect subtree of {width} leaves at leaf {self.end}.")
        self.end += width
        while self._nodes and self._nodes[-1][0] == width and self.end % (2 * width) == 0:
            node = sha256(b"\x01" + self._nodes.pop()[1] + node).digest()
            width *= 2
        self._nodes.append((width, node))

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add leaves, as `events.ledger.leaf_hash` gives them, at the right: each of the largest subtrees is made level by level."""
        at = 0
        while at < len(leaves):
            width = largest_at(self.end, len(leaves) - at)
            nodes = leaves[at : at + width]
            while len(nodes) > 1:
                nodes = [sha256(b"\x01" + left + right).digest() for left, right in zip(nodes[::2], nodes[1::2], strict=True)]
            self.add(width, nodes[0])
            at += width

    def join(self, other: "Forest") -> None:
        """Add all of a forest that begins where this one ends. Raises ValueError for another."""
        if other.first != self.end:
            raise ValueError(f"A forest that begins at leaf {other.first} does not follow one that ends at {self.end}.")
        for width, node in other.nodes:
            self.add(width, node)

    def root(self) -> bytes:
        """Return the root of the tree of all leaves up to `end`. Raises ValueError when the first of them are not there."""
        if self.first:
            raise ValueError("The beginning of the tree is missing.")
        if not self._nodes:
            return _EMPTY_ROOT
        *rest, (_, root) = self._nodes
        for _, left in reversed(rest):
            root = sha256(b"\x01" + left + root).digest()
        return root

    def dump(self) -> bytes:
        """Return the hashes of the subtrees, 32 bytes each; of a whole tree that is what `Frontier.dump` gives."""
        return b"".join(node for _, node in self._nodes)


def largest_at(leaf: int, most: int) -> int:
    """Return how many leaves the largest perfect subtree has that begins at `leaf` and has at most `most`, which is 1 or more."""
    fits = 1 << most.bit_length() - 1
    return min(leaf & -leaf, fits) if leaf else fits
