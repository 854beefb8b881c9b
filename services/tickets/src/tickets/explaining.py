"""Why somebody was told of something, and why a ticket escalated: the chain of causes, event by event. Pure.

Each event names what it follows from (`causationid`), and the first one the request that it came with (`correlationid`): so from any effect
one comes back to whoever clicked. Between two services stands what the later one decides by, as a step of its own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from events.contracts.escalation import EscalationDue, EscalationPolicyChanged
from events.contracts.ticket import TicketEscalated
from events.envelope import StoredEvent
from tickets.access import Caller
from tickets.sentences import RULES, Names, actor_of, happened, listed, moment, name_of, rule_of

Kind = Literal["request", "event", "deadline", "rule", "job", "notification", "obstacle"]
Eyes = Literal["admin", "requester", "recipient"]
"""Who asks. A requester sees the ticket's history, and not who changes policies; a mere recipient only who did what they were told of."""


class Known(NamedTuple):
    """An event, and what it means; `event` is None when this release cannot read it."""

    stored: StoredEvent
    event: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of an explanation. `actor` is (kind, id), `request` the id of the request that an event came with."""

    kind: Kind
    sentence: str
    time: str | None = None
    actor: tuple[str, str] | None = None
    event: StoredEvent | None = None
    request: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`happened`: what was asked about came about. Else `reason` is why not: that of the first obstacle."""

    summary: str
    steps: Sequence[Step]
    happened: bool = True
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the notifier knows of a notification: the notification, the jobs that brought it, and what was done to those by hand."""

    notification: Mapping[str, Any]
    jobs: Sequence[Mapping[str, Any]] = ()
    by_hand: Sequence[Known] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """What the notifier says of somebody who was not told: why, who is `told` instead (None: all admins), what the job said last."""

    reason: str
    told: Sequence[str] | None = ()
    waits: str | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """What there is to tell from: the ticket's own events, others' that led to them, what people are called, and who asks."""

    ticket: Sequence[Known]
    names: Names
    eyes: Eyes
    others: Sequence[Known] = ()
    by_id: Mapping[str, Known] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_id", {known.stored.id: known for known in (*self.ticket, *self.others)})

    def chain(self, last: Known) -> list[Known]:
        """Return the events that led to `last`, the first cause first, as far as they are known."""
        causes, cause = [last], last.stored.causationid
        while cause is not None and (known := self.by_id.get(cause)) is not None and known not in causes:
            causes.append(known)
            cause = known.stored.causationid
        return causes[::-1]

    def step(self, known: Known, *, seen: bool = False) -> Step:
        """Return an event as a step; `seen`: whoever asks knows who did it."""
        stored, shown = known.stored, seen or self._shows(known)
        stranger = "somebody" if stored.entity[0] == "ticket" else "an admin"
        who = actor_of(stored.actorkind, stored.actorid if shown else None, self.names, stranger=stranger)
        return Step(
            kind="event",
            sentence=happened(known.event, stored.type, who, self.names if shown else {}),
            time=stored.time,
            actor=(stored.actorkind, stored.actorid) if shown else None,
            event=stored,
            request=stored.correlationid if shown else None,
        )

    def request(self, root: Known, *, seen: bool = False) -> Iterator[Step]:
        """Yield the click that it all began with, unless that is not to be told, or there was none."""
        stored = root.stored
        if stored.correlationid is None or stored.actorkind == "system" or not (seen or self._shows(root)):
            return
        who, how = actor_of(stored.actorkind, stored.actorid, self.names), " with an API token" if stored.actorkind == "token" else ""
        said = f"{who} asked for what follows{how}, in the request {stored.correlationid}."
        actor = (stored.actorkind, stored.actorid)
        yield Step(kind="request", sentence=said, time=stored.time, actor=actor, request=stored.correlationid)

    def _shows(self, known: Known) -> bool:
        if known.stored.actorkind == "system" or self.eyes == "admin":
            return True
        return self.eyes == "requester" and known.stored.entity[0] == "ticket"


def eyes_on(caller: Caller, requester: str) -> Eyes | None:
    """Return with which eyes somebody looks at a ticket's story; None: it is not theirs, but for what they were told of it."""
    if caller.is_admin:
        return "admin"
    return "requester" if caller.id == requester else None


def why_told(story: Story, cause: Known, told: Told) -> Explanation:
    """Return why somebody has a notification: from the click to the message."""
    said = told.notification
    name = name_of(said["recipient"], story.names, first=True)
    rule = _rule(cause, said["kind"])
    steps = [*why_happened(story, cause, seen=True), rule, *_jobs(story, told)]
    read = f", and read it at {moment(said['read_at'])}" if said["read_at"] is not None else ""
    steps.append(Step(kind="notification", sentence=f"{name} was told: “{said['subject']}”{read}.", time=said["created_at"]))
    summary = f"{name} was told “{said['subject']}”. {story.step(cause, seen=True).sentence} {rule.sentence}"
    return Explanation(summary=summary, steps=steps)


