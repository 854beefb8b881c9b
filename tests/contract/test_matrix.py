"""Every route of every OpenAPI document, asked by everybody for everything: nobody may what the contract does not say."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from chassis.problems import MEDIA_TYPE
from tests.contract.callers import CALLERS, Caller, told
from tests.contract.cast import SERVICES, Cast, assembled
from tests.contract.rights import ROUTES, Route, Whose

INTRUDERS = [caller for caller in CALLERS if caller.name in ("anonymous", "ada", "ada's token to read write admin")]
OWNERS = {"job": ("anna", "nobody")}
METHODS = {"get", "put", "post", "patch", "delete", "head", "options", "trace"}
NOT_IN_THE_DOCUMENTS = ("/internal/", "/livez", "/readyz", "/metrics")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def cast(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cast]:
    async with assembled(tmp_path_factory.mktemp("matrix")) as found:
        yield found


def operations(cast: Cast) -> Iterator[tuple[str, str, Any]]:
    """Yield (service, "GET /api/…", operation) of all documents."""
    for service in SERVICES:
        for path, item in cast.documents[service]["paths"].items():
            yield from ((service, f"{method.upper()} {path}", item[method]) for method in item.keys() & METHODS)


async def test_every_route_has_its_row_and_every_row_its_route(cast: Cast) -> None:
    found = [name for _, name, _ in operations(cast)]
    assert sorted(found) == sorted(ROUTES), "Say in rights.py who may use the route."


async def test_what_is_not_in_the_documents_is_internal(cast: Cast) -> None:
    documented = {name for _, name, _ in operations(cast)}
    for service in SERVICES:
        for route in cast.house.app(service).router.routes:
            path, methods = str(getattr(route, "path", "")), getattr(route, "methods", None) or {"whatever is mounted there"}
            hidden = [path for method in methods if f"{method} {path}" not in documented]
            assert not hidden or path.startswith(NOT_IN_THE_DOCUMENTS) or path == f"/api/{service}/openapi.json", f"{service}: {path}"


@pytest.mark.parametrize("name", ROUTES)
async def test_everybody_is_told_what_the_contract_says(cast: Cast, name: str) -> None:
    route, (service, operation) = ROUTES[name], _found(cast, name)
    method = name.partition(" ")[0]
    wrong: list[str] = []
    for caller in CALLERS:
        for owner in OWNERS.get(route.of or "", ("anna", "ada", "nobody")) if route.of else ("",):
            expected = told(route, method, caller, _whose(route, caller, owner))
            answer = await _ask(cast, service, name, caller, owner)
            given = _given(answer, operation)
            if given != expected:
                wrong.append(f"{caller.name}, of {owner or 'nothing'}: {given} instead of {expected}")
            if answer.is_success:
                await _make_good(cast, route, caller, owner)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("service", SERVICES)
async def test_nobody_comes_in_by_the_inner_door(cast: Cast, service: str) -> None:
    """No session, no token and no guess of the credential opens `/internal`, nor does the operator's name in another header."""
    inner = [route for route in cast.house.app(service).router.routes if str(getattr(route, "path", "")).startswith("/internal/")]
    assert len(inner) >= 8
    wrong = []
    for route in inner:
        path = re.sub(r"\{[a-z]+\}", "1", route.path.replace("{source}", "auth"))  # type: ignore[attr-defined]
        for method in route.methods:  # type: ignore[attr-defined]
            for caller in INTRUDERS:
                for guess in ({}, {"X-Ste-Credential": "0" * 64}, {"X-Ste-Credential": ""}):
                    headers = {**cast.credentials(caller), **guess}
                    answer = await cast.clients[service].request(method, path, headers=headers)
                    if _slug(answer) != "403 not-permitted":
                        wrong.append(f"{method} {path}, {caller.name}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


async def test_who_is_nobody_is_told_so_before_what_is_sent_is_looked_at(cast: Cast) -> None:
    for service, name, _ in operations(cast):
        route, (method, path) = ROUTES[name], name.split()
        if route.door == "open":
            continue
        answer = await cast.clients[service].request(
            method, path, params={"limit": "x"}, content=b'{"a"', headers={"Content-Type": "text/plain", "If-Match": "x"}
        )
        assert _slug(answer) == "401 not-signed-in", name


@pytest.mark.parametrize(
    "authorization", ["Bearer", "Basic YW5uYTpwdw==", "bearer made up", "Token x", "Bearer \xe9", "", "Bearer a, Bearer b"]
)
async def test_a_broken_authorization_hides_the_cookie(cast: Cast, authorization: str) -> None:
    """Otherwise it would free a cookie from the check of where it comes from."""
    headers = {b"Authorization": authorization.encode("latin-1"), b"Cookie": f"sid={cast.secrets['anna']}".encode()}
    for method, service, path in (("GET", "tickets", "/api/tickets"), ("POST", "notifier", "/api/notifications/read-all")):
        answer = await cast.clients[service].request(method, path, headers=headers)
        assert _slug(answer) == "401 not-signed-in"


def _found(cast: Cast, name: str) -> tuple[str, Any]:
    found = [(service, operation) for service, path, operation in operations(cast) if path == name]
    assert len(found) == 1, f"{name} is in {len(found)} documents."
    return found[0]


def _whose(route: Route, caller: Caller, owner: str) -> Whose:
    if owner == "nobody":
        return "absent"
    return "own" if not owner or caller.person == owner or route.of == "job" else "foreign"


async def _ask(cast: Cast, service: str, name: str, caller: Caller, owner: str) -> httpx2.Response:
    """Return the answer; of a live stream that goes on for ever, its head."""
    route, (method, path) = ROUTES[name], name.split()
    params = {}
    if route.of is not None:
        named = await cast.object(route.of, owner)
        params, path = ({route.query: named} if route.query else {}), path.replace(f"{{{route.of}}}", named)
    body = dict(route.body()) if route.body else None
    client = cast.clients[service]
    async with client.stream(method, path, params=params, json=body, headers=cast.credentials(caller)) as answer:
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            await answer.aread()
    client.cookies.clear()
    return answer


def _given(answer: httpx2.Response, operation: Any) -> str:
    """Return what was told, when the document knows of it and a refusal has its form."""
    declared = operation["responses"].get(str(answer.status_code))
    if declared is None:
        return f"{answer.status_code}, which the document does not know"
    if answer.is_success:
        return str(answer.status_code)
    given = _slug(answer)
    known = declared["content"][MEDIA_TYPE]["examples"]
    return given if given.partition(" ")[2] in known else f"{given}, which the document does not know"


def _slug(answer: httpx2.Response) -> str:
    if answer.headers.get("content-type") != MEDIA_TYPE:
        return f"{answer.status_code} and no problem"
    problem = answer.json()
    whole = {"type", "title", "status", "detail", "instance"} <= problem.keys()
    true = problem["status"] == answer.status_code and problem["instance"] == answer.url.raw_path.decode().partition("?")[0]
    slug = str(problem["type"]).removeprefix("/problems/")
    return f"{answer.status_code} {slug}" if whole and true else f"{answer.status_code} and a problem that lacks something"


async def _make_good(cast: Cast, route: Route, caller: Caller, owner: str) -> None:
    """Put back what a success used up."""
    if route.spends == "object":
        del cast.objects[route.of or "", owner]
    elif route.spends == "session" and caller.carries == "session" and caller.alive and caller.person is not None:
        await cast.sign_in(caller.person)
