"""Two-factor sign-in over HTTP: turning it on and off, the second step of a sign-in, and its reset for who lost their telephone.

One's own takes a browser session, so that a leaked token cannot lock its owner out. None of it takes an Idempotency-Key: the answers hold
secrets, and those are kept nowhere.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from auth import attempts, queries, secrets
from auth.codes import folded_code, is_totp, new_recovery_codes, new_secret, uri_of
from auth.commands import AnswerChallenge, BeginTwoFactor, ConfirmTwoFactor, DisableTwoFactor, Proof, RenewRecoveryCodes, ResetTwoFactor
from auth.dependencies import VisitorsDevice, parts_of, replaced_session, session_cookie
from auth.errors import ChallengeOver, InvalidCode, WrongPassword
from auth.rules import ENROLMENT, RECOVERY_CODES
from auth.schemas import Id, UserOut, user_out
from auth.two_factor import is_enabled
from auth.two_factor_schemas import (
    ConfirmationIn,
    EnrolmentIn,
    EnrolmentOut,
    ProofIn,
    RecoveryCodesOut,
    SecondFactorIn,
    TwoFactorOut,
)
from auth.two_factor_store import find_challenged, find_two_factor
from auth.two_factor_units import (
    AnswerChallengeUnit,
    ConfirmTwoFactorUnit,
    OwnTwoFactorUnit,
    Refused,
    ResetTwoFactorUnit,
)
from chassis.answers import json_answer, no_content
from chassis.callers import neighbourhood, operator_only
from chassis.context import context
from chassis.lean import LeanRoute
from chassis.principal import CurrentAdmin, SameOrigin, SessionPrincipal
from chassis.problems import declare, responses
from chassis.service import Running, running
from events.envelope import Actor
from events.times import to_text

declare("invalid-code", 401, "Code wrong or used", tries_left=4)
declare("challenge-over", 401, "The sign-in took too long or is done")
declare("wrong-code", 422, "The code is wrong")
declare("two-factor-enabled", 409, "Two-factor sign-in is on already")
declare("two-factor-not-enabled", 409, "Two-factor sign-in is not on")
declare("no-enrolment", 409, "Nothing to confirm")

router = APIRouter(prefix="/api/auth", route_class=LeanRoute, tags=["auth"])
internal = APIRouter(prefix="/internal/users", route_class=LeanRoute, include_in_schema=False)

Operator = Annotated[None, Depends(operator_only)]
_OPERATOR = Actor(kind="system", id="operator")
_PROVED = ("two-factor-not-enabled", "wrong-password", "wrong-code", "too-many-requests", "unavailable")

# -- signing in -----------------------------------------------------------------------------------------------------------------------


@router.post(
    "/login/second-factor",
    response_model=UserOut,
    responses=responses("invalid-code", "challenge-over", "too-many-requests", "unavailable"),
)
async def answer_challenge(request: Request, body: SecondFactorIn, _here: SameOrigin, device: VisitorsDevice) -> Response:
    """Sign in by the second step: sets the session cookie and ends the session whose cookie came along.

    `challenge` is what the first step was answered with: good for 5 minutes and 5 tries, and once. With too many wrong codes of apps, from
    one address or for one person, they have to wait (429); a recovery code works all the same.
    """
    desk, digest = running(request), secrets.digest_of(body.challenge)
    with desk.store.read() as connection:
        user = find_challenged(connection, digest)
    if user is None:
        raise ChallengeOver
    counted = attempts.codes(neighbourhood(device.address), user) if is_totp(folded_code(body.code)) else ()
    async with attempts.attempt(desk.limits, failing=counted):
        secret, by = secrets.new_session(desk.environment.random_bytes), context(request, Actor(kind="user", id=user))
        unit = AnswerChallengeUnit(
            command=AnswerChallenge(user=user, challenge=digest, proof=_proof(desk, user, body.code), at=by.at),
            session=desk.environment.new_id(),
            digest=secret.digest,
            device=device,
            replaced=replaced_session(request),
            context=by,
        )
        outcome = await desk.writer.execute(unit)
        if isinstance(outcome, Refused):
            raise InvalidCode(outcome.tries_left)
    return json_answer(user_out(outcome), headers={"Set-Cookie": session_cookie(request, secret.text)})


# -- one's own ------------------------------------------------------------------------------------------------------------------------


@router.get("/two-factor", response_model=TwoFactorOut)
async def get_two_factor(request: Request, by: SessionPrincipal) -> Response:
    """Tell whether one's sign-in takes a second factor, and how many recovery codes are left."""
    with running(request).store.read() as connection:
        standing = find_two_factor(connection, by.id)
    if not is_enabled(standing):
        return json_answer({"enabled": False, "since": None, "recovery_codes_left": 0})
    assert standing.enabled_at is not None
    return json_answer({"enabled": True, "since": to_text(standing.enabled_at), "recovery_codes_left": len(standing.codes)})


