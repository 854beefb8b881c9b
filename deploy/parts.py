"""The processes of the desk, as commands: the broker, the services, the gateway."""

import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from chassis import secrets
from chassis.preload import LATE_IMPORTS
from chassis.settings import SERVICES, WEB, Settings, service_of
from deploy import broker
from deploy.launching import Command
from deploy.ports import free_ports
from deploy.refusal import Refusal

Answers = Callable[[str], Awaitable[bool]]
"""Whether a GET of that URL is answered with 200."""
SHARED_MODULES = (*(f"{name}{part}" for name in SERVICES for part in (".app", ".migrations")), f"{WEB}.app", *LATE_IMPORTS)
"""What the services and the pages are made of."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Where everything of one desk is: the data directory, the gateway's port and the loopback ports of the others.

    `service_ports` are by name of process: those of a service are "tickets", "tickets-2", and so on.
    """

    settings: Settings
    port: int
    broker_port: int
    monitor_port: int
    service_ports: dict[str, int]

    @property
    def data_dir(self) -> Path:
        return self.settings.data_dir

    @property
    def url(self) -> str:
        """Where a person finds the desk."""
        return self.settings.origin or f"http://{_host(self.settings.bind)}:{self.port}"

    @property
    def health_url(self) -> str:
        """Where the broker says how it is."""
        return broker_health_url(self.monitor_port)

    @property
    def ports(self) -> dict[str, int]:
        """By name of process."""
        return {"broker": self.broker_port, **self.service_ports, "gateway": self.port}

    def addresses_of(self, service: str) -> list[str]:
        """Return where the processes of a service are, without the scheme."""
        return [f"127.0.0.1:{port}" for name, port in self.service_ports.items() if service_of(name) == service]


def broker_health_url(monitor_port: int) -> str:
    """Return where the broker says how it is. The plain one: its variants say ok on a full disk."""
    return f"http://127.0.0.1:{monitor_port}/healthz"


def plan(settings: Settings) -> Plan:
    """Choose the ports: those that were set by hand stay, all others are free ones. Raises Refusal."""
    names = [name for service in (*SERVICES, WEB) for name in settings.processes_of(service)]
    chosen = iter(free_ports(len(names) + 3))
    given = settings.model_fields_set
    services = {name: settings.port_of(name) if f"{name}_port" in given else next(chosen) for name in names}
    return Plan(
        settings=settings,
        port=settings.port or next(chosen),
        broker_port=next(chosen),
        monitor_port=next(chosen),
        service_ports=services,
    )


def _host(bind: str) -> str:
    if bind in ("127.0.0.1", "::1", "0.0.0.0", "::", "localhost"):  # noqa: S104 - compared, not bound
        return "localhost"
    return f"[{bind}]" if ":" in bind else bind


def broker_command(desk: Plan, answers: Answers) -> Command:
    """Write the broker's configuration, with everyone's passwords, and return how to run it."""
    passwords = {name: secrets.ensure(desk.settings.secrets_dir, f"nats-{name}") for name in broker.USERS}
    text = broker.configuration(
        port=desk.broker_port, monitor_port=desk.monitor_port, store_dir=desk.data_dir / "broker", passwords=passwords
    )
    path = desk.data_dir / "run" / "nats.conf"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    return Command(
        name="broker",
        program=program("nats-server"),
        shown_as="ste broker",
        arguments=["--config", str(path)],
        environment=_plain_environment(),
        ready=lambda: answers(desk.health_url),
    )


def forkserver_command(desk: Plan, ready: Callable[[], Awaitable[bool]]) -> Command:
    """Return how to run the fork server, which imports all that the services are made of."""
    return Command(
        name="forkserver",
        program=sys.executable,
        shown_as=sys.executable,
        arguments=[*_how(), "-m", "deploy.forkserver", *SHARED_MODULES],
        environment=_service_environment(desk),
        ready=ready,
    )


