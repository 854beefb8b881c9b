"""One thing made wrong in evidence in which all was well: each of these is something that the checker must find."""

from copy import deepcopy
from datetime import timedelta
from typing import Any

from tests.faults.evidence import Event, Evidence
from tests.faults.exhibits import ADA, ALF, ANNA, DUE, START, Log


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


def tell_a_listener_nothing(evidence: Evidence) -> None:
    evidence.history.heard["adminb"].clear()


def tell_a_listener_in_another_order(evidence: Evidence) -> None:
    evidence.history.heard["adminb"].reverse()


def tell_a_listener_too_little(evidence: Evidence) -> None:
    evidence.history.heard["adminb"].pop(0)


def skip_a_version(evidence: Evidence) -> None:
    evidence.feeds["tickets"][2].parts["head"]["streamversion"] = 4


def publish_twice(evidence: Evidence) -> None:
    evidence.streams["tickets"].insert(0, evidence.streams["tickets"][0])


def publish_with_a_hole(evidence: Evidence) -> None:
    feed = evidence.feeds["tickets"]
    evidence.streams["tickets"][:] = [feed[0], feed[2], feed[3]]


def publish_nothing(evidence: Evidence) -> None:
    evidence.streams["tickets"].clear()


def publish_to_no_stream(evidence: Evidence) -> None:
    evidence.streams = {name: stream for name, stream in evidence.streams.items() if name != "tickets"}


def publish_what_is_in_no_log(evidence: Evidence) -> None:
    stream = evidence.streams["tickets"]
    stream.append(copy_of(stream[-1], sequence=stream[-1].sequence + 1, hash="f" * 64))


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


def ask_twice(evidence: Evidence) -> None:
    Log("escalator", evidence.feeds["escalator"]).append("escalation.due", "ticket/1", 3, by=None, cause="tickets-2", **DUE)


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


def say_nothing_of_how_far_all_is(evidence: Evidence) -> None:
    evidence.caught_up = {}


def verify_nothing(evidence: Evidence) -> None:
    evidence.verified = {}


def leave_something_parked(evidence: Evidence) -> None:
    evidence.parked = ["notifier: ticket/1"]


def leave_a_job(evidence: Evidence) -> None:
    evidence.jobs[0]["status"] = "queued"  # type: ignore[index]


def see_an_old_ticket(evidence: Evidence) -> None:
    evidence.history.observed.append("I12: an old ticket was shown")
