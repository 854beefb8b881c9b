"""What `ste doctor` looks at, each check apart: a finding is what was seen and how to mend it."""

import shutil
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from chassis.database import StoreInUse, held
from chassis.settings import SERVICES, Settings
from deploy import versions
from deploy.desk_file import DeskFile
from deploy.first_start import is_loopback
from deploy.operator import Operator
from deploy.parts import broker_health_url
from deploy.ports import require_free
from deploy.refusal import Refusal

_MEGA = 1_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """`mend` is empty where nothing is to be done."""

    level: Literal["ok", "warning", "bad"]
    about: str
    what: str
    mend: str = ""


def everything(settings: Settings) -> Iterator[Finding]:
    """Yield every finding, those that need no running desk first."""
    yield from check_versions()
    yield from check_settings(settings)
    yield from check_disk(settings.data_dir)
    yield from check_secrets(settings.secrets_dir)
    desk = DeskFile.read(settings.data_dir)
    if desk is None:
        yield Finding("warning", "desk", f"is not running on {settings.data_dir}", "make run")
        yield from check_port(settings)
        yield from check_stores(settings)
        return
    yield Finding(
        "ok" if desk.ready else "warning", "desk", f"runs as process {desk.pid} at {desk.url}" + ("" if desk.ready else ", starting")
    )
    with Operator.of(settings) as operator:
        yield from check_broker(operator, desk)
        for service in SERVICES:
            yield from check_service(operator, service, desk.pids.get(service))
        yield from check_gateway(operator, desk)


def check_versions() -> Iterator[Finding]:
    """What the desk stands on must be new enough."""
    for part in versions.everything():
        if part.good:
            yield Finding("ok", part.name, f"{part.found} (at least {part.floor})")
        elif part.name == "sqlite":
            mend = "Install pysqlite3 where it has a wheel; until then one process per store, and backups."
            yield Finding("warning", part.name, f"{part.found} is older than {part.floor}: {part.why}", mend)
        else:
            yield Finding("bad", part.name, f"{part.found or 'missing'}, but at least {part.floor} is needed: {part.why}", "make clean run")


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Settings that can be used and should not be."""
    if settings.rate_limits == "off":
        yield Finding("warning", "rate limits", "are off: passwords can be tried without end", "Unset STE_RATE_LIMITS")
    if settings.unsafe_bcrypt_cost < 12:
        yield Finding("warning", "passwords", "are hashed too cheaply", "Unset STE_UNSAFE_BCRYPT_COST")
    if settings.demo and "demo" in settings.model_fields_set and not is_loopback(settings.bind):
        yield Finding(
            "warning", "demo", f"accounts with a known password can be reached on {settings.bind}", "Unset STE_DEMO before the first start"
        )
    if not is_loopback(settings.bind) and not settings.secure:
        yield Finding("warning", "transport", "others sign in over plain http", "Put TLS in front and set STE_ORIGIN=https://…")


def check_disk(data_dir: Path) -> Iterator[Finding]:
    """A full disk stops all writing, and the broker until it is restarted."""
    place = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    free = shutil.disk_usage(place).free
    said = f"{free // _MEGA:,} MB free at {place}"
    if free < 200 * _MEGA:
        yield Finding("bad", "disk", said, "Make room: nothing can be written soon. The broker is restarted by itself.")
    elif free < 2000 * _MEGA:
        yield Finding("warning", "disk", said, "Make room before it is full.")
    else:
        yield Finding("ok", "disk", said)


def check_secrets(directory: Path) -> Iterator[Finding]:
    """Secrets are the owner's alone."""
    if not directory.exists():
        yield Finding("ok", "secrets", "are made at the first start")
        return
    open_to_others = [path for path in (directory, *sorted(directory.iterdir())) if stat.S_IMODE(path.stat().st_mode) & 0o077]
    for path in open_to_others:
        yield Finding("bad", "secrets", f"{path} can be read by others", f"chmod go= {path}")
    if not open_to_others:
        yield Finding("ok", "secrets", f"are readable by their owner alone in {directory}; they belong into every backup")


