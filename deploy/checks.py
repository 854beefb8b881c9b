"""What `ste doctor` looks at, each check apart: a finding is what was seen and how to mend it."""

import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from chassis import secrets
from chassis.database import StoreInUse, held
from chassis.settings import SERVICES, Settings
from deploy import versions
from deploy.backups.switching import REPLACED
from deploy.desk_file import DeskFile
from deploy.first_start import MEND_DEMO, is_loopback, reached_by_others
from deploy.operator import Operator
from deploy.parts import broker_health_url
from deploy.ports import require_free
from deploy.refusal import Refusal
from events.store import SQLITE

_MEGA = 1_000_000
_NO_MORE = {"pepper": "without it no password is right any more"}
_NO_PROOF = "without it none of its checkpoints can be verified"


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
    yield from _guarded(check_disk(settings.data_dir), "disk")
    yield from _guarded(check_secrets(settings.secrets_dir), "secrets")
    yield from _guarded(check_replaced(settings.data_dir), "replaced")
    yield from _guarded(_check_desk(settings), "desk")


def _guarded(findings: Iterator[Finding], about: str) -> Iterator[Finding]:
    """What can not even be looked at is a finding too."""
    try:
        yield from findings
    except OSError as error:
        yield Finding(
            "bad", about, f"{error.filename or about} cannot be looked at: {error.strerror}", "Run ste as the desk's own account."
        )


def _check_desk(settings: Settings) -> Iterator[Finding]:
    desk = DeskFile.read(settings.data_dir)
    if desk is None:
        yield Finding("warning", "desk", f"is not running on {settings.data_dir}", "make run")
        yield from check_port(settings)
        yield from check_stores(settings)
        return
    yield Finding(
        "ok" if desk.ready else "warning", "desk", f"runs as process {desk.pid} at {desk.url}" + ("" if desk.ready else ", starting")
    )
    try:
        operator = Operator.of(settings)
    except Refusal as refusal:  # what needs no secret can be asked all the same
        yield Finding("bad", "secrets", refusal.what, refusal.mend)
        operator = Operator.of_nobody(settings)
    with operator:
        yield from check_broker(operator, desk, settings.data_dir)
        for process in operator.urls:
            yield from check_service(operator, process, settings.data_dir)
        yield from check_pages(operator, desk, settings.data_dir)
        yield from check_gateway(operator, desk, settings.data_dir)
        yield from check_demo(operator, settings)


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
    missing = [
        name
        for service in SERVICES
        for name in secrets.kept_with(service)
        if not (directory / name).exists() and (directory.parent / f"{service}.sqlite3").exists()
    ]
    for name in missing:
        what = f"{directory / name} is missing, and the store that needs it is there: {_NO_MORE.get(name, _NO_PROOF)}"
        yield Finding("bad", "secrets", what, "Put it back from the backup.")
    open_to_others = [path for path in (directory, *sorted(directory.iterdir())) if stat.S_IMODE(path.stat().st_mode) & 0o077]
    for path in open_to_others:
        yield Finding("bad", "secrets", f"{path} can be read by others", f"chmod go= {path}")
    if not open_to_others and not missing:
        yield Finding("ok", "secrets", f"are readable by their owner alone in {directory}; they belong into every backup")


def check_replaced(data_dir: Path) -> Iterator[Finding]:
    """What a restore put aside is the whole of a desk, and nothing that happens to people reaches it."""
    if (old := data_dir / REPLACED).is_dir() and any(old.iterdir()):
        yield Finding(
            "warning", "replaced", f"{old} holds a desk that a restore put aside: no erasure reaches it", "Delete it once you are sure."
        )


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
            if _others_exist(settings) and not settings.model_dump()[f"{service}_database_url"]:
                yield Finding("bad", service, f"its store {path} is missing", "Restore it from the backup; a start makes an empty one.")
            continue
        try:
            with held(settings.data_dir, service, exclusive=True):
                said = _quick_check(path)
        except StoreInUse as error:
            yield Finding("warning", service, str(error), "End it, or start the desk as usual.")
            continue
        except SQLITE.Error as error:
            said = str(error)
        size = path.stat().st_size / _MEGA
        if said == "ok":
            yield Finding("ok", service, f"SQLite finds its file sound, {size:,.1f} MB; ste audit verify walks its history")
        else:
            yield Finding("bad", service, f"its store is damaged: {said}", "Keep a copy of it, then restore the last backup.")


def _others_exist(settings: Settings) -> bool:
    return any((settings.data_dir / f"{name}.sqlite3").exists() for name in SERVICES)


