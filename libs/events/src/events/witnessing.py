"""What a witness makes of what a log shows it: whether all that it saw before is still so. Pure.

A witness keeps the largest checkpoint that it has accepted of a log, and an event that it consumed. Each time it looks, the log must show a
checkpoint signed by the key that was pinned at the first look (or by one that followed from it), prove that the tree seen before is the
beginning of the new one, and prove that the consumed event stands in it. Of a history that a recorded restore made shorter it is judged
whether all that the restore says it kept is still there; whether it may have been made shorter is not judged here (`events.witness`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from events.checkpoints import Checkpoint, checkpoint_origin, keyring, verify_note
from events.envelope import StoredEvent, from_wire
from events.ledger import leaf_hash, verify_consistency, verify_inclusion

RESTORED = "store.restored"


class Rewritten(Exception):
    """The log is not the one that was witnessed. `note` is what it signed instead, when it signed anything."""

    def __init__(self, reason: str, note: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.note = note


@dataclass(frozen=True, slots=True)
class Tree:
    """The first `size` events of a log, and their root."""

    size: int
    root: bytes


NOTHING = Tree(0, b"")


@dataclass(frozen=True, slots=True)
class Seen:
    """An event that was consumed and is still to be found in a signed tree; sequence 0: there is none."""

    sequence: int = 0
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a witness knows of `source` ("/tickets"): the pinned verifier key ("" before the first look), the store's origin, the tree."""

    source: str
    key: str = ""
    origin: str = ""
    tree: Tree = NOTHING
    seen: Seen = Seen()


