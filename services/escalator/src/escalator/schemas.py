"""What goes in and out over HTTP."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from chassis.moments import Moment
from chassis.paging import Page
from chassis.strings import LARGEST_INTEGER, Spelled
from escalator.calendars import MOST_HOLIDAYS, MOST_SPANS, SPAN, WEEKDAYS, Calendar, parse_span
from escalator.policy import DURATION, MOST_LEVELS, MOST_POLICIES, NAME, NAME_RULE, Condition, Level, Policy, parse_duration

Priority = Literal["low", "normal", "high", "urgent"]
State = Literal["pending", "fired", "cancelled"]


def _duration(text: str) -> str:
    parse_duration(text)
    return text


def _span(text: str) -> str:
    return str(parse_span(text.strip()))


Duration = Annotated[
    str, StringConstraints(strip_whitespace=True), AfterValidator(_duration), Field(json_schema_extra={"pattern": DURATION})
]
Span = Annotated[str, AfterValidator(_span), Field(json_schema_extra={"pattern": SPAN}, examples=["09:00-17:30"])]
Spans = Annotated[list[Span], Field(max_length=MOST_SPANS)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LevelBody(_Strict):
    """One step of a policy."""

    after: Annotated[Duration, Field(description="Time after the ticket's creation: a number and s, m, h or d.", examples=["24h"])]
    notify: Annotated[
        Literal["assignee", "admins"],
        Field(description="Who hears: the assignee (or all active admins when there is none), or all active admins."),
    ] = "assignee"


class WhenBody(_Strict):
    """The condition beside the ticket being open. What is left out, or null, does not matter."""

    priority: Annotated[list[Priority], Field(min_length=1, max_length=4)] | None = None
    assigned: bool | None = None


class HoursBody(_Strict):
    """The spans of working time of each weekday, such as `09:00-17:30`; `22:00-06:00` ends on the next day. They do not overlap."""

    mon: Spans = []
    tue: Spans = []
    wed: Spans = []
    thu: Spans = []
    fri: Spans = []
    sat: Spans = []
    sun: Spans = []


class CalendarBody(_Strict):
    """Which time counts: that within the spans, as clocks in the zone show it, on days that are no holidays."""

    zone: Annotated[str, StringConstraints(strip_whitespace=True, max_length=64), Field(examples=["Europe/Berlin"])]
    hours: Annotated[HoursBody, Field(examples=[{"mon": ["09:00-12:00", "13:00-17:30"], "tue": ["09:00-17:30"]}])]
    holidays: Annotated[
        list[date], Field(max_length=MOST_HOLIDAYS, description="Free from midnight to midnight.", examples=[["2026-12-25"]])
    ] = []

    def calendar(self) -> Calendar:
        hours = tuple(tuple(sorted(map(parse_span, getattr(self.hours, day)))) for day in WEEKDAYS)
        return Calendar(zone=self.zone, hours=hours, holidays=tuple(sorted(set(self.holidays))))


class PolicyBody(_Strict):
    """A policy: its levels fire once per ticket, ever."""

    name: Annotated[str, StringConstraints(strip_whitespace=True), Spelled(NAME, NAME_RULE), Field(examples=["default"])]
    levels: Annotated[list[LevelBody], Field(min_length=1, max_length=MOST_LEVELS)]
    when: WhenBody | None = None
    calendar: Annotated[
        CalendarBody | None, Field(description="`after` counts its working time; without one, all time counts.", examples=[None])
    ] = None

    def policy(self) -> Policy:
        when = self.when or WhenBody()
        return Policy(
            name=self.name,
            levels=tuple(Level(after=level.after, notify=level.notify) for level in self.levels),
            when=Condition(priority=tuple(when.priority) if when.priority is not None else None, assigned=when.assigned),
            calendar=self.calendar.calendar() if self.calendar is not None else None,
        )


class PoliciesBody(_Strict):
    """The whole set: a policy that is not in it is taken away."""

    policies: Annotated[list[PolicyBody], Field(max_length=MOST_POLICIES)]
    apply_to_past: Annotated[
        bool,
        Field(description="Whether a ticket whose new deadline is already past gets it; otherwise it keeps the one that it had."),
    ] = False


class PoliciesOut(BaseModel):
    """All policies, by name. The `ETag` is the set's version."""

    policies: list[PolicyBody]

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"policies": [{"name": "default", "levels": [{"after": "24h", "notify": "assignee"}], "when": {}, "calendar": None}]}
        }
    )