def _quick_check(path: Path) -> str:
    connection = SQLITE.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    finally:
        connection.close()


def check_broker(operator: Operator, desk: DeskFile, data_dir: Path) -> Iterator[Finding]:
    """What the broker says of itself."""
    status, answer = operator.try_url(broker_health_url(desk.monitor_port))
    if status == 200:
        yield Finding("ok", "broker", "is well")
    else:
        yield Finding("bad", "broker", f"is not well: {answer}", f"The runner restarts it. If it stays so, read {_log(data_dir, 'broker')}")


def _log(data_dir: Path, name: str) -> Path:
    return data_dir / "log" / f"{name}.log"


def check_service(operator: Operator, service: str, data_dir: Path) -> Iterator[Finding]:
    """What a service says of itself, with its figures."""
    status, answer = operator.try_get(service, "/readyz")
    if not isinstance(answer, dict):
        mend = f"The runner starts it again when it has ended. If it stays so, read {_log(data_dir, service)}"
        yield Finding("bad", service, f"does not answer: {answer}", mend)
        return
    figures: dict[str, float] = answer.get("figures", {})
    reasons = " ".join(answer.get("reasons", ()))
    bad = status != 200 or any(sign in reasons for sign in _NEVER_BY_ITSELF)
    level: Literal["ok", "warning", "bad"] = "bad" if bad else "ok" if answer.get("status") == "ok" else "warning"
    port = operator.urls[service].rpartition(":")[2]
    yield Finding(level, service, f"is {answer.get('status')}, on port {port}{': ' + reasons if reasons else ''}", _mend(reasons))
    yield from _lags(service, figures)


_NEVER_BY_ITSELF = ("is not in the log", "forked", "has stopped", "is damaged", "was rewritten")


def _mend(reasons: str) -> str:  # noqa: PLR0911 (one per reason)
    if "cannot be written" in reasons:
        return "Mostly the disk is full: make room, and it goes on by itself."
    if "has stopped" in reasons:
        return "Its log says at which event, and why. It goes on from there at the next start, once it can."
    if "is damaged" in reasons:
        return "Keep a copy of everything before anything else; ste audit verify says where. Then restore the last backup."
    if "was rewritten" in reasons:
        return "ste witness list says what was seen of it. Find out who did it before ste witness resolve."
    if "forked" in reasons:
        return "A store was replaced by one of another history: put the right one back."
    if "erasure" in reasons:
        return "It goes on by itself: the broker must be up, and nothing may read a store without end. ste user erase ID waits for it."
    if "parked" in reasons:
        return "ste parked list, then ste parked retry or skip"
    if "is not in the log" in reasons:
        return "Its store is older than what others have seen: restore it, or, if it was restored on purpose, ste relay refill SERVICE"
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


def check_demo(operator: Operator, settings: Settings) -> Iterator[Finding]:
    """A password that stands in the README is none where others come in."""
    if not reached_by_others(settings):
        return
    status, answer = operator.try_get("auth", "/internal/demo")
    if status == 200 and answer["known"]:
        yield Finding(
            "bad", "demo", f"others can reach this desk, and the password of {', '.join(answer['known'])} is in its README", MEND_DEMO
        )


def check_pages(operator: Operator, desk: DeskFile, data_dir: Path) -> Iterator[Finding]:
    """Whether the pages answer, and those that they show."""
    status, answer = operator.try_url(f"http://127.0.0.1:{desk.ports.get('web', 0)}/readyz")
    if status != 200 or not isinstance(answer, dict):
        yield Finding("bad", "web", f"the pages do not answer: {answer}", f"Read {_log(data_dir, 'web')}")
    elif reasons := answer.get("reasons"):
        yield Finding("warning", "web", "; ".join(reasons), "Its pages say so where they lack it; they mend themselves with it.")
    else:
        yield Finding("ok", "web", "the pages are ready")


def check_gateway(operator: Operator, desk: DeskFile, data_dir: Path) -> Iterator[Finding]:
    """Whether the desk can be reached where people come in."""
    status, answer = operator.try_url(f"http://127.0.0.1:{desk.ports['gateway']}/health/auth")
    if status == 200:
        yield Finding("ok", "gateway", f"answers on port {desk.ports['gateway']}")
    elif isinstance(answer, dict):
        yield Finding("ok", "gateway", f"answers on port {desk.ports['gateway']}, for auth with {status}")
    else:
        yield Finding("bad", "gateway", f"does not answer on port {desk.ports['gateway']}: {answer}", f"Read {_log(data_dir, 'gateway')}")
