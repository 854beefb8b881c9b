"""Who may do what: one row for each route of the desk, written from the HTTP contract. What a caller gets is worked out from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import uuid4

PASSWORD = "four-words-say-more"

Role = Literal["user", "half", "admin"]
"""`half` is a token of an admin that was not made to act as one."""
Whose = Literal["own", "foreign", "absent"]
"""Where a route names no object, the caller's own."""
Door = Literal["open", "signed in", "session"]

OK = "ok"
ABSENT, FORBIDDEN, NO_SCOPE = "404 not-found", "403 not-permitted", "403 missing-scope"


@dataclass(frozen=True)
class Who:
    """What each role is told of an object that is its (own, foreign, absent)."""

    user: tuple[str, str, str]
    half: tuple[str, str, str]
    admin: tuple[str, str, str]

    def told(self, role: Role, whose: Whose) -> str:
        told: tuple[str, str, str] = getattr(self, role)
        return told[("own", "foreign", "absent").index(whose)]


_THEIRS = (OK, ABSENT, ABSENT)
EVERYBODY = Who(user=(OK,) * 3, half=(OK,) * 3, admin=(OK,) * 3)
OWNER = Who(user=_THEIRS, half=_THEIRS, admin=_THEIRS)
ADMINS = Who(user=(FORBIDDEN,) * 3, half=(NO_SCOPE,) * 3, admin=(OK, OK, ABSENT))
ADMINS_NOT_THEMSELVES = Who(user=(FORBIDDEN,) * 3, half=(NO_SCOPE,) * 3, admin=(FORBIDDEN, OK, ABSENT))
ADMINS_OF_NOBODY = Who(user=(FORBIDDEN,) * 3, half=(NO_SCOPE,) * 3, admin=(ABSENT,) * 3)
"""What there is of somebody who was erased; of all others it is absent."""
REQUESTER = Who(user=_THEIRS, half=_THEIRS, admin=(OK, FORBIDDEN, ABSENT))
REQUESTER_OR_ADMINS = Who(user=_THEIRS, half=_THEIRS, admin=(OK, OK, ABSENT))
ADMINS_NOT_REQUESTER = Who(user=(FORBIDDEN, ABSENT, ABSENT), half=(FORBIDDEN, ABSENT, ABSENT), admin=(OK, OK, ABSENT))


@dataclass(frozen=True)
class Route:
    """`done` is what a caller is told who may: the status, or the problem that the object's state makes of it.

    `of` is the kind of object that the path names, or the parameter `query`. `spends` says what a success uses up: the object or the
    caller's session.
    """

    who: Who
    done: str
    of: str | None = None
    query: str | None = None
    door: Door = "signed in"
    body: Callable[[], Mapping[str, Any]] | None = None
    spends: Literal["object", "session"] | None = None


def _with(**body: Any) -> Callable[[], Mapping[str, Any]]:
    return lambda: body


def _newcomer() -> Mapping[str, Any]:
    return {"name": "New Comer", "email": f"{uuid4()}@example.org", "password": PASSWORD}


_SIGN_IN = _with(email="gast@example.org", password=PASSWORD)
_PASSWORDS = _with(current_password=PASSWORD, new_password=PASSWORD)
_SECOND_FACTOR = _with(challenge="made up", code="123456")
_PROOF = _with(current_password=PASSWORD, code="123456")
_TICKET = _with(title="The printer", body="It burns.")
_WHAT_IF = _with(policy={"name": "default", "levels": [{"after": "4h"}]}, since="2026-01-01T00:00:00Z", until="2026-12-01T00:00:00Z")
_POLICIES = _with(policies=[{"name": "default", "levels": [{"after": "24h"}]}])

SERVICES = ("auth", "tickets", "notifier", "escalator")
NOT_PARKED = Route(ADMINS, "404 not-found")
_REASON = _with(reason="not-needed")
HEALTH = Route(EVERYBODY, "200", door="open")

