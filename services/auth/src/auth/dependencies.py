"""What several routes share: what `app` has built and the visitor's device."""

import hmac
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from auth import queries
from auth.commands import Device
from auth.passwords import Passwords
from auth.presence import Presence
from auth.sealing import Sealing
from chassis.context import agent, client_address
from chassis.principal import cookie_name, session_credential
from chassis.problems import declare
from chassis.service import Parts, Running, running

declare("invalid-credentials", 401, "E-mail or password wrong")
declare(
    "second-factor-required",
    401,
    "A second factor is needed",
    challenge="0pD3x2kZb1cYh7vVJk3cD1m8rj0nTq6wYx5oBfGiUsE",
    expires_at="2026-11-23T09:05:00.123456Z",
)
declare("email-taken", 409, "E-mail taken")
declare("last-admin", 409, "The last admin")
declare("too-many-tokens", 409, "Too many tokens")
declare("wrong-password", 422, "The current password is wrong")


@dataclass(kw_only=True)
class AuthParts(Parts):
    passwords: Passwords
    sealing: Sealing
    presence: Presence


def parts_of(desk: Running) -> AuthParts:
    return cast("AuthParts", desk.parts)


def _device(request: Request) -> Device:
    return Device(address=client_address(request), agent=agent(request))


VisitorsDevice = Annotated[Device, Depends(_device)]


def replaced_session(request: Request) -> tuple[str, str] | None:
    """Return (user, session) of the cookie that came along with a sign-in, which the new one overwrites."""
    carried = session_credential(request)
    if carried is None:
        return None
    with running(request).store.read() as connection:
        return queries.find_session(connection, carried.digest)


def session_cookie(request: Request, secret: str | None) -> str:
    """Return the Set-Cookie header that gives the browser a session's secret, or, with None, takes it away."""
    secure = running(request).settings.secure
    parts = [f"{cookie_name(secure=secure)}={secret or ''}", "HttpOnly", "SameSite=Lax", "Path=/"]
    return "; ".join(parts + (["Secure"] if secure else []) + ([] if secret else ["Max-Age=0"]))


def stranger(desk: Running, email_key: str) -> str:
    """Return what stands for an e-mail where the e-mail itself must not: 64 hex digits that only this desk can compute."""
    return hmac.digest(bytes.fromhex(desk.secrets["login-hmac"]), email_key.encode(), "sha256").hex()
