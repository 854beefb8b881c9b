"""What somebody does who has the disk and the key: rewrites a store so that nothing in it contradicts itself."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from events.checkpoints import Checkpoint, Signer, checkpoint_body
from events.envelope import ZERO_HASH, canonical, chain, digest
from events.ledger import Frontier, leaf_hash
from events.notes import open_note
from events.store import SQLITE

Json = dict[str, Any]


def forge(path: Path, signer: Signer, sequence: int, change: Callable[[Json, Json], None]) -> None:
    """Let `change` alter head and data of one event; make chain, tree, head row and every checkpoint anew, signed by the true key.

    The service must not run. Caches that the service would make anew are thrown away, as a thorough forger would.
    """
    with closing(SQLITE.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("DELETE FROM tiles")
        notes = dict(connection.execute("SELECT size, note FROM checkpoints").fetchall())
        last, frontier = ZERO_HASH, Frontier()
        for at, head, data in connection.execute("SELECT sequence, head, data FROM events ORDER BY sequence").fetchall():
            if at == sequence:
                head, data = _changed(head, data, change)  # noqa: PLW2901 -- it is what stands there from now on
            hash_ = chain(last, head)
            row = {"head": head, "data": data, "datadigest": json.loads(head)["datadigest"], "prevhash": last, "hash": hash_, "at": at}
            connection.execute(
                "UPDATE events SET head = :head, data = :data, datadigest = :datadigest, prevhash = :prevhash, hash = :hash"
                " WHERE sequence = :at",
                row,
            )
            frontier.append(leaf_hash(hash_))
            last = hash_
            if at in notes:
                was = Checkpoint.parse(open_note(notes[at])[0])
                note = signer.sign(checkpoint_body(was.origin, at, frontier.root(), was.time))
                connection.execute("UPDATE checkpoints SET note = ? WHERE size = ?", (note, at))
        connection.execute("UPDATE head SET hash = ?, tree = ?, batch = batch + 1", (last, frontier.dump()))
        connection.execute("COMMIT")


def _changed(head: bytes, data: bytes, change: Callable[[Json, Json], None]) -> tuple[bytes, bytes]:
    attributes, facts = json.loads(head), json.loads(data)
    change(attributes, facts)
    forged = canonical(facts)
    attributes["datadigest"] = digest(forged)
    return canonical(attributes), forged