ROUTES: Mapping[str, Route] = {
    "POST /api/auth/register": Route(EVERYBODY, "201", door="open", body=_newcomer),
    "POST /api/auth/login": Route(EVERYBODY, "200", door="open", body=_SIGN_IN, spends="session"),
    "POST /api/auth/login/second-factor": Route(EVERYBODY, "401 challenge-over", door="open", body=_SECOND_FACTOR),
    "POST /api/auth/logout": Route(EVERYBODY, "204", door="session", spends="session"),
    "GET /api/auth/me": Route(EVERYBODY, "200"),
    "GET /api/auth/sessions": Route(EVERYBODY, "200", door="session"),
    "DELETE /api/auth/sessions": Route(EVERYBODY, "204", door="session"),
    "DELETE /api/auth/sessions/{session}": Route(OWNER, "204", of="session", door="session", spends="object"),
    "POST /api/auth/password": Route(EVERYBODY, "204", door="session", body=_PASSWORDS),
    "POST /api/auth/tokens": Route(EVERYBODY, "201", door="session", body=_with(name="Nightly export")),
    "GET /api/auth/tokens": Route(EVERYBODY, "200", door="session"),
    "DELETE /api/auth/tokens/{token}": Route(OWNER, "204", of="token", door="session", spends="object"),
    "GET /api/auth/two-factor": Route(EVERYBODY, "200", door="session"),
    "POST /api/auth/two-factor": Route(EVERYBODY, "201", door="session", body=_with(current_password=PASSWORD)),
    "POST /api/auth/two-factor/confirm": Route(EVERYBODY, "422 invalid", door="session", body=_with(code="")),
    "POST /api/auth/two-factor/recovery-codes": Route(EVERYBODY, "409 two-factor-not-enabled", door="session", body=_PROOF),
    "POST /api/auth/two-factor/disable": Route(EVERYBODY, "409 two-factor-not-enabled", door="session", body=_PROOF),
    "GET /api/auth/users": Route(ADMINS, "200"),
    "GET /api/auth/users/{user}": Route(ADMINS, "200", of="user"),
    "PATCH /api/auth/users/{user}": Route(ADMINS, "200", of="user", body=_with(active=True)),
    "POST /api/auth/users/{user}/erase": Route(ADMINS, "422 invalid", of="user", body=_with(email="nobody@example.org")),
    "DELETE /api/auth/users/{user}/two-factor": Route(ADMINS_NOT_THEMSELVES, "204", of="user"),
    "GET /api/auth/users/{user}/erasure": Route(ADMINS_OF_NOBODY, "200", of="user"),
    "POST /api/tickets": Route(EVERYBODY, "201", body=_TICKET),
    "GET /api/tickets": Route(EVERYBODY, "200"),
    "GET /api/tickets/counts": Route(EVERYBODY, "200"),
    "GET /api/tickets/report": Route(ADMINS, "200"),
    "GET /api/tickets/{ticket}": Route(REQUESTER_OR_ADMINS, "200", of="ticket"),
    "PATCH /api/tickets/{ticket}": Route(REQUESTER, "200", of="ticket", body=_with(title="The printer, again")),
    "PUT /api/tickets/{ticket}/status": Route(ADMINS_NOT_REQUESTER, "200", of="ticket", body=_with(status="in_progress")),
    "PUT /api/tickets/{ticket}/priority": Route(ADMINS_NOT_REQUESTER, "200", of="ticket", body=_with(priority="high")),
    "PUT /api/tickets/{ticket}/assignee": Route(ADMINS_NOT_REQUESTER, "200", of="ticket", body=_with(assignee_id=None)),
    "POST /api/tickets/{ticket}/notes": Route(ADMINS_NOT_REQUESTER, "201", of="ticket", body=_with(body="Called her.")),
    "GET /api/tickets/{ticket}/notes": Route(ADMINS_NOT_REQUESTER, "200", of="ticket"),
    "GET /api/tickets/{ticket}/history": Route(REQUESTER_OR_ADMINS, "200", of="ticket"),
    "GET /api/tickets/{ticket}/why": Route(REQUESTER_OR_ADMINS, "422 invalid", of="ticket"),  # what of it, the row does not say
    "GET /api/audit": Route(ADMINS, "200"),
    "GET /api/audit/verify": Route(ADMINS, "200"),
    "POST /api/audit/verify": Route(ADMINS, "200"),
    "GET /api/audit/checkpoints": Route(ADMINS, "200"),
    "GET /api/audit/export": Route(ADMINS, "200"),
    "GET /api/audit/proof": Route(ADMINS, "200", of="ticket", query="ticket"),
    "GET /api/events": Route(ADMINS, "200"),
    "GET /api/events/stream": Route(ADMINS, "200"),
    "GET /api/notifications": Route(EVERYBODY, "200"),
    "GET /api/notifications/unread-count": Route(EVERYBODY, "200"),
    "GET /api/notifications/stream": Route(EVERYBODY, "200"),
    "GET /api/notifications/preferences": Route(EVERYBODY, "200"),
    "PUT /api/notifications/preferences": Route(EVERYBODY, "200", body=_with(email=True)),
    "POST /api/notifications/read-all": Route(EVERYBODY, "200"),
    "PUT /api/notifications/{notification}/read": Route(OWNER, "204", of="notification"),
    "DELETE /api/notifications/{notification}/read": Route(OWNER, "204", of="notification"),
    "GET /api/jobs": Route(ADMINS, "200"),
    "GET /api/jobs/{job}": Route(ADMINS, "200", of="job"),
    "POST /api/jobs/{job}/retry": Route(ADMINS, "409 not-dead", of="job"),
    "GET /api/escalations/policies": Route(ADMINS, "200"),
    "PUT /api/escalations/policies": Route(ADMINS, "200", body=_POLICIES),
    "GET /api/escalations/deadlines": Route(ADMINS, "200"),
    "POST /api/escalations/simulate": Route(ADMINS, "200", body=_WHAT_IF),
    **{f"GET /api/{service}/system": Route(ADMINS, "200") for service in SERVICES},
    **{f"GET /api/{service}/parked": Route(ADMINS, "200") for service in SERVICES},
    **{f"POST /api/{service}/parked/{{source}}/{{sequence}}/retry": NOT_PARKED for service in SERVICES},
    **{f"POST /api/{service}/parked/{{source}}/{{sequence}}/skip": replace(NOT_PARKED, body=_REASON) for service in SERVICES},
    **{f"GET /health/{service}": HEALTH for service in SERVICES},
}
"""Keys are method and path as in the OpenAPI documents. A route that is not here fails the tests, and so does a row without a route."""
