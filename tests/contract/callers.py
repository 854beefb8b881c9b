"""Everybody who may come to the desk's door, and what each of them is told there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.contract.rights import OK, Role, Route, Whose

Headers = Mapping[str, str]

OURS = "http://localhost:8080"
HERE: Headers = {"Sec-Fetch-Site": "same-origin"}
FROM_HERE: Mapping[str, Headers] = {
    "typed": {"Sec-Fetch-Site": "none"},
    "old browser": {"Origin": OURS},
    "old browser, by number": {"Origin": "http://127.0.0.1:8080"},
}
FROM_ELSEWHERE: Mapping[str, Headers] = {
    "cross-site": {"Sec-Fetch-Site": "cross-site"},
    "same site": {"Sec-Fetch-Site": "same-site"},
    "cross-site that claims our origin": {"Sec-Fetch-Site": "cross-site", "Origin": OURS},
    "wrong origin": {"Origin": "https://evil.example"},
    "other port": {"Origin": "http://localhost:8081"},
    "longer origin": {"Origin": f"{OURS}.evil.example"},
    "no origin": {"Origin": "null"},
    "nothing said": {},
}
SAFE = ("GET", "HEAD")


@dataclass(frozen=True)
class Caller:
    """`person` is None for who never was anybody; `key` names the credential in the cast, and `carries` says what it is.

    `alive` is whether the credential is somebody's now, `here` whether the request comes from the desk's own pages.
    """

    name: str
    person: str | None = None
    key: str = ""
    carries: Literal["session", "token"] | None = None
    role: Role = "user"
    alive: bool = True
    scopes: frozenset[str] = frozenset()
    here: bool = True
    headers: Headers = field(default_factory=lambda: HERE)


def _session(person: str, role: Role, site: str = "", **options: Any) -> Caller:
    options.setdefault("name", f"{person}, {site}" if site else person)
    options.setdefault("key", person)
    return Caller(person=person, carries="session", role=role, **options)


def _token(person: str, role: Role, scopes: str, **options: Any) -> Caller:
    options.setdefault("name", f"{person}'s token to {scopes}")
    options.setdefault("key", f"{person}: {scopes}")
    # no browser adds a token by itself, so its site does not matter
    options.update(here=False, headers=FROM_ELSEWHERE["cross-site"])
    return Caller(person=person, carries="token", role=role, scopes=frozenset(scopes.split()), **options)


def _dead(person: str, role: Role, kind: Literal["session", "token"], key: str) -> Caller:
    return Caller(name=f"{person}'s {key} {kind}", person=person, key=f"{person}: {key} {kind}", carries=kind, role=role, alive=False)


MEMBERS: tuple[tuple[str, Role], ...] = (("anna", "user"), ("ada", "admin"))

CALLERS: tuple[Caller, ...] = (
    Caller(name="anonymous"),
    Caller(name="anonymous, cross-site", here=False, headers=FROM_ELSEWHERE["cross-site"]),
    Caller(name="a made-up session", key="made up", carries="session", alive=False),
    Caller(name="a made-up token", key="made up", carries="token", alive=False),
    _session("anna", "user"),
    _session("ben", "user"),
    _session("ada", "admin"),
    _session("rex", "user", name="a former admin"),
    _session("dora", "user", name="somebody deactivated", alive=False),
    *(_dead(person, role, kind, key) for person, role in MEMBERS for kind in ("session", "token") for key in ("expired", "revoked")),
    *(_session(person, role, site, headers=headers) for person, role in MEMBERS for site, headers in FROM_HERE.items()),
    *(_session(person, role, site, headers=headers, here=False) for person, role in MEMBERS for site, headers in FROM_ELSEWHERE.items()),
    _token("anna", "user", "read write"),
    _token("anna", "user", "read"),
    _token("anna", "user", "write"),
    _token("ada", "half", "read write"),
    _token("ada", "half", "read"),
    _token("ada", "admin", "read write admin"),
    _token("ada", "admin", "read admin"),
    _token("ada", "admin", "write admin"),
)


def told(route: Route, method: str, caller: Caller, whose: Whose) -> str:
    """Return what the contract says to this caller: "200", or status and slug."""
    if method not in SAFE and not caller.here and (route.door == "open" or caller.carries == "session"):
        return "403 cross-site"
    if route.door == "open":
        return route.done
    if caller.carries is None or not caller.alive:
        return "401 not-signed-in"
    if caller.carries == "token":
        if ("read" if method in SAFE else "write") not in caller.scopes:
            return "403 missing-scope"
        if route.door == "session":
            return "403 session-needed"
    said = route.who.told(caller.role, whose)
    return route.done if said == OK else said
