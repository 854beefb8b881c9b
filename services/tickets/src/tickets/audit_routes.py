"""The audit over HTTP: the list over all services, signed checkpoints, and verification. Admins only."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from chassis.answers import json_answer
from chassis.context import context
from chassis.lean import LeanRoute
from chassis.listing import listing
from chassis.paging import Page
from chassis.principal import CurrentAdmin
from chassis.problems import instance_of, problem, responses
from chassis.service import running
from events.errors import NotFound, Unavailable
from tickets import checkpoints, reading, trail, verification, views
from tickets.answers import PROGRESS, STARTED, CheckpointsOut, EntriesOut, VerificationOut
from tickets.dependencies import parts
from tickets.proof import BROKEN
from tickets.schemas import AuditQuery

PATIENCE_S = 10
"""How long a verification may take before the answer is that it goes on."""

router = APIRouter(prefix="/api/audit", route_class=LeanRoute, tags=["audit"])


@router.get("", response_model=EntriesOut, responses=responses(BROKEN))
async def list_entries(request: Request, query: Annotated[AuditQuery, Query()], by: CurrentAdmin) -> Response:
    """List who did what, over all services, newest first. That it was read is an entry itself, one per reader, filter and ten minutes."""
    asked, sought = listing(request, query, list="audit"), query.sought()
    store = running(request).store
    entries = await store.read_in_thread(lambda connection: trail.entries(connection, sought, limit=asked.fetch, after=asked.after))
    await reading.note(request, by, "list", query.filters())
    own = {by.id: (by.name, by.email)}
    return asked.answer(entries, lambda entry: views.entry(entry, own), trail.key_of)


@router.get("/verify", response_model=VerificationOut, responses={**PROGRESS, **responses("not-found", "unavailable")})
async def get_verification(request: Request, _by: CurrentAdmin) -> Response:
    """Return the last finished verification; 503, with the same members, when a store could not be verified.

    While one runs, the header `Ste-Progress` tells how far it is: `120000/200000` events.
    """
    with running(request).store.read() as connection:
        result = verification.last(connection)
    far = await parts(request).verification.progress()
    if result is None:
        error = NotFound("Nothing was verified yet." + (f" A verification runs: {far[0]} of {far[1]} events." if far else ""))
        refusal = problem(error, instance_of(request))
        refusal.headers.update(_progress(far))
        return refusal
    return _told(request, result, far)


@router.get("/checkpoints", response_model=CheckpointsOut, responses=responses("unavailable"))
async def list_checkpoints(request: Request, query: Annotated[Page, Query()], by: CurrentAdmin) -> Response:
    """List the signed checkpoints of all stores, newest first, with the public keys that verify them."""
    desk = running(request)
    bound = {"list": "checkpoints"}
    bounds = {} if query.cursor is None else dict(desk.sealer.open(query.cursor, bound))
    await reading.note(request, by, "checkpoints", {})
    found, keys = await checkpoints.collect(desk.peers, bounds, query.limit + 1)
    shown = found[: query.limit]
    following = desk.sealer.seal(bound, list(checkpoints.following(bounds, shown).items())) if len(found) > query.limit else None
    return json_answer({"items": shown, "keys": keys, "next_cursor": following})


@router.post("/verify", response_model=VerificationOut, responses={**STARTED, **responses("unavailable")})
async def verify(request: Request, by: CurrentAdmin) -> Response:
    """Let every service verify its own store from disk, now. 202 when that takes longer than 10 s: the result appears under GET."""
    result = await parts(request).verification.result(context(request, by), within_s=PATIENCE_S)
    if result is None:
        far = await parts(request).verification.progress()
        return json_answer({"status": "running"}, 202, {"Location": "/api/audit/verify", **_progress(far)})
    return _told(request, result)


def _told(request: Request, result: dict[str, Any], far: tuple[int, int] | None = None) -> Response:
    silent = [store["source"] for store in result["stores"] if store["ok"] is None]
    if not silent:
        return json_answer(result, headers=_progress(far))
    error = Unavailable(f"Could not be verified: {', '.join(silent)}.", retry_after=10)
    error.facts.update(result)
    refusal = problem(error, instance_of(request))
    refusal.headers.update(_progress(far))
    return refusal


def _progress(far: tuple[int, int] | None) -> dict[str, str]:
    return {} if far is None else {"Ste-Progress": f"{far[0]}/{far[1]}"}
