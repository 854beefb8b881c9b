"""The audit as a file over HTTP. Admins only."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from chassis.context import now
from chassis.lean import LeanRoute
from chassis.principal import CurrentAdmin
from chassis.problems import responses
from chassis.service import running
from events.times import to_text
from tickets import exporting, reading
from tickets.answers import EXPORTED
from tickets.proof import BROKEN
from tickets.schemas import ExportQuery

router = APIRouter(prefix="/api/audit", route_class=LeanRoute, tags=["audit"])

_TYPES = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8; header=present"}


@router.get("/export", response_class=Response, responses={**EXPORTED, **responses(BROKEN, "unavailable")})
async def get_export(request: Request, query: Annotated[ExportQuery, Query()], by: CurrentAdmin) -> Response:
    """Export the audit, oldest first as it was recorded, with the signed checkpoints that cover it, and sealed.

    A line of JSON is an entry, and beside what the list shows it has `event`, the very bytes that were recorded, and `passed`, what was
    filtered out before it, as subtrees of the log's tree. The last line but one holds the checkpoints, the last a signature over
    everything. In CSV the same stands in the last rows, without the events; no cell begins as a formula does. `ste audit verify-export
    FILE` proves a file offline.
    """
    live = running(request)
    asked = query.filters()
    await reading.note(request, by, "export", asked)
    planned = await exporting.plan(live)
    filters = {name: value for name, value in asked.items() if value is not None}
    about: dict[str, Any] = {"time": to_text(now(request)), "by": {"kind": by.kind, "id": by.id}, "filter": filters}
    pages = exporting.file(live, query.sought(), query.format, planned, about)
    first = await anext(pages)  # what keeps it from beginning is told as a problem
    name = f"audit-{about['time'][:10]}.{query.format}"
    headers = {"cache-control": "no-store", "content-disposition": f'attachment; filename="{name}"', "content-type": _TYPES[query.format]}
    return StreamingResponse(_all_of(first, pages), headers=headers)


async def _all_of(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for part in rest:
        yield part
