"""Jobs over a real store: done once, tried again later and later, taken over from workers that crash, never repeated when uncertain."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from events.errors import Conflict, NotFound
from events.handling import Subscription
from events.tables import events
from events.times import from_text, to_text
from notifier import people
from notifier.channels import NotDelivered, Refused
from notifier.errors import NotDead
from notifier.handlers import on_people
from notifier.policy import CLAIM, MAX_ATTEMPTS, NO_ADMIN, Outcome, retry_delay
from notifier.rules import Notice
from notifier.tables import jobs as jobs_table
from notifier.tables import people as people_table
from notifier.units import Claim, End, FanOutDue, MarkSending, Retry
from tests.integration.notifier.office import SECOND, START, Clock, Handle, Outside, context, office
from tests.support.logs import Log

LONGEST = 1 - 2**-32  # what the tests' dice always show


async def test_an_event_that_comes_again_tells_nobody_again(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        await there.assign("alf")
        await there.assign("bea")
        for _ in range(3):
            await there.hear()
        assert there.told() == {"alf": 1, "bea": 1}
        assert there.unread() == {"alf": 1, "bea": 1}
        assert [(job["type"], job["status"], job["attempts"]) for job in there.jobs()] == [("in_app", "succeeded", 1)] * 2
        assert [job["dedupe_key"] for job in there.jobs()] == [
            f"{stored.id}:{recipient}:in_app" for stored, recipient in zip(there.tickets.events, ("alf", "bea"), strict=True)
        ]


async def test_without_a_way_out_of_the_house_nothing_waits_to_be_sent(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        await there.assign()
        assert await there.finish() == 0
        assert Counter(job["type"] for job in there.jobs()) == {"in_app": 1}


async def test_all_admins_are_one_job_that_tells_each_of_them_once(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        await there.admin("ada", "alf")
        await there.admin("anna", role="user")
        await there.admin("nologin", can_sign_in=False)
        await there.escalate()
        assert (there.job("fan_out")["status"], there.told()) == ("queued", {})
        assert await there.finish() == 1
        assert there.job("fan_out")["status"] == "succeeded"
        assert there.told() == {"ada": 1, "alf": 1}
        await there.hear()
        assert await there.finish() == 0
        assert there.told() == {"ada": 1, "alf": 1}


async def test_of_many_fan_outs_the_one_that_cannot_be_told_keeps_nobody_from_hearing_of_the_others(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        await there.admin("ada", "alf")
        await there.escalate(level=1)
        await there.escalate(level=2)
        with there.store.writing.begin() as connection:
            connection.execute(update(jobs_table).where(jobs_table.c.notice.contains('"level": 1')).values(notice="no notice"))
        assert await there.finish() == 2
        assert sorted(job["status"] for job in there.jobs("fan_out")) == ["queued", "succeeded"]
        assert there.told() == {"ada": 1, "alf": 1}


async def test_of_all_admins_the_one_who_did_it_is_not_told(tmp_path: Path) -> None:
    """No event of today is told to all admins by one of them; whoever makes one finds that it is kept."""
    async with office(tmp_path) as there:
        await there.admin("ada", "alf")
        notice = Notice(event="e1", kind="ticket.escalated", ticket=1, to=None, actor="ada", facts={"level": 1, "due_at": to_text(START)})
        with there.store.writing.begin() as connection:
            there.post.accept(connection, [notice], START)
        assert await there.finish() == 1
        assert there.told() == {"alf": 1}


async def test_an_assignee_hears_of_an_escalation_alone(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        await there.admin("ada", "alf")
        await there.escalate(assignee="alf")
        assert await there.finish() == 0
        assert there.told() == {"alf": 1}


async def test_a_fan_out_waits_while_no_admin_is_known_and_the_first_one_is_told_at_once(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        await there.admin("anna", role="user")
        await there.escalate()
        assert await there.finish() == 1
        job = there.job("fan_out")
        assert (job["status"], job["attempts"], job["last_error"]) == ("queued", 0, "No admin is known yet.")
        assert job["run_at"] == to_text(START + NO_ADMIN)
        assert await there.finish() == 0
        there.clock.now += SECOND
        await there.admin("ada")
        assert await there.finish() == 1
        assert there.told() == {"ada": 1}


@pytest.mark.parametrize("type_", ["user.role_changed", "user.reactivated"])
async def test_who_becomes_an_admin_later_is_told_at_once_what_waits(tmp_path: Path, type_: str) -> None:
    what = {"user.role_changed": "role", "user.reactivated": "active"}[type_]
    ada: dict[str, Any] = {"id": "ada", "name": "Ada", "role": "admin", "active": True, "can_sign_in": True}
    becomes = Log(source="/auth")  # that alone: coming again, her registration would hurry the job too
    becomes.add("user/ada", type_, {"before": {what: None}, "after": {what: ada[what]}})
    async with office(tmp_path) as there:
        with there.store.writing.begin() as connection:
            connection.execute(insert(people_table), {**ada, what: "user" if what == "role" else False})
        await there.escalate()
        await there.finish()
        assert (there.job("fan_out")["status"], there.told()) == ("queued", {})
        there.clock.now += SECOND
        await there.writer.execute(Handle(Subscription(source="/auth", derived=people.HANDLERS, handlers=on_people()), becomes))
        assert await there.finish() == 1
        assert there.told() == {"ada": 1}


async def test_a_fan_out_that_fails_has_told_nobody_and_is_tried_again_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with office(tmp_path) as there:
        await there.admin("ada", "alf")
        await there.escalate()
        deliver = type(there.post).deliver

        def fail_after_all(*arguments: Any) -> None:
            deliver(*arguments)
            raise ValueError("on purpose")

        with monkeypatch.context() as broken:
            broken.setattr(type(there.post), "deliver", fail_after_all)
            assert await there.finish() == 1
        job = there.job("fan_out")
        assert (job["status"], job["attempts"], there.told()) == ("queued", 1, {})
        assert "ValueError" in job["last_error"]
        there.clock.now += timedelta(hours=1)
        assert await there.finish() == 1
        assert there.told() == {"ada": 1, "alf": 1}


async def test_a_fan_out_is_never_seen_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash between taking and doing it would leave it to the end of a claim; so there is nothing between the two."""
    async with office(tmp_path) as there:
        await there.admin("ada")
        await there.escalate()
        worker, committed = there.worker(), []
        execute = there.writer.execute

        async def watched(unit: Any) -> Any:
            result = await execute(unit)
            committed.append(there.job("fan_out")["status"])
            return result

        monkeypatch.setattr(worker.writer, "execute", watched)
        await there.finish(worker)
        assert committed == ["succeeded"]


