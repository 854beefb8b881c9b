"""I7, I9: what follows from events: who is told, what leaves the house, and what escalates."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from tests.faults.desk import ESCALATE_AFTER
from tests.faults.evidence import Event, Evidence
from tests.faults.invariants.findings import Finding


class Told(NamedTuple):
    """Who is told what of which event."""

    person: str
    kind: str
    ticket: int
    event: str


def people_are_told_once(evidence: Evidence) -> list[Finding]:
    """I7: a notification for each person whom an event concerns, and no other; at most one delivery, exactly one where it succeeded."""
    expected = list(who_is_told(evidence))
    found: list[Finding] = []
    for name, inbox in evidence.inboxes.items():
        person = evidence.ids[name]
        wanted = Counter((told.kind, told.ticket) for told in expected if told.person == person)
        there = Counter((note["kind"], note["ticket_id"]) for note in inbox)
        found += [Finding("I7", f"{name} was never told {what}: {count} missing.", "lost") for what, count in (wanted - there).items()]
        found += [Finding("I7", f"{name} was told {what} {count} times too often.", "doubled") for what, count in (there - wanted).items()]
    return found + list(_wrong_deliveries(evidence, expected))


def who_is_told(evidence: Evidence) -> Iterator[Told]:
    """Yield what the contract says that people hear: nobody of what they did themselves, nothing of what was imported."""
    admins = [evidence.ids[name] for name in evidence.ids if name.startswith("admin")]
    for event in evidence.feeds["tickets"]:
        if event.head.get("imported") or not event.subject.startswith("ticket/"):
            continue
        doer = event.head["actorid"] if event.head["actorkind"] != "system" else None
        facts, about = event.facts, (event.ticket, str(event.head["id"]))
        heard: list[tuple[str | None, str]] = []
        if event.type in ("ticket.assigned", "ticket.unassigned"):
            heard = [(facts["after"]["assignee"], "ticket.assigned"), (facts["before"]["assignee"], "ticket.unassigned")]
        elif event.type == "ticket.status_changed":
            heard = [(facts["requester"], event.type)]
        elif event.type == "ticket.escalated":
            heard = [(person, event.type) for person in ([facts["assignee"]] if facts["assignee"] else admins)]
        yield from (Told(person, kind, *about) for person, kind in heard if person is not None and person != doer)


def _wrong_deliveries(evidence: Evidence, expected: Sequence[Told]) -> Iterator[Finding]:
    jobs = {job["dedupe_key"]: job for job in evidence.jobs if job["type"] == "email"}
    delivered = Counter(delivery["key"] for delivery in evidence.deliveries)
    wanted = {f"{told.event}:{told.person}:email" for told in expected}
    if evidence.deliveries:  # there is a way out of the house
        yield from (Finding("I7", f"Nothing was to be mailed for {key}.", "lost") for key in sorted(wanted - jobs.keys()))
        yield from (Finding("I7", f"There is a job {key}, and no reason for it.", "doubled") for key in sorted(jobs.keys() - wanted))
    for key, job in jobs.items():
        least, most = {"succeeded": (1, 1), "unknown": (0, 1), "dead": (0, 0)}.get(job["status"], (0, 1))
        if not least <= delivered[key] <= most:
            what = f"The job {key} is {job['status']} and was delivered {delivered[key]} times."
            yield Finding("I7", what, "lost" if delivered[key] < least else "doubled")


def escalations_are_on_time_and_once(evidence: Evidence) -> list[Finding]:
    """I9: each ticket escalates once, never before it is due, and as soon as it is due and open, outages aside."""
    histories: dict[int, list[Event]] = defaultdict(list)
    for event in evidence.feeds["tickets"]:
        if event.subject.startswith("ticket/"):
            histories[event.ticket].append(event)
    until = max((_time(event.head["recordedtime"]) for event in evidence.events()), default=0.0)
    found: list[Finding] = []
    for number, events in histories.items():
        if events[0].sequence > evidence.baseline["tickets"]:
            found += _judge(number, events, evidence.outages, until, evidence.slack)
    return found + list(_asked_twice(evidence))


def _asked_twice(evidence: Evidence) -> Iterator[Finding]:
    """Yield the levels that were asked for twice in the same state of their ticket and of the policies: nothing had put them back."""
    seen = set[tuple[object, ...]]()
    for event in evidence.feeds["escalator"]:
        if event.type != "escalation.due":
            continue
        facts = event.facts
        state = (facts["ticket"], facts["policy"], facts["level"], facts["policy_version"], event.head["causationid"])
        if state in seen:
            what = f"Ticket {facts['ticket']} was asked for twice by level {facts['level']} of {facts['policy']}, and nothing lay between."
            yield Finding("I9", what, "doubled", _time(event.head["recordedtime"]))
        seen.add(state)


def _judge(number: int, events: Sequence[Event], outages: Sequence[tuple[float, float]], until: float, slack: float) -> Iterator[Finding]:
    due = _time(events[0].head["time"]) + ESCALATE_AFTER
    fired = [event for event in events if event.type == "ticket.escalated"]
    if len(fired) > 1:
        yield Finding("I9", f"Ticket {number} escalated {len(fired)} times.", "doubled", _time(fired[1].head["time"]))
    at = _time(fired[0].head["time"]) if fired else None
    if at is not None and at < due:
        yield Finding("I9", f"Ticket {number} escalated {due - at:.3f} s before it was due.", at=at)
    periods = list(_open_periods(events, due, until))
    if at is not None and not any(begin <= at <= end for begin, end in periods):
        yield Finding("I9", f"Ticket {number} escalated while it was not open.", at=at)
    for begin, end in periods:
        if at is not None and at < begin:
            break
        reached = end if at is None else min(at, end)
        late = reached - begin - _down(outages, begin, reached)
        if late > slack:
            never = at is None or at > end
            how = "did not escalate" if never else "escalated only"
            what = f"Ticket {number} was open and due, and {how} within {late:.1f} s, outages aside."
            yield Finding("I9", what, "lost" if never else "wrong", begin)


def _open_periods(events: Sequence[Event], due: float, until: float) -> Iterator[tuple[float, float]]:
    """Yield (begin, end) of the times in which a ticket is open and due."""
    opened: float | None = _time(events[0].head["time"])
    for event in events:
        if event.type != "ticket.status_changed":
            continue
        at = _time(event.head["time"])
        if event.facts["after"]["status"] == "open":
            opened = at
        elif opened is not None:
            if at >= due:
                yield max(opened, due), at
            opened = None
    if opened is not None and until > due:
        yield max(opened, due), until


def _down(outages: Sequence[tuple[float, float]], begin: float, end: float) -> float:
    """Return for how many seconds between the two something was down."""
    total, reached = 0.0, begin
    for died, back in sorted(outages):
        start, stop = max(died, reached), min(back, end)
        if stop > start:
            total, reached = total + stop - start, stop
    return total


def _time(text: str) -> float:
    return datetime.fromisoformat(text).astimezone(UTC).timestamp()


def numbers_of(evidence: Evidence) -> Mapping[str, int]:
    """Return how many effects there were: what a check that found nothing has looked at."""
    types = Counter(event.type for event in evidence.feeds["tickets"])
    return {"escalated": types["ticket.escalated"], "told": sum(map(len, evidence.inboxes.values())), "delivered": len(evidence.deliveries)}
