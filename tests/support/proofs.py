"""Proof files written by hand, and the verifier that stands in the documents."""

import importlib.util
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

from events.checkpoints import Signer
from events.cosignatures import Cosigner
from events.ledger import inclusion_paths, leaf_hash
from tests.support.logs import SIGNER, Log

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_proof.py"
WITNESSES = tuple(Cosigner(bytes([number]) * 32, f"ste-{name}") for number, name in enumerate(("auth", "escalator"), 1))
NAMESAKE = Cosigner(bytes([9]) * 32, "ste-escalator")
"""Whoever makes a key of a witness's name."""
SEEN_AT = 1_795_000_000
"""When the witnesses saw it, in seconds since 1970."""


def proof(
    subject: str = "ticket/2", size: int = 21, signers: Sequence[Signer] = (SIGNER,), witnesses: Sequence[Cosigner] = WITNESSES
) -> dict[str, Any]:
    """Return the proof file of one ticket out of three, over a log of `size` events; each signer handed over to the next."""
    log = Log()
    for number in range(1, size + 1):
        log.add(f"ticket/{number % 3}", personal={"body": f"“{number}”"} if number % 2 else None)
    log.sign(signers[-1])
    note = log.notes[-1][1]
    body = note.partition("\n\n")[0] + "\n"
    mine = [stored for stored in log.events if stored.subject == subject]
    paths = inclusion_paths([leaf_hash(stored.hash) for stored in log.events], [stored.sequence - 1 for stored in mine], size)
    return {
        "checkpoint": note + "".join(witness.cosign(body, SEEN_AT) for witness in witnesses),
        "keys": [signers[0].public_key, *(witness.public_key for witness in witnesses)],
        "rotations": [old.hand_over_to(new) for old, new in pairwise(signers)],
        "events": [
            {"event": json.loads(stored.wire()), "index": stored.sequence - 1, "path": paths[stored.sequence - 1]} for stored in mine
        ],
    }


def script() -> ModuleType:
    """Return the verifier of the documents as a module."""
    spec = importlib.util.spec_from_file_location("verify_proof", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
