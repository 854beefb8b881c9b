"""What the lines of an export hold of one source: leaves of its tree, and the ends of its chain. Pure."""

from collections.abc import Sequence
from typing import Any

from events.envelope import ZERO_HASH
from events.forest import Forest


class Run:
    """Some events of one source that follow each other.

    `prevhash` is what the first of them follows from; None where others were passed over before it. `hash` is that of the last, `end` its
    sequence number, and `leaves` are those that are not yet part of the `forest`.
    """

    __slots__ = ("_forest", "end", "hash", "leaves", "prevhash")

    def __init__(self, first: int, prevhash: bytes | None) -> None:
        self.prevhash = prevhash
        self.hash = prevhash or ZERO_HASH.encode()
        self.end = first
        self.leaves: list[bytes] = []
        self._forest = Forest(first)

    @property
    def forest(self) -> Forest:
        """The part of the tree that it is."""
        self._forest.extend(self.leaves)
        self.leaves.clear()
        return self._forest

    def add(self, sequence: int, prevhash: bytes, hash_: bytes, leaf: bytes, passed: Forest | None) -> None:
        """Go on with an event, behind those that were passed over. Raises ValueError when it does not follow."""
        if passed is not None:
            self.forest.join(passed)
        elif prevhash != self.hash or sequence != self.end + 1:
            raise ValueError(f"Event {sequence} does not follow from the one of its source before it.")
        self.leaves.append(leaf)
        self.end, self.hash = sequence, hash_

    def join(self, following: "Run") -> None:
        """Go on with a run that follows this one. Raises ValueError when it does not."""
        if following.prevhash not in (None, self.hash):
            raise ValueError("The chain is broken there.")
        self.forest.join(following.forest)
        self.end, self.hash = following.end, following.hash

    def dump(self) -> list[Any]:
        """Return it as plain values, for `load` in another process."""
        prevhash = None if self.prevhash is None else self.prevhash.decode()
        return [self.forest.first, prevhash, self.hash.decode(), [(width, node.hex()) for width, node in self.forest.nodes]]

    @classmethod
    def load(cls, values: Sequence[Any]) -> "Run":
        """Return what was dumped."""
        first, prevhash, hash_, nodes = values
        run = cls(first, None if prevhash is None else prevhash.encode())
        run.hash, run._forest = hash_.encode(), Forest(first, [(width, bytes.fromhex(node)) for width, node in nodes])
        run.end = run._forest.end
        return run
