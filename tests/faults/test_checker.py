"""The checker finds what is wrong: evidence in which all is well, and in which one thing is not."""

import hashlib
import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.settings import SERVICES
from tests.faults.check import RUNNING, check
from tests.faults.evidence import Event, Evidence
from tests.faults.history import Attempt, Operation, Told, Wanted

START = datetime(2026, 11, 27, 9, tzinfo=UTC)
ANNA, ADA, ALF = "anna-1", "ada-1", "alf-1"


@dataclass
class Log:
    """A log under construction, chained as the contract says."""

    service: str
    events: list[Event] = field(default_factory=list)

    def append(self, type_: str, subject: str, seconds: float, *, by: str | None = ANNA, trace: str | None = None, **facts: Any) -> Event:
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
    due = logs["escalator"].append("escalation.due", "ticket/1", 2.01, by=None, ticket=1)
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


def test_where_all_is_well_nothing_is_found() -> None:
    verdict = check(good(), RUNNING)
    assert (verdict.acknowledged, verdict.lost, verdict.doubled, verdict.violations) == (4, 0, 0, [])


def copy_of(event: Event, **changes: Any) -> Event:
    parts = deepcopy(dict(event.parts))
    for name, value in changes.items():
        if name in parts:
            parts[name] = value
        else:
            parts["head"][name] = value
    return Event(parts)


def lose_the_last_ticket_event(evidence: Evidence) -> None:
    evidence.feeds["tickets"].pop(1)


def store_it_twice(evidence: Evidence) -> None:
    feed = evidence.feeds["tickets"]
    feed.append(copy_of(feed[0], sequence=5, streamversion=4))


def store_something_else(evidence: Evidence) -> None:
    evidence.feeds["tickets"][0].parts["data"]["title"] = "B"


def do_what_was_refused(evidence: Evidence) -> None:
    evidence.history.operations[-1].outcome = "fail"
    log = Log("tickets", evidence.feeds["tickets"])
    log.append(
        "ticket.status_changed",
        "ticket/1",
        3,
        by=ADA,
        trace=evidence.history.operations[-1].trace,
        requester=ADA,
        after={"status": "resolved"},
    )


def invent_an_event(evidence: Evidence) -> None:
    Log("tickets", evidence.feeds["tickets"]).append("ticket.note_added", "ticket/1", 3, by=ADA, trace="f" * 32, requester=ANNA)


def let_two_win(evidence: Evidence) -> None:
    evidence.history.operations[-1].outcome = "ok"


def answer_otherwise(evidence: Evidence) -> None:
    evidence.history.operations[1].answer = '{"id": 2}'


def forget_a_mark(evidence: Evidence) -> None:
    evidence.inboxes["adminb"][1]["read_at"] = None  # type: ignore[index]


def tell_a_listener_twice(evidence: Evidence) -> None:
    evidence.history.heard["adminb"].append("n2")


def tell_a_listener_too_little(evidence: Evidence) -> None:
    evidence.history.heard["adminb"].pop(0)


def skip_a_version(evidence: Evidence) -> None:
    evidence.feeds["tickets"][2].parts["head"]["streamversion"] = 4


def publish_twice(evidence: Evidence) -> None:
    evidence.streams["tickets"].insert(0, evidence.streams["tickets"][0])


def publish_with_a_hole(evidence: Evidence) -> None:
    feed = evidence.feeds["tickets"]
    evidence.streams["tickets"][:] = [feed[0], feed[2], feed[3]]


def publish_in_another_order(evidence: Evidence) -> None:
    evidence.streams["tickets"].reverse()


def audit_one_twice(evidence: Evidence) -> None:
    evidence.audit = [*evidence.audit, evidence.audit[0]]


def audit_one_never(evidence: Evidence) -> None:
    evidence.audit = evidence.audit[1:]


def break_the_chain(evidence: Evidence) -> None:
    feed = evidence.feeds["tickets"]
    feed[1] = copy_of(feed[1], prevhash="0" * 64)


def rewrite_a_head(evidence: Evidence) -> None:
    evidence.feeds["tickets"][3].parts["head"]["actorid"] = "somebody else"


def replace_what_was_seen(evidence: Evidence) -> None:
    evidence.anchors = [("tickets", 2, "f" * 64)]


def cut_the_tail_that_was_seen(evidence: Evidence) -> None:
    evidence.anchors = [("tickets", 9, "f" * 64)]


def tell_nobody(evidence: Evidence) -> None:
    evidence.inboxes = {**evidence.inboxes, "adminb": evidence.inboxes["adminb"][1:]}


