"""The lines of an export in JSON: written and, to be checked, made anew. Pure."""

from collections.abc import Mapping
from typing import Any

import orjson

from events.forest import Forest


def nodes_of(forest: Forest) -> list[tuple[int, str]]:
    """Return the subtrees of a forest as [how many leaves, hash in hex]."""
    return [(width, node.hex()) for width, node in forest.nodes]


def json_line(entry: Mapping[str, Any], passed: Forest, wire: bytes) -> bytes:
    """Return a line of JSON: the entry, what was passed over before it, and the event's own bytes."""
    nodes = orjson.dumps(nodes_of(passed)) if passed.nodes else b"[]"
    return b'%b,"passed":%b,"event":%b}\n' % (orjson.dumps(entry)[:-1], nodes, wire)
