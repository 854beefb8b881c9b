"""Checking a proof file offline: what `/api/audit/proof` gives, with nothing but the file and, at best, the store's key. Pure.

Whoever holds such a file needs neither the desk nor this code: every step is SHA-256 over bytes that stand in the file (RFC 8785 gives them
back from any JSON parser), RFC 6962 and Ed25519; docs/ledger.md tells how, docs/verify_proof.py does it. There is one way only to write
each thing, and nothing in a file that is not proved: what is unknown, doubled or spelled otherwise is refused.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from events.checkpoints import Checkpoint, checkpoint_origin, keyring, verify_note
from events.cosignatures import Cosignature, check_cosignature
from events.envelope import canonical, chain, digest, personal_digest
from events.ledger import leaf_hash, verify_inclusion
from events.notes import COSIGNATURE, ED25519, Key, open_note

_HEX = re.compile("(?:[0-9a-f]{2})+")
_FILE = {"checkpoint", "keys", "rotations", "events"}
_ENTRY = {"event", "index", "path"}
_MOST_DIGITS = 17
"""And a sign: integers are below 2^53."""
_EVENT = {"head", "data", "personal", "salt", "prevhash", "hash", "traceparent"}


@dataclass(frozen=True, slots=True)
class Proved:
    """What a proof file proves: these `events` of `subject`, from its first on, stand in the log that `key` signed `checkpoint` of.

    `keys` are the store's keys that the file names, the oldest first, and `key` the last of them. `silent` events have a personal part that
    is not in the file: it was left out or erased; its digest is proved. `last` is the time of the last event, as it stands there.
    """

    checkpoint: Checkpoint
    keys: Sequence[str]
    cosignatures: Sequence[Cosignature]
    subject: str
    events: int
    silent: int
    last: str

    @property
    def key(self) -> str:
        """The verifier key that signed the checkpoint."""
        return self.keys[-1]


@dataclass(frozen=True, slots=True)
class _Place:
    subject: str
    version: int
    silent: bool
    time: str


def read_proof(text: bytes | str) -> Any:
    """Return the JSON of a proof file. Raises ValueError for what is none, has a member twice, or a number with a fraction."""
    try:
        return json.loads(text, object_pairs_hook=_members, parse_int=_whole, parse_float=_no_number, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("This is not a proof file: it is nested without end.") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"This is not JSON: what stands in line {error.lineno}, column {error.colno} cannot stand there.") from error
    except UnicodeDecodeError:
        raise ValueError("This is not text in UTF-8.") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("This is not a proof file: something stands in it twice.")
    return members


def _whole(text: str) -> int:
    return int(text) if len(text) <= _MOST_DIGITS else _no_number(text)


def _no_number(text: str) -> Any:
    raise ValueError(f"This is not a proof file: {text[:20]} is no whole number.")


def check_proof(document: Any, pinned: str | None = None) -> Proved:
    """Return what a proof file proves, once all in it is proved: {"checkpoint": note, "keys", "rotations", "events": [{"event", …}]}.

    Proved is that these events are in the signed log, with these data, at these places, and that none of the stream is left out from its
    first event to the last one here. `pinned` is a verifier key of the store that is known from elsewhere; without it the file vouches for
    its own key. Raises ValueError, with a sentence for people, at the first that is not so.
    """
    try:
        _demand(document, _FILE, "the file")
        if not all(isinstance(document[name], list) for name in ("keys", "rotations", "events")):
            raise ValueError("This is not a proof file: keys, rotations and events are lists.")
        checkpoint, keys, cosignatures = check_note(document)
        if pinned is not None and pinned not in keys:
            raise ValueError(f"The checkpoint is signed by another key than the one you trust: {keys[-1]}.")
        places = [_check_entry(entry, checkpoint) for entry in document["events"]]
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError, UnicodeError) as error:
        raise ValueError("This is not a proof file.") from error
    if not places:
        raise ValueError("There is no event in it.")
    if places[0].version != 1:
        raise ValueError(f"It begins with version {places[0].version} of {places[0].subject}: something is left out.")
    for one, following in pairwise(places):
        if (following.subject, following.version) != (one.subject, one.version + 1):
            raise ValueError(
                f"Version {one.version} of {one.subject} is followed by version {following.version} of {following.subject}: "
                "something is left out."
            )
    silent = sum(place.silent for place in places)
    return Proved(checkpoint, keys, cosignatures, places[0].subject, len(places), silent, places[-1].time)


def check_note(document: Mapping[str, Any]) -> tuple[Checkpoint, list[str], list[Cosignature]]:
    """Check the checkpoint and each of its signatures, and return it with the store's keys and the words of the witnesses."""
    named = document["keys"]
    keys = keyring(named[0], document["rotations"])
    if any(len(open_note(record)[1]) != 1 for record in document["rotations"]):
        raise ValueError("A rotation record has another signature than that of the key before: nothing proves it.")
    body = verify_note(document["checkpoint"], keys[-1:])
    signers = [Key.parse(keys[-1]), *(Key.parse(vkey) for vkey in named[1:])]
    _, signatures = open_note(document["checkpoint"])
    if [signature.name for signature in signatures] != [signer.name for signer in signers]:
        raise ValueError("The checkpoint's signatures are not those of the keys that the file names, one of each in their order.")
    if [signer.algorithm for signer in signers] != [ED25519] + [COSIGNATURE] * (len(signers) - 1):
        raise ValueError("The first key must be the log's, and all others those of witnesses.")
    cosignatures = [check_cosignature(body, *pair) for pair in zip(signatures[1:], signers[1:], strict=True)]
    return Checkpoint.parse(body), keys, cosignatures


