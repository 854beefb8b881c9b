"""What the services ask each other, and what `ste` asks a running service. The gateway refuses `/internal`; a credential guards it here."""

import asyncio
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, bindparam, select
from starlette.responses import Response

from chassis import erasing
from chassis.answers import json_answer, no_content
from chassis.callers import operator_only, ours_only
from chassis.context import context
from chassis.lean import LeanRoute
from chassis.peers import feed_page
from chassis.problems import declare
from chassis.service import Running, running
from chassis.settings import SERVICES
from chassis.strings import LARGEST_INTEGER
from chassis.verifying import verified
from events import parking, positions, proving, tables
from events.contracts.operation import RelayRefilled
from events.decider import Context, Key, Transaction
from events.envelope import Actor
from events.errors import NotFound, Unavailable
from events.store import log_head, read_log
from events.streams import BrokerError
from events.verify import Seen

router = APIRouter(prefix="/internal", route_class=LeanRoute, include_in_schema=False)

Ours = Annotated[None, Depends(ours_only)]
Operator = Annotated[None, Depends(operator_only)]
Sequence = Annotated[int, Path(ge=1)]

_LARGEST_PAGE = 8 * 1024 * 1024
"""Bytes after which a page of the feed ends."""
OPERATOR = Actor(kind="system", id="operator")

_CHECKPOINTS = (
    select(tables.checkpoints)
    .where(tables.checkpoints.c.size < bindparam("below"))
    .order_by(tables.checkpoints.c.size.desc())
    .limit(bindparam("limit"))
)

declare("parked-behind", 409, "It waits behind another event", earlier=41)


class FeedQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    after: Annotated[int, Field(ge=0, le=LARGEST_INTEGER)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class CheckpointQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    below: Annotated[int, Field(ge=1, le=LARGEST_INTEGER)] = LARGEST_INTEGER
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class SeenBody(BaseModel):
    """The last event of our log that a peer consumed."""

    model_config = ConfigDict(extra="forbid")

    origin: str
    sequence: int
    hash: str


class VerifyBody(BaseModel):
    """`seen` is by peer; without it the service asks its peers itself.

    Nobody can say here who was erased: where a personal part is missing, the service asks auth itself.
    """

    model_config = ConfigDict(extra="forbid")

    seen: dict[str, SeenBody] | None = None


@router.get("/events")
async def get_events(query: Annotated[FeedQuery, Query()], request: Request, _: Ours) -> Response:
    """Serve the log: the events after a sequence, as the bytes that are stored."""
    page = await running(request).store.read_in_thread(lambda connection: _page(connection, query.after, query.limit))
    return json_answer(page)


def _page(connection: Connection, after: int, limit: int) -> bytes:
    wires: list[bytes] = []
    size = 0
    for stored in read_log(connection, after, limit):
        wire = stored.wire()
        size += len(wire)
        if wires and size > _LARGEST_PAGE:
            break
        wires.append(wire)
    return feed_page(wires, log_head(connection).sequence)


@router.get("/seen")
async def get_seen(request: Request, _: Ours) -> Response:
    """Tell the last event of every source that this service has consumed."""
    with running(request).store.read() as connection:
        return json_answer(_seen(connection))


def _seen(connection: Connection) -> dict[str, dict[str, Any]]:
    found = positions.load_all(connection)
    return {source: {"origin": at.origin, "sequence": at.sequence, "hash": at.hash} for source, at in found.items()}


@router.get("/caught-up")
async def get_caught_up(request: Request, _: Ours) -> Response:
    """Tell how far everything is: this log's head, what of it is relayed, and the position in every source."""
    live = running(request)
    with live.store.read() as connection:
        consumed = dict.fromkeys(live.consumers, 0) | {source: at["sequence"] for source, at in _seen(connection).items()}
        head = log_head(connection).sequence
    return json_answer({"positions": consumed, "head": head, "relayed": live.relay.relayed})


@router.post("/verify")
async def post_verify(body: VerifyBody, request: Request, _: Ours) -> Response:
    """Verify this store from disk, now. It takes as long as it takes. `ok` is null where auth alone could say whether all is well."""
    live = running(request)
    live.verified = 0, 0
    seen = body.seen if body.seen is not None else await _ask_peers(live)
    last = {peer: Seen(**at.model_dump()) for peer, at in seen.items()}
    erased = erasing.Erased(live, asyncio.get_running_loop())
    report = await live.store.whole.run(partial(verified, live, last, erased), patient=True)
    if report["ok"] is not None:
        live.verdict = live.environment.now().timestamp(), report["ok"], report["reason"]
    return json_answer(report)


@router.get("/verify")
async def get_verify(request: Request, _: Ours) -> Response:
    """Tell how far a verification is that runs now, or how far the last one came."""
    done, total = running(request).verified
    return json_answer({"done": done, "total": total})


async def _ask_peers(live: Running) -> dict[str, SeenBody]:
    """Return what each peer that answers has last seen of our log."""

    async def ask(peer: str) -> SeenBody | None:
        try:
            answer = await live.peers.get(peer, "/internal/seen")
        except Unavailable:
            return None
        at = answer.json().get(live.service.source) if answer.status_code == 200 else None
        return SeenBody.model_validate(at) if at else None

    others = [peer for peer in SERVICES if peer != live.service.name]
    answers = await asyncio.gather(*(ask(peer) for peer in others))
    return {peer: at for peer, at in zip(others, answers, strict=True) if at is not None}


@router.get("/checkpoints")
async def get_checkpoints(query: Annotated[CheckpointQuery, Query()], request: Request, _: Ours) -> Response:
    """Serve the signed checkpoints over less than `below` events, the newest first, with cosignatures, and this service's keys."""
    live = running(request)
    with live.store.read() as connection:
        rows = connection.execute(_CHECKPOINTS, {"below": query.below, "limit": query.limit}).all()
        items = [
            {
                "size": each.size,
                "time": each.time,
                "note": each.cosigned,
                "cosignatures": [{"key": word.key, "time": word.time} for word in each.words],
            }
            for each in proving.vouched(connection, rows)
        ]
    keys = {"key": live.signer.public_key, "cosigner": live.cosigner.public_key}
    told = {"source": live.service.source, **keys, "first_key": live.keys.first, "rotations": live.keys.rotations, "items": items}
    return json_answer(told)


@router.get("/parked")
async def get_parked(request: Request, _: Ours) -> Response:
    """List what could not be handled, the longest waiting first; at most 1,000."""
    with running(request).store.read() as connection:
        return json_answer({"items": [asdict(event) for event in parking.parked_events(connection)]})


@router.post("/parked/{source}/{sequence}/retry")
async def post_retry(source: str, sequence: Sequence, request: Request, _: Operator) -> Response:
    """Try a parked event now."""
    done = await running(request).parking.retry(_known(source), sequence, context(request, OPERATOR))
    return json_answer({"handled": done})


@router.post("/parked/{source}/{sequence}/skip")
async def post_skip(source: str, sequence: Sequence, request: Request, _: Operator) -> Response:
    """Give a parked event up."""
    await running(request).parking.skip(_known(source), sequence, context(request, OPERATOR))
    return no_content()


def _known(source: str) -> str:
    if source not in SERVICES:
        raise NotFound("There is no such source.")
    return f"/{source}"


class Refilled:
    """Records that an operator lets the stream be filled again."""

    def __init__(self, service: str, stream: str, by: Context) -> None:
        self._subject, self._event, self._by = f"store/{service}", RelayRefilled(stream=stream), by

    def reads(self) -> list[Key]:
        return [("stream", self._subject)]

    def run(self, tx: Transaction) -> None:
        tx.append(self._subject, [self._event], self._by)


@router.post("/relay/refill")
async def post_refill(request: Request, _: Operator) -> Response:
    """Delete the stream and fill it again from the log."""
    live = running(request)
    await live.writer.execute(Refilled(live.service.name, live.service.stream, context(request, OPERATOR)))
    try:
        await live.relay.refill()
    except BrokerError as error:
        raise Unavailable("The broker did not take everything; the relay goes on by itself.", 5) from error
    return json_answer({"relayed": live.relay.relayed})