def why_not_told(story: Story, cause: Known, person: str, silence: Silence) -> Explanation:
    """Return why somebody has no notification of an event."""
    name = name_of(person, story.names, first=True)
    why = _SILENCES.get(silence.reason, "It is not for {name}: {hears} heard of it.").format(
        name=name, hears=_hears(story, silence.told), waits=silence.waits or ""
    )
    obstacle = Step(kind="obstacle", sentence=why, reason=silence.reason)
    steps = [*why_happened(story, cause, seen=False), obstacle]
    return Explanation(summary=f"{name} was not told. {why}", steps=steps, happened=False, reason=silence.reason)


def why_happened(story: Story, cause: Known, *, seen: bool) -> Iterator[Step]:
    """Yield the steps from the click to an event of the ticket; `seen`: whoever asks knows who did this last one."""
    chain = story.chain(cause)
    if not isinstance(cause.event, TicketEscalated):
        yield from story.request(chain[0], seen=seen and chain[0] is cause)
        yield from (story.step(known, seen=seen and known is cause) for known in chain)
        return
    created, due = story.ticket[0], [known for known in chain if isinstance(known.event, EscalationDue)]
    policy = policy_change(story.others, cause.event.policy, cause.event.policy_version)
    before = [created, *(known for known in chain if known not in (*due, cause)), *([policy] if policy is not None else ())]
    for known in in_time(before):
        if known is created:
            yield from story.request(created)
        yield story.step(known)
    yield deadline(policy, cause.event.level, created.stored.time, cause.event.due_at)
    yield from (story.step(known) for known in (*due, cause))


def in_time(events: Iterable[Known]) -> list[Known]:
    """Return events in the order in which they happened, each once; who reads of them expects no other."""
    return sorted({known.stored.id: known for known in events}.values(), key=lambda known: known.stored.time)


def policy_change(events: Iterable[Known], name: str, version: int | None = None) -> Known | None:
    """Return the change that made a version of a policy, or, without a version, the last one that is known."""
    changes = [
        known
        for known in events
        if isinstance(known.event, EscalationPolicyChanged)
        and known.stored.entity == ("policy", name)
        and version in (None, known.event.version)
    ]
    return changes[-1] if changes else None


def deadline(policy: Known | None, level: int, created_at: str, due_at: str) -> Step:
    """Return what a level of a policy asks for, and when it therefore is due for a ticket of that age."""
    said = f"It is due {moment(due_at)}." if policy is None else rule_of(policy.event, level, created_at, due_at)
    return Step(kind="deadline", sentence=said, time=due_at)


def _rule(cause: Known, kind: str) -> Step:
    rule = kind
    if isinstance(cause.event, TicketEscalated):
        rule = "admins" if cause.event.notify == "admins" else "assignee" if cause.event.assignee is not None else "nobody"
    return Step(kind="rule", sentence=RULES.get(rule, "Whom it concerns is told."))


def _jobs(story: Story, told: Told) -> Iterator[Step]:
    """Yield the job that told all admins, what was done to it by hand, and ways out of the house."""
    for job in told.jobs:
        if job["type"] == "in_app":
            continue
        what = "tells every admin" if job["type"] == "fan_out" else f"sends it by {job['type']}"
        tries = "" if job["attempts"] <= 1 else f", after {job['attempts']} tries"
        yield Step(
            kind="job",
            sentence=f"The job that {what} {_JOB.get(job['status'], 'is ' + job['status'])}{tries}.",
            time=job["finished_at"] or job["run_at"],
        )
    yield from (story.step(known) for known in told.by_hand)


def _hears(story: Story, told: Sequence[str] | None) -> str:
    if told is None:
        return "every active admin who can sign in"
    return listed(name_of(id_, story.names) for id_ in told) if told else "nobody"


_JOB: Mapping[str, str] = {
    "queued": "is still to be done",
    "processing": "is under way",
    "succeeded": "was done",
    "dead": "was given up",
    "unknown": "may have been done, or may not",
}
_SILENCES: Mapping[str, str] = {
    "not-yet": "The notifier has not come to it yet; it will within moments.",
    "parked": "The notifier could not handle it, and has set it aside until it can: ste parked list says why.",
    "skipped": "The notifier could not handle it, and an operator gave it up.",
    "imported": "It was imported, or came with the demo: nobody is told of such history.",
    "tells-nobody": "Nobody is told of such an event.",
    "own-deed": "{name} did it, and nobody is told of what they did themselves.",
    "not-concerned": "It does not concern {name}: {hears} heard of it.",
    "not-admin": "It is for {hears}, and {name} is no admin.",
    "erased": "{name} was erased, and with them what they were told.",
    "inactive": "{name} is deactivated; {hears} heard of it.",
    "cannot-sign-in": "{name} cannot sign in, so nobody would read it.",
    "no-admin-yet": "It waits for somebody who can be told. The job says: {waits}",
    "job-failed": "The job that tells all admins has failed; an admin can have it tried again. It says: {waits}",
    "not-then": "{name} was not among those who were told then; today they would be.",
}