def _check_entry(entry: Mapping[str, Any], checkpoint: Checkpoint) -> _Place:
    """Check one event and return its place: its subject and its version there."""
    _demand(entry, _ENTRY, "an entry")
    event, index, path = entry["event"], entry["index"], entry["path"]
    _demand(event, _EVENT, "an event")
    head, personal, salt = event["head"], event["personal"], event["salt"]
    if type(head["sequence"]) is not int:
        raise ValueError("This is not a proof file: the sequence of an event is no number.")
    name = f"Event {head['sequence']}"
    if chain(_hex(event["prevhash"]), canonical(head)) != event["hash"]:
        raise ValueError(f"{name}: its hash is not that of its head.")
    if digest(canonical(event["data"])) != head["datadigest"]:
        raise ValueError(f"{name}: its data are not those that were recorded.")
    if (personal is None) != (salt is None):
        raise ValueError(f"{name}: of its personal part and the salt of it one is missing.")
    if personal is not None and personal_digest(_hex(salt), canonical(personal)) != head.get("personaldigest"):
        raise ValueError(f"{name}: its personal part is not the one that was recorded.")
    if event["traceparent"] is not None:
        raise ValueError(f"{name}: it has a traceparent, which nothing proves.")
    if checkpoint_origin(head["source"], checkpoint.origin.rpartition("/")[2]) != checkpoint.origin:
        raise ValueError(f"{name}: the checkpoint is that of another service's log.")
    right_place = type(index) is int and index == head["sequence"] - 1 and isinstance(path, list)
    if not right_place or not verify_inclusion(leaf_hash(event["hash"]), index, checkpoint.size, path, checkpoint.root):
        raise ValueError(f"{name}: its path does not lead to the signed root.")
    if checkpoint.time is not None and head["recordedtime"] > checkpoint.time:
        raise ValueError(f"{name}: it was stored at {head['recordedtime']}, and the checkpoint over it says that it was signed before.")
    return _Place(head["subject"], head["streamversion"], personal is None and "personaldigest" in head, head["time"])


def _demand(members: Mapping[str, Any], wanted: set[str], what: str) -> None:
    if not isinstance(members, dict) or members.keys() != wanted:
        raise ValueError(f"This is not a proof file: {what} must have {', '.join(sorted(wanted))} and nothing else.")


def _hex(text: str) -> str:
    """Return hex digits that are spelled as we spell them. Raises ValueError for others."""
    if not _HEX.fullmatch(text):
        raise ValueError("A hash is spelled otherwise than it is written.")
    return text
