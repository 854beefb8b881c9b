"""The checker finds what is wrong: evidence in which all is well, and in which one thing is not."""

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from tests.faults.check import RUNNING, check
from tests.faults.evidence import Event, Evidence
from tests.faults.exhibits import ADA, ALF, ANNA, START, Log, good, operation
from tests.faults.history import Wanted


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
        (publish_nothing, "I5", "lost"),
        (publish_to_no_stream, "I5", "lost"),
        (publish_what_is_in_no_log, "I5", "wrong"),
        (publish_in_another_order, "I5", "lost"),
        (audit_one_twice, "I6", "doubled"),
        (audit_one_never, "I6", "lost"),
        (break_the_chain, "I6", "wrong"),
        (rewrite_a_head, "I6", "wrong"),
        (replace_what_was_seen, "I6", "lost"),
        (cut_the_tail_that_was_seen, "I6", "lost"),
        (verify_nothing, "I6", "wrong"),
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
        (say_nothing_of_how_far_all_is, "I10", "wrong"),
        (leave_something_parked, "I10", "wrong"),
        (leave_a_job, "I10", "wrong"),
        (tell_a_listener_twice, "I12", "doubled"),
        (tell_a_listener_too_little, "I12", "lost"),
        (tell_a_listener_nothing, "I12", "lost"),
        (tell_a_listener_in_another_order, "I12", "wrong"),
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
