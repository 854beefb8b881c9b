"""Calls to the other services, on their own ports, with the services' credential.

What may have been heard is not asked again here: callers know what may be.
"""

import json
from collections import deque
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx2

from chassis.callers import CREDENTIAL
from chassis.principal import Credential, Principal
from chassis.settings import SERVICES, Settings
from events.errors import Unavailable

_LIMITS = httpx2.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=20)
_ASK = 2.0
_FEED = 10.0


class Peers:
    """The other services. Every method raises Unavailable when the one that is asked does not answer, or answers 5xx."""

    def __init__(self, settings: Settings, secret: str) -> None:
        self._urls = {service: deque(settings.urls_of(service)) for service in SERVICES}
        """The one that is asked first stands first."""
        # the certificates of the world take memory and time, and are read for plain http too
        tls = any(url.startswith("https:") for urls in self._urls.values() for url in urls)
        self._client = httpx2.AsyncClient(
            headers={CREDENTIAL: secret},
            # what an answer sets is the visitor's it is for: kept here, it would go along with everybody's next question
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            timeout=httpx2.Timeout(_ASK, connect=1.0),
            limits=_LIMITS,
            trust_env=False,
            verify=tls,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def get(self, service: str, path: str, *, params: Mapping[str, Any] | None = None, within: float = _ASK) -> httpx2.Response:
        """Return the answer of a peer, whatever its status below 500; `within` is in seconds."""
        return await self._call("GET", service, path, within, params=params)

    async def post(self, service: str, path: str, body: Any = None, *, within: float = _ASK) -> httpx2.Response:
        """Send `body` as JSON and return the answer, whatever its status below 500; `within` is in seconds."""
        return await self._call("POST", service, path, within, json=body)

    async def _request(self, method: str, url: str, **options: Any) -> httpx2.Response:
        try:
            return await self._client.request(method, url, **options)
        except AttributeError as error:
            # a peer that dies as it accepts leaves a connection that has no socket by the time anyio asks for its address
            raise httpx2.ConnectError("The connection ended as it began.") from error

    async def call(self, method: str, service: str, path: str, *, within: float = _ASK, **options: Any) -> httpx2.Response:
        """Return the answer of a peer, whatever its status; `options` are those of httpx's `request`. Raises Unavailable."""
        urls = self._urls[service]
        for left in reversed(range(len(urls))):
            url = urls[0]
            try:
                answer = await self._request(method, url + path, timeout=within, **options)
            except httpx2.TransportError as error:
                if urls[0] == url:
                    urls.rotate(-1)  # from now on the next one is asked first
                # where no connection was made nothing was sent, so another may be asked the same
                if left == 0 or not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
                    raise Unavailable(f"The service {service} cannot be reached.") from error
            else:
                break
        return answer

    async def _call(self, method: str, service: str, path: str, within: float, **options: Any) -> httpx2.Response:
        answer = await self.call(method, service, path, within=within, **options)
        if answer.status_code >= 500:
            raise Unavailable(f"The service {service} cannot answer.")
        return answer

    async def principal(self, credential: Credential, address: str, agent: str) -> Principal | None:
        """Return whom auth says the credential belongs to; None: nobody."""
        asked = {"kind": credential.kind, "digest": credential.digest, "address": address, "agent": agent}
        answer = await self.post("auth", "/internal/principal", asked)
        if answer.status_code != 200:
            raise Unavailable("The service auth does not know us.")
        values = answer.json()["principal"]
        return None if values is None else Principal.from_json(values)

    async def feed(self, source: str, after: int, limit: int) -> list[bytes]:
        """Return up to `limit` events of the source ("/tickets") that follow `after`, each as its very bytes."""
        path = "/internal/events"
        answer = await self.get(source.strip("/"), path, params={"after": after, "limit": limit}, within=_FEED)
        if answer.status_code != 200:
            raise Unavailable(f"The service {source.strip('/')} does not serve its events to us.")
        return wires(answer.text)


_DECODER = json.JSONDecoder()
_BEGIN = '{"events":['


def feed_page(events: list[bytes], head: int) -> bytes:
    """Return the answer of `/internal/events`: the events as they are stored, and the last sequence of the log."""
    return b'%b%b],"head":%d}' % (_BEGIN.encode(), b",".join(events), head)


def wires(page: str) -> list[bytes]:
    """Return the events of a `feed_page`, each as the bytes that stand there. Raises ValueError when it is none."""
    if not page.startswith(_BEGIN):
        raise ValueError("This is not a page of events.")
    found, at = [], len(_BEGIN)
    while page[at] != "]":
        _, end = _DECODER.raw_decode(page, at)
        found.append(page[at:end].encode())
        at = end + 1 if page[end] == "," else end
    return found
