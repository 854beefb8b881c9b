"""Logs as they show themselves to a witness, written by hand; and what somebody makes of one who rewrites it with all that there is."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from events.checkpoints import Signer
from events.ledger import consistency_path, inclusion_path, leaf_hash
from tests.support.logs import SIGNER, SOURCE, Log


def log_of(count: int, *, rewritten: int | None = None, origin: str | None = None) -> Log:
    """Return a log of so many events; from the event `rewritten` on it is another history, as good as the first in itself."""
    log = Log() if origin is None else Log(origin=origin)
    for number in range(1, count + 1):
        log.add(f"ticket/{number % 3}", data={"n": number, "forged": number == rewritten})
    return log


def restored(log: Log, kept: int, origin: str, *, told: int | None = None, more: int = 0) -> Log:
    """Return the log as a restore leaves it: what it `kept`, the event that says so (or that it kept `told`), and `more` events since."""
    new = Log(origin=log.origin)
    for stored in log.events[:kept]:
        new.add(stored.subject, stored.type, json.loads(stored.data), origin=stored.origin)
    new.origin = origin
    cut = kept if told is None else told
    new.add("store/tickets", "store.restored", {"origin_before": log.origin, "cut": cut})
    for number in range(more):
        new.add("ticket/7", data={"since": number})
    return new


def shown(log: Log, *, since: int = 0, leaf: int = 0, size: int | None = None, signers: Sequence[Signer] = (SIGNER,)) -> dict[str, Any]:
    """Return what the owner of a log shows of its first `size` events, signed anew, to a witness who asks for these proofs."""
    size = len(log.events) if size is None else size
    leaves = [leaf_hash(stored.hash) for stored in log.events[:size]]
    signed = Log(origin=log.origin)
    for at in leaves:
        signed.frontier.append(at)
    signed.events = log.events[:size]
    signed.sign(signers[-1])
    restores = [stored for stored in log.events[:size] if stored.type == "store.restored"]
    return {
        "source": SOURCE,
        "first": signers[0].public_key,
        "rotations": [old.hand_over_to(new) for old, new in pairwise(signers)],
        "note": signed.notes[-1][1] if size else None,
        "consistency": consistency_path(leaves, since, size) if 0 < since <= size else [],
        "inclusion": inclusion_path(leaves, leaf - 1, size) if 0 < leaf <= size else [],
        "restores": [{"wire": each.wire().decode(), "path": inclusion_path(leaves, each.sequence - 1, size)} for each in restores],
        "cosigned": [],
    }