async def test_waiting_for_an_admin_uses_up_no_tries(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        await there.escalate()
        for _ in range(3 * MAX_ATTEMPTS):
            assert await there.finish() == 1
            there.clock.now += NO_ADMIN
        assert there.job("fan_out")["status"] == "queued"
        await there.admin("ada")
        await there.finish()
        assert there.told() == {"ada": 1}


async def test_who_wants_mail_gets_a_job_for_it_and_it_is_sent_once(tmp_path: Path) -> None:
    mail = Outside(repeatable=False)
    async with office(tmp_path, {"email": mail}) as there:
        await there.assign("alf")
        assert await there.finish() == 1
        assert await there.finish() == 0
        (sent,) = mail.seen
        (told,) = [job for job in there.jobs("in_app") if job["recipient"] == "alf"]
        assert (sent.recipient, sent.notification, sent.attempts) == ("alf", told["notification"], 1)
        assert sent.dedupe_key == f"{there.tickets.events[0].id}:alf:email"
        job = there.job("email")
        assert (job["status"], job["claim"], job["sending"], job["last_error"]) == ("succeeded", None, False, None)


async def test_what_was_not_delivered_is_tried_again_later_and_later_and_is_dead_in_the_end(tmp_path: Path) -> None:
    mail = Outside(repeatable=False, fails=[NotDelivered(f"No answer, {number}.") for number in range(MAX_ATTEMPTS)])
    async with office(tmp_path, {"email": mail}) as there:
        await there.assign()
        for attempt in range(1, MAX_ATTEMPTS):
            assert await there.finish() == 1
            job = there.job("email")
            assert (job["status"], job["attempts"], job["last_error"]) == ("queued", attempt, f"No answer, {attempt - 1}.")
            due = there.clock.now + retry_delay(attempt, LONGEST)
            assert job["run_at"] == to_text(due)
            there.clock.now = due - timedelta(microseconds=1)
            assert await there.finish() == 0
            there.clock.now = due
        assert await there.finish() == 1
        job = there.job("email")
        assert (job["status"], job["attempts"], job["finished_at"]) == ("dead", MAX_ATTEMPTS, to_text(there.clock.now))
        there.clock.now += timedelta(days=30)
        assert await there.finish() == 0


async def test_what_is_refused_for_good_is_dead_at_once(tmp_path: Path) -> None:
    async with office(tmp_path, {"email": Outside(repeatable=False, fails=[Refused("There is no such mailbox.")])}) as there:
        await there.assign()
        await there.finish()
        assert (there.job("email")["status"], there.job("email")["last_error"]) == ("dead", "There is no such mailbox.")


async def test_an_unforeseen_error_of_what_must_not_be_repeated_leaves_it_unknown_for_good(tmp_path: Path) -> None:
    mail = Outside(repeatable=False, fails=[ConnectionResetError("anna@example.com")])
    async with office(tmp_path, {"email": mail}) as there:
        await there.assign()
        await there.finish()
        job = there.job("email")
        assert job["status"] == "unknown"
        assert "ConnectionResetError" in job["last_error"]
        assert "anna" not in job["last_error"]
        there.clock.now += timedelta(days=30)
        assert await there.finish() == 0
        assert len(mail.seen) == 1


async def test_an_unforeseen_error_of_what_can_be_repeated_is_one_more_try(tmp_path: Path) -> None:
    hook = Outside(repeatable=True, fails=[ConnectionResetError()])
    async with office(tmp_path, {"webhook": hook}) as there:
        await there.assign()
        await there.finish()
        assert there.job("webhook")["status"] == "queued"
        there.clock.now += timedelta(minutes=1)
        await there.finish()
        assert there.job("webhook")["status"] == "succeeded"
        assert [job.attempts for job in hook.seen] == [1, 2]
        assert len({job.dedupe_key for job in hook.seen}) == 1


async def test_the_mark_that_it_is_sent_is_on_disk_before_the_call_and_not_for_what_can_be_repeated(tmp_path: Path) -> None:
    for repeatable in (False, True):
        door = asyncio.Event()
        mail = Outside(repeatable=repeatable, shut=door)
        directory = tmp_path / str(repeatable)
        directory.mkdir()
        async with office(directory, {"email": mail}) as there:
            await there.assign()
            finishing = asyncio.create_task(there.finish())
            await mail.entered.wait()
            job = there.job("email")
            assert (job["status"], bool(job["sending"])) == ("processing", not repeatable)
            assert from_text(job["claimed_until"]) == START + CLAIM
            door.set()
            await finishing
            assert there.job("email")["status"] == "succeeded"


async def crash(task: "asyncio.Task[int]") -> None:
    """End a worker in the middle, as kill -9 does: nothing it had to say is written."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("repeatable", [True, False])
async def test_a_worker_that_crashes_while_it_delivers(tmp_path: Path, repeatable: bool) -> None:
    """What can be repeated is taken over when the claim has ended; what cannot is unknown, and nobody sends it again."""
    mail = Outside(repeatable=repeatable, shut=asyncio.Event())
    clock = Clock()
    async with office(tmp_path, {"email": mail}, clock=clock) as there:
        await there.assign()
        task = asyncio.create_task(there.finish())
        await mail.entered.wait()
        await crash(task)
    mail.shut = None
    async with office(tmp_path, {"email": mail}, clock=clock) as there:
        clock.now = START + CLAIM - SECOND
        assert await there.finish() == 0
        assert there.job("email")["status"] == "processing"
        clock.now = START + CLAIM
        await there.finish()
        job = there.job("email")
        if repeatable:
            assert (job["status"], job["attempts"], len(mail.seen)) == ("succeeded", 2, 2)
        else:
            assert (job["status"], job["attempts"], len(mail.seen)) == ("unknown", 1, 1)
            assert job["last_error"] == "The worker did not come back while it was sending."


async def test_a_worker_that_crashes_between_claim_and_sending_leaves_the_job_to_another(tmp_path: Path) -> None:
    mail = Outside(repeatable=False)
    async with office(tmp_path, {"email": mail}) as there:
        await there.assign()
        (job,) = await there.writer.execute(Claim(["email"], 8, "gone"))
        there.clock.now += CLAIM
        await there.finish()
        assert (there.job("email")["status"], there.job("email")["attempts"], len(mail.seen)) == ("succeeded", 2, 1)
        assert await there.writer.execute(MarkSending(job)) is False
        assert await there.writer.execute(End(job, Outcome("dead"))) is False
        assert there.job("email")["status"] == "succeeded"


async def test_a_job_that_takes_every_worker_down_ends_dead(tmp_path: Path) -> None:
    async with office(tmp_path, {"email": Outside()}) as there:
        await there.assign()
        for number in range(MAX_ATTEMPTS):
            (job,) = await there.writer.execute(Claim(["email"], 8, f"gone-{number}"))
            assert job.attempts == number + 1
            there.clock.now += CLAIM
        assert await there.writer.execute(Claim(["email"], 8, "last")) == []
        assert there.job("email")["status"] == "dead"


async def test_a_claim_that_has_ended_lets_nobody_send(tmp_path: Path) -> None:
    """Between the claim and the mark the machine may have slept: then another may have begun."""
    async with office(tmp_path, {"email": Outside()}) as there:
        await there.assign()
        (job,) = await there.writer.execute(Claim(["email"], 8, "sleepy"))
        there.clock.now += CLAIM
        assert await there.writer.execute(MarkSending(job)) is False


async def test_two_workers_at_once_tell_all_admins_once(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        await there.admin("ada", "alf")
        await there.escalate()
        due = [FanOutDue(8, f"worker-{number}", there.post, 0.5) for number in range(3)]
        taken = await asyncio.gather(*(there.writer.execute(unit) for unit in due))
        assert sorted(taken) == [0, 0, 1]
        assert there.told() == {"ada": 1, "alf": 1}
        assert there.job("fan_out")["status"] == "succeeded"


async def test_two_workers_at_once_share_the_work_and_do_nothing_twice(tmp_path: Path) -> None:
    mail = Outside(repeatable=False)
    async with office(tmp_path, {"email": mail}) as there:
        await there.admin("ada", "alf")
        for number in range(20):
            await there.assign(f"person-{number}")
            await there.escalate(level=number + 1)
        await asyncio.gather(*(there.finish() for _ in range(4)))
        await there.finish()
        assert Counter(job["status"] for job in there.jobs()) == {"succeeded": len(there.jobs())}
        assert set(Counter(job.dedupe_key for job in mail.seen).values()) == {1}
        assert len(mail.seen) == 20 + 2 * 20
        assert there.told() == {"ada": 20, "alf": 20, **{f"person-{number}": 1 for number in range(20)}}


async def test_a_dead_job_is_queued_again_by_hand_with_all_its_tries_and_that_is_audited(tmp_path: Path) -> None:
    mail = Outside(repeatable=False, fails=[Refused("No."), NotDelivered("Not yet.")])
    async with office(tmp_path, {"email": mail}) as there:
        await there.assign()
        await there.finish()
        id_ = there.job("email")["id"]
        retried = await there.writer.execute(Retry(id_, context()))
        assert (retried["status"], retried["attempts"], retried["run_at"], retried["finished_at"]) == ("queued", 0, to_text(START), None)
        with pytest.raises(NotDead):
            await there.writer.execute(Retry(id_, context()))
        await there.finish()
        assert there.job("email")["attempts"] == 1
        there.clock.now += timedelta(minutes=1)
        await there.finish()
        assert there.job("email")["status"] == "succeeded"
        with there.store.read() as connection:
            rows = connection.execute(select(events.c.type, events.c.subject, events.c.actorid)).all()
        assert [tuple(row) for row in rows] == [("job.retried", f"job/{id_}", "operator")]


async def test_what_is_not_dead_is_not_retried_by_hand(tmp_path: Path) -> None:
    mail = Outside(repeatable=False, fails=[ConnectionResetError()])
    async with office(tmp_path, {"email": mail}) as there:
        await there.assign()
        for status in ("queued", "unknown"):
            assert there.job("email")["status"] == status
            with pytest.raises(Conflict, match=status):
                await there.writer.execute(Retry(there.job("email")["id"], context()))
            await there.finish()
        with pytest.raises(NotFound):
            await there.writer.execute(Retry("nothing", context()))


async def test_a_running_worker_finds_new_work_by_itself_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    mail = Outside(repeatable=False)
    async with office(tmp_path, {"email": mail}) as there:
        running = asyncio.create_task(there.worker().run())
        await there.assign()
        await asyncio.wait_for(mail.entered.wait(), 5)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert there.job("email")["status"] == "succeeded"


async def test_a_worker_that_is_told_to_stop_lets_what_it_sends_come_to_its_end(tmp_path: Path) -> None:
    mail = Outside(repeatable=False, shut=asyncio.Event())
    async with office(tmp_path, {"email": mail}) as there:
        running = asyncio.create_task(there.worker().run())
        await there.assign()
        await asyncio.wait_for(mail.entered.wait(), 5)
        running.cancel()
        assert mail.shut is not None
        mail.shut.set()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert there.job("email")["status"] == "succeeded"


async def test_jobs_of_a_type_that_nobody_here_can_do_wait_and_keep_nobody_from_working(tmp_path: Path) -> None:
    async with office(tmp_path, {"email": Outside()}) as there:
        for _ in range(20):
            await there.assign()
    async with office(tmp_path) as there:
        await there.admin("ada")
        await there.escalate()
        assert await there.finish() == 1
        assert Counter(job["status"] for job in there.jobs("email")) == {"queued": 20}
