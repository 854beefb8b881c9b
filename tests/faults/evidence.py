"""What can be seen of a desk from the outside: its feeds, its streams, its lists, and, once it has stopped, its files."""

import asyncio
import base64
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import nats
from nats.aio.client import Client as Nats

from chassis.settings import SERVICES
from deploy.operator import Operator
from tests.faults.desk import caught_up, how_far, store_of
from tests.faults.history import Told
from tests.support.desk import Desk
from tests.support.waiting import eventually

CHECKERS = "c" * 32
"""The trace of what the check itself asks for: its events are nobody's."""
SLACK = 5.0
"""Seconds that an escalation may be late beyond the time in which something was down."""
_PAGE = 1000
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it travels; `parts` is the parsed JSON of its wire form."""

    parts: Mapping[str, Any]

    @property
    def head(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.parts["head"]
        return found

    @property
    def facts(self) -> dict[str, Any]:
        """What it says, personal or not."""
        return {**self.parts["data"], **(self.parts["personal"] or {})}

    @property
    def source(self) -> str:
        return str(self.head["source"])

    @property
    def sequence(self) -> int:
        return int(self.head["sequence"])

    @property
    def type(self) -> str:
        return str(self.head["type"])

    @property
    def subject(self) -> str:
        return str(self.head["subject"])

    @property
    def ticket(self) -> int:
        return int(self.subject.partition("/")[2])

    @property
    def hash(self) -> str:
        return str(self.parts["hash"])

    @property
    def trace(self) -> str | None:
        """The operation that it follows from."""
        parent = self.parts["traceparent"]
        return parent.split("-")[1] if parent else None

    def follows(self, before: str) -> bool:
        """Whether its hash is that of its head after the event whose hash is `before`; computed here, not by the desk's own code."""
        head = json.dumps(self.head, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
        return self.parts["prevhash"] == before and hashlib.sha256(bytes.fromhex(before) + head).hexdigest() == self.hash

    def __str__(self) -> str:
        return f"{self.source} {self.sequence} ({self.type} of {self.subject})"


@dataclass(kw_only=True)
class Evidence:
    """Everything that the invariants are judged by."""

    history: Told
    baseline: Mapping[str, int]
    """Each service's head when the history began: what was before is nobody's."""
    feeds: Mapping[str, list[Event]]
    """By service, from the first event on."""
    streams: Mapping[str, list[Event]] = field(default_factory=dict)
    """By service, in the stream's own order."""
    audit: Sequence[Mapping[str, Any]] = field(default_factory=list)
    inboxes: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """By login name, newest first."""
    ids: Mapping[str, str] = field(default_factory=dict)
    """The person's id by login name."""
    caught_up: Mapping[str, Any] = field(default_factory=dict)
    parked: list[str] = field(default_factory=list)
    verified: Mapping[str, Any] = field(default_factory=dict)
    checkpoints: Mapping[str, Any] = field(default_factory=dict)
    anchors: Iterable[tuple[str, int, str]] = ()
    """(service, sequence, hash) as they were seen while the desk ran."""
    jobs: Sequence[Mapping[str, Any]] = field(default_factory=list)
    deliveries: Sequence[Mapping[str, Any]] = field(default_factory=list)
    outages: list[tuple[float, float]] = field(default_factory=list)
    """From when until when something was down; seconds since the epoch."""
    slack: float = SLACK
    data_dir: Path | None = None
    """A copy of the stopped desk's files."""

    def amounts(self) -> dict[str, int]:
        """Return how much there is of all that is looked at: where there is nothing, nothing can be found wrong.

        Checkpoints are left out: they are signed each minute and each thousand events, and a desk may have seen neither.
        """
        by_service = {"feed": self.feeds, "stream": self.streams}
        return {
            **{f"{what} of {name}": len(of[name]) for what, of in by_service.items() for name in self.feeds},
            **{f"inbox of {name}": len(inbox) for name, inbox in self.inboxes.items()},
            **{f"heard by {name}": len(ids) for name, ids in self.history.heard.items()},
            **{name: len(getattr(self, name)) for name in ("audit", "ids", "caught_up", "verified", "jobs", "deliveries", "outages")},
            "anchors": len(list(self.anchors)),
        }

    def events(self) -> Iterator[Event]:
        for feed in self.feeds.values():
            yield from feed


def read_feed(operator: Operator, service: str, after: int = 0) -> list[Event]:
    """Return all events of a service's log that follow `after`, from the feed that it serves its peers."""
    found: list[Event] = []
    while page := operator.get(service, "/internal/events", after=after + len(found), limit=_PAGE)["events"]:
        found += map(Event, page)
    return found


def everything(client: httpx2.Client, path: str, **query: str) -> list[dict[str, Any]]:
    """Return all items of a list, page after page."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        answer = client.get(path, params={**query, "limit": "100", **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


async def _read_stream(url: str, service: str, password: str) -> list[Event]:
    connection = await nats.connect(url, user=service, password=password, inbox_prefix=f"_INBOX_{service}".encode(), allow_reconnect=False)
    try:
        stream = f"EVENTS_{service.upper()}"
        state = (await _api(connection, f"STREAM.INFO.{stream}"))["state"]
        numbers = range(state["first_seq"], state["last_seq"] + 1) if state["messages"] else range(0)
        found: list[Event] = []
        for start in range(0, len(numbers), _AT_ONCE):
            some = numbers[start : start + _AT_ONCE]
            answers = await asyncio.gather(*(_api(connection, f"STREAM.MSG.GET.{stream}", {"seq": number}) for number in some))
            found += [Event(json.loads(base64.b64decode(answer["message"]["data"]))) for answer in answers]
        return found
    finally:
        await connection.close()


async def _api(connection: Nats, call: str, body: Any = None) -> Any:
    answer = await connection.request(f"$JS.API.{call}", json.dumps(body).encode() if body else b"", timeout=10)
    return json.loads(answer.data)


def read_streams(desk: Desk) -> dict[str, list[Event]]:
    """Return what is in the broker's streams, read with the services' own passwords: only the owner may look."""

    async def read() -> dict[str, list[Event]]:
        url = f"nats://127.0.0.1:{desk.port_of('broker')}"
        secrets = {name: (desk.data_dir / "secrets" / f"nats-{name}").read_text().strip() for name in SERVICES}
        return {name: await _read_stream(url, name, password) for name, password in secrets.items()}

    return asyncio.run(read())


def collect(desk: Desk, history: Told, baseline: Mapping[str, int], people: Iterable[str], **rest: Any) -> Evidence:
    """Look at everything that a running desk shows; it should be at rest. `people` are those whose inboxes are read."""
    admin = desk.client("admina")
    admin.headers["traceparent"] = f"00-{CHECKERS}-{1:016x}-01"
    clients = {name: desk.client(name) for name in people}
    admin.get("/api/audit").raise_for_status()  # that somebody looks is an event too, once in ten minutes
    eventually(lambda: caught_up(desk), within=60, what="catching up with who signed in to look")
    streams = read_streams(desk)  # before the logs: what is in a stream was in its log before
    with desk.operator() as operator:
        feeds = {name: read_feed(operator, name) for name in SERVICES}
        parked = [f"{name}: {item}" for name in SERVICES for item in operator.get(name, "/internal/parked")["items"]]
        checkpoints = {name: operator.get(name, "/internal/checkpoints", limit=_PAGE) for name in SERVICES}
        jobs = operator_jobs(operator)
    return Evidence(
        history=history,
        baseline=baseline,
        feeds=feeds,
        streams=streams,
        audit=everything(admin, "/api/audit"),
        inboxes={name: everything(client, "/api/notifications") for name, client in clients.items()},
        ids={name: client.get("/api/auth/me").json()["id"] for name, client in clients.items()},
        caught_up=how_far(desk) or {},
        parked=parked,
        checkpoints=checkpoints,
        jobs=jobs,
        deliveries=getattr(desk, "deliveries", []),
        verified=admin.post("/api/audit/verify").json(),
        **rest,
    )


def operator_jobs(operator: Operator) -> list[dict[str, Any]]:
    """Return all jobs, newest first."""
    items: list[dict[str, Any]] = []
    query: dict[str, str | int] = {"limit": 100}
    while True:
        page = operator.get("notifier", "/internal/jobs", **query)
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        query["cursor"] = page["next_cursor"]


def copied(desk: Desk, target: Path) -> Path:
    """Return a copy of the files of a desk that has stopped, for a check to open and write into: its stores and its secrets."""
    shutil.copytree(desk.data_dir / "secrets", target / "secrets")
    for name in SERVICES:
        store = store_of(desk, name)
        for file in store.parent.glob(f"{store.name}*"):  # with its write-ahead log, if there is one
            shutil.copy2(file, target / file.name)
    return target
