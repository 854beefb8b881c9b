"""The checker finds what is wrong: evidence in which all is well, and in which one thing is not."""

from collections.abc import Callable

import pytest

from tests.faults import tampers
from tests.faults.check import RUNNING, check
from tests.faults.evidence import Evidence
from tests.faults.exhibits import DUE, START, Log, good, operation
from tests.faults.history import Wanted


def test_where_all_is_well_nothing_is_found() -> None:
    verdict = check(good(), RUNNING)
    assert (verdict.acknowledged, verdict.lost, verdict.doubled, verdict.violations) == (4, 0, 0, [])


@pytest.mark.parametrize(
    ("tamper", "invariant", "harm"),
    [
        (tampers.lose_the_last_ticket_event, "I1", "lost"),
        (tampers.store_something_else, "I1", "lost"),
        (tampers.forget_a_mark, "I1", "lost"),
        (tampers.store_it_twice, "I2", "doubled"),
        (tampers.do_what_was_refused, "I2", "doubled"),
        (tampers.invent_an_event, "I2", "doubled"),
        (tampers.let_two_win, "I2", "lost"),
        (tampers.answer_otherwise, "I3", "doubled"),
        (tampers.skip_a_version, "I4", "wrong"),
        (tampers.publish_twice, "I5", "doubled"),
        (tampers.publish_with_a_hole, "I5", "lost"),
        (tampers.publish_nothing, "I5", "lost"),
        (tampers.publish_to_no_stream, "I5", "lost"),
        (tampers.publish_what_is_in_no_log, "I5", "wrong"),
        (tampers.publish_in_another_order, "I5", "lost"),
        (tampers.audit_one_twice, "I6", "doubled"),
        (tampers.audit_one_never, "I6", "lost"),
        (tampers.break_the_chain, "I6", "wrong"),
        (tampers.rewrite_a_head, "I6", "wrong"),
        (tampers.replace_what_was_seen, "I6", "lost"),
        (tampers.cut_the_tail_that_was_seen, "I6", "lost"),
        (tampers.verify_nothing, "I6", "wrong"),
        (tampers.tell_nobody, "I7", "lost"),
        (tampers.tell_twice, "I7", "doubled"),
        (tampers.mail_twice, "I7", "doubled"),
        (tampers.mail_never, "I7", "lost"),
        (tampers.forget_the_job, "I7", "lost"),
        (tampers.escalate_twice, "I9", "doubled"),
        (tampers.ask_twice, "I9", "doubled"),
        (tampers.escalate_early, "I9", "wrong"),
        (tampers.escalate_late, "I9", "wrong"),
        (tampers.escalate_never, "I9", "lost"),
        (tampers.leave_something_unrelayed, "I10", "wrong"),
        (tampers.leave_something_unconsumed, "I10", "wrong"),
        (tampers.say_nothing_of_how_far_all_is, "I10", "wrong"),
        (tampers.leave_something_parked, "I10", "wrong"),
        (tampers.leave_a_job, "I10", "wrong"),
        (tampers.tell_a_listener_twice, "I12", "doubled"),
        (tampers.tell_a_listener_too_little, "I12", "lost"),
        (tampers.tell_a_listener_nothing, "I12", "lost"),
        (tampers.tell_a_listener_in_another_order, "I12", "wrong"),
        (tampers.see_an_old_ticket, "I12", "wrong"),
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


def test_a_level_may_be_asked_for_again_after_something_happened_to_the_ticket() -> None:
    evidence = good()
    Log("escalator", evidence.feeds["escalator"]).append("escalation.due", "ticket/1", 3, by=None, cause="tickets-3", **DUE)
    assert not [finding for finding in check(evidence, RUNNING).findings if finding.invariant == "I9"]


def test_an_escalation_may_be_late_by_as_much_as_something_was_down() -> None:
    evidence = good()
    tampers.escalate_late(evidence)
    evidence.outages = [(START.timestamp() + 1, START.timestamp() + 4)]
    assert not [finding for finding in check(evidence, RUNNING).findings if finding.invariant == "I9"]
