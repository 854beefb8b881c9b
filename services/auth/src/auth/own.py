"""One's own sessions, password and tokens. All of it takes a browser session, so that a leaked token cannot make itself at home."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from auth import attempts, queries, secrets
from auth.commands import CreateToken
from auth.dependencies import parts_of, session_cookie
from auth.errors import WrongPassword
from auth.schemas import Id, NewToken, NewTokenOut, PasswordChange, SessionsOut, TokensOut, session_out, token_out
from auth.units import ChangePasswordUnit, CreateTokenUnit, EndSessionsUnit, RevokeTokenUnit
from chassis.answers import json_answer, no_content
from chassis.context import context
from chassis.lean import LeanRoute
from chassis.listing import listing
from chassis.paging import Page
from chassis.principal import SessionPrincipal
from chassis.problems import responses
from chassis.service import running
from events.times import to_text

router = APIRouter(prefix="/api/auth", route_class=LeanRoute, tags=["auth"])


@router.get("/sessions", response_model=SessionsOut)
async def list_sessions(request: Request, query: Annotated[Page, Query()], by: SessionPrincipal) -> Response:
    """List where one is signed in, the newest first."""
    desk, asked = running(request), listing(request, query, list="sessions", user=by.id)
    after = asked.after[0] if asked.after else None
    with desk.store.read() as connection:
        rows = queries.list_sessions(connection, by.id, desk.environment.now(), limit=asked.fetch, after=after)
    return asked.answer(rows, lambda row: session_out(row, by.session), lambda row: [row["id"]])


@router.delete("/sessions/{session}", status_code=204, responses=responses("unavailable"))
async def end_session(request: Request, session: Id, by: SessionPrincipal) -> Response:
    """End one of one's own sessions; the one that asks may end itself."""
    await running(request).writer.execute(EndSessionsUnit(user=by.id, only=session, context=context(request, by)))
    return no_content({"Set-Cookie": session_cookie(request, None)} if session == by.session else None)


@router.delete("/sessions", status_code=204, responses=responses("unavailable"))
async def end_other_sessions(request: Request, by: SessionPrincipal) -> Response:
    """End all of one's own sessions but the one that asks."""
    await running(request).writer.execute(EndSessionsUnit(user=by.id, but=by.session, context=context(request, by)))
    return no_content()


@router.post("/password", status_code=204, responses=responses("wrong-password", "too-many-requests", "unavailable"))
async def change_password(request: Request, body: PasswordChange, by: SessionPrincipal) -> Response:
    """Choose another password. The other sessions end; API tokens stay."""
    desk = running(request)
    passwords = parts_of(desk).passwords
    async with attempts.attempt(desk.limits, failing=[(attempts.WRONG_PASSWORDS, (by.id,))]):
        with desk.store.read() as connection:
            kept = queries.find_hash(connection, by.id)
        if not await passwords.matches(body.current_password, kept):
            raise WrongPassword
        hashed = await passwords.hash(body.new_password)
        unit = ChangePasswordUnit(user=by.id, checked=kept, hash=hashed, but=by.session, context=context(request, by))
        await desk.writer.execute(unit)
    return no_content()


@router.post("/tokens", status_code=201, response_model=NewTokenOut, responses=responses("not-permitted", "too-many-tokens", "unavailable"))
async def create_token(request: Request, body: NewToken, by: SessionPrincipal) -> Response:
    """Make an API token. It is shown in this answer and never again."""
    desk = running(request)
    secret = secrets.new_token(desk.environment.random_bytes)
    now = desk.environment.now()
    command = CreateToken(
        token=desk.environment.new_id(),
        name=body.name,
        scopes=body.scopes,
        created_at=now,
        expires_at=now + timedelta(days=body.expires_in_days),
    )
    await desk.writer.execute(CreateTokenUnit(user=by.id, command=command, digest=secret.digest, context=context(request, by)))
    shown = {
        "id": command.token,
        "name": command.name,
        "scopes": sorted(command.scopes),
        "created_at": to_text(command.created_at),
        "expires_at": to_text(command.expires_at),
        "last_used_at": None,
    }
    return json_answer({**shown, "token": secret.text}, 201)


@router.get("/tokens", response_model=TokensOut)
async def list_tokens(request: Request, query: Annotated[Page, Query()], by: SessionPrincipal) -> Response:
    """List one's own API tokens, the newest first, without the tokens themselves."""
    asked = listing(request, query, list="tokens", user=by.id)
    with running(request).store.read() as connection:
        rows = queries.list_tokens(connection, by.id, limit=asked.fetch, after=asked.after[0] if asked.after else None)
    return asked.answer(rows, token_out, lambda row: [row["id"]])


@router.delete("/tokens/{token}", status_code=204, responses=responses("unavailable"))
async def revoke_token(request: Request, token: Id, by: SessionPrincipal) -> Response:
    """Revoke one of one's own API tokens."""
    await running(request).writer.execute(RevokeTokenUnit(user=by.id, token=token, context=context(request, by)))
    return no_content()
