"""Events that a service could not handle: trying them again, and giving them up."""

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from chassis.settings import SERVICES
from events.errors import Unavailable
from web.admins import enter_as_admin
from web.forms import read_form
from web.front import PageRoute
from web.notices import Notice
from web.places import address
from web.refusals import Refused
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Service = Annotated[Literal["auth", "tickets", "notifier", "escalator"], Path()]
Sequence = Annotated[int, Path(ge=1, le=2**53)]
REASONS = {
    "done-by-hand": "Somebody did by hand what would have followed",
    "not-needed": "Nothing needs to follow from it",
    "cannot-be-handled": "It cannot be handled at all",
}
STATES = {"retrying": "Is tried again", "behind": "Waits behind an earlier one", "waiting": "Waits for you"}
_PAGE = 50


@router.get("/admin/parked")
async def parked(request: Request) -> Response:
    visit = Visit(request)
    only = request.query_params.get("service", "")
    services = (only,) if only in SERVICES else tuple(SERVICES)
    cursor = request.query_params.get("cursor", "") if len(services) == 1 else ""
    asked = [_parked(visit, service, cursor) for service in services]
    (found,) = await enter_as_admin(visit, _all(asked))
    return visit.page(
        "admin_parked.html", lists=dict(zip(services, found, strict=True)), only=only, reasons=REASONS, states=STATES, address=address
    )


async def _parked(visit: Visit, service: str, cursor: str) -> Any:
    """Return what a service has parked, None where it does not say. Raises Refused for a page that there is not."""
    try:
        return await visit.get(service, f"/api/{service}/parked", {"limit": _PAGE, "cursor": cursor})
    except Unavailable:
        return None
    except Refused as refused:
        if refused.status == 422:
            raise
        return None


async def _all(asked: list[Any]) -> list[Any]:
    return list(await asyncio.gather(*asked))


@router.post("/admin/parked/{service}/{source}/{sequence}/retry")
async def retry(request: Request, service: Service, source: Service, sequence: Sequence) -> Response:
    form, visit = await read_form(request), Visit(request)
    path = f"/api/{service}/parked/{source}/{sequence}/retry"
    try:
        answer = await visit.call("POST", service, path, headers={"Idempotency-Key": form.key}, within=30.0)
    except Refused as refused:
        return _refused(visit, refused)
    if answer.json()["handled"]:
        return visit.go("/admin/parked", Notice(f"Event {sequence} of {source} is handled now."))
    return visit.go("/admin/parked", Notice("It failed once more. The list says why.", "failed"))


@router.post("/admin/parked/{service}/{source}/{sequence}/skip")
async def skip(request: Request, service: Service, source: Service, sequence: Sequence) -> Response:
    """Give an event up, once a reason was chosen and the box says that it is meant."""
    form, visit = await read_form(request), Visit(request)
    if form.get("sure") != "yes" or form.get("reason") not in REASONS:
        return visit.go("/admin/parked", Notice("Nothing was given up: choose a reason, and tick that you are sure.", "failed"))
    path = f"/api/{service}/parked/{source}/{sequence}/skip"
    try:
        await visit.call("POST", service, path, body={"reason": form["reason"]}, headers={"Idempotency-Key": form.key}, within=30.0)
    except Refused as refused:
        return _refused(visit, refused)
    return visit.go("/admin/parked", Notice(f"Event {sequence} of {source} is given up. It stands in the audit with your reason."))


def _refused(visit: Visit, refused: Refused) -> Response:
    if refused.status not in (404, 409):
        raise refused
    return visit.go("/admin/parked", Notice(refused.detail, "failed"))
