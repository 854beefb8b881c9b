"""One visitor's request: who they are, what they ask the services for, and the page that comes of it."""

import asyncio
import re
import time
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from chassis.callers import ADDRESS, CHECKED, client_address
from chassis.door import REQUEST_ID
from chassis.principal import SAFE_METHODS, cookie_name
from events.errors import Unavailable
from web.forms import new_key
from web.front import front
from web.notices import Notice, put_notice, take_notice
from web.preferences import Preferences
from web.refusals import Refused, SignInNeeded
from web.rendering import policy

_SECRET = re.compile("[A-Za-z0-9_-]{1,128}")
_WITHIN = 10.0
"""Seconds that a service has for an answer."""
_GONE = 404
Answer = httpx2.Response


class Visit:
    """`me` is the signed-in user as the API shows one, None before `enter` and for nobody; `unread` is the number at the bell, if known."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self._front = front(request)
        self._began = time.perf_counter()
        self._asked = 0.0
        self.preferences = Preferences.of(request.cookies)
        self.now = datetime.now(UTC)
        self.me: dict[str, Any] | None = None
        self.unread: int | None = None
        self.ended = False
        """Whether the browser came with a session that is over."""
        self.passing: list[str] = []
        """Set-Cookie headers that go on to the browser."""

    @property
    def is_admin(self) -> bool:
        return self.me is not None and self.me["role"] == "admin"

    # -- asking ------------------------------------------------------------------------------------------------------------------------

    async def call(
        self,
        method: str,
        service: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        within: float = _WITHIN,
    ) -> Answer:
        """Ask a service as this visitor. Raises SignInNeeded, Refused for any other answer that is no success, Unavailable."""
        began = time.perf_counter()
        options: dict[str, Any] = {"headers": {**self._identity(), **(headers or {})}}
        if params:
            options["params"] = {name: value for name, value in params.items() if value not in (None, "")}
        if body is not None:
            options["json"] = body
        try:
            answer = await self._front.peers.call(method, service, path, within=within, **options)
        finally:
            self._asked += time.perf_counter() - began
        if answer.is_success:
            return answer
        refused = Refused.by(answer)
        if refused.slug == "not-signed-in":
            raise SignInNeeded
        raise refused

    async def get(self, service: str, path: str, params: Mapping[str, Any] | None = None, *, within: float = _WITHIN) -> Any:
        """Return the JSON of an answer. Raises as `call` does."""
        return (await self.call("GET", service, path, params=params, within=within)).json()

    async def maybe(self, service: str, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON of an answer, or None where the service has none for us: for what a page can do without."""
        try:
            return await self.get(service, path, params)
        except (Refused, Unavailable):
            return None

    async def drop(self, service: str, path: str) -> None:
        """Take something away; what is gone already is as good as taken. Raises as `call` does otherwise."""
        try:
            await self.call("DELETE", service, path)
        except Refused as refused:
            if refused.status != _GONE:
                raise

    async def enter(self, *calls: Coroutine[Any, Any, Any]) -> list[Any]:
        """Find out who is here, and what else the page needs, all at once. Raises SignInNeeded before whatever the calls raise."""
        results = await asyncio.gather(self._who(), *calls, return_exceptions=True)
        for kind in (SignInNeeded, BaseException):
            if found := next((result for result in results if isinstance(result, kind)), None):
                raise found
        return results[1:]

    async def look_around(self) -> None:
        """Find out who is here, if anybody is."""
        try:
            await self._who()
        except SignInNeeded:
            self.me, self.ended = None, self._secret is not None
        except (Refused, Unavailable):
            self.me = None

    async def _who(self) -> None:
        if self._secret is None:
            raise SignInNeeded
        me, unread = await asyncio.gather(self.get("auth", "/api/auth/me"), self.maybe("notifier", "/api/notifications/unread-count"))
        self.me, self.unread = me, None if unread is None else unread["count"]

    @property
    def secure(self) -> bool:
        """Whether cookies are for https alone."""
        return self._front.settings.secure

    @property
    def _secret(self) -> str | None:
        """The session's secret, None when the cookie holds what can be none: it is passed on in a header."""
        found = self.request.cookies.get(cookie_name(secure=self.secure), "")
        return found if _SECRET.fullmatch(found) else None

    def _identity(self) -> dict[str, str]:
        """Return the headers that say whose request it is: the visitor's own session, address and browser, and whether we checked it."""
        found = {ADDRESS: client_address(self.request), "x-request-id": str(self.request.scope[REQUEST_ID])}
        if agent := self.request.headers.get("user-agent"):
            found["user-agent"] = agent.encode("ascii", "replace").decode()
        if secret := self._secret:
            found["cookie"] = f"{cookie_name(secure=self.secure)}={secret}"
        if self.request.method not in SAFE_METHODS:
            found[CHECKED] = "same-origin"  # `read_form` has made sure
        return found

    # -- answering ---------------------------------------------------------------------------------------------------------------------

    def page(self, template: str, *, status: int = 200, **context: Any) -> Response:
        """Return a page. Templates know `visit`, `now`, `key` (a new idempotency key for each use) and the functions of `web.rendering`."""
        notice = take_notice(self.request.cookies)
        html = self._front.renderer.render(
            template, visit=self, me=self.me, now=self.now, key=new_key, notice=notice, path=self.request.url.path, **context
        )
        answer = HTMLResponse(html, status, headers={"Content-Security-Policy": policy(), **self._timing()})
        self._finish(answer)
        if notice is not None:
            put_notice(answer, None, secure=self.secure)
        return answer

    def go(self, where: str, notice: Notice | None = None) -> Response:
        """Send the browser on to a page of ours, after a form, perhaps with something to tell there."""
        answer = RedirectResponse(where, 303, headers=self._timing())
        self._finish(answer)
        if notice is not None:
            put_notice(answer, notice, secure=self.secure)
        return answer

    def sign_in(self) -> Response:
        """Send the browser to the sign-in page, and from there back to where it was; what it came with was not done."""
        at = self.request.url
        if self.request.method in SAFE_METHODS:
            return self.go(f"/login?next={quote(f'{at.path}?{at.query}' if at.query else at.path, safe='/')}")
        said = Notice("That was not done: you were no longer signed in. Sign in, then do it again.", "failed")
        return self.go(f"/login?next={quote(self.page_above(), safe='/')}", said)

    def page_above(self) -> str:
        """Return the page that a form of this address stands on: the address itself, or the nearest above it that can be looked at."""
        path = self.request.url.path
        looked_at = [route for route in self.request.app.router.routes if "GET" in (route.methods or ())]
        if self.request.scope["route"].path in {route.path for route in looked_at}:
            return path
        while path := path.rpartition("/")[0]:
            if any(route.path_regex.match(path) for route in looked_at):
                return path
        return "/"

    def _finish(self, answer: Response) -> None:
        for cookie in self.passing:
            answer.raw_headers.append((b"set-cookie", cookie.encode("latin-1")))

    def _timing(self) -> dict[str, str]:
        """Return what the page took, in milliseconds: in all, and the sum of the services' answers, of which several come at once."""
        took = (time.perf_counter() - self._began) * 1000
        return {"Server-Timing": f"page;dur={took:.1f}, api;dur={self._asked * 1000:.1f}"}