class DeadlinesQuery(Page):
    ticket: Annotated[int | None, Field(ge=1, le=LARGEST_INTEGER, description="A ticket's number.", examples=[42])] = None
    state: Annotated[
        State | None,
        Field(description="`pending`: to come, or asked for. `cancelled`: its policy or level is gone, or its ticket is resolved."),
    ] = None


class DeadlineOut(BaseModel):
    """When a level of a policy is due for a ticket, and what became of it."""

    ticket_id: int
    policy: str
    level: int
    state: State
    ready: Annotated[
        bool,
        Field(description="Whether it is pending and waits for nothing but its time: the ticket is open and `when` holds."),
    ]
    due_at: str
    asked_at: str | None
    fired_at: str | None

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "ticket_id": 42,
                "policy": "default",
                "level": 1,
                "state": "pending",
                "ready": True,
                "due_at": "2026-11-24T09:00:00.123456Z",
                "asked_at": None,
                "fired_at": None,
            }
        }
    )


class DeadlinesOut(BaseModel):
    items: list[DeadlineOut]
    next_cursor: str | None


class SimulateBody(_Strict):
    """A policy to be tried on what has been: on escalations from `since` on, before `until`."""

    policy: PolicyBody
    since: Annotated[Moment, Field(examples=["2026-08-01T00:00:00Z"])]
    until: Annotated[Moment, Field(description="A time to come counts as now.", examples=["2026-11-01T00:00:00Z"])]


class CountsOut(BaseModel):
    """Tickets: with the policy that is tried, and with the policies that there are now."""

    total: int
    current: int


class DayOut(CountsOut):
    day: Annotated[str, Field(description="In UTC.", examples=["2026-11-23"])]


class StepOut(CountsOut):
    level: int


class LoadOut(CountsOut):
    id: Annotated[str | None, Field(description="A person, or null: the admins.", examples=["0193576f-2c00-7c0e-9d4f-6f2f0e6b4a11"])]


class ByPriorityOut(BaseModel):
    """By the priority that the ticket had when it escalated."""

    low: CountsOut
    normal: CountsOut
    high: CountsOut
    urgent: CountsOut


class WouldOut(BaseModel):
    """A ticket that is escalated to a level, and when."""

    id: int
    level: int
    at: str


class SimulationOut(BaseModel):
    """What the policy would have escalated. All numbers count tickets, each once; one that escalates on two days is in both."""

    policy: str
    compared_with: Annotated[list[str], Field(description="The names of the policies that there are now.")]
    since: str
    until: str
    total: int
    current_total: int
    only_new_total: Annotated[int, Field(description="How many escalate only with the policy that is tried.")]
    only_current_total: Annotated[int, Field(description="How many escalate only with those that there are now.")]
    by_day: Annotated[list[DayOut], Field(description="Days on which something escalates.")]
    by_priority: ByPriorityOut
    by_level: list[StepOut]
    by_person: Annotated[list[LoadOut], Field(description="Who would hear of how many, the most first.")]
    tickets: Annotated[list[WouldOut], Field(description="What the policy escalates, by ticket and time.")]
    only_new: Annotated[list[WouldOut], Field(description="The first escalation of each ticket that nothing escalates now.")]
    only_current: Annotated[list[WouldOut], Field(description="The first escalation of each ticket that would not be escalated.")]

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "policy": "default",
                "compared_with": ["default"],
                "since": "2026-08-01T00:00:00.000000Z",
                "until": "2026-11-01T00:00:00.000000Z",
                "total": 1,
                "current_total": 0,
                "only_new_total": 1,
                "only_current_total": 0,
                "by_day": [{"day": "2026-08-03", "total": 1, "current": 0}],
                "by_priority": {
                    "low": {"total": 0, "current": 0},
                    "normal": {"total": 1, "current": 0},
                    "high": {"total": 0, "current": 0},
                    "urgent": {"total": 0, "current": 0},
                },
                "by_level": [{"level": 1, "total": 1, "current": 0}],
                "by_person": [{"id": None, "total": 1, "current": 0}],
                "tickets": [{"id": 42, "level": 1, "at": "2026-08-03T09:00:00.123456Z"}],
                "only_new": [{"id": 42, "level": 1, "at": "2026-08-03T09:00:00.123456Z"}],
                "only_current": [],
            }
        }
    )
