"""The desk that is made to die: armed by a file, with escalations within seconds and a recorded way out of the house."""

import json
import os
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx2

from chassis.settings import SERVICES
from deploy.refusal import Refusal
from events.store import SQLITE
from tests.faults.failfile import FailFile
from tests.support.desk import Desk
from tests.support.waiting import eventually

ESCALATE_AFTER = 2.0
"""Seconds."""
_LATE = 1.0
_CHEAP = {
    "auth": "/api/auth/me",
    "tickets": "/api/tickets/counts",
    "notifier": "/api/notifications/unread-count",
    "escalator": "/api/escalations/policies",
}


class CrashDesk(Desk):
    """`fail` says where to die; `deliveries` is what left the house."""

    def __init__(self, directory: Path, *, environment: Mapping[str, str] | None = None) -> None:
        self.fail = FailFile(directory / "fail-at")
        self._deliveries = directory / "deliveries.jsonl"
        settings = {
            "STE_FAIL_AT": str(self.fail.path),
            "STE_TEST_DELIVERIES": str(self._deliveries),
            # before what was given: a suite that is run on planted faults finds them by it
            "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parent / "mailing"), os.environ.get("PYTHONPATH", "")])),
            "STE_ESCALATE_AFTER": f"{ESCALATE_AFTER:.0f}s",
        }
        super().__init__(directory, environment={**settings, **(environment or {})})
        self._looker = httpx2.Client(timeout=5.0, trust_env=False)

    def end(self) -> None:
        self._looker.close()
        super().end()

    @property
    def deliveries(self) -> list[dict[str, Any]]:
        """Return what left the house: {"key", "job", "attempt"} of each delivery, in order."""
        if not self._deliveries.exists():
            return []
        return [json.loads(line) for line in self._deliveries.read_text().splitlines()]

    def ready_since(self, service: str, died_at: float, within: float = 60.0) -> float:
        """Wait until a service that died is ready again, and return how many seconds that took."""
        url = f"http://127.0.0.1:{self.port_of(service)}/readyz"
        eventually(lambda: self._answers(url), within=within, what=f"{service} ready again")
        return time.time() - died_at

    def answering_since(self, service: str, died_at: float, client: httpx2.Client, within: float = 30.0) -> float:
        """Wait until somebody gets a 2xx from it through the gateway, and return how many seconds that took."""

        def answered() -> bool:
            try:
                return client.get(_CHEAP[service]).is_success
            except httpx2.HTTPError:
                return False

        eventually(answered, within=within, what=f"an answer of {service}")
        return time.time() - died_at

    def _answers(self, url: str) -> bool:
        try:
            return self._looker.get(url).status_code == 200
        except httpx2.HTTPError:
            return False

    def sabotage(self, service: str, *statements: str) -> None:
        """Run statements in the store of a service, as somebody would who should not."""
        with closing(SQLITE.connect(store_of(self, service), timeout=10, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)


def store_of(desk: Desk, service: str) -> Path:
    """Return the file that holds a service's store."""
    url = desk.environment.get(f"{service.upper()}_DATABASE_URL", "")
    return Path(url.removeprefix("sqlite:///")) if url else desk.data_dir / f"{service}.sqlite3"


def heads(desk: Desk) -> dict[str, int]:
    """Return how many events each service has committed; 0 for one that does not answer."""
    with desk.operator() as operator:
        told = {name: operator.try_get(name, "/internal/caught-up")[1] for name in SERVICES}
    return {name: int(answer["head"]) if isinstance(answer, dict) and "head" in answer else 0 for name, answer in told.items()}


def how_far(desk: Desk) -> dict[str, Any] | None:
    """Return how far each service is: {"head", "relayed", "positions"}; None when one does not say.

    Of several processes of a service only the one that leads knows what is relayed.
    """
    with desk.operator() as operator:
        told = {name: operator.try_get(name, "/internal/caught-up")[1] for name in operator.urls}
    if not all(isinstance(answer, dict) and "head" in answer for answer in told.values()):
        return None
    return {
        service: {**told[service], "relayed": max(answer["relayed"] for name, answer in told.items() if name.split("-")[0] == service)}
        for service in SERVICES
    }


def caught_up(desk: Desk) -> bool:
    """Return whether everything committed is relayed and consumed everywhere."""
    told = how_far(desk)
    if told is None:
        return False
    consumed = all(
        position == told[source.strip("/")]["head"] for answer in told.values() for source, position in answer["positions"].items()
    )
    return consumed and all(answer["relayed"] == answer["head"] for answer in told.values())


def settle(desk: Desk, within: float = 90.0) -> None:
    """Wait until everything is ready, relayed, consumed, escalated, told and delivered."""
    for name in SERVICES:
        eventually(lambda name=name: desk.answers(name), within=within, what=f"{name} ready")  # type: ignore[misc]
    last_due = time.time() + ESCALATE_AFTER + _LATE
    eventually(lambda: time.time() > last_due and _at_rest(desk), within=within, what="rest")


def _at_rest(desk: Desk) -> bool:
    if not caught_up(desk):
        return False
    with desk.operator() as operator, suppress(Refusal):
        waiting = [operator.get("notifier", "/internal/jobs", status=status, limit=1)["items"] for status in ("queued", "processing")]
        parked = [operator.get(name, "/internal/parked")["items"] for name in SERVICES]
        return not any(waiting) and not any(parked)
    return False


def unpark(desk: Desk, service: str, within: float = 60.0) -> None:
    """Have everything handled that a service has set aside, as an operator would."""

    def nothing_parked() -> bool:
        with desk.operator() as operator, suppress(Refusal):
            items = operator.get(service, "/internal/parked")["items"]
            for item in {item["subject"]: item for item in reversed(items)}.values():
                operator.post(service, f"/internal/parked/{item['source'].strip('/')}/{item['sequence']}/retry")
            return not items
        return False

    eventually(nothing_parked, within=within, what=f"{service} with nothing set aside")
