"""When a desk has nothing left to do: every log is relayed, and every service has handled what the others have committed."""

import asyncio
import time

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
    asked = [client.get(f"http://127.0.0.1:{desk.ports[service]}/internal/caught-up") for service in services]
    try:
        found = {service: answer.json() for service, answer in zip(services, await asyncio.gather(*asked), strict=True)}
    except httpx2.HTTPError:
        return False
    heads = {f"/{service}": said["head"] for service, said in found.items()}
    return all(
        said["relayed"] >= said["head"] and all(at >= heads.get(source, 0) for source, at in said["positions"].items())
        for said in found.values()
    )
