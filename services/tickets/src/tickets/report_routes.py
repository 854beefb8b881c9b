"""The report over HTTP: what an overview of the desk shows, in one answer. Admins only."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import Connection
from starlette.responses import Response

from chassis.answers import json_answer
from chassis.lean import LeanRoute
from chassis.moments import Moment
from chassis.principal import CurrentAdmin
from chassis.problems import responses
from chassis.service import running
from events.errors import Invalid
from events.times import from_text, to_text
from tickets import past
from tickets.answers import Out, PersonOut
from tickets.commands import Priority
from tickets.days import MOST_DAYS, Backwards, Days, TooLong, days_between, zone_named
from tickets.report import report

router = APIRouter(prefix="/api/tickets", route_class=LeanRoute, tags=["tickets"])

Bucket = Literal["<1h", "<4h", "<1d", "<3d", "<1w", "more"]


def _zone(name: str) -> str:
    zone_named(name)
    return name


class ReportQuery(BaseModel):
    """Which days, and where they begin."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: Annotated[
        Moment | None,
        Field(description="The first day is the one in which this time lies; without it there are 30.", examples=["2026-11-01T00:00:00Z"]),
    ] = None
    until: Annotated[
        Moment | None,
        Field(
            description="The last day is the last one that begins before this time; without it, and for a time to come, today.",
            examples=["2026-12-01T00:00:00Z"],
        ),
    ] = None
    zone: Annotated[
        str,
        Field(max_length=64, description="Where days begin: the IANA name of a time zone.", examples=["Europe/Berlin"]),
        AfterValidator(_zone),
    ] = "UTC"


class UnresolvedOut(Out):
    open: int = Field(examples=[7])
    in_progress: int = Field(examples=[2])


class DayOut(UnresolvedOut):
    """`open`, `in_progress` and `resolved_in_all`: how many stood so at its end, of today now."""

    day: date = Field(examples=["2026-11-23"])
    opened: int = Field(examples=[3])
    resolved: int = Field(examples=[2])
    reopened: int = Field(description="From resolved to anything else.", examples=[0])
    escalated: int = Field(description="Escalations: a ticket that reaches two levels counts twice.", examples=[1])
    resolved_in_all: int = Field(examples=[40])


class TotalsOut(Out):
    opened: int = Field(examples=[90])
    resolved: int = Field(examples=[80])
    reopened: int = Field(examples=[2])
    escalated: int = Field(examples=[11])


class TookOut(Out):
    bucket: Bucket
    tickets: int = Field(examples=[12])


class ResolutionOut(Out):
    """Of each time that a ticket was resolved in these days, the time since it was opened."""

    count: int = Field(examples=[80])
    median_seconds: int | None = Field(description="Half of them took no longer.", examples=[5_400])
    p90_seconds: int | None = Field(description="Nine of ten took no longer.", examples=[86_000])
    by_time: list[TookOut] = Field(description="Each bucket begins where the one before it ends.")


class AgeOut(UnresolvedOut):
    bucket: Bucket


class OfPriorityOut(UnresolvedOut):
    priority: Priority


class LoadOut(UnresolvedOut, PersonOut):
    """What somebody has to do."""


class NowOut(Out):
    by_age: list[AgeOut] = Field(description="By the time since they were opened.")
    by_priority: list[OfPriorityOut]
    by_assignee: list[LoadOut] = Field(description="The ten who have most, the most first.")
    unassigned: UnresolvedOut


class ReportOut(Out):
    """`days` are all from `since` to before `until`, the oldest first, those on which nothing happened too."""

    since: datetime
    until: datetime
    zone: str = Field(examples=["Europe/Berlin"])
    at: datetime = Field(description="What `now` is.")
    days: list[DayOut]
    totals: TotalsOut
    resolution: ResolutionOut
    now: NowOut


@router.get("/report", response_model=ReportOut, responses=responses("unavailable"))
async def get_report(request: Request, query: Annotated[ReportQuery, Query()], _by: CurrentAdmin) -> Response:
    """Report on whole days, at most 366: what became of tickets, how long they took; and on what is to do now. Admins only.

    Days and times are those at which things happened, which imported history brings.
    """
    desk = running(request)
    now = desk.environment.now()
    days = _days(query, now)

    def read(connection: Connection) -> dict[str, Any]:
        past.moment(connection, at=None, as_of=None, counted=True)  # or it is told that the tables are being filled
        return report(connection, days, now)

    told = await desk.store.read_in_lane(desk.store.lengthy, read)
    range_ = {"since": to_text(days.begin), "until": to_text(days.end), "zone": query.zone, "at": to_text(now)}
    return json_answer({**range_, **told})


def _days(query: ReportQuery, now: datetime) -> Days:
    since, until = (from_text(time) if time is not None else None for time in (query.since, query.until))
    try:
        return days_between(since, until, now, zone_named(query.zone))
    except Backwards:
        raise Invalid(
            "The days begin after they end, or are still to come.", [(("query", "since"), "must be before until, and before now")]
        ) from None
    except TooLong:
        longest = f"must be such that there are at most {MOST_DAYS} days"
        raise Invalid(f"A report has at most {MOST_DAYS} days. Ask for a part of them.", [(("query", "since"), longest)]) from None
