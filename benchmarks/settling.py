"""When a desk has nothing left to do: every log is relayed, and every service has handled what the others have committed."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import httpx2

from benchmarks.desk import RunningDesk
from chassis import secrets
from chassis.callers import CREDENTIAL
from chassis.settings import SERVICES

PATIENCE = 600.0
_LOOK = 0.05


async def settled(desk: RunningDesk, *, patience: float = PATIENCE, services: tuple[str, ...] = SERVICES) -> float:
    """Return after how many seconds it was so. Raises TimeoutError."""
    began = time.monotonic()
    headers = {CREDENTIAL: secrets.ensure(desk.data_dir / "secrets", "services")}
    async with asyncio.timeout(patience), httpx2.AsyncClient(headers=headers, timeout=30.0, trust_env=False) as client:
        while not await _is_settled(client, desk, services):  # noqa: ASYNC110 -- it is another process
            await asyncio.sleep(_LOOK)
    return time.monotonic() - began


async def _is_settled(client: httpx2.AsyncClient, desk: RunningDesk, services: tuple[str, ...]) -> bool:
    """Ask every process of each service: how far it relayed, only the one that does it knows."""
    processes = [(service, port) for name, port in desk.ports.items() if (service := name.partition("-")[0]) in services]
    asked = [client.get(f"http://127.0.0.1:{port}/internal/caught-up") for _, port in processes]
    try:
        answers = await asyncio.gather(*asked)
    except httpx2.HTTPError:
        return False
    found = [(service, answer.json()) for (service, _), answer in zip(processes, answers, strict=True)]
    heads, relayed = _furthest(found, "head"), _furthest(found, "relayed")
    behind = (at < heads.get(source.strip("/"), 0) for _, said in found for source, at in said["positions"].items())
    return all(relayed[service] >= head for service, head in heads.items()) and not any(behind)


def _furthest(found: Sequence[tuple[str, Any]], what: str) -> dict[str, int]:
    return {service: max(said[what] for of, said in found if of == service) for service, _ in found}
