"""What several routes share: what `app` has built, the visitor's device, and the reading of a list page by page."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, cast

from fastapi import Depends, Request

from auth import queries
from auth.commands import Device
from auth.passwords import Passwords
from auth.presence import Presence
from auth.sealing import Sealing
from chassis.answers import Answer, json_answer
from chassis.context import agent, client_address
from chassis.paging import Page
from chassis.principal import cookie_name, session_credential
from chassis.problems import declare
from chassis.service import Parts, Running, running

T = TypeVar("T")

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


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of one list. `after` is the sort key of the last item seen, None at first."""

    desk: Running
    limit: int
    bound: Mapping[str, Any]
    after: Sequence[Any] | None

    @property
    def fetch(self) -> int:
        """How many rows to read: one more than the page shows tells whether there is another."""
        return self.limit + 1

    def answer(self, rows: Sequence[T], render: Callable[[T], Any], key: Callable[[T], Sequence[Any]]) -> Answer:
        shown = rows[: self.limit]
        following = self.desk.sealer.seal(self.bound, key(shown[-1])) if len(rows) > self.limit else None
        return json_answer({"items": [render(row) for row in shown], "next_cursor": following})


def listing(request: Request, query: Page, **bound: Any) -> Listing:
    """Return the page that is asked for; `bound` names the list and whose it is. Raises Invalid for a cursor of another list."""
    desk = running(request)
    bound = {**query.filters(), **bound}
    after = None if query.cursor is None else desk.sealer.open(query.cursor, bound)
    return Listing(desk, query.limit, bound, after)
