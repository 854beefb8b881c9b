"""What an operator can set, all of it: `.env.example` lists every variable with its default."""

import re
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SERVICES = ("auth", "tickets", "notifier", "escalator")
WEB = "web"
"""The pages: no store, no events."""
REPLICATED = ("tickets", "notifier", "escalator")
"""Those of which several processes may run on one store. auth counts failed sign-ins in memory, unless STE_LIMITS_URL says otherwise."""
RESTORE_BEGUN = "restore.json"
"""In the data directory while a restore moves stores; one that died in between has left it there."""
Port = Annotated[int, Field(ge=0, le=65535)]
Processes = Annotated[int, Field(ge=1, le=16)]
Network = IPv4Network | IPv6Network
Networks = Annotated[tuple[Network, ...], NoDecode]
"""Networks in CIDR notation, separated by commas or white space."""


class Settings(BaseSettings):
    """Read from the environment (`STE_DATA_DIR`, …) and from a `.env` in the working directory; arguments win over both."""

    model_config = SettingsConfigDict(
        env_prefix="STE_", env_file=".env", env_ignore_empty=True, extra="ignore", populate_by_name=True, frozen=True
    )

    port: Port = 8080
    """The gateway's port; the services' own are below."""
    bind: str = "127.0.0.1"
    """The gateway's address."""
    trusted_proxies: Networks = ()
    """In front of the gateway: whose X-Forwarded-For and -Proto are believed."""
    gateways: Networks = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    """Where the gateway itself speaks from; containers set it to their own network."""
    data_dir: Path = Path("var")
    demo: bool = False
    rate_limits: Literal["on", "off"] = "on"
    escalate_after: str = "24h"
    verify_every: str = "24h"
    """How often every store is verified from disk, as a number and s, m, h or d; `off`: only when somebody asks."""
    origin: str = ""
    """The browser's origin; empty: http://localhost:<port>, and 127.0.0.1 beside it."""
    nats_url: str = "nats://127.0.0.1:4222"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    service_bind: str = "127.0.0.1"
    """The address the services listen on."""
    unsafe_bcrypt_cost: int = Field(default=12, ge=4, le=16)
    """Lowered by tests alone; the service says so in its log."""
    limits_url: str = "memory://"
    """Where the limiters of logins count, as the library `limits` names it; shared when auth runs in several processes."""
    parent_pid: int | None = None
    """Set by the process runner: the service ends with that process, even when it is killed."""

    process: str = ""
    """Set by the process runner: which process of its service this is, as "tickets-2"."""
    tickets_processes: Processes = 1
    notifier_processes: Processes = 1
    escalator_processes: Processes = 1

    auth_url: str = ""
    """Where the peers find a service: one address, or several of processes that all serve its store, separated by spaces or commas."""
    tickets_url: str = ""
    notifier_url: str = ""
    escalator_url: str = ""
    auth_port: Port = 8081
    tickets_port: Port = 8082
    notifier_port: Port = 8083
    escalator_port: Port = 8084
    web_port: Port = 8085
    auth_database_url: str = Field(default="", validation_alias="AUTH_DATABASE_URL")
    tickets_database_url: str = Field(default="", validation_alias="TICKETS_DATABASE_URL")
    notifier_database_url: str = Field(default="", validation_alias="NOTIFIER_DATABASE_URL")
    escalator_database_url: str = Field(default="", validation_alias="ESCALATOR_DATABASE_URL")

    @field_validator("trusted_proxies", "gateways", mode="before")
    @classmethod
    def _networks(cls, value: Any) -> Any:
        return [ip_network(part, strict=False) for part in value.replace(",", " ").split()] if isinstance(value, str) else value

    @field_validator("verify_every")
    @classmethod
    def _duration(cls, value: str) -> str:
        if value != "off" and not re.fullmatch(r"[1-9][0-9]{0,5}[smhd]", value, re.ASCII):
            raise ValueError("A duration is a whole number above 0 and a unit: s, m, h or d, as 24h; or off.")
        return value

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("origin")
    @classmethod
    def _origin(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/") or parts.query or "@" in parts.netloc:
            raise ValueError("An origin is a scheme, a host and perhaps a port, as https://desk.example.org")
        return _origin_of(parts.scheme, parts.netloc)

    @property
    def origins(self) -> frozenset[str]:
        """Every origin that a browser may come from; whole origins are compared, never parts of them."""
        own = (_origin_of("http", f"{host}:{self.port}") for host in ("localhost", "127.0.0.1"))
        return frozenset([self.origin]) if self.origin else frozenset(own)

    @property
    def secure(self) -> bool:
        """Whether browsers come by https, so that cookies are `Secure` and have the `__Host-` prefix."""
        return self.origin.startswith("https://")

    @property
    def verify_after(self) -> timedelta | None:
        """The time between two verifications; None: they are not made by themselves."""
        units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
        return None if self.verify_every == "off" else timedelta(**{units[self.verify_every[-1]]: int(self.verify_every[:-1])})

    @property
    def secrets_dir(self) -> Path:
        return self.data_dir / "secrets"

    def url_of(self, service: str) -> str:
        """Return the first address of a service."""
        return self.urls_of(service)[0]

    def urls_of(self, service: str) -> tuple[str, ...]:
        """Return the addresses of a service for its peers, without slashes at their ends; at least one."""
        given = str(getattr(self, f"{service}_url")).replace(",", " ").split()
        return tuple(url.rstrip("/") for url in given) or (f"http://127.0.0.1:{self.port_of(service)}",)

    def processes_of(self, service: str) -> tuple[str, ...]:
        """Return the names of a service's processes, as the local runner runs them: the service's own, then "tickets-2" and so on."""
        count = getattr(self, f"{service}_processes") if service in REPLICATED else 1
        return (service, *(f"{service}-{number}" for number in range(2, count + 1)))

    def port_of(self, service: str) -> int:
        """Return the port that a service listens on."""
        return int(getattr(self, f"{service}_port"))

    def database_of(self, service: str) -> str:
        """Return the SQLAlchemy URL of a service's store."""
        return str(getattr(self, f"{service}_database_url", "") or f"sqlite:///{self.data_dir / f'{service}.sqlite3'}")


def service_of(process: str) -> str:
    """Return the service that a process is one of, by its name."""
    return process.partition("-")[0]


def _origin_of(scheme: str, netloc: str) -> str:
    """Return an origin as browsers write it: in lower case, and without the port that the scheme has anyway."""
    return f"{scheme}://{netloc.lower().removesuffix({'http': ':80', 'https': ':443'}[scheme])}"
