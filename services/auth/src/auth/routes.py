"""Accounts over HTTP: registering, signing in and out, and the admin's list of people. What is one's own is in `own`."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from auth import attempts, queries, secrets
from auth.commands import ChangeAccount, Register
from auth.dependencies import VisitorsDevice, parts_of, replaced_session, session_cookie, stranger
from auth.errors import InvalidCredentials, SecondFactorRequired, UserNotFound
from auth.rules import email_key, folded
from auth.schemas import (
    AccountChange,
    Id,
    Login,
    Registration,
    UserOut,
    UserQuery,
    UsersOut,
    user_out,
)
from auth.two_factor import Challenge
from auth.units import (
    SYSTEM,
    ChangeAccountUnit,
    RegisterUnit,
    SignInUnit,
    SignOutUnit,
)
from chassis.answers import json_answer, no_content
from chassis.callers import neighbourhood
from chassis.context import context
from chassis.lean import LeanRoute
from chassis.listing import listing
from chassis.principal import CurrentAdmin, CurrentPrincipal, SameOrigin, SessionPrincipal
from chassis.problems import responses
from chassis.service import running
from events.envelope import Actor
from events.errors import NotSignedIn
from events.times import to_text

router = APIRouter(prefix="/api/auth", route_class=LeanRoute, tags=["auth"])

# -- in and out -----------------------------------------------------------------------------------------------------------------------


@router.post("/register", status_code=201, response_model=UserOut, responses=responses("email-taken", "too-many-requests", "unavailable"))
async def register(request: Request, body: Registration, _here: SameOrigin, device: VisitorsDevice) -> Response:
    """Open an account, always with the role `user`, without signing in. At most 5 tries an hour per address."""
    desk = running(request)
    async with attempts.opening(desk.limits, neighbourhood(device.address)):
        hashed = await parts_of(desk).passwords.hash(body.password)
        command = Register(user=desk.environment.new_id(), name=body.name, email=body.email)
        by = Actor(kind="user", id=command.user)
        account = await desk.writer.execute(RegisterUnit(command=command, hash=hashed, context=context(request, by)))
    return json_answer(user_out(account), 201)


@router.post(
    "/login",
    response_model=UserOut,
    responses=responses("invalid-credentials", "second-factor-required", "too-many-requests", "unavailable"),
)
async def login(request: Request, body: Login, _here: SameOrigin, device: VisitorsDevice) -> Response:
    """Sign in: sets the session cookie and ends the session whose cookie came along. An unknown e-mail and a wrong password look alike.

    Somebody with two-factor sign-in is answered 401 with a `challenge` when the password was right: `POST /api/auth/login/second-factor`
    takes it with a code.
    """
    desk, email = running(request), email_key(body.email)
    who, address = stranger(desk, email), neighbourhood(device.address)
    async with attempts.attempt(desk.limits, anyhow=[(attempts.LOGINS, (address,))], failing=attempts.failures(address, who)):
        with desk.store.read() as connection:
            known = queries.find_credential(connection, email)
        kept = known.hash if known else None
        secret, challenge = secrets.new_session(desk.environment.random_bytes), secrets.new_challenge(desk.environment.random_bytes)
        unit = SignInUnit(
            user=known.user if known else None,
            stranger=f"login/{who}",
            right=await parts_of(desk).passwords.matches(body.password, kept),
            checked=kept,
            challenge=challenge.digest,
            session=desk.environment.new_id(),
            digest=secret.digest,
            device=device,
            replaced=replaced_session(request),
            context=context(request, Actor(kind="user", id=known.user) if known else SYSTEM),
        )
        outcome = await desk.writer.execute(unit)
        if outcome is None:
            raise InvalidCredentials
    if isinstance(outcome, Challenge):  # out here, where the try counts as one whose password was right
        raise SecondFactorRequired(challenge.text, to_text(outcome.expires_at))
    return json_answer(user_out(outcome), headers={"Set-Cookie": session_cookie(request, secret.text)})


@router.post("/logout", status_code=204, responses=responses("unavailable"))
async def logout(request: Request, by: SessionPrincipal, device: VisitorsDevice) -> Response:
    """Sign out: the session is dead on every service within a second."""
    assert by.session is not None
    await running(request).writer.execute(SignOutUnit(user=by.id, session=by.session, device=device, context=context(request, by)))
    return no_content({"Set-Cookie": session_cookie(request, None)})


@router.get("/me", response_model=UserOut)
async def me(request: Request, by: CurrentPrincipal) -> Response:
    """Return who is asking."""
    with running(request).store.read() as connection:
        account = queries.find_user(connection, by.id)
    if account is None:
        raise NotSignedIn("Sign in first.")  # erased since the request came in
    return json_answer(user_out(account))


# -- people, for admins ---------------------------------------------------------------------------------------------------------------


@router.get("/users", response_model=UsersOut)
async def list_users(request: Request, query: Annotated[UserQuery, Query()], _by: CurrentAdmin) -> Response:
    """List people by name. Admins only."""
    asked = listing(request, query, list="users")
    rows = await running(request).store.read_in_thread(
        lambda connection: queries.list_users(
            connection,
            q=query.q,
            role=query.role,
            active=query.active,
            can_sign_in=query.can_sign_in,
            limit=asked.fetch,
            after=asked.after,
        )
    )
    return asked.answer(rows, user_out, lambda account: [folded(account.name), account.id])


@router.get("/users/{user}", response_model=UserOut)
async def get_user(request: Request, user: Id, _by: CurrentAdmin) -> Response:
    """Return a person, also one who was erased. Admins only."""
    with running(request).store.read() as connection:
        account = queries.find_user(connection, user)
    if account is None:
        raise UserNotFound
    return json_answer(user_out(account))


@router.patch("/users/{user}", response_model=UserOut, responses=responses("last-admin", "erased", "unavailable"))
async def change_account(request: Request, user: Id, body: AccountChange, by: CurrentAdmin) -> Response:
    """Change somebody's role or activity. Admins only; the last active one who can sign in stays. Deactivating ends sessions and tokens."""
    command = ChangeAccount(user=user, role=body.role, active=body.active, by=by.id)
    return json_answer(user_out(await running(request).writer.execute(ChangeAccountUnit(command=command, context=context(request, by)))))
