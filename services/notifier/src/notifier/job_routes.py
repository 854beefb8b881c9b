"""Jobs over HTTP: for admins at `/api/jobs`, for the operator's `ste jobs` at `/internal/jobs`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from chassis.answers import json_answer
from chassis.callers import operator_only, ours_only
from chassis.context import context
from chassis.idempotency import Idempotency, answer_once
from chassis.lean import LeanRoute
from chassis.listing import listing
from chassis.principal import CurrentAdmin
from chassis.problems import declare, responses
from chassis.service import running
from events.envelope import Actor
from notifier import queries
from notifier.errors import JobNotFound
from notifier.queries import WantedJobs
from notifier.schemas import JobOut, JobsOut, JobsQuery, job_out
from notifier.units import Retry

declare("not-dead", 409, "Not a dead job")

router = APIRouter(prefix="/api/jobs", route_class=LeanRoute, tags=["jobs"])
internal = APIRouter(prefix="/internal/jobs", route_class=LeanRoute, include_in_schema=False)

Ours = Annotated[None, Depends(ours_only)]
Operator = Annotated[None, Depends(operator_only)]
_OPERATOR = Actor(kind="system", id="operator")


@router.get("", response_model=JobsOut)
async def list_jobs(request: Request, query: Annotated[JobsQuery, Query()], _by: CurrentAdmin) -> Response:
    """List jobs, newest first."""
    return _page(request, query)


@router.get("/{job}", response_model=JobOut)
async def get_job(request: Request, job: str, _by: CurrentAdmin) -> Response:
    """Return a job."""
    with running(request).store.read() as connection:
        row = queries.job(connection, job)
    if row is None:
        raise JobNotFound
    return json_answer(job_out(row))


@router.post("/{job}/retry", status_code=202, response_model=JobOut, responses=responses("not-dead", "unavailable"))
async def retry_job(request: Request, job: str, by: CurrentAdmin, _key: Idempotency) -> Response:
    """Queue a dead job again, with all its tries. One that is `unknown` is never repeated: it may have been done."""
    return await answer_once(running(request), request, by, Retry(job, context(request, by)), lambda row: json_answer(job_out(row), 202))


@internal.get("")
async def list_jobs_for_ste(request: Request, query: Annotated[JobsQuery, Query()], _: Ours) -> Response:
    """List jobs, newest first."""
    return _page(request, query)


@internal.post("/{job}/retry")
async def retry_job_for_ste(request: Request, job: str, _: Operator) -> Response:
    """Queue a dead job again, in the operator's name."""
    row = await running(request).writer.execute(Retry(job, context(request, _OPERATOR)))
    return json_answer(job_out(row), 202)


def _page(request: Request, query: JobsQuery) -> Response:
    asked = listing(request, query, list="jobs")
    wanted = WantedJobs(status=query.status, type=query.type)
    with running(request).store.read() as connection:
        rows = queries.job_list(connection, wanted, limit=asked.fetch, after=asked.after_one)
    return asked.answer(rows, job_out, lambda row: [row["id"]])
