"""What the notifier has to do: jobs, and those that failed for good."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from web.admins import enter_as_admin
from web.forms import read_form
from web.front import PageRoute
from web.notices import Notice
from web.places import address
from web.refusals import Refused
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Id = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$")]
STATUSES = {"queued": "Waiting", "processing": "Under way", "succeeded": "Done", "dead": "Failed for good", "unknown": "Perhaps done"}
TYPES = {"in_app": "Notification", "fan_out": "Notification of all admins", "email": "E-mail"}


@router.get("/admin/jobs")
async def jobs(request: Request) -> Response:
    visit, query = Visit(request), request.query_params
    status = query.get("status", "")
    filters = {"status": status if status in STATUSES else ""}
    cursor = query.get("cursor", "")
    (found,) = await enter_as_admin(visit, visit.get("notifier", "/api/jobs", {**filters, "cursor": cursor}))
    following = found["next_cursor"]
    return visit.page(
        "admin_jobs.html",
        jobs=found["items"],
        chosen=filters["status"],
        statuses=STATUSES,
        types=TYPES,
        following=address("/admin/jobs", filters, cursor=following) if following else None,
        first=address("/admin/jobs", filters) if cursor else None,
    )


@router.post("/admin/jobs/{job}/retry")
async def retry(request: Request, job: Id) -> Response:
    form, visit = await read_form(request), Visit(request)
    where = address("/admin/jobs", {"status": form.get("status", "") if form.get("status") in STATUSES else ""})
    try:
        await visit.call("POST", "notifier", f"/api/jobs/{job}/retry", headers={"Idempotency-Key": form.key})
    except Refused as refused:
        if refused.status not in (404, 409):
            raise
        return visit.go(where, Notice(refused.detail, "failed"))
    return visit.go(where, Notice("It is tried again, with all its tries."))
