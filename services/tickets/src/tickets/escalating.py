"""Why a level of a policy has escalated a ticket, or why not: by the ticket's own events, and by what the escalator holds of it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from events.contracts.ticket import TicketAssigned, TicketEscalated, TicketPriorityChanged, TicketStatusChanged, TicketUnassigned
from events.errors import NotFound, Unavailable
from events.times import to_text
from tickets.explaining import Explanation, Known, Step, Story, deadline, in_time, policy_change, why_happened
from tickets.rules import escalates
from tickets.sentences import level_of, listed, moment, status

Reason = Literal[
    "policy-gone", "level-gone", "not-known-yet", "older-than-policy", "imported", "not-open", "other-priority", "unassigned", "assigned",
    "not-due-yet", "on-its-way", "parked", "skipped",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the escalator holds: the deadline, None where there is none, and the version of the ticket's last event that it came to.

    `fate` is what became of its last ask here (`events.fates`), None where it never asked.
    """

    deadline: Mapping[str, Any] | None
    known: int | None
    fate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """A ticket as it is now, each fact with the event that made it so; `opened` is what last opened it."""

    status: str
    priority: str
    assignee: str | None
    opened: Known
    by: Mapping[str, Known]

    @classmethod
    def of(cls, events: Sequence[Known]) -> "Now":
        created = events[0]
        if created.event is None:
            raise Unavailable("The ticket was opened by a newer version of the desk. It can be explained when this service is as new.", 60)
        facts: dict[str, Any] = {"status": created.event.status, "priority": created.event.priority, "assignee": created.event.assignee}
        by, opened = dict.fromkeys(facts, created), created
        for known in events[1:]:
            if isinstance(known.event, TicketStatusChanged | TicketPriorityChanged | TicketAssigned | TicketUnassigned):
                facts |= known.event.after
                by |= dict.fromkeys(known.event.after, known)
                if known.event.after.get("status") == "open":
                    opened = known
        return cls(**facts, opened=opened, by=by)


def why_escalated(story: Story, policy: str, level: int, held: Held, now: datetime) -> Explanation:
    """Return why a level of a policy has escalated the ticket, or why not. Raises NotFound for a level that never was."""
    for known in story.ticket:
        if isinstance(known.event, TicketEscalated) and (known.event.policy, known.event.level) == (policy, level):
            past = f"It was still open after its deadline, {moment(known.event.due_at)}. A level does so once for a ticket, ever."
            said = f"{story.step(known).sentence} {past}"
            return Explanation(summary=said, steps=list(why_happened(story, known, seen=False)))
    last = policy_change(story.others, policy)
    there = [known for known in story.others if policy_change([known], policy) and level_of(known.event, level) is not None]
    if last is None or not there:
        raise NotFound(f"There is no level {level} of a policy “{policy}”, and never was.")
    obstacles = list(_obstacles(story, level, held, to_text(now), last))
    asks = [story.step(known) for known in story.others if known.stored.type == "escalation.due"]
    since = [story.by_id[step.event.id] for step in obstacles if step.event is not None]
    steps = [story.step(known) for known in in_time((story.ticket[0], there[-1], last, *since))]
    if held.deadline is not None:
        steps.append(deadline(there[-1], level, story.ticket[0].stored.time, held.deadline["due_at"]))
    said = f"Level {level} of the policy “{policy}” has not escalated the ticket. {obstacles[0].sentence}"
    return Explanation(summary=said, steps=[*steps, *asks, *obstacles], happened=False, reason=obstacles[0].reason)


def _obstacles(story: Story, level: int, held: Held, now: str, last: Known) -> Iterator[Step]:
    """Yield all that stands in the way, the most lasting first; at least one step."""
    if level_of(last.event, level) is None:
        gone: Reason = "policy-gone" if last.event.after is None else "level-gone"
        what = "The policy was taken away" if last.event.after is None else "The policy has no such level any more"
        yield _obstacle(gone, f"{what}, at {moment(last.stored.time)}.", last)
        return
    if held.deadline is None or held.deadline["state"] == "cancelled":  # though the level is there
        yield _passed_over(story, held, last)
        return
    ticket = Now.of(story.ticket)
    found = [*_ticket_stands_in_the_way(ticket, last.event.after["when"])]
    if now < held.deadline["due_at"]:
        found.append(_obstacle("not-due-yet", f"It is not due before {moment(held.deadline['due_at'])}.", None))
    yield from found or [_under_way(held)]


def _passed_over(story: Story, held: Held, last: Known) -> Step:
    if held.known is None:
        return _obstacle("not-known-yet", "The escalator has not come to the ticket yet; it will within moments.", story.ticket[0])
    came = "came to be" if held.deadline is None else "came back"
    said = f"Its deadline was past already when the level {came}, and the level is not for tickets that were past it then."
    return _obstacle("older-than-policy", said, last)


def _ticket_stands_in_the_way(ticket: Now, when: Mapping[str, Any]) -> Iterator[Step]:
    if ticket.opened.stored.imported:
        yield _obstacle(
            "imported",
            "What opened it was imported, or came with the demo: such a ticket escalates only once somebody opens it again.",
            ticket.opened,
        )
    if ticket.status != "open":
        yield _obstacle("not-open", f"Only an open ticket escalates, and this one is {status(ticket.status)}.", ticket.by["status"])
    if escalates(_Open(ticket.priority, ticket.assignee), when):
        return
    priorities, assigned = when.get("priority"), when.get("assigned")
    if priorities is not None and ticket.priority not in priorities:
        said = f"The policy is for priority {listed(priorities, 'or')}, and the ticket's is {ticket.priority}."
        yield _obstacle("other-priority", said, ticket.by["priority"])
    if assigned is not None and assigned != (ticket.assignee is not None):
        said = "The policy is for tickets that somebody has" if assigned else "The policy is for tickets that nobody has"
        reason: Reason = "unassigned" if assigned else "assigned"
        yield _obstacle(reason, f"{said}, and {'nobody' if assigned else 'somebody'} has this one.", ticket.by["assignee"])


@dataclass(frozen=True, slots=True)
class _Open:
    """The ticket if it were open: to see whether the condition alone holds."""

    priority: str
    assignee: str | None
    status: str = "open"


def _under_way(held: Held) -> Step:
    match held.fate:
        case "parked":
            return _obstacle(
                "parked", "The desk could not handle what the escalator asked, and has set it aside: ste parked list says why.", None
            )
        case "skipped":
            return _obstacle("skipped", "The desk could not handle what the escalator asked, and an operator gave it up.", None)
    return _obstacle("on-its-way", "It is due, and nothing stands in its way: it escalates within moments.", None)


def _obstacle(reason: Reason, sentence: str, known: Known | None) -> Step:
    stored = known.stored if known is not None else None
    return Step(kind="obstacle", sentence=sentence, time=stored.time if stored is not None else None, event=stored, reason=reason)
