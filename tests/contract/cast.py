"""A whole desk in this process, and the people of the matrix at it: what they carry, and what is theirs.

Credentials expire because auth's clock goes on: the cast signs in for the first time in the morning of a long night.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from events.environment import real_environment
from tests.contract.callers import HERE, Caller
from tests.contract.rights import PASSWORD
from tests.support.house import House, declared, house

SERVICES = ("auth", "tickets", "notifier", "escalator")
NIGHT = timedelta(hours=25)
"""Longer than a session may be idle, and than the shortest life of a token."""
NOBODYS = {"ticket": "999999999"}
NOBODYS_ID = "0193576f-2c00-7c0e-9d4f-6f2f0e6b4a11"
_SCOPES = {"anna": ("read write", "read", "write"), "ada": ("read write", "read", "read write admin", "read admin", "write admin")}


class Clock:
    """The machine's clock, a little late at first."""

    def __init__(self, late: timedelta) -> None:
        self._late = late

    def __call__(self) -> datetime:
        return datetime.now(UTC) - self._late

    def catch_up(self) -> None:
        self._late = timedelta()


@dataclass
class Cast:
    """`secrets` holds what people carry, by the key of the caller; `ids` the people; `objects` what is whose, by (kind, owner)."""

    house: House
    clients: Mapping[str, httpx2.AsyncClient]
    operator: httpx2.AsyncClient
    secrets: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    objects: dict[tuple[str, str], str] = field(default_factory=dict)
    documents: dict[str, Any] = field(default_factory=dict)

    async def call(self, service: str, key: str, method: str, path: str, body: Any = None) -> Any:
        """Let somebody do something that must work, and return what it gave."""
        client = self.clients[service]
        answer = await client.request(method, path, json=body, headers={**HERE, "Cookie": f"sid={self.secrets[key]}"})
        client.cookies.clear()
        assert answer.is_success, f"{key}: {method} {path} {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def join(self, name: str, *, admin: bool = False) -> None:
        body = {"name": name.title(), "email": f"{name}@example.org", "password": PASSWORD}
        if admin:
            answer = await self.operator.post("/internal/users/admin", json=body)
        else:
            answer = await self.clients["auth"].post("/api/auth/register", json=body, headers=HERE)
        assert answer.status_code == 201, answer.text
        self.ids[name] = answer.json()["id"]

    async def sign_in(self, name: str, key: str | None = None) -> str:
        """Begin a session, keep its secret under `key`, and return its public id."""
        client, email = self.clients["auth"], f"{name}@example.org"
        answer = await client.post("/api/auth/login", json={"email": email, "password": PASSWORD}, headers=HERE)
        client.cookies.clear()
        assert answer.status_code == 200, answer.text
        key = key or name
        self.secrets[key] = answer.cookies["sid"]
        items = (await self.call("auth", key, "GET", "/api/auth/sessions"))["items"]
        return next(str(item["id"]) for item in items if item["current"])

    async def token(self, name: str, key: str, scopes: str, days: int = 90) -> str:
        """Make a token, keep it under `key`, and return its public id."""
        body = {"name": key, "scopes": scopes.split(), "expires_in_days": days}
        made = await self.call("auth", name, "POST", "/api/auth/tokens", body)
        self.secrets[key] = made["token"]
        return str(made["id"])

    def credentials(self, caller: Caller) -> Mapping[str, str]:
        """Return the headers with which this caller comes."""
        secret = self.secrets.get(caller.key, "")
        match caller.carries:
            case "session":
                return {**caller.headers, "Cookie": f"sid={secret}"}
            case "token":
                return {**caller.headers, "Authorization": f"Bearer {secret}"}
            case None:
                return caller.headers

    async def object(self, kind: str, owner: str) -> str:
        """Return the id of something that belongs to a person; "nobody" has what does not exist."""
        if owner == "nobody":
            return NOBODYS.get(kind, NOBODYS_ID)
        if kind == "user":
            return self.ids[owner]
        if (kind, owner) not in self.objects:
            assert kind in ("session", "token"), f"There is no {kind} of {owner}'s."
            making = self.sign_in(owner, "spare") if kind == "session" else self.token(owner, "spare", "read")
            self.objects[kind, owner] = await making
        return self.objects[kind, owner]


@asynccontextmanager
async def assembled(directory: Path) -> AsyncIterator[Cast]:
    """Yield a desk at which everybody is who the callers say they are, and everybody has what the routes ask for."""
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(house(directory, *SERVICES[1:]))
        clock = Clock(late=NIGHT)
        await here.start(declared("auth"), replace(real_environment(), now=clock))
        clients = {name: await stack.enter_async_context(httpx2.AsyncClient(base_url=here.url(name), timeout=30)) for name in SERVICES}
        cast = Cast(here, clients, await stack.enter_async_context(here.peer("auth", "operator")))
        await _the_evening_before(cast)
        clock.catch_up()
        await _the_morning_after(cast)
        for name in SERVICES:
            cast.documents[name] = (await clients[name].get(f"/api/{name}/openapi.json")).json()
        yield cast


async def _the_evening_before(cast: Cast) -> None:
    for name in ("anna", "ben", "dora", "gast"):
        await cast.join(name)
    for name in ("ada", "eve", "rex"):
        await cast.join(name, admin=True)
    for name in ("anna", "ada"):
        await cast.sign_in(name, f"{name}: expired session")
        await cast.token(f"{name}: expired session", f"{name}: expired token", "read write", days=1)


async def _the_morning_after(cast: Cast) -> None:
    cast.secrets["made up"] = "ste_bWFkZSB1cA"
    for name in ("anna", "ben", "ada", "eve", "rex", "dora"):
        await cast.sign_in(name)
    for name, wanted in _SCOPES.items():
        for scopes in wanted:
            await cast.token(name, f"{name}: {scopes}", scopes)
        await cast.sign_in(name, f"{name}: revoked session")
        await cast.call("auth", f"{name}: revoked session", "POST", "/api/auth/logout")
        token = await cast.token(name, f"{name}: revoked token", "read write")
        await cast.call("auth", name, "DELETE", f"/api/auth/tokens/{token}")
    await cast.call("auth", "eve", "PATCH", f"/api/auth/users/{cast.ids['dora']}", {"active": False})
    await cast.call("auth", "eve", "PATCH", f"/api/auth/users/{cast.ids['rex']}", {"role": "user"})
    await cast.house.settled()
    await _things(cast)


async def _things(cast: Cast) -> None:
    """Open a ticket for each of two, let each be told something, and let the audit be verified once."""
    for name in ("anna", "ada"):
        opened = await cast.call("tickets", name, "POST", "/api/tickets", {"title": "The printer", "body": "It burns."})
        cast.objects["ticket", name] = str(opened["id"])
        await cast.call("tickets", "eve", "PUT", f"/api/tickets/{opened['id']}/status", {"status": "in_progress"})
    await cast.call("tickets", "eve", "POST", "/api/audit/verify")
    await cast.house.settled()
    for name in ("anna", "ada"):
        (told,) = (await cast.call("notifier", name, "GET", "/api/notifications"))["items"]
        cast.objects["notification", name] = told["id"]
    cast.objects["job", "anna"] = (await cast.call("notifier", "eve", "GET", "/api/jobs"))["items"][0]["id"]
