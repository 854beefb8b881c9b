"""Services of the desk in this very process: real stores, a real nats-server, real HTTP on loopback ports; no gateway.

async with house(tmp_path, "auth", "tickets") as desk:
    async with desk.client("tickets") as client: …
"""

import asyncio
import contextlib
import importlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from chassis import secrets
from chassis.app import create_app
from chassis.desk import Desk
from chassis.server import DrainingServer
from chassis.service import Running, Service
from chassis.settings import Settings
from events.environment import Environment
from events.store import log_head
from tests.support.nats import NatsServer

_START, _STOP = 30.0, 15.0
SAME_ORIGIN = {"sec-fetch-site": "same-origin"}


class _Server(DrainingServer):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to pytest."""
        yield


class House:
    """`settings` are those of all its services. A service can be stopped and started again on its port; its store stays."""

    def __init__(self, directory: Path, broker: NatsServer, settings: Settings) -> None:
        self.directory, self.broker, self.settings = directory, broker, settings
        self._services: dict[str, tuple[Service, Environment | None]] = {}
        self._servers: dict[str, tuple[_Server, asyncio.Task[None]]] = {}

    def url(self, name: str) -> str:
        return self.settings.url_of(name)

    def client(self, name: str, **options: Any) -> httpx2.AsyncClient:
        """Return a client that comes from the desk's own pages, as a browser says; it keeps its cookies."""
        headers = SAME_ORIGIN | dict(options.pop("headers", {}))
        return httpx2.AsyncClient(base_url=self.url(name), headers=headers, timeout=30, trust_env=False, **options)

    def peer(self, name: str, secret: str = "services") -> httpx2.AsyncClient:
        """Return a client with the credential of the services, or with the operator's."""
        return self.client(name, headers={"x-ste-credential": secrets.ensure(self.settings.secrets_dir, secret)})

    def running(self, name: str) -> Running:
        live: Running = self._servers[name][0].app.state.running
        return live

    def app(self, name: str) -> Desk:
        """Return the application of a service that runs."""
        app = self._servers[name][0].app
        assert isinstance(app, Desk)
        return app

    async def start(self, service: Service, environment: Environment | None = None) -> None:
        """Start a service and wait until it serves; `environment` is where another clock comes in."""
        self._services[service.name] = service, environment
        server = _Server(create_app(service, self.settings, environment))
        listening = _listen(self.settings.port_of(service.name))
        task = asyncio.create_task(server.serve(sockets=[listening]), name=f"serve {service.name}")
        self._servers[service.name] = server, task
        await eventually(lambda: server.started or task.done(), _START)
        if task.done():
            listening.close()
            await task
            raise RuntimeError(f"{service.name} did not start; its log says why.")

    async def stop(self, name: str) -> None:
        """Stop a service as SIGTERM does, and wait until it has ended."""
        server, task = self._servers.pop(name)
        server.stop()
        async with asyncio.timeout(_STOP):
            await task

    async def start_again(self, name: str) -> None:
        """Start a service that was stopped, as it was started first."""
        await self.start(*self._services[name])

    async def restart(self, name: str) -> None:
        await self.stop(name)
        await self.start_again(name)

    async def stop_all(self) -> None:
        """Stop everything that still runs; the first failure is raised when all are stopped."""
        results = await asyncio.gather(*(self.stop(name) for name in list(self._servers)), return_exceptions=True)
        for failure in results:
            if isinstance(failure, BaseException):
                raise failure

    async def settled(self, timeout: float = 20.0) -> None:  # noqa: ASYNC109 -- passed on
        """Wait until every service that runs has handled everything that the others have committed."""
        await eventually(self._is_settled, timeout)

    def _is_settled(self) -> bool:
        heads = {}
        for name in self._servers:
            with self.running(name).store.read() as connection:
                heads[f"/{name}"] = log_head(connection).sequence
        consumers = [consumer for name in self._servers for consumer in self.running(name).consumers.values()]
        return all(consumer.position >= heads.get(consumer.source, 0) for consumer in consumers)


@asynccontextmanager
async def house(directory: Path, *services: str | Service, broker: NatsServer | None = None, **settings: Any) -> AsyncIterator[House]:
    """Run these services, named or declared, for as long as the block runs. Further `settings` are those of `chassis.settings`.

    By default nothing is limited, hashing is cheap, and no store is verified before somebody asks:
    that would come between two looks.
    A broker that is given is not started, stopped or wiped here.
    """
    ports = {f"{name}_port": free_port() for name in ("auth", "tickets", "notifier", "escalator")}
    defaults = {"data_dir": directory / "data", "rate_limits": "off", "unsafe_bcrypt_cost": 4, "verify_every": "off", **ports}
    async with AsyncExitStack() as stack:
        server = broker or NatsServer(_made(directory / "nats"))
        for user in server.passwords:
            path = _made(directory / "data" / "secrets") / f"nats-{user}"
            path.write_text(server.passwords[user])
            path.chmod(0o600)
        if broker is None:
            stack.callback(server.kill)
            await asyncio.to_thread(server.start)
        made = House(directory, server, Settings(_env_file=None, **{**defaults, "nats_url": server.url, **settings}))
        stack.push_async_callback(made.stop_all)
        for service in services:
            await made.start(declared(service) if isinstance(service, str) else service)
        yield made


def declared(name: str) -> Service:
    """Return the declaration of the service of that name."""
    service: Service = importlib.import_module(f"{name}.app").SERVICE
    return service


async def eventually(condition: Callable[[], bool], timeout: float = 10.0) -> None:  # noqa: ASYNC109 -- what it raises says what for
    """Wait until `condition` is true. Raises TimeoutError."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110 -- anything can be waited for, not only what has an event
            await asyncio.sleep(0.01)


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listen(port: int) -> socket.socket:
    # asyncio answers without Nagle's delay, 40 ms each, only where the socket itself says that it is TCP
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen(128)
    return listening
