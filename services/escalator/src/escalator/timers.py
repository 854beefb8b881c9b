"""The timer: it sleeps until the next deadline, and asks for those that are due."""

from dataclasses import dataclass

from escalator.commands import BeginPolicies
from escalator.queries import look
from escalator.units import AskDue, BeginPoliciesUnit, Settle
from events.environment import Environment
from events.errors import Unavailable
from events.failpoints import reach
from events.hints import Wake
from events.store import Store
from events.writer import Writer

ASKED_AT_ONCE = 500
BREATH = 0.05
"""Seconds between two looks: while events pour in, each commit rings, and none of them needs an answer sooner."""
LONGEST_SLEEP = 2.0
"""Seconds. A clock that is set, or a machine that slept, is noticed after this at the latest."""


@dataclass(frozen=True, kw_only=True)
class Timer:
    """Run by one process at a time, for economy: two would ask no deadline twice, since each ask looks again under the lock."""

    store: Store
    writer: Writer
    wake: Wake
    environment: Environment
    shipped_after: str

    async def run(self) -> None:
        """Work until cancelled. While the store cannot be written, it tries again soon."""
        begun = False
        while True:
            seen = self.wake.generation
            try:
                begun = begun or await self.begin()
                timeout = await self.catch_up()
            except Unavailable as error:
                timeout = float(error.retry_after)
            await self.environment.sleep(min(BREATH, timeout))
            await self.wake.after(seen, timeout)

    async def begin(self) -> bool:
        """Make the shipped policy the first one, unless there ever was one."""
        await self.writer.execute(BeginPoliciesUnit(BeginPolicies(after=self.shipped_after)))
        return True

    async def catch_up(self) -> float:
        """Carry changes of policies to all deadlines, ask for what is due by now, and return for how many seconds nothing will be.

        Writes nothing when there is nothing to do.
        """
        while True:
            now = self.environment.now()
            with self.store.read() as connection:
                todo = look(connection, now, ASKED_AT_ONCE)
            if todo.overdue:
                if __debug__:
                    reach("timer.due")
                await self.writer.execute(AskDue(todo.overdue, now))
                if __debug__:
                    reach("timer.committed")
            if todo.unsettled:  # by turns: on a large desk that takes a while, and nobody's deadline should wait for it
                await self.writer.execute(Settle())
            elif not todo.overdue:
                return LONGEST_SLEEP if todo.next_due is None else min((todo.next_due - now).total_seconds(), LONGEST_SLEEP)
