"""The timer: it sleeps until the next deadline, and asks for those that are due."""

from dataclasses import dataclass
from functools import partial

from escalator.commands import BeginPolicies
from escalator.queries import next_due, overdue_tickets, settled_up_to
from escalator.units import AskDue, BeginPoliciesUnit, Settle
from events.environment import Environment
from events.errors import Unavailable
from events.hints import Wake
from events.store import Store
from events.writer import Writer

ASKED_AT_ONCE = 500
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
                await self.catch_up()
                timeout = await self.until_next()
            except Unavailable as error:
                timeout = float(error.retry_after)
            await self.wake.after(seen, timeout)

    async def begin(self) -> bool:
        """Make the shipped policy the first one, unless there ever was one."""
        await self.writer.execute(BeginPoliciesUnit(BeginPolicies(after=self.shipped_after)))
        return True

    async def catch_up(self) -> None:
        """Carry changes of policies to all deadlines, then ask for everything that is due by now. Writes nothing when nothing is to do."""
        while await self.store.read_in_thread(settled_up_to) is not None:
            await self.writer.execute(Settle())
        while True:
            now = self.environment.now()
            tickets = await self.store.read_in_thread(partial(overdue_tickets, now=now, limit=ASKED_AT_ONCE))
            if not tickets:
                return
            await self.writer.execute(AskDue(tickets, now))

    async def until_next(self) -> float:
        """Return for how many seconds nothing will be due."""
        due = await self.store.read_in_thread(next_due)
        if due is None:
            return LONGEST_SLEEP
        return min(max((due - self.environment.now()).total_seconds(), 0.0), LONGEST_SLEEP)
