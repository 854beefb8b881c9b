"""The signed and cosigned checkpoints of all stores as one list, newest first, and the keys that verify them."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chassis.peers import Peers
from chassis.settings import SERVICES
from events.errors import Unavailable
from events.notes import Key
from events.times import to_text

Bounds = Mapping[str, int]
"""Source to the size of its oldest checkpoint that was shown: the list goes on below it."""


async def collect(peers: Peers, bounds: Bounds, limit: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return up to `limit` checkpoints that follow, and every store's keys. Raises Unavailable when a service cannot be asked."""
    answers = await asyncio.gather(*(_ask(peers, service, bounds.get(f"/{service}"), limit) for service in SERVICES))
    keys = [{name: answer[name] for name in ("source", "key", "cosigner", "first_key", "rotations")} for answer in answers]
    items = [{"source": answer["source"], **item, "cosignatures": _told(item)} for answer in answers for item in answer["items"]]
    items.sort(key=lambda item: item["source"])
    items.sort(key=lambda item: item["time"], reverse=True)
    return items[:limit], keys


def following(bounds: Bounds, shown: list[dict[str, Any]]) -> dict[str, int]:
    """Return where the list goes on after `shown`."""
    return {**bounds, **{item["source"]: item["size"] for item in shown}}


def _told(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return who cosigned a checkpoint and when, in words; the signatures themselves stand in its note."""
    return [
        {"witness": Key.parse(word["key"]).name, "key": word["key"], "time": to_text(datetime.fromtimestamp(word["time"], UTC))}
        for word in item["cosignatures"]
    ]


async def _ask(peers: Peers, service: str, below: int | None, limit: int) -> dict[str, Any]:
    params = {"limit": limit} if below is None else {"limit": limit, "below": below}
    answer = await peers.get(service, "/internal/checkpoints", params=params)
    if answer.status_code != 200:
        raise Unavailable(f"The service {service} does not show its checkpoints.")
    found: dict[str, Any] = answer.json()
    return found
