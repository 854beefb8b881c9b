"""The worker: takes jobs that are due, carries them out, and writes down what became of them."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import inf

from events.environment import Environment
from events.errors import Unavailable
from events.failpoints import reach
from events.handling import describe
from events.hints import Wake
from events.store import Store
from events.times import from_text
from events.writer import Writer
from notifier.channels import Channel, NotDelivered, Refused
from notifier.inbox import Post
from notifier.jobs import FAN_OUT, Job, next_at
from notifier.policy import CLAIM, DELIVERY, Failure, Outcome, after_failure
from notifier.units import Claim, End, FanOutDue, MarkSending

logger = logging.getLogger(__name__)

AT_ONCE = 8
"""Jobs that one worker carries out side by side."""
TOLD_AT_ONCE = 500
"""Fan-outs in one transaction."""
BREATH = 0.02
"""Seconds between two looks: each commit rings, and few of them bring a job."""
LOOK = 2.0
"""Seconds. What is due later than that is looked at again before: the clock may be set, and another process may add a job."""
GRACE = 3.0
"""Seconds that deliveries under way have when the worker is told to stop."""
_PAUSE = 0.25


class ClaimLost(Exception):
    """The claim ended before the job could begin; whoever has it now carries it out."""


@dataclass(kw_only=True)
class Worker:
    """Run by one process at a time, for economy: two never carry out the same job, since each claims its own under the writer's lock."""

    store: Store
    writer: Writer
    wake: Wake
    environment: Environment
    post: Post
    channels: Mapping[str, Channel]
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        """Work until cancelled; then let what is under way come to its end, for a while."""
        try:
            while True:
                seen = self.wake.generation
                try:
                    if not await self.begin_due():
                        await self._rest(seen)
                except Unavailable as error:
                    await self.environment.sleep(error.retry_after)
        finally:
            await self._let_finish()

    async def begin_due(self) -> int:
        """Fan out what is due, claim as many other jobs as there is room for, and begin them; return how many in all.

        Jobs of types that it does not know stay queued. Nothing is written when nothing is due.
        """
        done = await self._fan_out() if self._seconds_to_next([FAN_OUT]) <= 0 else 0
        claimed: list[Job] = []
        if self._room > 0 and self._seconds_to_next(self.channels) <= 0:
            claimed = await self.writer.execute(Claim(list(self.channels), self._room, self.environment.new_id()))
        if __debug__ and claimed:
            reach("worker.claimed")
        for job in claimed:
            task = asyncio.create_task(self.carry_out(job), name=f"job {job.id}")
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return done + len(claimed)

    async def _fan_out(self) -> int:
        try:
            return await self.writer.execute(FanOutDue(TOLD_AT_ONCE, self.environment.new_id(), self.post, self._jitter()))
        except Unavailable:
            raise
        except Exception:
            logger.exception("What is for all admins could not be told; it is tried again.")
            await self.environment.sleep(_PAUSE)  # and mail goes on meanwhile
            return 0

    @property
    def _room(self) -> int:
        return AT_ONCE - len(self._under_way)

    async def carry_out(self, job: Job) -> None:
        """Do a claimed job and record its outcome."""
        failure, error = Failure.NOT_DELIVERED, None
        try:
            await self._deliver(job, self.channels[job.type])
        except ClaimLost:
            return
        except NotDelivered as reason:
            error = str(reason)
        except Refused as reason:
            failure, error = Failure.REFUSED, str(reason)
        except Exception as unforeseen:  # noqa: BLE001 -- whatever a way out of the house raises is an outcome of the job
            repeatable = self.channels[job.type].repeatable
            failure, error = Failure.NOT_DELIVERED if repeatable else Failure.UNCERTAIN, describe(unforeseen)
        if __debug__:
            reach("worker.effect")
        await self._record(job, Outcome("succeeded") if error is None else self._after(job, failure), error)

    async def _deliver(self, job: Job, channel: Channel) -> None:
        if not channel.repeatable:
            await self._announce(job)
            if __debug__:
                reach("worker.sending")
        async with asyncio.timeout(DELIVERY):
            await channel.deliver(job)

    async def _announce(self, job: Job) -> None:
        """Commit that something may leave the house from now on. Raises ClaimLost, or NotDelivered when that cannot be committed."""
        try:
            still_ours = await self.writer.execute(MarkSending(job))
        except Unavailable as error:
            raise NotDelivered("The store could not note that it is sent.") from error
        if not still_ours:
            raise ClaimLost

    def _after(self, job: Job, failure: Failure) -> Outcome:
        attempt = {"attempts": job.attempts, "max_attempts": job.max_attempts}
        return after_failure(failure, **attempt, now=self.environment.now(), jitter=self._jitter())

    def _jitter(self) -> float:
        return int.from_bytes(self.environment.random_bytes(4), "big") / 2**32

    async def _record(self, job: Job, outcome: Outcome, error: str | None) -> None:
        """Write the outcome down, for as long as the claim is ours: what was sent must not become `unknown` because a disk was full."""
        if error is not None:
            logger.warning("The job %s (%s, try %s) has failed and is %s now: %s", job.id, job.type, job.attempts, outcome.status, error)
        give_up = self.environment.now() + CLAIM
        while self.environment.now() < give_up:
            try:
                await self.writer.execute(End(job, outcome, error))
            except Unavailable:
                await self.environment.sleep(_PAUSE)
            else:
                if __debug__:
                    reach("worker.ended")
                return

    async def _rest(self, seen: int) -> None:
        """Sleep until something is due, something was committed, or there is room again; never long, since not everything is heard of."""
        await self.environment.sleep(BREATH)
        seconds = self._seconds_to_next([FAN_OUT, *(self.channels if self._room > 0 else ())])
        woken = asyncio.create_task(self.wake.after(seen, seconds if seconds < LOOK else None), name="wait for jobs")
        try:
            await asyncio.wait({woken, *self._under_way}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()

    def _seconds_to_next(self, types: Iterable[str]) -> float:
        with self.store.read() as connection:
            at = next_at(connection, list(types))
        if at is None:
            return inf
        return max(timedelta(), from_text(at) - self.environment.now()).total_seconds()

    async def _let_finish(self) -> None:
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=GRACE)
        for task in list(self._under_way):
            task.cancel()
