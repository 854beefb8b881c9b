"""Who is asking, and the dependencies by which a route says whom it is for.

Nothing here trusts an identity header: a principal is what auth answered for the token that the request carries.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, Request

from chassis.crosssite import check_same_origin
from chassis.declared import Header, declares
from chassis.service import running
from events.envelope import Actor
from events.errors import NotPermitted, NotSignedIn

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
Scope = Literal["read", "write", "admin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Someone who is signed in: by a session (`session` is its public id) or by an API token (`token` is its public id)."""

    kind: str
    id: str
    name: str
    email: str
    role: str
    scopes: frozenset[str] = frozenset()
    session: str | None = None
    token: str | None = None

    @property
    def is_admin(self) -> bool:
        """A token of an admin acts as one only when it was made for that."""
        return self.role == "admin" and (self.session is not None or "admin" in self.scopes)

    @property
    def may_read(self) -> bool:
        return self.session is not None or "read" in self.scopes

    @property
    def may_write(self) -> bool:
        return self.session is not None or "write" in self.scopes

    @property
    def actor(self) -> Actor:
        """The actor of the events that this principal's commands append."""
        return Actor(kind=self.kind, id=self.id, token=self.token)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads, for the answer of auth's `/internal/principal`."""
        return {**asdict(self), "scopes": sorted(self.scopes)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Principal":
        """Return the principal of auth's answer. Raises TypeError or KeyError when it is not one."""
        return cls(**{**values, "scopes": frozenset(values["scopes"])})


@dataclass(frozen=True, slots=True)
class Credential:
    """What a request proves itself with. Only the SHA-256 (hex) of the secret travels on."""

    kind: Literal["session", "token"]
    digest: str

    @classmethod
    def of(cls, kind: Literal["session", "token"], secret: str) -> "Credential":
        return cls(kind, hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest())


def cookie_name(*, secure: bool) -> str:
    return "__Host-sid" if secure else "sid"


def credential(request: Request) -> Credential | None:
    """Return what the request carries. A bearer token, even a wrong one, hides the cookie: it is what exempts it from the origin check."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        scheme, _, secret = authorization.partition(" ")
        return Credential.of("token", secret.strip()) if scheme.lower() == "bearer" else None
    return session_credential(request)


def session_credential(request: Request) -> Credential | None:
    """Return the session whose cookie came along, whatever else did."""
    secret = request.cookies.get(cookie_name(secure=running(request).settings.secure), "")
    return Credential.of("session", secret) if secret else None


async def find_principal(request: Request) -> Principal | None:
    """Return who is asking, or None. Raises NotPermitted for a cross-site request, Unavailable when auth cannot say who it is."""
    carried = credential(request)
    if carried is None:
        return None
    if carried.kind == "session" and request.method not in SAFE_METHODS:
        check_same_origin(request)
    return await running(request).principals.find(carried, request)


@declares("not-signed-in", "missing-scope", "unavailable", security=True)
async def current_principal(request: Request) -> Principal:
    """Return who is asking. Raises NotSignedIn, or NotPermitted when the token's scopes do not reach."""
    principal = await find_principal(request)
    if principal is None:
        raise NotSignedIn("Sign in first.")
    if not (principal.may_read if request.method in SAFE_METHODS else principal.may_write):
        raise NotPermitted("This token was not made for that.", code="missing-scope")
    return principal


@declares("not-permitted", like=current_principal)
async def current_admin(request: Request) -> Principal:
    """Return the admin who is asking. Raises NotSignedIn or NotPermitted."""
    principal = await current_principal(request)
    if not principal.is_admin:
        code = "missing-scope" if principal.role == "admin" else "not-permitted"
        raise NotPermitted("Only admins may do that.", code=code)
    return principal


@declares("session-needed", like=current_principal)
async def session_principal(request: Request) -> Principal:
    """Return the person at a browser who is asking; API tokens are refused."""
    principal = await current_principal(request)
    if principal.session is None:
        raise NotPermitted("That takes a signed-in browser session, not a token.", code="session-needed")
    return principal


@declares("cross-site", headers=[Header("Sec-Fetch-Site", "What the browser says about where the request comes from.")])
def same_origin(request: Request) -> None:
    """Refuse a cross-site request, for the routes that anyone may call: login and register. Raises NotPermitted."""
    check_same_origin(request)


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
CurrentAdmin = Annotated[Principal, Depends(current_admin)]
SessionPrincipal = Annotated[Principal, Depends(session_principal)]
SameOrigin = Annotated[None, Depends(same_origin)]
