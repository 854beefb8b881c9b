"""Checking a proof file offline: what `/api/audit/proof` gives, with nothing but the file and the store's public keys. Pure.

Whoever holds such a file needs neither the desk nor this code: every step is SHA-256 over bytes that stand in the file (RFC 8785 gives them
back from any JSON parser), RFC 6962 and one Ed25519 signature.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from events.checkpoints import Checkpoint, checkpoint_origin, verify_note
from events.envelope import canonical, chain, digest, personal_digest
from events.ledger import leaf_hash, verify_inclusion


def check_proof(document: Mapping[str, Any], public_keys: Iterable[str]) -> Checkpoint:
    """Return the checkpoint of a proof file once everything in it is proved: {"checkpoint": note, "events": [{"event", "index", "path"}]}.

    Proved is that these events are in the signed log, with these data, at these places, and that none of the stream is left out between the
    first and the last of them. Raises ValueError, with a sentence for people, at the first that is not so.
    """
    try:
        checkpoint = Checkpoint.parse(verify_note(document["checkpoint"], public_keys))
        places = [_check_entry(entry, checkpoint) for entry in document["events"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("This is not a proof file.") from error
    if not places:
        raise ValueError("There is no event in it.")
    for (subject, version), (next_subject, next_version) in pairwise(places):
        if (next_subject, next_version) != (subject, version + 1):
            raise ValueError(
                f"Version {version} of {subject} is followed by version {next_version} of {next_subject}: something is left out."
            )
    return checkpoint


def _check_entry(entry: Mapping[str, Any], checkpoint: Checkpoint) -> tuple[str, int]:
    """Check one event and return its place: its subject and its version there."""
    event, index, path = entry["event"], entry["index"], entry["path"]
    head = event["head"]
    name = f"Event {head['sequence']}"
    if chain(event["prevhash"], canonical(head)) != event["hash"]:
        raise ValueError(f"{name}: its hash is not that of its head.")
    if digest(canonical(event["data"])) != head["datadigest"]:
        raise ValueError(f"{name}: its data are not those that were recorded.")
    personal = event["personal"]
    if personal is not None and personal_digest(event["salt"], canonical(personal)) != head.get("personaldigest"):
        raise ValueError(f"{name}: its personal part is not the one that was recorded.")
    if checkpoint_origin(head["source"], checkpoint.origin.rpartition("/")[2]) != checkpoint.origin:
        raise ValueError(f"{name}: the checkpoint is that of another service's log.")
    leaf = leaf_hash(event["hash"])
    if index != head["sequence"] - 1 or not verify_inclusion(leaf, index, checkpoint.size, path, checkpoint.root):
        raise ValueError(f"{name}: its path does not lead to the signed root.")
    return head["subject"], head["streamversion"]