def service_command(desk: Plan, name: str, answers: Answers) -> Command:
    """Return how to run a process of a service: as a fork, or by Python, which needs its own argv[0]; the service names itself."""
    port, service = desk.service_ports[name], service_of(name)
    url = f"http://127.0.0.1:{port}/readyz"
    return Command(
        name=name,
        program=sys.executable,
        shown_as=sys.executable,
        arguments=[*_how(), "-m", service],
        environment={**_service_environment(desk), "STE_PROCESS": name, f"STE_{service.upper()}_PORT": str(port)},
        ready=lambda: answers(url),
        module=service,
    )


def gateway_command(desk: Plan, answers: Answers) -> Command:
    """Return how to run the gateway. Its configuration reads the environment."""
    here = Path(__file__).parent
    settings = desk.settings
    environment = {
        **_plain_environment(),
        "HOME": str(desk.data_dir / "run" / "caddy"),
        "XDG_CONFIG_HOME": str(desk.data_dir / "run" / "caddy"),
        "XDG_DATA_HOME": str(desk.data_dir / "run" / "caddy"),
        "STE_DATA_DIR": str(desk.data_dir),
        "STE_BIND": settings.bind,
        "STE_PORT": str(desk.port),
        "STE_ORIGIN": desk.url,
        "STE_DOCS_DIR": str(here / "docs_page"),
        **{f"STE_{name.upper()}_UPSTREAM": _upstream(desk.addresses_of(name)) for name in (*SERVICES, WEB)},
    }
    if settings.trusted_proxies:
        environment["STE_TRUSTED_PROXIES"] = " ".join(map(str, settings.trusted_proxies))
    address = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.bind, settings.bind)  # noqa: S104 - compared, not bound
    return Command(
        name="gateway",
        program=program("caddy"),
        shown_as="ste gateway",
        arguments=["run", "--config", str(here / "Caddyfile"), "--adapter", "caddyfile"],
        environment=environment,
        ready=lambda: answers(
            f"http://{f'[{address}]' if address.count(':') > 1 and address[0] != '[' else address}:{desk.port}/health/auth"
        ),
    )


def _upstream(addresses: list[str]) -> str:
    """Return how long a process that did not answer is passed over, where there is another, and the addresses of all."""
    return " ".join(["1s" if len(addresses) > 1 else "0s", *addresses])


def _how() -> list[str]:
    """Return Python's options for a service. Unless a crash is asked for, the places for one are compiled to nothing, as are asserts."""
    return [] if "STE_FAIL_AT" in os.environ else ["-O"]


def program(name: str) -> str:
    """Return the path of a program that came with a wheel, beside our Python. Raises Refusal."""
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise Refusal(f"{name} is missing from {path.parent}.", "Install it again: make clean run")
    return str(path)


def _plain_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "SYSTEMROOT") if name in os.environ}


def _service_environment(desk: Plan) -> dict[str, str]:
    """Return what a service is told, over what we were told ourselves."""
    told = {
        "STE_DATA_DIR": str(desk.data_dir),
        "STE_PORT": str(desk.port),
        "STE_NATS_URL": f"nats://127.0.0.1:{desk.broker_port}",
        "STE_PARENT_PID": str(os.getpid()),
        "PYTHONUNBUFFERED": "1",
    }
    told["STE_WEB_PORT"] = str(desk.service_ports[WEB])
    for name in SERVICES:
        told[f"STE_{name.upper()}_PORT"] = str(desk.service_ports[name])
        told[f"STE_{name.upper()}_URL"] = " ".join(f"http://{address}" for address in desk.addresses_of(name))
    return {**os.environ, **_as_set(desk.settings), **told}


def _as_set(settings: Settings) -> dict[str, str]:
    """Return what was set, as variables: a service that is started again reads the `.env` of then, and must not follow it alone."""
    found = {}
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if value is None:
            continue
        if isinstance(value, tuple):
            value = ",".join(map(str, value))
        found[str(field.validation_alias or f"STE_{name.upper()}")] = str(value)
    return found
