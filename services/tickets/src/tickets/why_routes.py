"""Why, over HTTP: for those whom it concerns at `/api/tickets/{ticket}/why`, for the operator's `ste why` at `/internal/why`."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from chassis.answers import json_answer
from chassis.callers import operator_only
from chassis.lean import LeanRoute
from chassis.principal import CurrentPrincipal
from chassis.problems import responses
from chassis.service import running
from chassis.strings import Spelled
from events.errors import Invalid
from tickets.access import Operator
from tickets.answers import ActorOut, Out
from tickets.explaining import Kind, Step
from tickets.proof import BROKEN
from tickets.schemas import Id, Number
from tickets.sentences import Names
from tickets.why import Answer, Question

router = APIRouter(prefix="/api/tickets", route_class=LeanRoute, tags=["tickets"])
internal = APIRouter(prefix="/internal", route_class=LeanRoute, include_in_schema=False)

Level = Annotated[
    str, Spelled("^[a-z0-9-]{1,40}(:[1-9][0-9]?)?$", "must be the name of a policy, with or without a level: default, or default:1")
]


class WhyQuery(BaseModel):
    """One of the four."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    notification: Annotated[Id | None, Field(description="Why somebody has this notification. For its recipient, and for admins.")] = None
    event: Annotated[
        Id | None, Field(description="Why somebody was, or was not, told of this event of the ticket's history, by its `id` there.")
    ] = None
    person: Annotated[Id | None, Field(description="With `event`: who; `me` at first. Others are for admins to ask about.")] = None
    escalation: Annotated[
        Level | None,
        Field(
            description="Why a level of a policy has escalated the ticket, or why not: `<policy>:<level>`, or `<policy>` for its level 1.",
            examples=["default:1"],
        ),
    ] = None
    escalated: Annotated[
        Id | None, Field(description="Why this escalation came about: the `id` of a `ticket_escalated` of the ticket's history.")
    ] = None


class OperatorsQuery(WhyQuery):
    ticket: Number


class CauseOut(Out):
    """An event, as it is found in the feed and in the audit."""

    id: str = Field(examples=["019aa0b2-7c00-7000-8000-00000000000c"])
    source: str = Field(examples=["/tickets"])
    sequence: int = Field(examples=[1042])
    type: str = Field(examples=["ticket.status_changed"])
    hash: str = Field(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])


class StepOut(Out):
    kind: Kind = Field(
        description="`request`: the click. `event`: what came of it. `deadline`, `rule`: what was decided by. `job`: how it was told. "
        "`notification`: the message. `obstacle`: why it did not come about."
    )
    time: str | None = Field(description="When; for a `deadline` when it is due.", examples=["2026-11-23T09:12:00.123456Z"])
    actor: ActorOut | None = Field(description="Who did it; null where nobody did, or where that is not yours to see.")
    event: CauseOut | None
    request: str | None = Field(
        description="The request that an event came with, as its answer's `X-Request-Id`.",
        examples=["5f0c6a52-7f31-4f0a-8b9f-5c2f6d1b8a01"],
    )
    reason: str | None = Field(description="Of an obstacle: which one, in a word for programs.", examples=["not-due-yet"])
    sentence: str = Field(examples=["Ada Lovelace moved the ticket from open to in progress."])


class WhyOut(Out):
    """A chain of causes. The last step is what was asked about, or why it did not come about."""

    ticket_id: int = Field(examples=[42])
    happened: bool
    reason: str | None = Field(description="Why not: that of the first obstacle. Null when it happened.", examples=["not-due-yet"])
    summary: str = Field(
        examples=["Anna Arendt was told “Ticket #42 is in progress”. Ada Lovelace moved the ticket from open to in progress."]
    )
    steps: list[StepOut]


@router.get("/{ticket}/why", response_model=WhyOut, responses=responses("not-permitted", BROKEN, "unavailable"))
async def get_why(request: Request, ticket: Number, query: Annotated[WhyQuery, Query()], by: CurrentPrincipal) -> Response:
    """Explain why somebody was told of something, or why the ticket escalated: from the click to the message, event by event; or why not.

    503 while a service that has to be asked, notifier or escalator, does not answer.
    """
    return await _explained(Question(running(request), ticket, by, {by.id: by.name}), query)


@internal.get("/why")
async def get_why_for_ste(
    request: Request, query: Annotated[OperatorsQuery, Query()], _: Annotated[None, Depends(operator_only)]
) -> Response:
    """Explain it to the operator."""
    return await _explained(Question(running(request), query.ticket, Operator(), {}), query)


async def _explained(question: Question, query: WhyQuery) -> Response:
    asked = [name for name in ("notification", "event", "escalation", "escalated") if getattr(query, name) is not None]
    if len(asked) != 1 or (query.person is not None and query.event is None):
        await question.demand_sight()
        rule = "needs one of notification, event, escalation and escalated; person goes with event"
        raise Invalid("It has to be said what is to be explained.", [(("query",), rule)])
    if query.notification is not None:
        answer = await question.about_notification(query.notification)
    elif query.event is not None:
        answer = await question.about_event(query.event, query.person)
    elif query.escalated is not None:
        answer = await question.about_escalated(query.escalated)
    else:
        policy, _, level = str(query.escalation).partition(":")
        answer = await question.about_escalation(policy, int(level or 1))
    return json_answer(_shown(answer))


def _shown(answer: Answer) -> dict[str, Any]:
    found = answer.explanation
    return {
        "ticket_id": answer.ticket,
        "happened": found.happened,
        "reason": found.reason,
        "summary": found.summary,
        "steps": [_step(step, answer.names) for step in found.steps],
    }


def _step(step: Step, names: Names) -> dict[str, Any]:
    event, actor = step.event, None
    if step.actor is not None:
        kind, id_ = step.actor
        actor = {"kind": kind, "id": id_, "name": id_ if kind == "system" else names.get(id_)}
    return {
        "kind": step.kind,
        "time": step.time,
        "actor": actor,
        "event": None if event is None else {name: getattr(event, name) for name in CauseOut.model_fields},
        "request": step.request,
        "reason": step.reason,
        "sentence": step.sentence,
    }
