"""What stands between ready services and a ready desk: the demo exists and every consumer has caught up."""

import asyncio
import time
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx2

from chassis.settings import SERVICES, Settings
from deploy.parts import Plan
from deploy.refusal import Refusal
from deploy.terminal import Terminal

CREDENTIAL = "X-Ste-Credential"
DEMO_LINE = "demo accounts: admina@example.com, usera@example.com, … with the password demo123"
MEND_DEMO = "deactivate the demo accounts, or change their passwords"
_WORD_EVERY = 5.0
_LINKS = 4
"""A ticket, that it is due, that it has escalated, and what is told of it: no chain of events is longer."""


async def refuse_lost(desk: Plan, client: httpx2.AsyncClient, credential: str) -> None:
    """Raise Refusal when a store is not the one that the others know; before anybody can come in."""
    await Services(desk, client, credential).refuse_lost()


async def prepare(desk: Plan, client: httpx2.AsyncClient, credential: str, terminal: Terminal) -> None:
    """Make the demo, if it is wanted, and wait until every service has consumed what the others have written. Raises Refusal."""
    services = Services(desk, client, credential)
    if demo_wanted(desk.settings, terminal):
        users = await services.post("auth", "/internal/demo")
        await services.post("tickets", "/internal/demo", users)
        if users["users"]:
            terminal.tell("desk", DEMO_LINE)
    elif reached_by_others(desk.settings) and (known := (await services.get("auth", "/internal/demo"))["known"]):
        terminal.tell("desk", f"others can reach this desk, and the password of {known[0]} is in its README: {MEND_DEMO}", "error")
    await _catch_up(services, terminal)


def demo_wanted(settings: Settings, terminal: Terminal) -> bool:
    """Return whether to make the demo: as it was set, else only where nobody else can reach it."""
    if "demo" in settings.model_fields_set:
        return settings.demo
    if not reached_by_others(settings):
        return True
    terminal.tell("desk", "no demo accounts are made, since others can reach this desk; STE_DEMO=1 makes them", "warning")
    return False


def reached_by_others(settings: Settings) -> bool:
    """Return whether more than this machine comes in: by the bind address, or by a proxy in front, which origin and proxies tell of."""
    host = urlsplit(settings.origin).hostname
    return not is_loopback(settings.bind) or bool(settings.trusted_proxies) or (host is not None and not is_loopback(host))


def is_loopback(address: str) -> bool:
    """Return whether only this machine reaches the address."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


class Services:
    """The services' `/internal`, as the operator."""

    def __init__(self, desk: Plan, client: httpx2.AsyncClient, credential: str) -> None:
        self._client = client
        self._headers = {CREDENTIAL: credential}
        self._urls = {name: f"http://127.0.0.1:{port}" for name, port in desk.service_ports.items()}

    async def get(self, service: str, path: str) -> Any:
        """As `post`, without a body."""
        return await self._ask("GET", service, path)

    async def post(self, service: str, path: str, body: Any = None) -> Any:
        """Return the JSON that the service answers; a service that restarts in between is waited for. Raises Refusal."""
        return await self._ask("POST", service, path, json=body)

    async def refuse_lost(self) -> None:
        """Raise Refusal when a service has consumed more of a log than there is: its store was lost, or an older one was put in its place.

        A store is synced before anybody hears of what is in it, so nothing else makes it so.
        """
        seen = await self._all_caught_up()
        heads = await self._all_caught_up()  # asked afterwards: what is consumed meanwhile is below them
        for name, answer in seen.items():
            for source, at in answer["positions"].items():
                owner = source.strip("/")
                if at > (head := heads[owner]["head"]):
                    raise Refusal(
                        f"The store of {owner} ends at event {head}, and {name} has seen event {at} of it: it was lost, or is an old one.",
                        "Put all stores and secrets back from the same backup.",
                    )

    async def _ask(self, method: str, service: str, path: str, **rest: Any) -> Any:
        for _ in range(20):
            try:
                answer = await self._client.request(method, self._urls[service] + path, headers=self._headers, timeout=60.0, **rest)
            except httpx2.TransportError:
                await asyncio.sleep(0.5)
                continue
            if answer.status_code == 503:
                await asyncio.sleep(0.5)
                continue
            if answer.is_success:
                return answer.json()
            raise Refusal(f"{service} refused {path}: {answer.status_code} {answer.text[:300]}")
        raise Refusal(f"{service} does not answer {path}.")

    async def heads(self) -> Mapping[str, int]:
        """Return how many events each service has committed."""
        return {name: answer["head"] for name, answer in (await self._all_caught_up()).items()}

    async def behind(self, heads: Mapping[str, int]) -> list[str]:
        """Return what of these events is not consumed yet, in words; empty when all is."""
        answers = await self._all_caught_up()
        return [
            f"{name} has {at} of {heads[source.strip('/')]} of {source.strip('/')}"
            for name, answer in answers.items()
            for source, at in answer["positions"].items()
            if at < heads[source.strip("/")]
        ]

    async def _all_caught_up(self) -> Mapping[str, Any]:
        return dict(zip(SERVICES, await asyncio.gather(*map(self._caught_up, SERVICES)), strict=True))

    async def _caught_up(self, service: str) -> Any:
        for _ in range(120):
            try:
                answer = await self._client.get(f"{self._urls[service]}/internal/caught-up", headers=self._headers)
            except httpx2.TransportError:
                await asyncio.sleep(0.5)
                continue
            if answer.status_code == 200:
                return answer.json()
            await asyncio.sleep(0.5)
        raise Refusal(f"{service} does not say how far it is.", "Look into its log.")


async def _catch_up(services: Services, terminal: Terminal) -> None:
    """Wait, with a word now and then, until what is committed now is consumed, and so on for what follows from that, to the last link.

    Not until nothing at all is behind: people who were at work before a crash are at work again, and that moment may never come.
    """
    spoke = time.monotonic()
    for _ in range(_LINKS):
        heads = await services.heads()
        while behind := await services.behind(heads):
            if time.monotonic() - spoke > _WORD_EVERY:
                spoke = time.monotonic()
                terminal.tell("desk", f"catching up: {', '.join(behind)}")
            await asyncio.sleep(0.05)