def check_port(settings: Settings) -> Iterator[Finding]:
    """The gateway's port, while nothing of ours holds it."""
    try:
        require_free(settings.bind, settings.port)
    except Refusal as refusal:
        yield Finding("bad", "port", refusal.what, refusal.mend)
    else:
        yield Finding("ok", "port", f"{settings.port} on {settings.bind} is free")


def check_stores(settings: Settings) -> Iterator[Finding]:
    """SQLite's own check of every store that nobody uses now."""
    for service in SERVICES:
        path = settings.data_dir / f"{service}.sqlite3"
        if not path.exists():
            continue
        try:
            with held(settings.data_dir, service, exclusive=True):
                said = _quick_check(path)
        except StoreInUse as error:
            yield Finding("warning", service, str(error), "End it, or start the desk as usual.")
            continue
        except sqlite3.Error as error:
            said = str(error)
        size = path.stat().st_size / _MEGA
        if said == "ok":
            yield Finding("ok", service, f"its store is sound, {size:,.1f} MB")
        else:
            yield Finding("bad", service, f"its store is damaged: {said}", "Keep a copy of it, then restore the last backup.")


def _quick_check(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    finally:
        connection.close()


def check_broker(operator: Operator, desk: DeskFile) -> Iterator[Finding]:
    """What the broker says of itself."""
    status, answer = operator.try_url(broker_health_url(desk.monitor_port))
    if status == 200:
        yield Finding("ok", "broker", "is well")
    else:
        yield Finding("bad", "broker", f"is not well: {answer}", "The runner restarts it. If it stays so, read log/broker.log.")


def check_service(operator: Operator, service: str, pid: int | None) -> Iterator[Finding]:
    """What a service says of itself, with its figures."""
    status, answer = operator.try_get(service, "/readyz")
    if not isinstance(answer, dict):
        yield Finding("bad", service, f"does not answer (process {pid}): {answer}", f"Read log/{service}.log")
        return
    figures: dict[str, float] = answer.get("figures", {})
    reasons = " ".join(answer.get("reasons", ()))
    level: Literal["ok", "warning", "bad"] = "bad" if status != 200 else "ok" if answer.get("status") == "ok" else "warning"
    yield Finding(level, service, f"is {answer.get('status')}{': ' + reasons if reasons else ''}", _mend(reasons))
    yield from _lags(service, figures)


def _mend(reasons: str) -> str:
    if "parked" in reasons:
        return "ste parked list, then ste parked retry or skip"
    if "relay refill" in reasons or "stream" in reasons:
        return "ste relay refill SERVICE, once you know why the broker is ahead"
    return "It mends itself once what it needs is back." if "broker" in reasons else ""


def _lags(service: str, figures: dict[str, Any]) -> Iterator[Finding]:
    if (seconds := figures.get("relay_lag_seconds", 0)) > 10:
        yield Finding("warning", service, f"its oldest unpublished event is {seconds:.0f} s old", "See the broker.")
    for name, value in figures.items():
        if name.startswith("consumer_lag_events_") and value > 1000:
            yield Finding(
                "warning", service, f"is {value:.0f} events behind {name.removeprefix('consumer_lag_events_')}", "It catches up by itself."
            )
    if dead := figures.get("dead_jobs", figures.get("jobs_dead", 0)):
        yield Finding("warning", service, f"{dead:.0f} jobs have failed for good", "ste jobs list --status dead, then ste jobs retry ID")


def check_gateway(operator: Operator, desk: DeskFile) -> Iterator[Finding]:
    """Whether the desk can be reached where people come in."""
    status, answer = operator.try_url(f"http://127.0.0.1:{desk.ports['gateway']}/health/auth")
    if status == 200:
        yield Finding("ok", "gateway", f"answers on port {desk.ports['gateway']}")
    else:
        yield Finding("bad", "gateway", f"does not answer on port {desk.ports['gateway']}: {answer}", "Read log/gateway.log")
