from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import APIRouter
from starlette.responses import Response

from chassis.answers import json_answer, no_content
from chassis.lean import LeanRoute
from chassis.principal import Credential, CurrentAdmin, CurrentPrincipal, Principal, SameOrigin, SessionPrincipal
from events.envelope import Actor
from tests.unit.chassis.conftest import SECRETS, Visit, desk

router = APIRouter(prefix="/api/demo", route_class=LeanRoute)


@router.get("/me")
async def me(by: CurrentPrincipal) -> Response:
    return json_answer({"id": by.id})


@router.post("/things", status_code=204)
async def post(_: CurrentPrincipal) -> Response:
    return no_content()


@router.get("/admin", status_code=204)
async def admin(_: CurrentAdmin) -> Response:
    return no_content()


@router.post("/password", status_code=204)
async def password(_: SessionPrincipal) -> Response:
    return no_content()


@router.post("/login", status_code=204)
async def login(_: SameOrigin) -> Response:
    return no_content()


def person(role: str = "user", **values: Any) -> Principal:
    return Principal(kind="user", id="anna", name="Anna", email="a@example.com", role=role, **values)


KNOWN = {
    Credential.of("session", "user"): person(session="s1"),
    Credential.of("session", "admin"): person("admin", session="s2"),
    Credential.of("token", "all"): person("admin", token="t1", scopes=frozenset({"read", "write", "admin"})),
    Credential.of("token", "reader"): person("admin", token="t2", scopes=frozenset({"read"})),
    Credential.of("token", "writer"): person("admin", token="t3", scopes=frozenset({"write"})),
}


async def auth(credential: Credential, _address: str, _agent: str) -> Principal | None:
    return KNOWN.get(credential)


SAME = {"sec-fetch-site": "same-origin"}


@dataclass(frozen=True, kw_only=True)
class As:
    """How somebody comes: with a cookie, a token, headers of their own."""

    cookie: str = ""
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def sent(self) -> dict[str, str]:
        cookie = {"cookie": f"sid={self.cookie}"} if self.cookie else {}
        token = {"authorization": f"Bearer {self.token}"} if self.token else {}
        return {**cookie, **token, **self.headers}


async def ask(visiting: Visit, method: str, path: str, who: As, **settings: Any) -> Any:
    async with visiting(desk(router, ask=auth, **settings)) as client:
        answer = await client.request(method, f"/api/demo{path}", headers=who.sent)
    return answer.status_code, answer.json()["type"].removeprefix("/problems/") if answer.status_code >= 400 else None


@pytest.mark.parametrize(
    ("method", "path", "who", "expected"),
    [
        ("GET", "/me", As(), (401, "not-signed-in")),
        ("GET", "/me", As(cookie="user"), (200, None)),
        ("GET", "/me", As(cookie="stranger"), (401, "not-signed-in")),
        ("GET", "/me", As(token="user"), (401, "not-signed-in")),  # a session's secret is no token
        ("GET", "/me", As(cookie="all"), (401, "not-signed-in")),
        ("GET", "/me", As(token="reader"), (200, None)),
        ("GET", "/me", As(token="writer"), (403, "missing-scope")),
        ("GET", "/me", As(cookie="user", token="wrong"), (401, "not-signed-in")),
        ("POST", "/things", As(token="reader"), (403, "missing-scope")),
        ("POST", "/things", As(token="writer"), (204, None)),
        ("POST", "/things", As(cookie="user", headers=SAME), (204, None)),
        ("GET", "/admin", As(cookie="user"), (403, "not-permitted")),
        ("GET", "/admin", As(cookie="admin"), (204, None)),
        ("GET", "/admin", As(token="reader"), (403, "missing-scope")),
        ("GET", "/admin", As(token="all"), (204, None)),
        ("POST", "/password", As(cookie="user", headers=SAME), (204, None)),
        ("POST", "/password", As(token="all"), (403, "session-needed")),
    ],
)
async def test_who_may_come_in(visiting: Visit, method: str, path: str, who: As, expected: tuple[int, str | None]) -> None:
    assert await ask(visiting, method, path, who) == expected


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "http://localhost:8080"}, False),
        ({"origin": "http://localhost:8080"}, True),
        ({"origin": "http://127.0.0.1:8080"}, True),
        ({"origin": "http://localhost:8080.attacker.com"}, False),
        ({"origin": "https://localhost:8080"}, False),
        ({"origin": "null"}, False),
        ({}, False),
        ({"x-ste-checked": "same-origin"}, False),
        ({"x-ste-checked": "same-origin", "x-ste-credential": "wrong"}, False),
        ({"x-ste-checked": "same-origin", "x-ste-credential": SECRETS["services"]}, True),
        ({"x-ste-credential": SECRETS["services"]}, False),
    ],
)
@pytest.mark.parametrize("path", ["/things", "/login"])
async def test_a_cookie_request_that_changes_state_comes_from_our_own_pages(
    visiting: Visit, path: str, headers: dict[str, str], allowed: bool
) -> None:
    expected = (204, None) if allowed else (403, "cross-site")
    assert await ask(visiting, "POST", path, As(cookie="user", headers=headers)) == expected


async def test_a_configured_origin_is_the_only_one(visiting: Visit) -> None:
    for origin, status in (("https://desk.example.org", 204), ("http://localhost:8080", 403), ("https://desk.example.org:8443", 403)):
        who = As(headers={"origin": origin, "cookie": "__Host-sid=user"})
        found = await ask(visiting, "POST", "/things", who, origin="https://desk.example.org/")
        assert found[0] == status


async def test_under_https_only_the_host_cookie_counts(visiting: Visit) -> None:
    async with visiting(desk(router, ask=auth, origin="https://desk.example.org")) as client:
        plain = await client.get("/api/demo/me", headers={"cookie": "sid=user"})
        host = await client.get("/api/demo/me", headers={"cookie": "__Host-sid=user"})
    assert (plain.status_code, host.status_code) == (401, 200)


async def test_a_refusal_says_how_to_sign_in_and_is_not_stored(visiting: Visit) -> None:
    async with visiting(desk(router)) as client:
        answer = await client.get("/api/demo/me")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["cache-control"] == "no-store"


def test_the_actor_of_a_token_is_its_owner_with_the_token() -> None:
    token = Principal(kind="token", id="anna", name="", email="", role="user", token="t1")
    assert token.actor == Actor(kind="token", id="anna", token="t1")


def test_the_document_tells_what_each_sort_of_caller_may_be_told() -> None:
    paths = desk(router).openapi()["paths"]

    def slugs(path: str, method: str) -> set[str]:
        answers = paths[f"/api/demo{path}"][method]["responses"].values()
        told = {slug for answer in answers for slug in answer.get("content", {}).get("application/problem+json", {}).get("examples", {})}
        return told - {"invalid"}  # of a query, whoever asks

    assert slugs("/me", "get") == {"not-signed-in", "missing-scope", "unavailable"}
    assert slugs("/admin", "get") == {"not-signed-in", "missing-scope", "unavailable", "not-permitted"}
    assert slugs("/login", "post") == {"cross-site"}
    assert paths["/api/demo/me"]["get"]["security"] == [{"session": []}, {"token": []}]
    assert "security" not in paths["/api/demo/login"]["post"]
