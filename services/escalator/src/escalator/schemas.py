"""What goes in and out over HTTP."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from chassis.paging import Page
from escalator.policy import DURATION, MOST_LEVELS, MOST_POLICIES, NAME, Condition, Level, Policy, parse_duration

Priority = Literal["low", "normal", "high", "urgent"]
State = Literal["pending", "fired", "cancelled"]


def _duration(text: str) -> str:
    parse_duration(text)
    return text


def _no_calendar(value: Any) -> None:
    if value is not None:
        raise ValueError("Calendars do not exist yet: leave it out, or send null.")


Duration = Annotated[str, StringConstraints(strip_whitespace=True, pattern=DURATION), AfterValidator(_duration)]
NoCalendar = Annotated[None, BeforeValidator(_no_calendar)]


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


class PolicyBody(_Strict):
    """A policy: its levels fire once per ticket, ever."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, pattern=NAME), Field(examples=["default"])]
    levels: Annotated[list[LevelBody], Field(min_length=1, max_length=MOST_LEVELS)]
    when: WhenBody | None = None
    calendar: Annotated[NoCalendar, Field(description="Not there yet: null.", examples=[None])] = None

    def policy(self) -> Policy:
        when = self.when or WhenBody()
        return Policy(
            name=self.name,
            levels=tuple(Level(after=level.after, notify=level.notify) for level in self.levels),
            when=Condition(priority=tuple(when.priority) if when.priority is not None else None, assigned=when.assigned),
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
                "due_at": "2026-11-24T09:00:00.123456Z",
                "asked_at": None,
                "fired_at": None,
            }
        }
    )


class DeadlinesOut(BaseModel):
    items: list[DeadlineOut]
    next_cursor: str | None
