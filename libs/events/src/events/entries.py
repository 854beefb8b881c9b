"""Entries of the audit list: what an event says to people. Pure, so that who holds an exported entry can make it anew from its event."""

from collections.abc import Mapping
from typing import Any

import orjson

from events.contracts import CATALOGUE
from events.envelope import StoredEvent

Change = Mapping[str, Any] | None


def action_of(type_: str) -> str | None:
    """Return an event type's word in the audit list, None when it is not listed. What this release does not know yet is listed."""
    kind = CATALOGUE.find(type_)
    return type_.replace(".", "_") if kind is None else kind.action


def entity_of(subject: str) -> tuple[str, str]:
    """Return (type, id) of what an event is about. A login of nobody known stands under `user`."""
    type_, _, id_ = subject.partition("/")
    return ("user" if type_ == "login" else type_), id_


def entry_of(stored: StoredEvent, action: str, name: str | None) -> dict[str, Any]:
    """Return an entry; `name` is the actor's, as it is known when it is read. The system's actors bear their ids as names.

    `time` is when it happened, which of imported history somebody else's clock says; `recorded_at` is when this desk wrote it down.
    """
    type_, id_ = entity_of(stored.subject)
    before, after = changes(stored)
    return {
        "id": stored.id,
        "source": stored.source,
        "sequence": stored.sequence,
        "time": stored.time,
        "recorded_at": stored.recordedtime,
        "imported": stored.imported,
        "action": action,
        "entity": {"type": type_, "id": id_},
        "actor": {"kind": stored.actorkind, "id": stored.actorid, "name": stored.actorid if stored.actorkind == "system" else name},
        "before": before,
        "after": after,
        "hash": stored.hash,
    }


def changes(stored: StoredEvent) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return (before, after) of an event: both values of what it changed, or, where it has no such pair, None and all that it says.

    What was erased is missing.
    """
    data: dict[str, Any] = orjson.loads(stored.data)
    private: dict[str, Any] = orjson.loads(stored.personal) if stored.personal is not None else {}
    kind = CATALOGUE.find(stored.type)
    declared = () if kind is None else (*kind.data_fields, *kind.personal_fields)
    sides = [(part.get("before"), part.get("after")) for part in (data, private)]
    # a type of tomorrow may mean something else by these words
    pairs = all(side is None or isinstance(side, dict) for each in sides for side in each)
    if not pairs or not {"before", "after"} & {*declared, *data, *private}:
        return None, {**data, **private}
    (before, after), (private_before, private_after) = sides
    return _joined(before, private_before), _joined(after, private_after)


def _joined(facts: Change, private: Change) -> dict[str, Any] | None:
    if facts is None and private is None:
        return None
    return {**(facts or {}), **(private or {})}
