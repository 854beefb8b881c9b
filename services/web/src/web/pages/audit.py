"""The audit log: who did what, whether it is still what was recorded, and taking it away."""

import asyncio
from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from fastapi import APIRouter
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from web import audit_view, audit_words
from web.admins import enter_as_admin
from web.audit_view import ASKED, Seal
from web.forms import read_form
from web.front import PageRoute
from web.moments import to_utc
from web.notices import Notice
from web.places import address
from web.refusals import Refused
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_PATIENCE = 20.0
"""Seconds: the service itself says after ten that a verification goes on."""
_FIELDS = {*ASKED, ""} - {"actor"}
_ADMINS = {"role": "admin", "limit": 100}


@router.get("/audit")
async def audit(request: Request) -> Response:
    visit = Visit(request)
    filters = asked_of(request.query_params)
    wanted, errors = to_api(filters, visit.preferences.zone)
    cursor = request.query_params.get("cursor", "")
    found, seal, admins = await enter_as_admin(
        visit, _entries(visit, {**wanted, "cursor": cursor}, errors), _seal(visit), visit.maybe("auth", "/api/auth/users", _ADMINS)
    )
    following, people = found["next_cursor"], {person["id"]: person["name"] for person in (admins or {"items": ()})["items"]}
    return visit.page(
        "audit.html",
        status=422 if errors else 200,
        entries=await asyncio.to_thread(audit_view.entries, found["items"], people),  # many long texts take a while to compare
        sought=filters,
        errors=errors,
        deeds=sorted(audit_words.DEEDS.items(), key=lambda deed: deed[1]),
        entities=audit_words.ENTITIES,
        chips=_chips(filters, found["items"]),
        exports={kind: address("/api/audit/export", wanted, format=kind) for kind in ("jsonl", "csv")},
        following=address("/audit", filters, cursor=following) if following else None,
        first=address("/audit", filters) if cursor else None,
        ticket=filters["entity_id"] if filters["entity"] == "ticket" and filters["entity_id"].isdecimal() else None,
        seal=seal,
        next=address("/audit", filters, cursor=cursor),
        address=address,
    )


def asked_of(query: QueryParams) -> dict[str, str]:
    """Return all filters by name, "" for those that the address does not name."""
    found = {name: query.get(name, "").strip() for name in ASKED}
    return {**found, "entity_id": found["entity_id"].removeprefix("#")}


def to_api(filters: Mapping[str, str], zone: tzinfo) -> tuple[dict[str, str], dict[str, str]]:
    """Return the filters as the API takes them, with the times in UTC; and what is wrong with those that cannot be, by name."""
    wanted, errors = dict(filters), dict[str, str]()
    for name in ("since", "until"):
        if filters[name]:
            try:
                wanted[name] = to_utc(filters[name], zone)
            except ValueError as error:
                errors[name] = str(error)
    return wanted, errors


async def _entries(visit: Visit, wanted: Mapping[str, str], errors: dict[str, str]) -> Any:
    """Return a page of entries; none, with what is wrong in `errors`, where the filters cannot be."""
    if not errors:
        try:
            return await visit.get("tickets", "/api/audit", wanted)
        except Refused as refused:
            if refused.status not in (400, 422) or refused.errors.keys() - _FIELDS:
                raise  # what no field shows is wrong with the address
            errors.update(refused.errors or {"": refused.detail})
    return {"items": [], "next_cursor": None}


def _chips(filters: Mapping[str, str], items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return those of the filters that no field shows, each in words, and the address without it."""
    if not filters["actor"]:
        return []
    names = {item["actor"]["id"]: item["actor"]["name"] or audit_words.system(item["actor"]["id"]) for item in items}
    who = names.get(filters["actor"], f"person {audit_view.short(filters['actor'])}")
    return [(f"Only what {who} did", address("/audit", filters, actor=None))]


async def _seal(visit: Visit) -> Seal | None:
    """Return what the last verification found; None where the service does not say."""
    try:
        answer = await visit.call("GET", "tickets", "/api/audit/verify")
    except Refused as refused:
        progress = refused.headers.get("ste-progress")
        if refused.status == 404:
            return audit_view.seal_of(None, progress)
        if "stores" in refused.facts:
            return audit_view.seal_of(refused.facts, progress)
        if refused.status < 500:
            raise
        return None
    return audit_view.seal_of(answer.json(), answer.headers.get("ste-progress"))


@router.get("/audit/seal")
async def seal(request: Request) -> Response:
    """The seal alone, for a script that waits for the end of a verification."""
    visit = Visit(request)
    (found,) = await enter_as_admin(visit, _seal(visit))
    return visit.page("audit_seal.html", seal=found, next="/audit")


@router.post("/audit/verify")
async def verify(request: Request) -> Response:
    form, visit = await read_form(request), Visit(request)
    where = form.get("next", "/audit")
    where = where if where == "/audit" or where.startswith("/audit?") else "/audit"
    try:
        answer = await visit.call("POST", "tickets", "/api/audit/verify", within=_PATIENCE)
    except Refused as refused:
        if "stores" not in refused.facts:
            raise
        return visit.go(where, Notice("Not everything could be verified: " + refused.detail, "failed"))
    if answer.status_code == 202:
        return visit.go(where)
    if not answer.json()["ok"]:
        return visit.go(where, Notice("The log is not what was recorded. What is wrong stands at the top of this page.", "failed"))
    return visit.go(where, Notice("Verified just now: the log is what was recorded."))


@router.get("/audit/checkpoints")
async def checkpoints(request: Request) -> Response:
    visit, cursor = Visit(request), request.query_params.get("cursor", "")
    (found,) = await enter_as_admin(visit, visit.get("tickets", "/api/audit/checkpoints", {"cursor": cursor}))
    following = found["next_cursor"]
    return visit.page(
        "audit_checkpoints.html",
        checkpoints=found["items"],
        keys=found["keys"],
        following=address("/audit/checkpoints", {}, cursor=following) if following else None,
        first="/audit/checkpoints" if cursor else None,
    )
