"""The real gateway, as the runner starts it, before services that tell what reached them."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx2
import pytest

from chassis.settings import Settings
from deploy.parts import Plan, gateway_command
from deploy.ports import free_ports
from tests.support.upstream import Upstream, upstream
from tests.support.waiting import eventually


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """`client` speaks to the gateway at `port`; behind it `auth` answers, where `pages` is one it answers too, and nobody else does."""

    client: httpx2.Client
    port: int
    auth: Upstream
    pages: Upstream | None = None


Open = Callable[..., "Gateway"]


@contextmanager
def running(directory: Path, auth: Upstream, *, others: Mapping[str, int] = MappingProxyType({}), **settings: Any) -> Iterator[Gateway]:
    """Run the gateway with the settings that an operator would give; `others` are the ports of further processes."""
    port, nobody = free_ports(2)
    ports = {"auth": auth.port, "tickets": nobody, "notifier": nobody, "escalator": nobody, "web": nobody, **others}
    chosen = Settings(data_dir=directory, port=port, **settings)

    async def never_asked(_url: str) -> bool:
        raise AssertionError

    plan = Plan(settings=chosen, port=port, broker_port=1, monitor_port=2, service_ports=ports)
    command = gateway_command(plan, never_asked)
    log = directory / "gateway.log"
    with log.open("wb") as output, httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client:
        process = subprocess.Popen([command.program, *command.arguments], env=dict(command.environment), stdout=output, stderr=output)
        try:
            eventually(lambda: _answers(client) or process.poll() is not None, what="the gateway")
            assert process.poll() is None, log.read_text()
            auth.seen.clear()
            yield Gateway(client=client, port=port, auth=auth)
        finally:
            process.kill()
            process.wait()


def _answers(client: httpx2.Client) -> bool:
    try:
        return client.get("/api/docs").status_code == 200
    except httpx2.HTTPError:
        return False


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Return the gateway as it is by default."""
    directory = tmp_path_factory.mktemp("gateway")
    with upstream() as auth, upstream() as pages, running(directory, auth, others={"web": pages.port}) as found:
        yield replace(found, pages=pages)


@pytest.fixture
def open_gateway(tmp_path: Path) -> Iterator[Open]:
    """Return what opens a gateway with settings of the test's own."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(running(tmp_path, stack.enter_context(upstream()), **settings))