def tell_twice(evidence: Evidence) -> None:
    evidence.inboxes = {**evidence.inboxes, "adminb": [*evidence.inboxes["adminb"], evidence.inboxes["adminb"][0]]}


def mail_twice(evidence: Evidence) -> None:
    evidence.deliveries = [*evidence.deliveries, evidence.deliveries[0]]


def mail_never(evidence: Evidence) -> None:
    evidence.deliveries = evidence.deliveries[1:]


def forget_the_job(evidence: Evidence) -> None:
    evidence.jobs = evidence.jobs[1:]


def escalate_twice(evidence: Evidence) -> None:
    Log("tickets", evidence.feeds["tickets"]).append("ticket.escalated", "ticket/1", 4, by=None, requester=ANNA, assignee=ALF)


def escalate_early(evidence: Evidence) -> None:
    evidence.feeds["tickets"][2].parts["head"]["time"] = START.isoformat()


def escalate_late(evidence: Evidence) -> None:
    evidence.feeds["tickets"][2].parts["head"]["time"] = (START + timedelta(seconds=8)).isoformat()


def escalate_never(evidence: Evidence) -> None:
    evidence.feeds["tickets"][2].parts["head"]["type"] = "ticket.note_added"


def leave_something_unrelayed(evidence: Evidence) -> None:
    evidence.caught_up["tickets"]["relayed"] -= 1


def leave_something_unconsumed(evidence: Evidence) -> None:
    evidence.caught_up["notifier"]["positions"]["/tickets"] -= 1


def leave_something_parked(evidence: Evidence) -> None:
    evidence.parked = ["notifier: ticket/1"]


def leave_a_job(evidence: Evidence) -> None:
    evidence.jobs[0]["status"] = "queued"  # type: ignore[index]


def see_an_old_ticket(evidence: Evidence) -> None:
    evidence.history.observed.append("I12: an old ticket was shown")


@pytest.mark.parametrize(
    ("tamper", "invariant", "harm"),
    [
        (lose_the_last_ticket_event, "I1", "lost"),
        (store_something_else, "I1", "lost"),
        (forget_a_mark, "I1", "lost"),
        (store_it_twice, "I2", "doubled"),
        (do_what_was_refused, "I2", "doubled"),
        (invent_an_event, "I2", "doubled"),
        (let_two_win, "I2", "lost"),
        (answer_otherwise, "I3", "doubled"),
        (skip_a_version, "I4", "wrong"),
        (publish_twice, "I5", "doubled"),
        (publish_with_a_hole, "I5", "lost"),
        (publish_in_another_order, "I5", "lost"),
        (audit_one_twice, "I6", "doubled"),
        (audit_one_never, "I6", "lost"),
        (break_the_chain, "I6", "wrong"),
        (rewrite_a_head, "I6", "wrong"),
        (replace_what_was_seen, "I6", "lost"),
        (cut_the_tail_that_was_seen, "I6", "lost"),
        (tell_nobody, "I7", "lost"),
        (tell_twice, "I7", "doubled"),
        (mail_twice, "I7", "doubled"),
        (mail_never, "I7", "lost"),
        (forget_the_job, "I7", "lost"),
        (escalate_twice, "I9", "doubled"),
        (escalate_early, "I9", "wrong"),
        (escalate_late, "I9", "wrong"),
        (escalate_never, "I9", "lost"),
        (leave_something_unrelayed, "I10", "wrong"),
        (leave_something_unconsumed, "I10", "wrong"),
        (leave_something_parked, "I10", "wrong"),
        (leave_a_job, "I10", "wrong"),
        (tell_a_listener_twice, "I12", "lost"),
        (tell_a_listener_too_little, "I12", "lost"),
        (see_an_old_ticket, "I12", "wrong"),
    ],
)
def test_what_is_wrong_is_found(tamper: Callable[[Evidence], None], invariant: str, harm: str) -> None:
    evidence = good()
    tamper(evidence)
    assert (invariant, harm) in {(finding.invariant, finding.harm) for finding in check(evidence, RUNNING).findings}


def test_what_is_unknown_may_be_there_or_not() -> None:
    evidence = good()
    evidence.history.operations[0].outcome = evidence.history.operations[1].outcome = "info"
    assert check(evidence, RUNNING).violations == []
    evidence.history.operations.append(operation("create once", "/api/tickets", Wanted(("ticket.created",)), outcome="info"))
    assert check(evidence, RUNNING).violations == []


def test_an_escalation_may_be_late_by_as_much_as_something_was_down() -> None:
    evidence = good()
    escalate_late(evidence)
    evidence.outages = [(START.timestamp() + 1, START.timestamp() + 4)]
    assert not [finding for finding in check(evidence, RUNNING).findings if finding.invariant == "I9"]
