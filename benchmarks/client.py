"""A desk's public API, as its people use it: each with a session of their own, all over one pool of connections."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Any, Self

import httpx2

_PATIENCE = 60
"""Tries, about a second apart, while the desk says that it is busy or down."""


class Refused(RuntimeError):
    """The desk did not do it. The message says what was asked and what it answered."""

    def __init__(self, method: str, path: str, answer: httpx2.Response) -> None:
        super().__init__(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        self.status = answer.status_code


@dataclass(frozen=True, slots=True)
class Person:
    """Someone with an account; `cookie` is empty until they sign in."""

    id: str
    name: str
    email: str
    password: str
    cookie: str = ""


class Desk:
    """`url` is the gateway's. Use it in an `async with`."""

    def __init__(self, url: str, *, connections: int = 32) -> None:
        self.url = url.rstrip("/")
        limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._client = httpx2.AsyncClient(base_url=self.url, limits=limits, timeout=60.0, trust_env=False)
        # many people share these connections, so no cookie may stay on them
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._client.aclose()

    async def call(
        self, method: str, path: str, by: Person | None = None, json: Any = None, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """Return the answer, whatever it is, but wait while the desk is busy. Raises Refused for a rate limit."""
        sent = {"Sec-Fetch-Site": "same-origin", **(headers or {})}  # what a browser says of its own page's requests
        if by is not None:
            sent["Cookie"] = by.cookie
        for attempt in range(_PATIENCE):
            answer = await self._client.request(method, path, json=json, headers=sent)
            if answer.status_code == 429:
                raise Refused(method, path, answer)
            if answer.status_code != 503 or attempt == _PATIENCE - 1:
                break
            await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
        return answer

    async def ask(
        self, method: str, path: str, by: Person | None = None, json: Any = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Return what a 2xx answer holds, None for an empty one. Raises Refused for any other."""
        answer = await self.call(method, path, by, json, headers)
        if not answer.is_success:
            raise Refused(method, path, answer)
        return answer.json() if answer.content else None

    async def register(self, name: str, email: str, password: str) -> Person:
        user = await self.ask("POST", "/api/auth/register", json={"name": name, "email": email, "password": password})
        return Person(user["id"], name, email, password)

    async def sign_in(self, email: str, password: str) -> Person:
        """Return the person with a session. Raises Refused when that is not their password."""
        answer = await self.call("POST", "/api/auth/login", json={"email": email, "password": password})
        if not answer.is_success:
            raise Refused("POST", "/api/auth/login", answer)
        user = answer.json()
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
        return Person(user["id"], user["name"], email, password, cookie)

    async def pages(self, path: str, by: Person) -> AsyncIterator[dict[str, Any]]:
        """Yield every item of a list; `path` may have a query."""
        cursor: str | None = None
        while True:
            separator = "&" if "?" in path else "?"
            page = await self.ask("GET", f"{path}{separator}limit=100" + (f"&cursor={cursor}" if cursor else ""), by)
            for item in page["items"]:
                yield item
            cursor = page["next_cursor"]
            if cursor is None:
                return
