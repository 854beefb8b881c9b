"""Erasing a person: by an admin over HTTP, by the operator's `ste`; and what this store keeps of a person beside its log."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import bindparam, select
from starlette.responses import Response

from auth import queries
from auth.commands import EraseUser
from auth.errors import UserNotFound
from auth.rules import email_key
from auth.schemas import Email, Id, In, Out, UserOut, user_out
from auth.tables import api_tokens, credentials, login_challenges, recovery_codes, sessions, two_factor
from auth.units import SYSTEM, Erased, EraseUserUnit
from chassis.answers import Answer, json_answer
from chassis.callers import operator_only
from chassis.context import context
from chassis.erasing import ask_all
from chassis.idempotency import Idempotency, answer_once
from chassis.lean import LeanRoute
from chassis.principal import CurrentAdmin
from chassis.problems import declare, responses
from chassis.service import Running, running
from events.blanking import AT_ONCE, dropping
from events.decider import Context
from events.envelope import Actor
from events.erasures import erasure_of, unsaid
from events.errors import NotFound
from events.times import to_text

declare("last-admin", 409, "The last admin")

router = APIRouter(prefix="/api/auth/users", route_class=LeanRoute, tags=["auth"])
internal = APIRouter(prefix="/internal/users", route_class=LeanRoute, include_in_schema=False)

Operator = Annotated[None, Depends(operator_only)]
_OPERATOR = Actor(kind="system", id="operator")
_ID = "0193576f-2c00-7c0e-9d4f-6f2f0e6b4a11"


class Confirmation(In):
    """The person's e-mail, so that nobody is erased by a wrong id."""

    email: Email


class ErasedOut(Out):
    model_config = ConfigDict(json_schema_extra={"examples": [{"id": _ID, "erased_at": "2026-11-24T09:00:00.123456Z"}]})

    id: str
    erased_at: str = Field(json_schema_extra={"format": "date-time"})