@router.post(
    "/two-factor",
    status_code=201,
    response_model=EnrolmentOut,
    responses=responses("two-factor-enabled", "wrong-password", "too-many-requests", "unavailable"),
)
async def begin(request: Request, body: EnrolmentIn, by: SessionPrincipal) -> Response:
    """Begin to turn it on, or begin anew: a secret for an authenticator app. Nothing is asked for until it is confirmed within an hour."""
    desk, now = running(request), context(request, by)
    checked = await _check_password(desk, by.id, body.current_password)
    secret = new_secret(desk.environment.random_bytes)
    sealed = parts_of(desk).sealing.seal(by.id, secret, desk.environment.random_bytes)
    command = BeginTwoFactor(user=by.id, sealed=sealed, at=now.at)
    await desk.writer.execute(OwnTwoFactorUnit(command=command, checked=checked, context=now))
    return json_answer({"secret": secret, "uri": uri_of(secret, by.email), "expires_at": to_text(now.at + ENROLMENT)}, 201)


@router.post(
    "/two-factor/confirm",
    response_model=RecoveryCodesOut,
    responses=responses("two-factor-enabled", "no-enrolment", "wrong-code", "too-many-requests", "unavailable"),
)
async def confirm(request: Request, body: ConfirmationIn, by: SessionPrincipal) -> Response:
    """Turn it on, with a code that shows that the app has the secret. The other sessions end; API tokens stay.

    The answer has ten recovery codes, shown once: each signs in once when the app is not at hand.
    """
    desk, now = running(request), context(request, by)
    codes, hashes = _new_codes(desk, by.id)
    async with attempts.attempt(desk.limits, failing=attempts.own_codes(by.id)):
        command = ConfirmTwoFactor(user=by.id, proof=_proof(desk, by.id, body.code), codes=hashes, at=now.at)
        await desk.writer.execute(ConfirmTwoFactorUnit(command=command, but=by.session, context=now))
    return json_answer({"recovery_codes": codes})


@router.post("/two-factor/recovery-codes", response_model=RecoveryCodesOut, responses=responses(*_PROVED))
async def renew_recovery_codes(request: Request, body: ProofIn, by: SessionPrincipal) -> Response:
    """Get ten other recovery codes, shown once. The old ones are void."""
    desk = running(request)
    checked = await _check_password(desk, by.id, body.current_password)
    codes, hashes = _new_codes(desk, by.id)
    async with attempts.attempt(desk.limits, failing=attempts.own_codes(by.id)):
        command = RenewRecoveryCodes(user=by.id, proof=_proof(desk, by.id, body.code), codes=hashes)
        await desk.writer.execute(OwnTwoFactorUnit(command=command, checked=checked, context=context(request, by)))
    return json_answer({"recovery_codes": codes})


@router.post("/two-factor/disable", status_code=204, responses=responses(*_PROVED))
async def disable(request: Request, body: ProofIn, by: SessionPrincipal) -> Response:
    """Turn it off: the password is enough again, and secret and recovery codes are gone."""
    desk = running(request)
    checked = await _check_password(desk, by.id, body.current_password)
    async with attempts.attempt(desk.limits, failing=attempts.own_codes(by.id)):
        command = DisableTwoFactor(user=by.id, proof=_proof(desk, by.id, body.code))
        await desk.writer.execute(OwnTwoFactorUnit(command=command, checked=checked, context=context(request, by)))
    return no_content()


async def _check_password(desk: Running, user: str, password: str) -> str | None:
    """Return the hash that the password was compared with. Raises WrongPassword or TooMany."""
    async with attempts.attempt(desk.limits, failing=[(attempts.WRONG_PASSWORDS, (user,))]):
        with desk.store.read() as connection:
            kept = queries.find_hash(connection, user)
        if not await parts_of(desk).passwords.matches(password, kept):
            raise WrongPassword
    return kept


def _proof(desk: Running, user: str, code: str) -> Proof:
    with desk.store.read() as connection:
        standing = find_two_factor(connection, user)
    return parts_of(desk).sealing.proof(standing, code, desk.environment.now()) if standing is not None else Proof()


def _new_codes(desk: Running, user: str) -> tuple[list[str], frozenset[str]]:
    """Return new recovery codes, and their keyed hashes."""
    codes = new_recovery_codes(RECOVERY_CODES, desk.environment.random_bytes)
    return codes, frozenset(parts_of(desk).sealing.digest(user, code) for code in codes)


# -- for who lost it ------------------------------------------------------------------------------------------------------------------


@router.delete("/users/{user}/two-factor", status_code=204, responses=responses("erased", "unavailable"))
async def reset(request: Request, user: Id, by: CurrentAdmin) -> Response:
    """Turn it off for somebody who lost telephone and recovery codes; their sessions end. Admins only, and nobody for themselves."""
    command = ResetTwoFactor(user=user, by=by.id)
    await running(request).writer.execute(ResetTwoFactorUnit(command=command, context=context(request, by)))
    return no_content()


@internal.post("/{user}/reset-two-factor")
async def reset_for_ste(request: Request, user: Id, _operator: Operator) -> Response:
    """Turn it off for anybody, in the operator's name. Return {"was_on": bool}."""
    unit = ResetTwoFactorUnit(command=ResetTwoFactor(user=user, by=None), context=context(request, _OPERATOR))
    return json_answer({"was_on": await running(request).writer.execute(unit)})
