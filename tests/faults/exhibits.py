"""Evidence made by hand, in which all is well: what the tests of the checker tamper with."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.settings import SERVICES
from tests.faults.evidence import Event, Evidence
from tests.faults.history import Attempt, Operation, Told, Wanted

START = datetime(2026, 11, 27, 9, tzinfo=UTC)
ANNA, ADA, ALF = "anna-1", "ada-1", "alf-1"
DUE: dict[str, Any] = {"ticket": 1, "policy": "default", "policy_version": 1, "level": 1}


@dataclass
class Log:
    """A log under construction, chained as the contract says."""

    service: str
    events: list[Event] = field(default_factory=list)

    def append(
        self,
        type_: str,
        subject: str,
        seconds: float,
        *,
        by: str | None = ANNA,
        trace: str | None = None,
        cause: str | None = None,
        **facts: Any,
    ) -> Event:
        """Add an event that happened so many seconds after the start."""
        at = (START + timedelta(seconds=seconds)).isoformat(timespec="microseconds")
        before = self.events[-1].hash if self.events else "0" * 64
        head = {
            "id": f"{self.service}-{len(self.events) + 1}",
            "source": f"/{self.service}",
            "sequence": len(self.events) + 1,
            "type": type_,
            "subject": subject,
            "streamversion": 1 + sum(event.subject == subject for event in self.events),
            "time": at,
            "recordedtime": at,
            "actorkind": "user" if by else "system",
            "actorid": by or self.service,
            "causationid": cause,
        }
        raw = json.dumps(head, sort_keys=True, separators=(",", ":")).encode()
        hash_ = hashlib.sha256(bytes.fromhex(before) + raw).hexdigest()
        parent = f"00-{trace}-{1:016x}-01" if trace else None
        event = Event({"head": head, "data": facts, "personal": None, "prevhash": before, "hash": hash_, "traceparent": parent})
        self.events.append(event)
        return event


def operation(kind: str, path: str, wanted: Wanted | None, *, outcome: str = "ok", **rest: Any) -> Operation:
    made = Operation(
        kind=kind,
        process=rest.pop("process", "usera"),
        service="tickets",
        method=rest.pop("method", "POST"),
        path=path,
        wanted=wanted,
        **rest,
    )
    made.attempts.append(Attempt(START.timestamp(), START.timestamp() + 0.1, 200))
    made.outcome = outcome  # type: ignore[assignment]
    made.status, made.answer = 201, "{}"
    return made


def good() -> Evidence:
    """A ticket is opened with a key, twice; assigned; it escalates on time; everybody is told."""
    opened = operation("create", "/api/tickets", Wanted(("ticket.created",), {"title": "A"}), key="k")
    again = operation("repeat", "/api/tickets", opened.wanted, key="k")
    assigned = operation(
        "assignee",
        "/api/tickets/1/assignee",
        Wanted(("ticket.assigned",), {"after": {"assignee": ALF}}),
        method="PUT",
        process="admina",
        expected=1,
    )
    marked = operation("mark", "/api/notifications/n1/read", None, method="PUT", process="adminb")
    refused = operation(
        "status", "/api/tickets/1/status", Wanted(("ticket.status_changed",)), method="PUT", process="admina", outcome="fail", expected=1
    )
    logs = {name: Log(name) for name in SERVICES}
    log = logs["tickets"].append
    who = {"requester": ANNA, "assignee": None}
    log("ticket.created", "ticket/1", 0, trace=opened.trace, number=1, title="A", status="open", **who)
    log(
        "ticket.assigned",
        "ticket/1",
        1,
        by=ADA,
        trace=assigned.trace,
        requester=ANNA,
        assignee=ALF,
        before={"assignee": None},
        after={"assignee": ALF},
    )
    due = logs["escalator"].append("escalation.due", "ticket/1", 2.01, by=None, cause="tickets-2", **DUE)
    log("ticket.escalated", "ticket/1", 2.02, by=None, requester=ANNA, assignee=ALF, policy="default", level=1)
    log("audit.read", "store/tickets", 9, by=None)
    feeds = {name: log.events for name, log in logs.items()}
    every = [event for feed in feeds.values() for event in feed if event is not due]
    notes = [
        {"id": "n2", "kind": "ticket.escalated", "ticket_id": 1, "read_at": None},
        {"id": "n1", "kind": "ticket.assigned", "ticket_id": 1, "read_at": "now"},
    ]
    jobs = [
        {"type": "email", "dedupe_key": f"{event}:{ALF}:email", "status": "succeeded", "last_error": None}
        for event in ("tickets-2", "tickets-3")
    ]
    heads = {name: len(feed) for name, feed in feeds.items()}
    return Evidence(
        history=Told(operations=[opened, again, assigned, marked, refused], heard={"adminb": ["n1", "n2"]}),
        baseline=dict.fromkeys(SERVICES, 0),
        feeds=feeds,
        streams={name: feed[-2:] for name, feed in feeds.items()},
        audit=[{"source": event.source, "sequence": event.sequence, "hash": event.hash} for event in every],
        inboxes={"usera": [], "admina": [], "adminb": notes},
        ids={"usera": ANNA, "admina": ADA, "adminb": ALF},
        caught_up={
            name: {"head": head, "relayed": head, "positions": {"/tickets": heads["tickets"]} if name == "notifier" else {}}
            for name, head in heads.items()
        },
        verified={"ok": True},
        anchors=[("tickets", 2, feeds["tickets"][1].hash)],
        jobs=jobs,
        deliveries=[{"key": job["dedupe_key"]} for job in jobs],
    )