class StoreErasureOut(BaseModel):
    """How far one service is. `trouble`: why it does not go on at the moment; it tries again by itself."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "source": "/tickets",
                    "done_at": "2026-11-24T09:00:02.123456Z",
                    "step": None,
                    "trouble": None,
                    "blanked": {"events": 12, "journal": 31, "tickets": 3, "notes": 2},
                }
            ]
        }
    )

    source: str
    done_at: str | None = Field(json_schema_extra={"format": "date-time"})
    step: str | None = Field(description="What it is at: a kind of things, `files` or `stream`; null when done, or unknown.")
    trouble: str | None
    blanked: dict[str, int] = Field(description="How many things of each kind held something of the person.")


class ErasureOut(ErasedOut):
    model_config = ConfigDict(json_schema_extra={"examples": []})

    done: bool = Field(description="Whether every service is done: then nothing of the person is in any file of the desk.")
    stores: list[StoreErasureOut]


_LOCATION = {"Location": {"description": "Where it says how far it is.", "schema": {"type": "string", "format": "uri-reference"}}}
_ACCEPTED: dict[int | str, dict[str, Any]] = {202: {"description": "They are erased from here on.", "headers": _LOCATION}}


@router.post(
    "/{user}/erase", status_code=202, response_model=ErasedOut, responses={**_ACCEPTED, **responses("last-admin", "invalid", "unavailable")}
)
async def erase_user(request: Request, user: Id, body: Confirmation, by: CurrentAdmin, _key: Idempotency) -> Response:
    """Erase a person for good: their account, and what is personal of them in all that the desk keeps. Admins only.

    Sessions and tokens end at once, the e-mail is free again; the rest follows within seconds, as `GET …/erasure` tells. What happened
    stays provable: digests, numbers and times are kept. The last active admin who can sign in stays. Asked again, nothing more happens.
    """
    command = EraseUser(user=user, confirmed=body.email, by=by.id)
    return await answer_once(running(request), request, by, EraseUserUnit(command=command, context=context(request, by)), _accepted)


@router.get("/{user}/erasure", response_model=ErasureOut, responses=responses("unavailable"))
async def get_erasure(request: Request, user: Id, _by: CurrentAdmin) -> Response:
    """Tell how far every service is with a person who was erased; 404 for somebody who was not. Admins only."""
    return json_answer(await _how_far(running(request), user))


def _accepted(erased: Erased) -> Answer:
    return json_answer(_erased_out(erased), 202, {"Location": f"/api/auth/users/{erased.id}/erasure"})


def _erased_out(erased: Erased) -> dict[str, Any]:
    return {"id": erased.id, "erased_at": to_text(erased.at)}


async def _how_far(desk: Running, user: str) -> dict[str, Any]:
    with desk.store.read() as connection:
        found = erasure_of(connection, user)
    if found is None:
        raise NotFound("This person was not erased.")
    stores = await ask_all(desk, user)
    return {"id": user, "erased_at": to_text(found.since), "done": all(store["done_at"] for store in stores), "stores": stores}


# -- for `ste` ------------------------------------------------------------------------------------------------------------------------


class Who(BaseModel):
    model_config = ConfigDict(extra="forbid")

    who: Annotated[str, Field(min_length=1, max_length=254)]


@internal.get("/find", response_model=UserOut)
async def find_user(request: Request, query: Annotated[Who, Query()], _operator: Operator) -> Response:
    """Return the person of that id or e-mail. Raises UserNotFound."""
    with running(request).store.read() as connection:
        known = queries.find_credential(connection, email_key(query.who))
        account = queries.find_user(connection, known.user if known else query.who)
    if account is None:
        raise UserNotFound
    return json_answer(user_out(account))


@internal.post("/{user}/erase", status_code=202)
async def erase_user_for_ste(request: Request, user: Id, _operator: Operator) -> Response:
    """Erase a person, in the operator's name."""
    unit = EraseUserUnit(command=EraseUser(user=user, confirmed=None, by=None), context=context(request, _OPERATOR))
    return json_answer(_erased_out(await running(request).writer.execute(unit)), 202)


# -- what this store keeps of a person beside its log ---------------------------------------------------------------------------------

_SESSIONS = select(sessions.c.id).where(sessions.c.user_id == bindparam("person")).limit(AT_ONCE)
_TOKENS = select(api_tokens.c.id).where(api_tokens.c.user_id == bindparam("person")).limit(AT_ONCE)
_TWO_FACTOR = select(two_factor.c.user_id).where(two_factor.c.user_id == bindparam("person"))
_RECOVERY_CODES = select(recovery_codes.c.user_id).where(recovery_codes.c.user_id == bindparam("person")).distinct()
_CHALLENGES = select(login_challenges.c.digest).where(login_challenges.c.user_id == bindparam("person")).limit(AT_ONCE)
_CREDENTIALS = select(credentials.c.user_id).where(credentials.c.user_id == bindparam("person"))


STEPS = (
    dropping("credentials", _CREDENTIALS, credentials.c.user_id),
    dropping("two_factor", _TWO_FACTOR, two_factor.c.user_id),
    dropping("recovery_codes", _RECOVERY_CODES, recovery_codes.c.user_id),
    dropping("login_challenges", _CHALLENGES, login_challenges.c.digest),
    dropping("sessions", _SESSIONS, sessions.c.id),
    dropping("tokens", _TOKENS, api_tokens.c.id),
)


async def erase_the_marked(desk: Running) -> None:
    """Let the log say of everybody who is to be erased that they are: a restored store knows them by their tombstones alone."""
    for person in await desk.store.read_in_thread(unsaid):
        unit = EraseUserUnit(
            command=EraseUser(user=person, confirmed=None, by=None, again=True),
            context=Context(actor=SYSTEM, at=desk.environment.now(), correlation=desk.environment.new_id()),
        )
        await desk.writer.execute(unit)