@dataclass(frozen=True, slots=True)
class Offer:
    """What a log shows: its keys, its newest checkpoint (None: none yet), and proofs for what it was asked.

    `consistency` leads from the tree that was asked for, `inclusion` from the event; empty where the checkpoint is not over so many events.
    `restores` are the events that record restores, each with its path.
    """

    first: str
    rotations: Sequence[str]
    note: str | None
    consistency: Sequence[str]
    inclusion: Sequence[str]
    restores: Sequence[tuple[StoredEvent, Sequence[str]]]

    @classmethod
    def of(cls, shown: Mapping[str, Any]) -> "Offer":
        """Return what was shown as JSON. Raises Rewritten when it has not this form: whoever signs must be able to say what."""
        try:
            restores = [(from_wire(each["wire"].encode()), _path(each["path"])) for each in shown["restores"]]
            return cls(
                first=_text(shown["first"]),
                rotations=[_text(record) for record in shown["rotations"]],
                note=None if shown["note"] is None else _text(shown["note"]),
                consistency=_path(shown["consistency"]),
                inclusion=_path(shown["inclusion"]),
                restores=restores,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Rewritten(f"What it shows is not what a log shows: {error}") from error


@dataclass(frozen=True, slots=True)
class Accepted:
    """A checkpoint that follows from all that was seen. `kept` is the least that recorded restores kept since; None: there was none."""

    key: str
    origin: str
    tree: Tree
    note: str
    body: str
    kept: int | None


@dataclass(frozen=True, slots=True)
class Cut:
    """A restore cut off some of what was witnessed; from its first `kept` events on the log is to be compared again."""

    kept: int


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is none.")
    return value


def _path(value: Any) -> list[str]:
    """Return a path, empty where none was asked for or could be given."""
    return [_text(step) for step in value or ()]


def examine(memory: Memory, offer: Offer, base: Tree | None = None) -> Accepted | Cut | None:
    """Judge what a log shows. Raises Rewritten when it contradicts what was seen.

    None: it has no checkpoint yet. After a Cut it is asked anew, with `base`: the largest tree witnessed that the restore kept, or NOTHING.
    """
    keys = _trusted(memory, offer)
    if offer.note is None:
        if memory.tree.size:
            raise Rewritten(f"It shows no checkpoint any more, and one over {memory.tree.size} events was witnessed.")
        return None
    body, checkpoint, origin = _opened(memory, offer.note, keys)
    tree = Tree(checkpoint.size, checkpoint.root)
    kept = _kept(memory, offer, checkpoint, origin)
    if base is None:
        base = memory.tree
        if kept is not None and kept < base.size:
            return Cut(kept)
    _follows(base, tree, offer)
    _holds(memory.seen, tree, offer, kept)
    return Accepted(memory.key or keys[-1], origin, tree, offer.note, body, kept)


def _trusted(memory: Memory, offer: Offer) -> list[str]:
    """Return the keys that may have signed: the pinned one and its successors."""
    try:
        keys = keyring(offer.first, offer.rotations)
    except (ValueError, TypeError, AttributeError) as error:
        raise Rewritten(f"Its keys do not follow from one another. {error}") from error
    if not memory.key:
        return keys
    if memory.key not in keys:
        raise Rewritten(f"It is signed by {keys[-1]}; the key that was pinned is {memory.key}, and no record tells of a change.")
    return keys[keys.index(memory.key) :]


def _opened(memory: Memory, note: str, keys: Sequence[str]) -> tuple[str, Checkpoint, str]:
    """Return the text of a checkpoint, what it says, and the store's origin."""
    try:
        body = verify_note(note, keys)
        checkpoint = Checkpoint.parse(body)
    except ValueError as error:
        raise Rewritten(f"Its checkpoint is not valid. {error}", note) from error
    origin = checkpoint.origin.rpartition("/")[2]
    if checkpoint.origin != checkpoint_origin(memory.source, origin):
        raise Rewritten(f"Its checkpoint is that of another log, {checkpoint.origin}.", note)
    return body, checkpoint, origin


def _kept(memory: Memory, offer: Offer, checkpoint: Checkpoint, origin: str) -> int | None:
    """Return the least that the restores kept which lead from the origin that was witnessed to today's; None: it is still that origin."""
    if not memory.origin or origin == memory.origin:
        return None
    at, kept = memory.origin, checkpoint.size
    for restored, path in offer.restores:
        told = orjson.loads(restored.data)
        if at == origin or restored.type != RESTORED or told.get("origin_before") != at:
            continue
        if told.get("cut") != restored.sequence - 1 or restored.source != memory.source or not _stands(restored, path, checkpoint):
            break
        at, kept = restored.origin, min(kept, told["cut"])
    if at != origin:
        raise Rewritten(f"It is another store now, {origin} instead of {memory.origin}, and no signed restore tells why.", offer.note)
    return kept


def _stands(stored: StoredEvent, path: Sequence[str], checkpoint: Checkpoint) -> bool:
    return verify_inclusion(leaf_hash(stored.hash), stored.sequence - 1, checkpoint.size, path, checkpoint.root)


def _follows(base: Tree, tree: Tree, offer: Offer) -> None:
    """Raise Rewritten unless the tree begins with the one that was seen."""
    if not base.size:
        return
    if tree.size < base.size:
        raise Rewritten(f"It vouches for {tree.size} events only; a checkpoint over {base.size} was witnessed.", offer.note)
    if not verify_consistency(base.size, base.root, tree.size, tree.root, offer.consistency):
        raise Rewritten(f"Its signed tree of {tree.size} events does not begin with the {base.size} that were witnessed.", offer.note)


def _holds(seen: Seen, tree: Tree, offer: Offer, kept: int | None) -> None:
    """Raise Rewritten unless the event that was consumed stands in the tree, as far as that reaches and no restore cut it off."""
    if not 0 < seen.sequence <= tree.size or (kept is not None and seen.sequence > kept):
        return
    if not verify_inclusion(leaf_hash(seen.hash), seen.sequence - 1, tree.size, offer.inclusion, tree.root):
        raise Rewritten(f"Event {seen.sequence} as it was consumed does not stand in its signed tree of {tree.size} events.", offer.note)
